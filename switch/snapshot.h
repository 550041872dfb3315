/* snapshot.h - the topology as workers see it: which queues each polls, and which ports of each
 * bridge have a link.
 *
 * Threads:   immutable from snapshot_new() on. The plane publishes one and frees the one before
 *            after a grace period.
 * Ownership: borrows ports, bridges and captures, which outlive it. */
#ifndef SWITCH_SNAPSHOT_H
#define SWITCH_SNAPSHOT_H

#include "ports/port.h"
#include "switch/bridge.h"
#include "switch/capture.h"

struct poll {
	struct port *port;
	uint16_t queue;
};

struct poll_list {
	struct poll *polls;
	unsigned n;
};

struct snapshot {
	struct port *const *ports;	      /* by port id */
	const struct bridge_view **bridge_of; /* by port id */
	struct bridge_view *views;	      /* by bridge */
	struct poll_list *polled_by;	      /* by worker; only queues of ports with a link */
	const struct capture_set *captures;   /* NULL: nobody captures */
	unsigned n_bridges;
	unsigned n_workers;
	unsigned n_ports;
};

/* What a snapshot is made from; the arrays of ports are by port id. */
struct snapshot_conf {
	struct port *const *ports;
	const bool *linked;
	const uint16_t *bridge_of; /* index into bridges */
	unsigned n_ports;
	struct bridge *const *bridges;
	unsigned n_bridges;
	const struct capture_set *captures;
	unsigned n_workers;
};

/* NULL when there is no memory. */
struct snapshot *snapshot_new(const struct snapshot_conf *conf);
void snapshot_free(struct snapshot *snapshot);

/* The worker that polls a queue of a port; the same in every snapshot. */
static inline unsigned snapshot_worker_of(unsigned port_id, unsigned queue, unsigned n_workers)
{
	return (port_id + queue) % n_workers;
}

#endif
