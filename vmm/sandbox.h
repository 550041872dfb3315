/* sandbox.h - takes away what a thread never needs: seccomp filters, no new privileges, not
 * dumpable.
 *
 * Threads:   each thread enters its own; a filter counts for the calling thread only.
 * Ownership: none.
 * Failure:   0 or -errno with a refusal. */
#ifndef RINGWAY_VMM_SANDBOX_H
#define RINGWAY_VMM_SANDBOX_H

#include "vmm/options.h"

enum sandbox_thread {
	SANDBOX_VCPU,	 /* runs the guest, emulates its devices */
	SANDBOX_CONTROL, /* talks to back-ends, terminal, signals */
	SANDBOX_WRITER,	 /* writes the console */
};

/* The whole process, once, before its threads: no core dumps, no /proc/PID/fd for other users. */
int sandbox_harden(enum sandbox_mode mode, struct refusal *why);

int sandbox_enter(enum sandbox_thread thread, enum sandbox_mode mode, struct refusal *why);

#endif
