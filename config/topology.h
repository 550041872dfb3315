/* topology.h - what one INI file says, as plain structs: the switch, its bridges, ports and VMs.
 *
 * Threads:   none of its own; a topology is written by topology_load() and read-only afterwards.
 * Ownership: topology_load() fills the caller's struct; topology_fini() frees what hangs from it.
 * Failure:   topology_load() reports every mistake of the file through the caller's function and
 * leaves nothing allocated when there was one. */
#ifndef CONFIG_TOPOLOGY_H
#define CONFIG_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "config/vm_conf.h"

enum {
	TOPOLOGY_NAME_LEN = 32,	 /* bytes of a name with its NUL */
	TOPOLOGY_PATH_LEN = 108, /* bytes of a socket path with its NUL: sun_path of unix(7) */
	TOPOLOGY_MAX_PORTS = 256,
	TOPOLOGY_MAX_BRIDGES = 256,
	TOPOLOGY_MAX_VMS = 64,
	TOPOLOGY_MAX_CORES = 128,
	TOPOLOGY_MAX_QUEUES = 8, /* queue pairs of a port */
	TOPOLOGY_NO_BRIDGE = -1,
};

enum idle_mode { IDLE_ADAPTIVE, IDLE_POLL, IDLE_N };
enum hugepages_mode { HUGEPAGES_AUTO, HUGEPAGES_YES, HUGEPAGES_NO, HUGEPAGES_N };
enum bridge_mode { BRIDGE_SWITCH, BRIDGE_HUB, BRIDGE_WIRE, BRIDGE_MODE_N };
enum l2cp_mode { L2CP_DROP, L2CP_FORWARD, L2CP_N };
enum port_type { PORT_VHOST_USER, PORT_TYPE_N };
enum port_role { ROLE_SERVER, ROLE_CLIENT, ROLE_N };

/* [switch] */
struct switch_conf {
	char name[TOPOLOGY_NAME_LEN];	 /* default: the file's base name without .ini */
	char run_dir[TOPOLOGY_PATH_LEN]; /* absolute; holds control.sock and the ports' sockets */
	unsigned n_workers;		 /* at least 1 */
	bool pinned;			 /* true: worker i runs on cores[i] only */
	uint16_t cores[TOPOLOGY_MAX_CORES];
	enum idle_mode idle;
	enum hugepages_mode hugepages;
};

/* [bridge NAME] */
struct bridge_conf {
	char name[TOPOLOGY_NAME_LEN];
	enum bridge_mode mode;
	enum l2cp_mode l2cp;
	uint32_t ageing_s;
	uint32_t max_macs;
	int line; /* where the section stands; 0: made because a port needed it */
};

/* [port NAME] */
struct port_conf {
	char name[TOPOLOGY_NAME_LEN];
	int bridge; /* index into topology.bridges */
	enum port_type type;
	enum port_role role;
	char socket[TOPOLOGY_PATH_LEN]; /* absolute */
	uint16_t n_queues;		/* queue pairs offered */
	uint16_t mtu;			/* 0: the port does not say */
	mode_t socket_mode;
	uid_t socket_owner; /* (uid_t)-1: leave as created */
	gid_t socket_group; /* (gid_t)-1: leave as created */
	int line;
};

struct topology {
	struct switch_conf sw;
	struct bridge_conf *bridges;
	unsigned n_bridges;
	struct port_conf *ports;
	unsigned n_ports;
	struct vm_conf *vms;
	unsigned n_vms;
};

/* Called once for each mistake, in the order of the file, with the whole line "FILE:LINE: [section]
 * key: ...". */
typedef void topology_error(void *ctx, const char *line);

/* Reads and checks the file at path. Returns 0, or -EINVAL after reporting every mistake, or
 * another -errno (also reported) when the file cannot be read. Creates nothing. */
int topology_load(struct topology *topo, const char *path, topology_error *report, void *ctx);

/* Writes the effective configuration, every default spelled out, as INI that loads to the same
 * topology and, written again, to the same bytes. Returns 0 or -EIO. */
int topology_dump(const struct topology *topo, FILE *out);

/* Writes what an INI file may say: every section and key with its type, range, default and meaning.
 * 0 or -EIO. */
int topology_reference(FILE *out);

void topology_fini(struct topology *topo);

#endif
