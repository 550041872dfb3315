#include "config/schema.h"

#include <assert.h>
#include <string.h>

#include "config/schema_vm.h"
#include "config/topology.h"

#define N_OF(array)	    (sizeof(array) / sizeof((array)[0]))
#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)
#define BIT(value)	    (UINT32_C(1) << (value))

/* Word tables end with NULL so that their length need not travel with them. */
static const char *const idle_words[] = {
	[IDLE_ADAPTIVE] = "adaptive",
	[IDLE_POLL] = "poll",
	[IDLE_N] = NULL,
};
static const char *const hugepages_words[] = {
	[HUGEPAGES_AUTO] = "auto",
	[HUGEPAGES_YES] = "yes",
	[HUGEPAGES_NO] = "no",
	[HUGEPAGES_N] = NULL,
};
static const char *const bridge_mode_words[] = {
	[BRIDGE_SWITCH] = "switch",
	[BRIDGE_HUB] = "hub",
	[BRIDGE_WIRE] = "wire",
	[BRIDGE_MODE_N] = NULL,
};
static const char *const l2cp_words[] = {
	[L2CP_DROP] = "drop",
	[L2CP_FORWARD] = "forward",
	[L2CP_N] = NULL,
};
static const char *const port_type_words[] = {
	[PORT_VHOST_USER] = "vhost-user",
	[PORT_TAP] = "tap",
	[PORT_ETHDEV] = "ethdev",
	[PORT_TYPE_N] = NULL,
};
static const char *const direction_words[] = {
	[CAPTURE_BOTH] = "both",
	[CAPTURE_ONLY_RX] = "rx",
	[CAPTURE_ONLY_TX] = "tx",
	[CAPTURE_DIRECTION_N] = NULL,
};
static const char *const role_words[] = {
	[ROLE_SERVER] = "server",
	[ROLE_CLIENT] = "client",
	[ROLE_N] = NULL,
};

static const char *const yes_no_words[] = {
	[NO] = "no",
	[YES] = "yes",
	[YES_NO_N] = NULL,
};
static const char *const priority_tags_words[] = {
	[PRIORITY_TAGS_NO] = "no",
	[PRIORITY_TAGS_IF_NONZERO] = "if-nonzero",
	[PRIORITY_TAGS_N] = NULL,
};

static_assert(N_OF(idle_words) == IDLE_N + 1, "a word for every idle mode");
static_assert(N_OF(hugepages_words) == HUGEPAGES_N + 1, "a word for every hugepages mode");
static_assert(N_OF(bridge_mode_words) == BRIDGE_MODE_N + 1, "a word for every bridge mode");
static_assert(N_OF(l2cp_words) == L2CP_N + 1, "a word for every l2cp mode");
static_assert(N_OF(port_type_words) == PORT_TYPE_N + 1, "a word for every port type");
static_assert(N_OF(direction_words) == CAPTURE_DIRECTION_N + 1, "a word for every direction");
static_assert(N_OF(role_words) == ROLE_N + 1, "a word for every role");
static_assert(N_OF(priority_tags_words) == PRIORITY_TAGS_N + 1, "a word for every choice");
static_assert(N_OF(yes_no_words) == YES_NO_N + 1, "yes and no");
static_assert(offsetof(struct bridge_conf, name) == 0 && offsetof(struct port_conf, name) == 0 &&
		      offsetof(struct capture_conf, name) == 0,
	      "the struct of a named section begins with its name");

static const struct key_def switch_keys[] = {
	{.name = "name",
	 .type = VALUE_NAME,
	 FIELD(struct switch_conf, name),
	 .fallback_help = "the file's name without .ini",
	 .help = "how this switch is called, in its run-dir and by ringway show"},
	{.name = "workers",
	 .type = VALUE_WORKERS,
	 .offset = 0,
	 .size = sizeof(struct switch_conf),
	 .min = 1,
	 .max = TOPOLOGY_MAX_CORES,
	 .fallback = "1",
	 .help = "how many threads forward frames, or on which cores one each is pinned"},
	{.name = "idle",
	 .type = VALUE_ENUM,
	 FIELD(struct switch_conf, idle),
	 .words = idle_words,
	 .fallback = "adaptive",
	 .help = "adaptive: a worker without frames sleeps; poll: it never sleeps and burns its "
		 "core"},
	{.name = "hugepages",
	 .type = VALUE_ENUM,
	 FIELD(struct switch_conf, hugepages),
	 .words = hugepages_words,
	 .fallback = "auto",
	 .help = "auto: use them when there are some; yes: refuse to run without; no: leave them "
		 "alone"},
	/* The control socket RUN-DIR/control.sock has to fit into sun_path as well. */
	{.name = "run-dir",
	 .type = VALUE_DIR,
	 FIELD(struct switch_conf, run_dir),
	 .max = TOPOLOGY_PATH_LEN - sizeof("/control.sock"),
	 .fallback_help = "/run/ringway/NAME as root, $XDG_RUNTIME_DIR/ringway/NAME otherwise",
	 .help = "directory of the sockets; made at start"},
};

static const struct key_def bridge_keys[] = {
	{.name = "mode",
	 .type = VALUE_ENUM,
	 FIELD(struct bridge_conf, mode),
	 .words = bridge_mode_words,
	 .fallback = "switch",
	 .help = "switch: learns addresses; hub: floods every frame; wire: joins exactly two "
		 "ports, all passes"},
	/* Bounds of Open vSwitch, ovs-vswitchd.conf.db(5), mac-aging-time and mac-table-size. */
	{.name = "ageing",
	 .type = VALUE_UINT,
	 FIELD(struct bridge_conf, ageing_s),
	 .min = 15,
	 .max = 3600,
	 .fallback = "300",
	 .when_key = "mode",
	 .when_words = BIT(BRIDGE_SWITCH),
	 .help = "seconds after which an address that sent nothing is forgotten"},
	{.name = "max-macs",
	 .type = VALUE_UINT,
	 FIELD(struct bridge_conf, max_macs),
	 .min = 10,
	 .max = 1000000,
	 .fallback = "8192",
	 .when_key = "mode",
	 .when_words = BIT(BRIDGE_SWITCH),
	 .help = "how many addresses are remembered at most"},
	{.name = "l2cp",
	 .type = VALUE_ENUM,
	 FIELD(struct bridge_conf, l2cp),
	 .words = l2cp_words,
	 .fallback = "drop",
	 .when_key = "mode",
	 .when_words = BIT(BRIDGE_SWITCH),
	 .help = "frames to 01-80-C2-00-00-0x (LLDP, LACP, STP): drop as IEEE 802.1Q asks, or "
		 "forward"},
};

static const struct key_def port_keys[] = {
	{.name = "bridge",
	 .type = VALUE_REF,
	 FIELD(struct port_conf, bridge),
	 .refers_to = "bridge",
	 .fallback = "default",
	 .help = "the bridge to which the port belongs; [bridge default] need not be written"},
	{.name = "type",
	 .type = VALUE_ENUM,
	 FIELD(struct port_conf, type),
	 .words = port_type_words,
	 .fallback = "vhost-user",
	 .help = "what is at the other end; vhost-user: a virtual machine; tap: this host, by a "
		 "network interface of its own; ethdev: a NIC or virtual device of DPDK"},
	{.name = "role",
	 .type = VALUE_ENUM,
	 FIELD(struct port_conf, role),
	 .words = role_words,
	 .fallback = "server",
	 .when_key = "type",
	 .when_words = BIT(PORT_VHOST_USER),
	 .help = "server: we listen on the socket; client: we connect to it and keep trying"},
	{.name = "socket",
	 .type = VALUE_SOCKET,
	 FIELD(struct port_conf, socket),
	 .max = TOPOLOGY_PATH_LEN - 1,
	 .fallback_help = "RUN-DIR/NAME.sock",
	 .when_key = "type",
	 .when_words = BIT(PORT_VHOST_USER),
	 .help = "path of the vhost-user socket; a relative one starts at the run-dir"},
	{.name = "queues",
	 .type = VALUE_UINT,
	 FIELD(struct port_conf, n_queues),
	 .min = 1,
	 .max = TOPOLOGY_MAX_QUEUES,
	 .fallback = "1",
	 .help = "queue pairs offered to the guest, or of the TAP or device"},
	/* 68: RFC 791 and VIRTIO 1.2 section 5.1.4.1; 9702: what fits with a header and two VLAN
	 * tags into the frame of 9728 bytes that Open vSwitch and common NICs stop at. */
	{.name = "mtu",
	 .type = VALUE_UINT,
	 FIELD(struct port_conf, mtu),
	 .min = 68,
	 .max = 9702,
	 .fallback_help = "none, the guest decides; a TAP keeps what it has",
	 .help = "the MTU that the guest is told to use, or that the interface gets; longer frames "
		 "to the port are dropped"},
	{.name = "socket-mode",
	 .type = VALUE_MODE,
	 FIELD(struct port_conf, socket_mode),
	 .max = 0777,
	 .fallback = "0660",
	 .when_key = "role",
	 .when_words = BIT(ROLE_SERVER),
	 .help = "permissions of the socket"},
	{.name = "socket-owner",
	 .type = VALUE_USER,
	 FIELD(struct port_conf, socket_owner),
	 .fallback_help = "who runs ringway",
	 .when_key = "role",
	 .when_words = BIT(ROLE_SERVER),
	 .help = "user who shall own the socket"},
	{.name = "socket-group",
	 .type = VALUE_GROUP,
	 FIELD(struct port_conf, socket_group),
	 .fallback_help = "the group that runs ringway",
	 .when_key = "role",
	 .when_words = BIT(ROLE_SERVER),
	 .help = "group that shall own the socket"},
	{.name = "ifname",
	 .type = VALUE_NAME,
	 FIELD(struct port_conf, ifname),
	 .fallback_help = "the port's name",
	 .when_key = "type",
	 .when_words = BIT(PORT_TAP),
	 .help = "the TAP interface on this host; made unless it is there"},
	{.name = "address",
	 .type = VALUE_ADDRESS,
	 FIELD(struct port_conf, address),
	 .fallback_help = "none",
	 .when_key = "type",
	 .when_words = BIT(PORT_TAP),
	 .help = "address of this host on the interface, as in 192.168.50.1/24 or fd00::1/64"},
	{.name = "owner",
	 .type = VALUE_USER,
	 FIELD(struct port_conf, owner),
	 .fallback_help = "who runs ringway",
	 .when_key = "type",
	 .when_words = BIT(PORT_TAP),
	 .help = "user who may open the interface, too: of use with persist = yes"},
	{.name = "persist",
	 .type = VALUE_ENUM,
	 FIELD(struct port_conf, persist),
	 .words = yes_no_words,
	 .fallback = "no",
	 .when_key = "type",
	 .when_words = BIT(PORT_TAP),
	 .help = "yes: an interface that we made stays when the switch ends"},
	{.name = "device",
	 .type = VALUE_DEVICE,
	 FIELD(struct port_conf, device),
	 .fallback_help = "none, it has to be written",
	 .when_key = "type",
	 .when_words = BIT(PORT_ETHDEV),
	 .help = "PCI address of a NIC bound to vfio-pci, or a virtual device with its parameters, "
		 "as in net_af_packet0,iface=eth1"},
	{.name = "vlan",
	 .type = VALUE_UINT,
	 FIELD(struct port_conf, vlan),
	 .min = 1,
	 .max = TOPOLOGY_VLAN_MAX,
	 .fallback_help = "none, frames keep the tags they have",
	 .help = "access port: its frames carry no tag and belong to this VLAN"},
	{.name = "trunk",
	 .type = VALUE_VLANS,
	 FIELD(struct port_conf, trunk),
	 .fallback_help = "none",
	 .help = "trunk: frames of these VLANs pass with their tag, all others are dropped; with "
		 "tunnel: the tags allowed inside"},
	{.name = "native",
	 .type = VALUE_UINT,
	 FIELD(struct port_conf, native),
	 .min = 1,
	 .max = TOPOLOGY_VLAN_MAX,
	 .fallback_help = "none, frames without a tag are dropped",
	 .help = "VLAN of the frames without a tag on a trunk"},
	{.name = "native-tagged",
	 .type = VALUE_ENUM,
	 FIELD(struct port_conf, native_tagged),
	 .words = yes_no_words,
	 .fallback_help = "no",
	 .help = "yes: frames of the native VLAN leave the port with their tag"},
	{.name = "tunnel",
	 .type = VALUE_UINT,
	 FIELD(struct port_conf, tunnel),
	 .min = 1,
	 .max = TOPOLOGY_VLAN_MAX,
	 .fallback_help = "none",
	 .help = "whatever the port carries, tags and all, belongs to this VLAN (802.1Q tunnel)"},
	{.name = "priority-tags",
	 .type = VALUE_ENUM,
	 FIELD(struct port_conf, priority_tags),
	 .words = priority_tags_words,
	 .fallback_help = "no",
	 .help = "if-nonzero: a frame with a priority leaves without VLAN but with a tag that "
		 "says the priority"},
	{.name = "mac",
	 .type = VALUE_MACS,
	 FIELD(struct port_conf, mac),
	 .fallback_help = "any",
	 .help = "the only source addresses that the port may use"},
	{.name = "isolated",
	 .type = VALUE_ENUM,
	 FIELD(struct port_conf, isolated),
	 .words = yes_no_words,
	 .fallback_help = "no",
	 .help = "yes: reaches only ports that are not isolated"},
	{.name = "max-macs",
	 .type = VALUE_UINT,
	 FIELD(struct port_conf, max_macs),
	 .min = 1,
	 .max = 1000000,
	 .fallback_help = "none but the bridge's",
	 .help = "how many addresses may be in use behind the port; frames from more are dropped"},
	{.name = "storm",
	 .type = VALUE_UINT,
	 FIELD(struct port_conf, storm),
	 .min = 1,
	 .max = 100000000,
	 .fallback_help = "no limit",
	 .help = "how many frames of the port a second may be flooded (broadcast, multicast, "
		 "unknown address)"},
};

static const struct key_def capture_keys[] = {
	{.name = "ports",
	 .type = VALUE_PORTS,
	 FIELD(struct capture_conf, ports),
	 .fallback = "*",
	 .help = "what is captured: names of ports with commas between, or * for all"},
	{.name = "direction",
	 .type = VALUE_ENUM,
	 FIELD(struct capture_conf, direction),
	 .words = direction_words,
	 .fallback = "both",
	 .help = "rx: what comes from the port; tx: what is delivered to it"},
	{.name = "drops",
	 .type = VALUE_ENUM,
	 FIELD(struct capture_conf, drops),
	 .words = yes_no_words,
	 .fallback = "no",
	 .help = "yes: frames that are dropped at the port as well, with the reason as a comment"},
	{.name = "filter",
	 .type = VALUE_FILTER,
	 FIELD(struct capture_conf, filter),
	 .fallback_help = "none, every frame",
	 .help = "which frames, as tcpdump would be told: see pcap-filter(7)"},
	/* 262144: what libpcap and Wireshark take as the longest packet. */
	{.name = "snaplen",
	 .type = VALUE_UINT,
	 FIELD(struct capture_conf, snaplen),
	 .min = 14,
	 .max = 262144,
	 .fallback = "262144",
	 .help = "how many bytes of a frame are kept"},
	{.name = "file",
	 .type = VALUE_FILE,
	 FIELD(struct capture_conf, file),
	 .max = CAPTURE_TEXT_LEN - 1,
	 .fallback_help = "NAME.pcapng",
	 .help = "where to; a relative path starts where ringway is started; .pcap: the old "
		 "format; "
		 "-: standard output"},
	{.name = "rotate-size",
	 .type = VALUE_SIZE,
	 FIELD(struct capture_conf, rotate_size),
	 .min = 65536,
	 .max = UINT64_C(1) << 40,
	 .fallback_help = "none, one file",
	 .help = "size at which the next file begins: NAME-00001.pcapng, NAME-00002.pcapng, ..."},
	{.name = "rotate-files",
	 .type = VALUE_UINT,
	 FIELD(struct capture_conf, rotate_files),
	 .min = 1,
	 .max = 99999,
	 .fallback_help = "none, all stay",
	 .help = "how many of them stay; the oldest goes"},
};

static_assert(N_OF(switch_keys) <= SCHEMA_MAX_KEYS && N_OF(bridge_keys) <= SCHEMA_MAX_KEYS &&
		      N_OF(port_keys) <= SCHEMA_MAX_KEYS && N_OF(capture_keys) <= SCHEMA_MAX_KEYS &&
		      (int)SCHEMA_VM_N_KEYS <= (int)SCHEMA_MAX_KEYS,
	      "the loader notes the line of every key");

const struct section_def schema_sections[] = {
	{.kind = "switch",
	 .help = "the whole program; may be left out",
	 .max = 1,
	 .items = offsetof(struct topology, sw),
	 .item_size = sizeof(struct switch_conf),
	 .keys = switch_keys,
	 .n_keys = N_OF(switch_keys)},
	{.kind = "bridge",
	 .help = "joins the ports that name it",
	 .named = true,
	 .max = TOPOLOGY_MAX_BRIDGES,
	 .items = offsetof(struct topology, bridges),
	 .n_items = offsetof(struct topology, n_bridges),
	 .item_size = sizeof(struct bridge_conf),
	 .line = offsetof(struct bridge_conf, line),
	 .on_demand = "default",
	 .keys = bridge_keys,
	 .n_keys = N_OF(bridge_keys)},
	{.kind = "port",
	 .help = "a place where a guest plugs in; at least one is needed",
	 .named = true,
	 .max = TOPOLOGY_MAX_PORTS,
	 .items = offsetof(struct topology, ports),
	 .n_items = offsetof(struct topology, n_ports),
	 .item_size = sizeof(struct port_conf),
	 .line = offsetof(struct port_conf, line),
	 .keys = port_keys,
	 .n_keys = N_OF(port_keys)},
	{.kind = "vm",
	 .help = "a virtual machine that ringway run starts, watches and stops",
	 .named = true,
	 .max = TOPOLOGY_MAX_VMS,
	 .items = offsetof(struct topology, vms),
	 .n_items = offsetof(struct topology, n_vms),
	 .item_size = sizeof(struct vm_conf),
	 .line = offsetof(struct vm_conf, line),
	 .keys = schema_vm_keys,
	 .n_keys = SCHEMA_VM_N_KEYS},
	{.kind = "capture",
	 .help = "writes frames of ports into a file",
	 .named = true,
	 .max = TOPOLOGY_MAX_CAPTURES,
	 .items = offsetof(struct topology, captures),
	 .n_items = offsetof(struct topology, n_captures),
	 .item_size = sizeof(struct capture_conf),
	 .line = offsetof(struct capture_conf, line),
	 .keys = capture_keys,
	 .n_keys = N_OF(capture_keys)},
};
const unsigned schema_n_sections = N_OF(schema_sections);

const struct section_def *schema_section(const char *kind, size_t kind_len)
{
	for (unsigned i = 0; i < schema_n_sections; i++)
		if (strlen(schema_sections[i].kind) == kind_len &&
		    memcmp(schema_sections[i].kind, kind, kind_len) == 0)
			return &schema_sections[i];
	return NULL;
}

const struct key_def *schema_key(const struct section_def *section, const char *name)
{
	for (unsigned i = 0; i < section->n_keys; i++)
		if (strcmp(section->keys[i].name, name) == 0)
			return &section->keys[i];
	return NULL;
}

void *schema_item(const struct section_def *section, const struct topology *topo, unsigned item)
{
	uintptr_t at = (uintptr_t)topo + section->items;

	assert(item < schema_n_items(section, topo));
	if (!section->named)
		return (void *)at;
	return *(char **)at + item * section->item_size;
}

unsigned schema_n_items(const struct section_def *section, const struct topology *topo)
{
	return section->named ? *(const unsigned *)((uintptr_t)topo + section->n_items) : 1;
}

bool schema_key_applies(const struct section_def *section, const struct key_def *key,
			const void *item)
{
	while (key->when_key) {
		const struct key_def *other = schema_key(section, key->when_key);
		unsigned word;

		memcpy(&word, (const char *)item + other->offset, sizeof(word));
		if (!(key->when_words & BIT(word)))
			return false;
		key = other;
	}
	return true;
}
