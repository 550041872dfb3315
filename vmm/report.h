/* report.h - what would be started (--dry-run), and what a VM has cost (--stats).
 *
 * Threads:   the control thread; counters of running vCPUs are read loosely.
 * Ownership: borrows the machine.
 * Failure:   a figure that cannot be read is left out. */
#ifndef RINGWAY_VMM_REPORT_H
#define RINGWAY_VMM_REPORT_H

#include "vmm/machine.h"

/* Memory map, PCI map, interrupts and command line, to standard output. Features of a back-end that
 * is there already are shown, too. */
void report_plan(struct machine *machine);

/* Exits by reason, device accesses, notifications, memory, start-up time, to standard error. */
void report_stats(struct machine *machine);

#endif
