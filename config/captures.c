#include "config/captures.h"

#include <limits.h>
#include <string.h>

#include "config/path.h"
#include "config/suggest.h"

_Static_assert((int)CAPTURE_NAME_LEN == TOPOLOGY_NAME_LEN &&
		       (int)CAPTURE_MAX_PORTS == TOPOLOGY_MAX_PORTS,
	       "capture_conf.h knows how long names are and how many ports there may be");

const char *topology_find_ports(const struct topology *topo, struct capture_conf *conf, size_t *len)
{
	bool all = strcmp(conf->ports, "*") == 0;
	const char *name = conf->ports;

	memset(conf->port_set, 0, sizeof(conf->port_set));
	for (unsigned i = 0; all && i < topo->n_ports; i++)
		conf->port_set[i / 64] |= UINT64_C(1) << i % 64;
	for (; !all; name += *len + 1) {
		unsigned i = 0;

		*len = strcspn(name, ",");
		while (i < topo->n_ports && (strlen(topo->ports[i].name) != *len ||
					     memcmp(topo->ports[i].name, name, *len) != 0))
			i++;
		if (i == topo->n_ports)
			return name;
		conf->port_set[i / 64] |= UINT64_C(1) << i % 64;
		if (name[*len] == '\0')
			break;
	}
	return NULL;
}

static void complain_of_port(struct entries *entries, const struct entry *entry, const char *name,
			     size_t len)
{
	char stranger[TOPOLOGY_NAME_LEN];
	struct suggest suggest;

	snprintf(stranger, sizeof(stranger), "%.*s", (int)len, name);
	suggest_init(&suggest, stranger);
	for (unsigned i = 0; i < entries->topo->n_ports; i++)
		suggest_try(&suggest, entries->topo->ports[i].name);
	if (suggest_best(&suggest))
		entries_complain(entries, entry, "ports",
				 "there is no [port %s]; did you mean \"%s\"?", stranger,
				 suggest_best(&suggest));
	else
		entries_complain(entries, entry, "ports",
				 "there is no [port %s]; name ports that are there, or write *",
				 stranger);
}

static void check_rotation(struct entries *entries, const struct entry *entry,
			   const struct capture_conf *conf)
{
	if (conf->rotate_files && !conf->rotate_size && !entry_is_bad(entry, "rotate-size"))
		entries_complain(
			entries, entry, "rotate-files",
			"the key has a meaning only with rotate-size; write that, or remove "
			"this one");
	if (conf->rotate_size && strcmp(conf->file, "-") == 0)
		entries_complain(
			entries, entry, "rotate-size",
			"standard output does not rotate; write file = PATH, or remove this "
			"key");
}

/* The other captures are looked at as far as they stand before this one. */
static void check_file(struct entries *entries, const struct entry *entry)
{
	const struct capture_conf *captures = entries->topo->captures;
	char mine[PATH_MAX], other[PATH_MAX];

	if (path_identity(mine, captures[entry->item].file) < 0)
		return;
	for (unsigned i = 0; i < entry->item; i++) {
		if (path_identity(other, captures[i].file) < 0 || strcmp(mine, other) != 0)
			continue;
		entries_complain(entries, entry, "file",
				 "[capture %s] writes there already; choose another file",
				 captures[i].name);
		return;
	}
}

void captures_check(struct entries *entries)
{
	const struct section_def *ports = schema_section("port", strlen("port"));

	for (unsigned i = 0; i < entries->n_items; i++) {
		const struct entry *entry = &entries->items[i];
		struct capture_conf *conf;
		const char *stranger;
		size_t len;

		if (strcmp(entry->def->kind, "capture") != 0)
			continue;
		conf = &entries->topo->captures[entry->item];
		if (!conf->file[0] && !entry_is_bad(entry, "file"))
			snprintf(conf->file, sizeof(conf->file), "%s.pcapng", conf->name);
		stranger = entry_is_bad(entry, "ports")
				   ? NULL
				   : topology_find_ports(entries->topo, conf, &len);
		if (stranger && !entries_may_miss(entries, ports))
			complain_of_port(entries, entry, stranger, len);
		check_rotation(entries, entry, conf);
		if (!entry_is_bad(entry, "file") && !entry->misnamed)
			check_file(entries, entry);
	}
}
