#include "ports/drop.h"

const char *const drop_names[DROP_N] = {
	[DROP_RUNT] = "runt",
	[DROP_OVERSIZE] = "oversize",
	[DROP_BAD_VNET] = "bad_vnet_hdr",
	[DROP_BAD_SOURCE] = "bad_source",
	[DROP_L2CP] = "l2cp",
	[DROP_SAME_PORT] = "same_port",
	[DROP_NO_PORT] = "no_port",
	[DROP_VLAN] = "vlan",
	[DROP_SPOOFED] = "spoofed_mac",
	[DROP_MAX_MACS] = "max_macs",
	[DROP_STORM] = "storm",
	[DROP_ISOLATED] = "isolated",
	[DROP_LINK_DOWN] = "link_down",
	[DROP_TX_FULL] = "tx_full",
	[DROP_TOO_BIG] = "too_big",
	[DROP_NO_OFFLOAD] = "no_offload",
	[DROP_QUEUE_BROKEN] = "queue_broken",
};
