/* bridge.h - a bridge: decides for each frame of a burst which ports get it (IEEE 802.1Q, clause
 * 8).
 *
 * Threads:   bridge_forward() runs on any number of workers at once. A bridge_view is immutable.
 * Ownership: bridge_new() gives, bridge_free() takes back. A view borrows its bridge.
 * Failure:   a frame that no port gets lands in the outbox with its reason. */
#ifndef SWITCH_BRIDGE_H
#define SWITCH_BRIDGE_H

#include "config/topology.h"
#include "ports/frame.h"
#include "switch/fdb.h"
#include "switch/outbox.h"

struct port_rules;

struct bridge {
	const struct bridge_conf *conf; /* borrowed */
	struct fdb *fdb;		/* NULL unless mode = switch */
	struct port_rules *rules;	/* by port id; NULL: no port of the bridge has any */
};

/* The bridge as workers see it now: the ports of it whose link is up. Part of a snapshot. */
struct bridge_view {
	const struct bridge *bridge;
	const uint16_t *members; /* port ids, ascending */
	uint16_t n_members;
};

/* seed is the hash seed of the forwarding database; n_ports counts the ports of the whole switch.
 * NULL with errno. */
struct bridge *bridge_new(const struct bridge_conf *conf, uint16_t n_ports, uint64_t seed);
void bridge_free(struct bridge *bridge);

/* Takes over what the ports of the bridge, the index-th of the switch, ask of frames; before any is
 * forwarded. 0 or -ENOMEM. */
int bridge_set_rules(struct bridge *bridge, const struct port_conf *ports, uint16_t n_ports,
		     int index);

/* Puts every frame of the burst, which came in by port src, on the lists of its destinations in the
 * outbox (reset by the caller), or on a list of dropped frames. now_s: seconds of a monotonic
 * clock. */
void bridge_forward(const struct bridge_view *view, uint16_t src, const struct burst *burst,
		    uint32_t now_s, struct outbox *out);

#endif
