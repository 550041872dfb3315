/* plan.h - what would be started: --dry-run and --dump-acpi.
 *
 * Threads:   the control thread, before the guest runs.
 * Ownership: borrows the machine.
 * Failure:   0 or -errno with a refusal. */
#ifndef RINGWAY_VMM_PLAN_H
#define RINGWAY_VMM_PLAN_H

#include "vmm/machine.h"

/* Memory map, PCI map, interrupts and command line, to standard output. Features of a back-end that
 * is there already are shown, too. */
void plan_print(struct machine *machine);

/* Writes each ACPI table to a file of the directory in the options. */
int plan_dump_acpi(const struct machine *machine, struct refusal *why);

#endif
