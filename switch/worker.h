/* worker.h - a worker: takes bursts from its queues, lets bridges decide, delivers, then notifies
 * each destination once.
 *
 * Threads:   worker_run() is a thread of its own; worker_stop() and worker_wake() are called from
 *            any other. Counters may be read from any thread.
 * Ownership: worker_new() gives, worker_free() takes back, after the thread has ended. It borrows
 *            the place where snapshots are published. A frame stays its source's; the worker holds
 *            it for one burst.
 * Failure:   none while running: what cannot be delivered is counted. */
#ifndef SWITCH_WORKER_H
#define SWITCH_WORKER_H

#include "config/topology.h"
#include "switch/counters.h"
#include "switch/snapshot.h"

struct rte_rcu_qsbr;
struct worker;

struct worker_conf {
	unsigned id;	  /* index of the worker, and its thread id in qsbr */
	unsigned n_ports; /* of the whole switch */
	enum idle_mode idle;
	uint64_t tsc_hz;
	struct rte_rcu_qsbr
		*qsbr; /* NULL: the caller sees to it that snapshots live, as unit tests do */
	_Atomic(struct snapshot *) const *snapshot;
};

/* NULL with errno. */
struct worker *worker_new(const struct worker_conf *conf);
void worker_free(struct worker *worker);

/* Polls until worker_stop(); sleeps when idle = adaptive and there is nothing to do. */
void worker_run(struct worker *worker);
void worker_stop(struct worker *worker);
/* Lets it look at the newest snapshot now, should it be asleep. */
void worker_wake(struct worker *worker);
/* The descriptor wakes the worker when it becomes readable. 0 or -errno. */
int worker_watch(struct worker *worker, int fd);
void worker_unwatch(struct worker *worker, int fd);

/* One pass over all its queues; returns how many frames it took. What worker_run() does again and
 * again. */
unsigned worker_sweep(struct worker *worker, const struct snapshot *snapshot);

uint64_t worker_count(const struct worker *worker, enum worker_counter which);
const struct port_counters *worker_port_counters(const struct worker *worker, uint16_t port);

#endif
