#include "switch/bridge.h"
#include "switch/bridge_rules.h"
#include "switch/mac.h"
#include "switch/port_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	ETHERTYPE_OFFSET = 12,
	ETHERTYPE_VLAN_LE = 0x0081, /* 0x8100 as a little-endian load sees it */
	VLAN_ID_MASK = 0x0fff,
	KEYS_LEN = 16, /* of a frame's first bytes: what its two keys are made of */
};

struct bridge *bridge_new(const struct bridge_conf *conf, uint16_t n_ports, uint64_t seed)
{
	struct bridge *bridge = calloc(1, sizeof(*bridge));

	if (!bridge)
		return NULL;
	bridge->conf = conf;
	if (conf->mode == BRIDGE_SWITCH) {
		bridge->fdb = fdb_new(&(struct fdb_conf){.max_macs = conf->max_macs,
							 .ageing_s = conf->ageing_s,
							 .n_ports = n_ports,
							 .seed = seed});
		if (!bridge->fdb) {
			free(bridge);
			errno = ENOMEM;
			return NULL;
		}
	}
	return bridge;
}

void bridge_free(struct bridge *bridge)
{
	if (!bridge)
		return;
	fdb_free(bridge->fdb);
	free(bridge->rules);
	free(bridge);
}

static void limit_ports(struct bridge *bridge, uint16_t n_ports)
{
	for (uint16_t i = 0; bridge->fdb && i < n_ports; i++)
		if (bridge->rules[i].max_macs)
			fdb_limit_port(bridge->fdb, i, bridge->rules[i].max_macs);
}

int bridge_set_rules(struct bridge *bridge, const struct port_conf *ports, uint16_t n_ports,
		     int index)
{
	bool wanted = false;

	/* A wire passes everything. */
	if (bridge->conf->mode == BRIDGE_WIRE)
		return 0;
	for (uint16_t i = 0; i < n_ports; i++)
		wanted |= ports[i].bridge == index && port_rules_wanted(&ports[i]);
	if (!wanted)
		return 0;
	bridge->rules = calloc(n_ports, sizeof(*bridge->rules));
	if (!bridge->rules)
		return -ENOMEM;
	for (uint16_t i = 0; i < n_ports; i++)
		if (ports[i].bridge == index)
			port_rules_init(&bridge->rules[i], &ports[i]);
	limit_ports(bridge, n_ports);
	return 0;
}

static void flood(const struct bridge_view *view, uint16_t src, const struct frame *frame,
		  struct outbox *out)
{
	unsigned n_copies = out->n_copies;

	for (unsigned i = 0; i < view->n_members; i++)
		if (view->members[i] != src)
			outbox_add(out, view->members[i], frame);
	if (out->n_copies == n_copies)
		outbox_drop(out, frame, DROP_NO_PORT);
}

/* The VLAN id of the outer 802.1Q tag, 0 when there is none. A frame too short to hold the tag it
 * claims is untagged. */
static inline uint64_t vlan_of(const struct frame *frame)
{
	uint16_t ethertype;

	memcpy(&ethertype, frame->head + ETHERTYPE_OFFSET, sizeof(ethertype));
	if (ethertype != ETHERTYPE_VLAN_LE || frame->head_len < ETHERTYPE_OFFSET + 4)
		return 0;
	return ((frame->head[ETHERTYPE_OFFSET + 2] << 8) | frame->head[ETHERTYPE_OFFSET + 3]) &
	       VLAN_ID_MASK;
}

/* What was found for the last pair of addresses: the frames of a burst mostly belong to one
 * conversation. */
struct memo {
	fdb_key src;
	fdb_key dst;
	uint16_t port;
};

static void forward_learning(const struct bridge_view *view, uint16_t src,
			     const struct frame *frame, uint32_t now_s, struct memo *memo,
			     struct outbox *out)
{
	struct fdb *fdb = view->bridge->fdb;
	uint64_t vlan = vlan_of(frame) << 48;
	uint64_t dst_mac = mac_load(frame->head);
	uint64_t src_mac = mac_load(frame->head + 6);

	if (mac_is_group(src_mac) || src_mac == 0) {
		outbox_drop(out, frame, DROP_BAD_SOURCE);
		return;
	}
	if (memo->src != (src_mac | vlan)) {
		memo->src = src_mac | vlan;
		memo->dst = UINT64_MAX; /* what is learned now may be what was looked up before */
		fdb_learn(fdb, memo->src, src, now_s);
	}
	if (mac_is_group(dst_mac)) {
		if (mac_is_l2cp(dst_mac) && view->bridge->conf->l2cp == L2CP_DROP)
			outbox_drop(out, frame, DROP_L2CP);
		else
			flood(view, src, frame, out);
		return;
	}
	if (memo->dst != (dst_mac | vlan)) {
		memo->dst = dst_mac | vlan;
		memo->port = fdb_lookup(fdb, memo->dst, now_s);
	}
	if (memo->port == FDB_NO_PORT)
		flood(view, src, frame, out);
	else if (memo->port == src)
		outbox_drop(out, frame, DROP_SAME_PORT);
	else
		outbox_add(out, memo->port, frame);
}

/* Asks for the entries of a burst whose frames belong to many conversations. */
static void prefetch_entries(const struct fdb *fdb, const struct burst *burst)
{
	for (unsigned i = 1; i < burst->n; i++) {
		const struct frame *frame = &burst->frames[i];

		if (!memcmp(frame->head, burst->frames[i - 1].head, KEYS_LEN))
			continue;
		fdb_prefetch(fdb, mac_load(frame->head + 6) | vlan_of(frame) << 48);
		fdb_prefetch(fdb, mac_load(frame->head) | vlan_of(frame) << 48);
	}
}

void bridge_forward(const struct bridge_view *view, uint16_t src, const struct burst *burst,
		    uint32_t now_s, struct outbox *out)
{
	/* No frame's keys equal these: a valid key has its top four bits clear. */
	struct memo memo = {.src = UINT64_MAX, .dst = UINT64_MAX};

	if (view->bridge->rules) {
		bridge_rules_forward(view, src, burst, now_s, out);
		return;
	}
	if (view->bridge->conf->mode != BRIDGE_SWITCH) {
		for (unsigned i = 0; i < burst->n; i++)
			flood(view, src, &burst->frames[i], out);
		return;
	}
	prefetch_entries(view->bridge->fdb, burst);
	for (unsigned i = 0; i < burst->n; i++)
		forward_learning(view, src, &burst->frames[i], now_s, &memo, out);
}
