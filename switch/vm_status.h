/* vm_status.h - what ringway-vmm reports of its VM (ringway-vmm --help, "Status lines"), and how a
 * VM ended.
 *
 * Threads:   none of its own.
 * Ownership: plain values.
 * Failure:   a file that is not there, or that says what we do not know, tells nothing. */
#ifndef SWITCH_VM_STATUS_H
#define SWITCH_VM_STATUS_H

#include "config/vm_conf.h"

#include <stdbool.h>

struct vm_status {
	bool running;  /* all its back-ends were there, and the guest was let go */
	bool ready;    /* the guest said so */
	int exit_code; /* -1: not ended */
};

void vm_status_read(struct vm_status *status, const char *path);

struct vm_end {
	bool failed; /* what restart = on-failure is about */
	bool reboot;
	char text[96];
};

/* wait_status is that of vm_process_reap(); reported is the exit code that a vm_status holds.
 * stopped: somebody asked it to end. */
void vm_end_judge(struct vm_end *end, enum vm_hypervisor hypervisor, int wait_status, int reported,
		  bool stopped);

#endif
