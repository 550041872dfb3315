/* supervisor.h - all VMs of a switch: starts them, watches them, stops them.
 *
 * A restart of the switch hurts nobody: VMs are no part of it. They hold nothing of ours and go on
 * when we are killed; the switch that starts next in the same run-dir takes them over
 * (switch/vm_record.h). Only a switch that is told to end ends its VMs.
 *
 * Threads:   the main thread; nothing blocks.
 * Ownership: supervisor_new() gives, supervisor_free() takes back and leaves what still runs alone.
 * It borrows the topology.
 * Failure:   NULL with errno after a logged line, when something that a VM needs is missing;
 * nothing was started then. What goes wrong with one VM later is logged and hurts no other. */
#ifndef SWITCH_SUPERVISOR_H
#define SWITCH_SUPERVISOR_H

#include "config/topology.h"

#include <jansson.h>

struct supervisor;

struct supervisor *supervisor_new(const struct topology *topo);
void supervisor_free(struct supervisor *supervisor);

/* When the sockets of all ports listen: takes over what runs, starts the others. */
void supervisor_start(struct supervisor *supervisor);
/* Presses every power button; the second call ends what is left at once. Tells the grace. */
void supervisor_stop(struct supervisor *supervisor);
unsigned supervisor_n_alive(const struct supervisor *supervisor);

/* Readable when a VM has ended: then supervisor_serve(). */
int supervisor_fd(const struct supervisor *supervisor);
void supervisor_serve(struct supervisor *supervisor);
/* Once a second. */
void supervisor_tick(struct supervisor *supervisor);

/* {"vms": [...]}. Gives. */
json_t *supervisor_report(const struct supervisor *supervisor);

#endif
