/* topology.h - what one INI file says, as plain structs: the switch, its bridges, ports, VMs and
 * captures.
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

#include "config/capture_conf.h"
#include "config/vm_conf.h"

enum {
	TOPOLOGY_NAME_LEN = 32,	 /* bytes of a name with its NUL */
	TOPOLOGY_PATH_LEN = 108, /* bytes of a socket path with its NUL: sun_path of unix(7) */
	TOPOLOGY_MAX_PORTS = 256,
	TOPOLOGY_MAX_BRIDGES = 256,
	TOPOLOGY_MAX_VMS = 64,
	TOPOLOGY_MAX_CORES = 128,
	TOPOLOGY_MAX_QUEUES = 8,   /* queue pairs of a port */
	TOPOLOGY_DEVICE_LEN = 256, /* bytes of a device with its NUL */
	TOPOLOGY_IFNAME_LEN = 16,  /* bytes of a network interface's name with its NUL: IFNAMSIZ */
	TOPOLOGY_NO_BRIDGE = -1,
	TOPOLOGY_VLAN_MAX = 4094, /* IEEE 802.1Q: 0 means "no VLAN", 4095 is reserved */
	TOPOLOGY_MAX_MACS = 8,	  /* addresses that one port may be bound to */
};

enum idle_mode { IDLE_ADAPTIVE, IDLE_POLL, IDLE_N };
enum hugepages_mode { HUGEPAGES_AUTO, HUGEPAGES_YES, HUGEPAGES_NO, HUGEPAGES_N };
enum bridge_mode { BRIDGE_SWITCH, BRIDGE_HUB, BRIDGE_WIRE, BRIDGE_MODE_N };
enum l2cp_mode { L2CP_DROP, L2CP_FORWARD, L2CP_N };
enum port_type { PORT_VHOST_USER, PORT_TAP, PORT_ETHDEV, PORT_TYPE_N };
enum port_role { ROLE_SERVER, ROLE_CLIENT, ROLE_N };
enum priority_tags { PRIORITY_TAGS_NO, PRIORITY_TAGS_IF_NONZERO, PRIORITY_TAGS_N };
enum yes_no { NO, YES, YES_NO_N };

/* An address of an interface and the length of its network's prefix; all zero: none. */
struct ip_prefix {
	uint8_t version; /* 4, 6, or 0: none */
	uint8_t prefix_len;
	uint8_t bytes[16]; /* in network order; the first 4 of them with version 4 */
};

/* A set of VLAN ids. Empty: not written. */
struct vlan_set {
	uint64_t words[64]; /* VLAN v is bit v % 64 of word v / 64 */
};

static inline bool vlan_set_has(const struct vlan_set *set, unsigned vlan)
{
	return set->words[vlan / 64] >> vlan % 64 & 1;
}

struct mac_list {
	uint8_t macs[TOPOLOGY_MAX_MACS][6]; /* as on the wire */
	uint32_t n;
};

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
	uid_t socket_owner;		  /* (uid_t)-1: leave as created */
	gid_t socket_group;		  /* (gid_t)-1: leave as created */
	char ifname[TOPOLOGY_IFNAME_LEN]; /* the network interface of a TAP */
	struct ip_prefix address;	  /* of the host on that interface */
	uid_t owner;			  /* who else may open it; (uid_t)-1: nobody */
	enum yes_no persist;		  /* it stays when the switch ends */
	char device[TOPOLOGY_DEVICE_LEN]; /* PCI address 0000:03:00.0, or virtual device of DPDK */
	bool device_is_pci;
	uint16_t vlan;	       /* an access port's; 0: none */
	struct vlan_set trunk; /* VLANs that pass with their tag */
	uint16_t native;       /* of frames without a tag on a trunk; 0: none */
	enum yes_no native_tagged;
	uint16_t tunnel; /* the VLAN around whatever the port carries; 0: none */
	enum priority_tags priority_tags;
	struct mac_list mac; /* the only source addresses allowed; none: any */
	enum yes_no isolated;
	uint32_t max_macs; /* 0: no limit of its own */
	uint32_t storm;	   /* flooded frames a second; 0: no limit */
	int line;
};

struct topology {
	struct switch_conf sw;
	struct bridge_conf *bridges;
	unsigned n_bridges;
	struct port_conf *ports;
	unsigned n_ports;
	struct capture_conf *captures;
	unsigned n_captures;
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
