#include "config/check.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/captures.h"
#include "config/complaints.h"
#include "config/entries.h"
#include "config/interfaces.h"
#include "config/path.h"
#include "config/roles.h"
#include "config/sockets.h"
#include "config/suggest.h"
#include "config/value.h"
#include "config/vms.h"

static bool is_kind(const struct entry *entry, const char *kind)
{
	return strcmp(entry->def->kind, kind) == 0;
}

static const struct section_def *port_section(void)
{
	return schema_section("port", strlen("port"));
}

static void derive_name(struct entries *entries)
{
	const char *base = strrchr(entries->complaints->filename, '/');
	struct switch_conf *sw = &entries->topo->sw;
	struct value_why why;
	char name[256];
	size_t len;

	if (sw->name[0] || entry_is_bad(&entries->items[0], "name"))
		return;
	snprintf(name, sizeof(name), "%s", base ? base + 1 : entries->complaints->filename);
	len = strlen(name);
	if (len > 4 && strcmp(name + len - 4, ".ini") == 0)
		name[len - 4] = '\0';
	if (!name[0] || value_check_name(name, &why) < 0)
		entries_complain(
			entries, &entries->items[0], "name",
			"the file's name \"%s\" cannot serve as the switch's name; write name = "
			"NAME",
			name);
	else
		snprintf(sw->name, sizeof(sw->name), "%.*s", TOPOLOGY_NAME_LEN - 1, name);
}

static void derive_run_dir(struct entries *entries)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR"), *fault;
	const struct key_def *key = schema_key(entries->items[0].def, "run-dir");
	struct switch_conf *sw = &entries->topo->sw;
	char dir[PATH_MAX];
	int ret;

	/* A refused name has been complained of; what follows is not kept then. */
	if (sw->run_dir[0] || entry_is_bad(&entries->items[0], "run-dir") || !sw->name[0])
		return;
	ret = path_run_dir(dir, sizeof(dir), geteuid() == 0, xdg, sw->name);
	fault = ret == 0 ? path_fault(dir) : NULL;
	if (ret == -ENOENT)
		entries_complain(entries, &entries->items[0], "run-dir",
				 "there is no default, as XDG_RUNTIME_DIR is %s; write run-dir = "
				 "/absolute/path",
				 xdg ? "not an absolute path" : "not set");
	else if (fault)
		entries_complain(entries, &entries->items[0], "run-dir",
				 "the default %s is of no use: %s", dir, fault);
	else if (ret < 0 || strlen(dir) > key->max)
		entries_complain(
			entries, &entries->items[0], "run-dir",
			"the default under XDG_RUNTIME_DIR is longer than %ju bytes; write "
			"run-dir = /shorter/path",
			(uintmax_t)key->max);
	else
		snprintf(sw->run_dir, sizeof(sw->run_dir), "%.*s", (int)key->max, dir);
}

static void complain_of_ref(struct entries *entries, const struct entry_ref *ref,
			    const struct section_def *target)
{
	const struct entry *entry = &entries->items[ref->entry];
	const char *key = entry->def->keys[ref->key].name;
	struct suggest suggest;

	suggest_init(&suggest, ref->name);
	for (unsigned i = 0; i < entries->n_items; i++)
		if (entries->items[i].def == target && !entries->items[i].misnamed)
			suggest_try(&suggest, entries->items[i].name);
	if (suggest_best(&suggest))
		entries_complain(entries, entry, key, "there is no [%s %s]; did you mean \"%s\"?",
				 target->kind, ref->name, suggest_best(&suggest));
	else
		entries_complain(
			entries, entry, key,
			"there is no [%s %s]; write that section, or name one that is there",
			target->kind, ref->name);
}

static int resolve_ref(struct entries *entries, const struct entry_ref *ref)
{
	const struct key_def *key = &entries->items[ref->entry].def->keys[ref->key];
	const struct section_def *target = schema_section(key->refers_to, strlen(key->refers_to));
	struct entry *found = entries_find(entries, target, ref->name), *entry;

	if (!found && target->on_demand && strcmp(ref->name, target->on_demand) == 0) {
		found = entries_add(entries, target, ref->name, 0);
		if (!found)
			return -ENOMEM;
	}
	entry = &entries->items[ref->entry];
	if (found) {
		char *item = schema_item(entry->def, entries->topo, entry->item);

		memcpy(item + key->offset, &found->item, sizeof(found->item));
	} else if (!(entry->bad_keys & (UINT32_C(1) << ref->key))) {
		if (!entries_may_miss(entries, target))
			complain_of_ref(entries, ref, target);
		entry->bad_keys |= UINT32_C(1) << ref->key;
	}
	return 0;
}

/* The key, of those on which this one depends, whose value takes its meaning away. */
static const struct key_def *spoiled_link(const struct entry *entry, const struct key_def *key,
					  const void *item)
{
	const struct key_def *spoiled = NULL;

	for (; key->when_key; key = schema_key(entry->def, key->when_key)) {
		const struct key_def *other = schema_key(entry->def, key->when_key);
		unsigned word;

		memcpy(&word, (const char *)item + other->offset, sizeof(word));
		if (!(key->when_words & (UINT32_C(1) << word)) &&
		    !entry_is_bad(entry, key->when_key))
			spoiled = key;
	}
	return spoiled;
}

/* A key that would be read and then ignored is a mistake as well. */
static void check_meaning(struct entries *entries, const struct entry *entry)
{
	const void *item = schema_item(entry->def, entries->topo, entry->item);

	for (unsigned i = 0; i < entry->def->n_keys; i++) {
		const struct key_def *key = &entry->def->keys[i], *spoiled;
		char words[128] = "";
		size_t len = 0;

		if (!entry->key_line[i])
			continue;
		spoiled = spoiled_link(entry, key, item);
		if (!spoiled)
			continue;
		for (unsigned w = 0; schema_key(entry->def, spoiled->when_key)->words[w]; w++)
			if (spoiled->when_words & (UINT32_C(1) << w) && len < sizeof(words))
				len += snprintf(
					words + len, sizeof(words) - len, "%s%s", len ? " or " : "",
					schema_key(entry->def, spoiled->when_key)->words[w]);
		entries_complain(entries, entry, key->name,
				 "the key has a meaning only with %s = %s; remove it",
				 spoiled->when_key, words);
	}
}

/* Whether a port may belong to the bridge although it does not seem so. */
static bool ports_uncertain(const struct entries *entries)
{
	for (unsigned i = 0; i < entries->n_items; i++)
		if (is_kind(&entries->items[i], "port") &&
		    (entries->items[i].unclear || entries->items[i].misnamed ||
		     entry_is_bad(&entries->items[i], "bridge")))
			return true;
	return entries_may_miss(entries, port_section());
}

static void check_wire(struct entries *entries, const struct entry *entry)
{
	const struct topology *topo = entries->topo;
	char names[4 * TOPOLOGY_NAME_LEN] = "";
	unsigned n_ends = 0;
	size_t len = 0;

	if (topo->bridges[entry->item].mode != BRIDGE_WIRE || entry->misnamed)
		return;
	for (unsigned i = 0; i < topo->n_ports; i++) {
		if (topo->ports[i].bridge != (int)entry->item)
			continue;
		if (n_ends++ < 3)
			len += snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : ": ",
					topo->ports[i].name);
	}
	if (n_ends != 2)
		entries_complain(entries, entry, "mode",
				 "a wire joins exactly two ports, but %u name it%s%s; %s", n_ends,
				 names, n_ends > 3 ? ", ..." : "",
				 n_ends < 2 ? "add ports" : "use mode = hub or switch");
}

int check_topology(struct entries *entries, int n_lines)
{
	derive_name(entries);
	derive_run_dir(entries);
	/* A section made on demand may add references, and so move them. */
	for (unsigned i = 0; i < entries->n_refs; i++) {
		struct entry_ref ref = entries->refs[i];

		if (resolve_ref(entries, &ref) < 0)
			return -ENOMEM;
	}
	for (unsigned i = 0; i < entries->n_items; i++)
		check_meaning(entries, &entries->items[i]);
	if (!ports_uncertain(entries))
		for (unsigned i = 0; i < entries->n_items; i++)
			if (is_kind(&entries->items[i], "bridge"))
				check_wire(entries, &entries->items[i]);
	sockets_check(entries);
	interfaces_check(entries);
	roles_check(entries);
	captures_check(entries);
	vms_check(entries);
	if (entries->topo->n_ports == 0 && !entries_may_miss(entries, port_section()))
		complaints_add(entries->complaints, n_lines ? n_lines : 1, NULL,
			       "there is no port; write at least one section [port NAME]");
	return entries->no_memory ? -ENOMEM : 0;
}
