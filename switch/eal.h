/* eal.h - DPDK's environment abstraction layer boxed in: no user ever types one of its arguments.
 *
 * Threads:   eal_start() and eal_stop() once, on the main thread; eal_thread_enter/leave on each
 *            thread that polls.
 * Failure:   -errno, after a logged line. */
#ifndef SWITCH_EAL_H
#define SWITCH_EAL_H

#include "config/topology.h"

/* Starts without hugepages, root or PCI, unless the topology asks for them. */
int eal_start(const struct topology *topo);
void eal_stop(void);

int eal_thread_enter(void);
void eal_thread_leave(void);

#endif
