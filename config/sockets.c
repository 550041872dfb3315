#include "config/sockets.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/entries.h"
#include "config/path.h"

/* The sockets seen so far, in the spelling of path_identity(). */
struct sockets {
	struct {
		char *identity;
		const struct entry *entry;
	} seen[TOPOLOGY_MAX_PORTS];
	unsigned n_seen;
	const char *run_dir;
	char control[PATH_MAX];
};

/* Stands in for a run-dir that was refused, so that the sockets are judged nevertheless. Such a
 * topology is not kept. */
static const char no_run_dir[] = "/RUN-DIR";

static void check_directory(struct entries *entries, const struct entry *entry,
			    const struct sockets *sockets, const char *identity)
{
	size_t run_dir_len = strrchr(sockets->control, '/') - sockets->control;
	const char *slash = strrchr(identity, '/');
	char dir[PATH_MAX];
	struct stat st;

	if (sockets->run_dir == no_run_dir &&
	    strncmp(identity, no_run_dir, strlen(no_run_dir)) == 0)
		return;
	/* The run-dir is made at start. */
	if ((size_t)(slash - identity) == run_dir_len &&
	    memcmp(identity, sockets->control, run_dir_len) == 0)
		return;
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - identity), identity);
	if (slash > identity && (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode)))
		entries_complain(
			entries, entry, "socket",
			"there is no directory %s; make it, or write a name without /, which lies "
			"in the run-dir",
			dir);
}

static void check_socket_path(struct entries *entries, const struct entry *entry,
			      struct sockets *sockets, const struct port_conf *port)
{
	char identity[PATH_MAX];

	if (path_identity(identity, port->socket) < 0) {
		entries_complain(entries, entry, "socket",
				 "the path is too long behind its links; write a shorter one");
		return;
	}
	if (strcmp(identity, sockets->control) == 0)
		entries_complain(entries, entry, "socket",
				 "%s is the switch's own control socket; choose another name",
				 port->socket);
	for (unsigned i = 0; i < sockets->n_seen; i++) {
		char label[ENTRY_WHERE_LEN];

		if (strcmp(sockets->seen[i].identity, identity) == 0) {
			entries_complain(
				entries, entry, "socket",
				"the same socket as that of %s in line %d; give each port its own",
				entry_where(sockets->seen[i].entry, NULL, label),
				entry_line_of(sockets->seen[i].entry, "socket"));
			return;
		}
	}
	/* A client waits for its socket, and so for the directory. */
	if (port->role == ROLE_SERVER)
		check_directory(entries, entry, sockets, identity);
	sockets->seen[sockets->n_seen].identity = strdup(identity);
	sockets->seen[sockets->n_seen].entry = entry;
	if (sockets->seen[sockets->n_seen].identity)
		sockets->n_seen++;
	else
		entries->no_memory = true;
}

static void check_socket(struct entries *entries, const struct entry *entry,
			 struct sockets *sockets)
{
	struct port_conf *port = schema_item(entry->def, entries->topo, entry->item);
	char written[TOPOLOGY_PATH_LEN + sizeof(".sock")], path[2 * TOPOLOGY_PATH_LEN];

	if (port->type != PORT_VHOST_USER || entry->misnamed || entry_is_bad(entry, "socket") ||
	    entry_is_bad(entry, "type"))
		return;
	snprintf(written, sizeof(written), "%s%s", port->socket[0] ? port->socket : port->name,
		 port->socket[0] ? "" : ".sock");
	path_join(path, sizeof(path), sockets->run_dir, written);
	if (strlen(path) >= sizeof(port->socket)) {
		entries_complain(entries, entry, "socket",
				 "%s is too long: %zu bytes, at most %zu are allowed; %s", path,
				 strlen(path), sizeof(port->socket) - 1,
				 "write a shorter run-dir or socket");
		return;
	}
	strcpy(port->socket, path);
	check_socket_path(entries, entry, sockets, port);
}

void sockets_check(struct entries *entries)
{
	const struct section_def *ports = schema_section("port", strlen("port"));
	struct sockets *sockets;
	char control[2 * TOPOLOGY_PATH_LEN];

	sockets = calloc(1, sizeof(*sockets));
	if (!sockets) {
		entries->no_memory = true;
		return;
	}
	sockets->run_dir = entries->topo->sw.run_dir[0] ? entries->topo->sw.run_dir : no_run_dir;
	path_join(control, sizeof(control), sockets->run_dir, "control.sock");
	if (path_identity(sockets->control, control) < 0)
		entries_complain(entries, &entries->items[0], "run-dir",
				 "the path is too long behind its links; write a shorter one");
	else
		for (unsigned i = 0; i < entries->n_items; i++)
			if (entries->items[i].def == ports)
				check_socket(entries, &entries->items[i], sockets);
	for (unsigned i = 0; i < sockets->n_seen; i++)
		free(sockets->seen[i].identity);
	free(sockets);
}
