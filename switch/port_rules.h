/* port_rules.h - what the configuration demands of the frames of a port: its VLANs, its addresses,
 * how much it may flood.
 *
 * Threads:   constant but for the count of flooded frames, which workers share.
 * Ownership: part of a bridge. */
#ifndef SWITCH_PORT_RULES_H
#define SWITCH_PORT_RULES_H

#include "config/topology.h"

#include <stdatomic.h>
#include <stdint.h>

enum port_vlan_mode {
	PORT_TRANSPARENT, /* frames keep their tags; without a tag they belong to VLAN 0 */
	PORT_ACCESS,
	PORT_TRUNK,
	PORT_TUNNEL,
};

struct port_rules {
	enum port_vlan_mode mode;
	uint16_t vlan; /* of an access port or a tunnel, or a trunk's native one; 0: none */
	bool native_tagged;
	bool priority_tags;
	bool isolated;
	bool any_inner; /* a tunnel that takes every tag inside */
	uint8_t n_macs;
	uint32_t storm;			  /* 0: no limit */
	uint32_t max_macs;		  /* 0: no limit */
	uint64_t macs[TOPOLOGY_MAX_MACS]; /* as in fdb_key */
	struct vlan_set vlans;		  /* a trunk's, or those inside of a tunnel */

	/* Written by every worker that polls the port, relaxed: at the turn of a second they may
	 * let a few frames too many pass. */
	_Atomic uint32_t storm_second;
	_Atomic uint32_t n_flooded; /* in that second */
};

/* Whether the port asks for anything. */
bool port_rules_wanted(const struct port_conf *conf);

void port_rules_init(struct port_rules *rules, const struct port_conf *conf);

/* Whether the port may use this source address. */
static inline bool port_rules_allow_mac(const struct port_rules *rules, uint64_t mac)
{
	for (unsigned i = 0; i < rules->n_macs; i++)
		if (rules->macs[i] == mac)
			return true;
	return rules->n_macs == 0;
}

/* Counts a frame to be flooded; false when it is one too many in this second. */
static inline bool port_rules_allow_flood(struct port_rules *rules, uint32_t now_s)
{
	if (rules->storm == 0)
		return true;
	if (atomic_load_explicit(&rules->storm_second, memory_order_relaxed) != now_s) {
		atomic_store_explicit(&rules->storm_second, now_s, memory_order_relaxed);
		atomic_store_explicit(&rules->n_flooded, 0, memory_order_relaxed);
	}
	return atomic_fetch_add_explicit(&rules->n_flooded, 1, memory_order_relaxed) < rules->storm;
}

#endif
