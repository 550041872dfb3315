/* control.h - the control thread: signals, terminal, back-ends, deadlines, until the VM ends; and
 * what it reports.
 *
 * Threads:   the control thread; counters of running vCPUs are read loosely.
 * Ownership: borrows the machine.
 * Failure:   ends with a stop cause in machine->stop; a figure that cannot be read is left out. */
#ifndef RINGWAY_VMM_CONTROL_H
#define RINGWAY_VMM_CONTROL_H

#include "vmm/machine.h"

/* Blocks the signals that the control thread takes and returns a descriptor for them, or -errno.
 * Before any thread is created, so that all inherit the mask. */
int control_take_signals(void);

/* Waits for all back-ends, lets the guest run, and returns when the VM has a stop cause. */
void control_run(struct machine *machine, int signal_fd);

/* The last status line. */
void control_report_exit(const struct machine *machine);

/* report.c: for --dry-run memory map, PCI map, interrupts and command line, to standard output; the
 * features of a back-end that is there already are shown, too. */
void report_plan(struct machine *machine);
/* Exits by reason, device accesses, notifications, memory, start-up time, to standard error. */
void report_stats(struct machine *machine);

#endif
