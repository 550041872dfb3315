/* vm_log.h - what the hypervisor of a VM says, line by line into our own log. It says it into a
 * file, so that nothing is lost, and nobody is stopped, while no switch runs.
 *
 * Threads:   the main thread; never blocks.
 * Ownership: keeps a descriptor until vm_log_close().
 * Failure:   a file that cannot be read is told once. */
#ifndef SWITCH_VM_LOG_H
#define SWITCH_VM_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VM_LOG_LINE_LEN = 512, /* longer lines are broken */
	VM_LOG_BURST = 100,    /* lines that vm_log_follow() tells at most */
};

struct vm_log {
	const char *name; /* of the VM */
	const char *path;
	int fd;		 /* -1: closed */
	uint64_t offset; /* of the first byte that was not told */
	uint64_t n_skipped;
	char line[VM_LOG_LINE_LEN];
	size_t line_len;
};

/* From the given byte on. The strings must outlive the log. */
void vm_log_open(struct vm_log *log, const char *name, const char *path, uint64_t offset);
void vm_log_close(struct vm_log *log);

/* Tells the lines that came since, as "vm NAME: LINE". Of a flood only the first VM_LOG_BURST, and
 * how many were left out. all: every line, at the end of the VM. True when there were new ones. */
bool vm_log_follow(struct vm_log *log, bool all);

#endif
