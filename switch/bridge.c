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
	ALIKE_LEN = 16, /* of a frame's first bytes: what decisions look at, and no more */
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

/* Frames of a burst in a row that begin with the same bytes, as far as decisions look at them, and
 * so all go where the first one goes: mostly a burst is one conversation. */
struct run {
	const struct frame *first;
	unsigned n;
};

static inline bool is_alike(const struct frame *frame, const struct frame *first)
{
	return !memcmp(frame->head, first->head, ALIKE_LEN) && frame->head_len >= ALIKE_LEN &&
	       first->head_len >= ALIKE_LEN;
}

static inline unsigned find_runs(const struct burst *burst, struct run *runs)
{
	const struct frame *end = &burst->frames[burst->n];
	const struct frame *next = burst->frames;
	unsigned n_runs = 0;

	while (next < end) {
		const struct frame *first = next++;

		while (next < end && is_alike(next, first))
			next++;
		runs[n_runs++] = (struct run){.first = first, .n = (unsigned)(next - first)};
	}
	return n_runs;
}

/* A query without src: the frame's source is none that a station can have. Field by field: a struct
 * built elsewhere and copied here costs a failed store forwarding a frame. */
static inline void ask(const struct frame *frame, struct fdb_query *query)
{
	uint64_t vlan = vlan_of(frame) << 48;
	uint64_t dst_mac = mac_load(frame->head);
	uint64_t src_mac = mac_load(frame->head + 6);

	query->src = mac_is_group(src_mac) || src_mac == 0 ? 0 : src_mac | vlan;
	query->dst = mac_is_group(dst_mac) ? 0 : dst_mac | vlan;
}

/* Why the frames of a run go nowhere, or DROP_N. */
static inline enum drop_reason refusal_of(const struct bridge *bridge, uint16_t src,
					  const struct run *run, const struct fdb_query *query)
{
	if (!query->src)
		return DROP_BAD_SOURCE;
	if (query->port == src)
		return DROP_SAME_PORT;
	if (!query->dst && bridge->conf->l2cp == L2CP_DROP &&
	    mac_is_l2cp(mac_load(run->first->head)))
		return DROP_L2CP;
	return DROP_N;
}

static void forward_run(const struct bridge_view *view, uint16_t src, const struct run *run,
			const struct fdb_query *query, struct outbox *out)
{
	enum drop_reason why = refusal_of(view->bridge, src, run, query);

	if (why == DROP_N && query->port != FDB_NO_PORT) {
		outbox_add_row(out, query->port, run->first, run->n);
		return;
	}
	for (unsigned i = 0; i < run->n; i++)
		if (why == DROP_N)
			flood(view, src, run->first + i, out);
		else
			outbox_drop(out, run->first + i, why);
}

static void forward_learning(const struct bridge_view *view, uint16_t src,
			     const struct burst *burst, uint32_t now_s, struct outbox *out)
{
	struct run runs[BURST_MAX];
	struct fdb_query queries[BURST_MAX];
	unsigned n_runs = find_runs(burst, runs);

	for (unsigned i = 0; i < n_runs; i++)
		ask(runs[i].first, &queries[i]);
	fdb_forward(view->bridge->fdb, queries, n_runs, src, now_s);
	for (unsigned i = 0; i < n_runs; i++)
		forward_run(view, src, &runs[i], &queries[i], out);
}

void bridge_forward(const struct bridge_view *view, uint16_t src, const struct burst *burst,
		    uint32_t now_s, struct outbox *out)
{
	if (view->bridge->rules) {
		bridge_rules_forward(view, src, burst, now_s, out);
		return;
	}
	if (view->bridge->conf->mode == BRIDGE_SWITCH) {
		forward_learning(view, src, burst, now_s, out);
		return;
	}
	for (unsigned i = 0; i < burst->n; i++)
		flood(view, src, &burst->frames[i], out);
}
