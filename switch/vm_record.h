/* vm_record.h - the note that a switch leaves in the run-dir about a VM that it started.
 *
 * A VM outlives the switch. Whoever starts next in the same run-dir reads the notes: a VM whose
 * process still runs (same pid, same start time) is taken over and watched, never started a second
 * time; of one that ended meanwhile it tells how.
 *
 * Threads:   the main thread.
 * Ownership: plain values.
 * Failure:   -errno; -ENOENT: there is no note; -EPROTO: it is not one of ours. */
#ifndef SWITCH_VM_RECORD_H
#define SWITCH_VM_RECORD_H

#include "config/vm_conf.h"

#include <stdint.h>
#include <sys/types.h>

struct vm_record {
	pid_t pid;
	uint64_t start; /* struct vm_process */
	enum vm_hypervisor hypervisor;
	unsigned n_restarts;
	uint64_t command;  /* vm_record_hash() of the words that it was started with */
	uint64_t log_read; /* bytes of its log that were told */
};

/* Replaces the note at once: a reader finds the old one or the new one. */
int vm_record_save(const struct vm_record *record, const char *path);
int vm_record_load(struct vm_record *record, const char *path);

uint64_t vm_record_hash(char *const *words);

#endif
