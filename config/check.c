#include "config/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/parse.h"
#include "config/path.h"
#include "config/suggest.h"
#include "config/value.h"

/* key may be NULL. */
__attribute__((format(printf, 4, 5))) static void complain(struct parse *parse,
							   const struct parse_entry *entry,
							   const char *key, const char *format, ...)
{
	char where[PARSE_WHERE_LEN], *what;
	va_list args;

	va_start(args, format);
	if (vasprintf(&what, format, args) < 0)
		what = NULL;
	va_end(args);
	complaints_add(&parse->complaints, parse_line_of(entry, key),
		       parse_where(entry, key, where), "%s",
		       what ? what : "no memory to say what is wrong");
	free(what);
}

static bool is_kind(const struct parse_entry *entry, const char *kind)
{
	return strcmp(entry->def->kind, kind) == 0;
}

static const struct section_def *port_section(void)
{
	return schema_section("port", strlen("port"));
}

static void derive_name(struct parse *parse)
{
	const char *base = strrchr(parse->complaints.filename, '/');
	struct switch_conf *sw = &parse->topo->sw;
	struct value_why why;
	char name[256];
	size_t len;

	if (sw->name[0] || parse_is_bad(&parse->entries[0], "name"))
		return;
	snprintf(name, sizeof(name), "%s", base ? base + 1 : parse->complaints.filename);
	len = strlen(name);
	if (len > 4 && strcmp(name + len - 4, ".ini") == 0)
		name[len - 4] = '\0';
	if (!name[0] || value_check_name(name, &why) < 0)
		complain(parse, &parse->entries[0], "name",
			 "the file's name \"%s\" cannot serve as the switch's name; write name = "
			 "NAME",
			 name);
	else
		snprintf(sw->name, sizeof(sw->name), "%.*s", TOPOLOGY_NAME_LEN - 1, name);
}

static void derive_run_dir(struct parse *parse)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR"), *fault;
	const struct key_def *key = schema_key(parse->entries[0].def, "run-dir");
	struct switch_conf *sw = &parse->topo->sw;
	char dir[PATH_MAX];
	int ret;

	/* A refused name has been complained of; what follows is not kept then. */
	if (sw->run_dir[0] || parse_is_bad(&parse->entries[0], "run-dir") || !sw->name[0])
		return;
	ret = path_run_dir(dir, sizeof(dir), geteuid() == 0, xdg, sw->name);
	fault = ret == 0 ? path_fault(dir) : NULL;
	if (ret == -ENOENT)
		complain(parse, &parse->entries[0], "run-dir",
			 "there is no default, as XDG_RUNTIME_DIR is %s; write run-dir = "
			 "/absolute/path",
			 xdg ? "not an absolute path" : "not set");
	else if (fault)
		complain(parse, &parse->entries[0], "run-dir", "the default %s is of no use: %s",
			 dir, fault);
	else if (ret < 0 || strlen(dir) > key->max)
		complain(parse, &parse->entries[0], "run-dir",
			 "the default under XDG_RUNTIME_DIR is longer than %ju bytes; write "
			 "run-dir = /shorter/path",
			 (uintmax_t)key->max);
	else
		snprintf(sw->run_dir, sizeof(sw->run_dir), "%.*s", (int)key->max, dir);
}

static void complain_of_ref(struct parse *parse, const struct parse_ref *ref,
			    const struct section_def *target)
{
	const struct parse_entry *entry = &parse->entries[ref->entry];
	const char *key = entry->def->keys[ref->key].name;
	struct suggest suggest;

	suggest_init(&suggest, ref->name);
	for (unsigned i = 0; i < parse->n_entries; i++)
		if (parse->entries[i].def == target && !parse->entries[i].unclear)
			suggest_try(&suggest, parse->entries[i].name);
	if (suggest_best(&suggest))
		complain(parse, entry, key, "there is no [%s %s]; did you mean \"%s\"?",
			 target->kind, ref->name, suggest_best(&suggest));
	else
		complain(parse, entry, key,
			 "there is no [%s %s]; write that section, or name one that is there",
			 target->kind, ref->name);
}

static int resolve_ref(struct parse *parse, const struct parse_ref *ref)
{
	const struct key_def *key = &parse->entries[ref->entry].def->keys[ref->key];
	const struct section_def *target = schema_section(key->refers_to, strlen(key->refers_to));
	struct parse_entry *found = parse_find_entry(parse, target, ref->name), *entry;

	if (!found && target->on_demand && strcmp(ref->name, target->on_demand) == 0) {
		found = parse_add_entry(parse, target, ref->name, 0);
		if (!found)
			return -ENOMEM;
	}
	entry = &parse->entries[ref->entry];
	if (found) {
		char *item = schema_item(entry->def, parse->topo, entry->item);

		memcpy(item + key->offset, &found->item, sizeof(found->item));
	} else if (!(entry->bad_keys & (UINT32_C(1) << ref->key))) {
		if (!parse_may_miss(parse, target))
			complain_of_ref(parse, ref, target);
		entry->bad_keys |= UINT32_C(1) << ref->key;
	}
	return 0;
}

/* The key, of those on which this one depends, whose value takes its meaning away. */
static const struct key_def *spoiled_link(const struct parse_entry *entry,
					  const struct key_def *key, const void *item)
{
	const struct key_def *spoiled = NULL;

	for (; key->when_key; key = schema_key(entry->def, key->when_key)) {
		const struct key_def *other = schema_key(entry->def, key->when_key);
		unsigned word;

		memcpy(&word, (const char *)item + other->offset, sizeof(word));
		if (!(key->when_words & (UINT32_C(1) << word)) &&
		    !parse_is_bad(entry, key->when_key))
			spoiled = key;
	}
	return spoiled;
}

/* A key that would be read and then ignored is a mistake as well. */
static void check_meaning(struct parse *parse, const struct parse_entry *entry)
{
	const void *item = schema_item(entry->def, parse->topo, entry->item);

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
		complain(parse, entry, key->name,
			 "the key has a meaning only with %s = %s; remove it", spoiled->when_key,
			 words);
	}
}

/* Whether a port may belong to the bridge although it does not seem so. */
static bool ports_uncertain(const struct parse *parse)
{
	for (unsigned i = 0; i < parse->n_entries; i++)
		if (is_kind(&parse->entries[i], "port") &&
		    (parse->entries[i].unclear || parse_is_bad(&parse->entries[i], "bridge")))
			return true;
	return parse_may_miss(parse, port_section());
}

static void check_wire(struct parse *parse, const struct parse_entry *entry)
{
	const struct topology *topo = parse->topo;
	char names[4 * TOPOLOGY_NAME_LEN] = "";
	unsigned n_ends = 0;
	size_t len = 0;

	if (topo->bridges[entry->item].mode != BRIDGE_WIRE || entry->unclear)
		return;
	for (unsigned i = 0; i < topo->n_ports; i++) {
		if (topo->ports[i].bridge != (int)entry->item)
			continue;
		if (n_ends++ < 3)
			len += snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : ": ",
					topo->ports[i].name);
	}
	if (n_ends != 2)
		complain(parse, entry, "mode",
			 "a wire joins exactly two ports, but %u name it%s%s; %s", n_ends, names,
			 n_ends > 3 ? ", ..." : "",
			 n_ends < 2 ? "add ports" : "use mode = hub or switch");
}

/* The sockets seen so far, in the spelling of path_identity(). */
struct sockets {
	struct {
		char *identity;
		const struct parse_entry *entry;
	} seen[TOPOLOGY_MAX_PORTS];
	unsigned n_seen;
	char control[PATH_MAX];
};

static void check_directory(struct parse *parse, const struct parse_entry *entry,
			    const struct sockets *sockets, const char *identity)
{
	size_t run_dir_len = strrchr(sockets->control, '/') - sockets->control;
	const char *slash = strrchr(identity, '/');
	char dir[PATH_MAX];
	struct stat st;

	/* The run-dir is made at start. */
	if ((size_t)(slash - identity) == run_dir_len &&
	    memcmp(identity, sockets->control, run_dir_len) == 0)
		return;
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - identity), identity);
	if (slash > identity && (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode)))
		complain(parse, entry, "socket",
			 "there is no directory %s; make it, or write a name without /, which lies "
			 "in the run-dir",
			 dir);
}

static void check_socket_path(struct parse *parse, const struct parse_entry *entry,
			      struct sockets *sockets, const struct port_conf *port)
{
	char identity[PATH_MAX];

	if (path_identity(identity, port->socket) < 0) {
		complain(parse, entry, "socket",
			 "the path is too long behind its links; write a shorter one");
		return;
	}
	if (strcmp(identity, sockets->control) == 0)
		complain(parse, entry, "socket",
			 "%s is the switch's own control socket; choose another name",
			 port->socket);
	for (unsigned i = 0; i < sockets->n_seen; i++) {
		char label[PARSE_WHERE_LEN];

		if (strcmp(sockets->seen[i].identity, identity) == 0) {
			complain(parse, entry, "socket",
				 "the same socket as that of %s in line %d; give each port its own",
				 parse_where(sockets->seen[i].entry, NULL, label),
				 parse_line_of(sockets->seen[i].entry, "socket"));
			return;
		}
	}
	/* A client waits for its socket, and so for the directory. */
	if (port->role == ROLE_SERVER)
		check_directory(parse, entry, sockets, identity);
	sockets->seen[sockets->n_seen].identity = strdup(identity);
	sockets->seen[sockets->n_seen].entry = entry;
	if (sockets->seen[sockets->n_seen].identity)
		sockets->n_seen++;
	else
		parse->no_memory = true;
}

static void check_socket(struct parse *parse, const struct parse_entry *entry,
			 struct sockets *sockets)
{
	struct port_conf *port = schema_item(entry->def, parse->topo, entry->item);
	char written[TOPOLOGY_PATH_LEN + sizeof(".sock")], path[2 * TOPOLOGY_PATH_LEN];

	if (port->type != PORT_VHOST_USER || entry->unclear || parse_is_bad(entry, "socket") ||
	    parse_is_bad(entry, "type"))
		return;
	snprintf(written, sizeof(written), "%s%s", port->socket[0] ? port->socket : port->name,
		 port->socket[0] ? "" : ".sock");
	path_join(path, sizeof(path), parse->topo->sw.run_dir, written);
	if (strlen(path) >= sizeof(port->socket)) {
		complain(parse, entry, "socket",
			 "%s is too long: %zu bytes, at most %zu are allowed; %s", path,
			 strlen(path), sizeof(port->socket) - 1,
			 "write a shorter run-dir or socket");
		return;
	}
	strcpy(port->socket, path);
	check_socket_path(parse, entry, sockets, port);
}

static void check_sockets(struct parse *parse)
{
	struct sockets *sockets;
	char control[2 * TOPOLOGY_PATH_LEN];

	/* Without a run-dir, relative sockets lie nowhere; that mistake comes first. */
	if (!parse->topo->sw.run_dir[0])
		return;
	sockets = calloc(1, sizeof(*sockets));
	if (!sockets) {
		parse->no_memory = true;
		return;
	}
	path_join(control, sizeof(control), parse->topo->sw.run_dir, "control.sock");
	if (path_identity(sockets->control, control) < 0)
		complain(parse, &parse->entries[0], "run-dir",
			 "the path is too long behind its links; write a shorter one");
	else
		for (unsigned i = 0; i < parse->n_entries; i++)
			if (is_kind(&parse->entries[i], "port"))
				check_socket(parse, &parse->entries[i], sockets);
	for (unsigned i = 0; i < sockets->n_seen; i++)
		free(sockets->seen[i].identity);
	free(sockets);
}

int check_topology(struct parse *parse)
{
	derive_name(parse);
	derive_run_dir(parse);
	for (unsigned i = 0; i < parse->n_refs; i++)
		if (resolve_ref(parse, &parse->refs[i]) < 0)
			return -ENOMEM;
	for (unsigned i = 0; i < parse->n_entries; i++)
		check_meaning(parse, &parse->entries[i]);
	if (!ports_uncertain(parse))
		for (unsigned i = 0; i < parse->n_entries; i++)
			if (is_kind(&parse->entries[i], "bridge"))
				check_wire(parse, &parse->entries[i]);
	check_sockets(parse);
	if (parse->topo->n_ports == 0 && !parse_may_miss(parse, port_section()))
		complaints_add(&parse->complaints, parse->scan.line ? parse->scan.line : 1, NULL,
			       "there is no port; write at least one section [port NAME]");
	return parse->no_memory ? -ENOMEM : 0;
}
