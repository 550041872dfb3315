/* stats.h - what a VM has cost: exits by reason, device accesses, notifications, memory, start-up
 * time.
 *
 * Threads:   the control thread; counters of running vCPUs are read loosely.
 * Ownership: borrows the machine.
 * Failure:   a figure that cannot be read is left out. */
#ifndef RINGWAY_VMM_STATS_H
#define RINGWAY_VMM_STATS_H

#include "vmm/machine.h"

/* To standard error. */
void stats_print(struct machine *machine);

#endif
