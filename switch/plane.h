/* plane.h - the data plane of one switch: its ports, bridges and workers, and the snapshot that
 * ties them together.
 *
 * Threads:   plane_new/start/stop/free on the main thread. Links change on the threads of ports; a
 *            lock inside serialises what builds snapshots. Everything that shows something may be
 *            called from any thread but a worker.
 * Ownership: plane_new() gives, plane_free() takes back. It borrows the topology.
 * Failure:   NULL or -errno, after a logged line.
 *
 * A change is a new snapshot: build it, publish it, wait until every worker has passed a quiescent
 * state (rte_rcu_qsbr), free the one before. */
#ifndef SWITCH_PLANE_H
#define SWITCH_PLANE_H

#include "config/topology.h"
#include "ports/port.h"
#include "switch/fdb.h"
#include "switch/worker.h"

struct plane;

/* How a port of the topology comes to life, by enum port_type. */
typedef struct port *plane_open_port(const struct port_conf *conf, uint16_t id,
				     const struct port_env *env);

struct plane *plane_new(const struct topology *topo, plane_open_port *const openers[PORT_TYPE_N],
			uint64_t tsc_hz);
/* Opens every port and starts the workers. On failure nothing is left open. */
int plane_start(struct plane *plane);
/* Closes every port and ends the workers. */
void plane_stop(struct plane *plane);
void plane_free(struct plane *plane);

/* Once a second: entries that are too old, rings that broke. */
void plane_housekeep(struct plane *plane);

/* From its return on, workers look at these captures (NULL: none) and at no others. */
int plane_set_captures(struct plane *plane, const struct capture_set *captures);

const struct topology *plane_topology(const struct plane *plane);
bool plane_linked(struct plane *plane, unsigned port);
/* What all workers counted for a port together. */
struct port_counters plane_port_counters(const struct plane *plane, unsigned port);
/* The queue pairs that the peer of a port uses now. */
unsigned plane_port_queues(const struct plane *plane, unsigned port);
/* See port_ops.fault. */
const char *plane_port_fault(struct plane *plane, unsigned port, unsigned index);
/* Notifications that came from the guest, so far. */
uint64_t plane_port_kicks(struct plane *plane, unsigned port);
const struct worker *plane_worker(const struct plane *plane, unsigned worker);
/* NULL for a bridge that does not learn. */
const struct fdb *plane_fdb(const struct plane *plane, unsigned bridge);

#endif
