#include "switch/bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	ETHERTYPE_OFFSET = 12,
	ETHERTYPE_VLAN_LE = 0x0081, /* 0x8100 as a little-endian load sees it */
	VLAN_ID_MASK = 0x0fff,
};

#define MAC_MASK      UINT64_C(0x0000ffffffffffff)
#define MAC_GROUP_BIT UINT64_C(1)
/* 01-80-C2-00-00-0x: the low four bits of the last byte are free (IEEE 802.1Q table 8-1). */
#define MAC_L2CP      UINT64_C(0x000000c28001)
#define MAC_L2CP_MASK UINT64_C(0xf0ffffffffff)

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
	free(bridge);
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

static inline uint64_t load_u64(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
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
	uint64_t dst_mac = load_u64(frame->head) & MAC_MASK;
	uint64_t src_mac = load_u64(frame->head + 6) & MAC_MASK;

	if ((src_mac & MAC_GROUP_BIT) || src_mac == 0) {
		outbox_drop(out, frame, DROP_BAD_SOURCE);
		return;
	}
	if (memo->src != (src_mac | vlan)) {
		memo->src = src_mac | vlan;
		memo->dst = UINT64_MAX; /* what is learned now may be what was looked up before */
		fdb_learn(fdb, memo->src, src, now_s);
	}
	if (dst_mac & MAC_GROUP_BIT) {
		if ((dst_mac & MAC_L2CP_MASK) == MAC_L2CP && view->bridge->conf->l2cp == L2CP_DROP)
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

void bridge_forward(const struct bridge_view *view, uint16_t src, const struct burst *burst,
		    uint32_t now_s, struct outbox *out)
{
	/* No frame's keys equal these: a valid key has its top four bits clear. */
	struct memo memo = {.src = UINT64_MAX, .dst = UINT64_MAX};

	if (view->bridge->conf->mode != BRIDGE_SWITCH) {
		for (unsigned i = 0; i < burst->n; i++)
			flood(view, src, &burst->frames[i], out);
		return;
	}
	for (unsigned i = 0; i < burst->n; i++)
		forward_learning(view, src, &burst->frames[i], now_s, &memo, out);
}
