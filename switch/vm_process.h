/* vm_process.h - the process in which a VM runs: our child, or one that a switch before us started.
 *
 * Threads:   the main thread.
 * Ownership: a struct vm_process keeps its pidfd until vm_process_forget(); the process itself is
 * nobody's: it lives on when the switch dies.
 * Failure:   -errno. */
#ifndef SWITCH_VM_PROCESS_H
#define SWITCH_VM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	VM_PROCESS_STATUS_FD = 3, /* the child's descriptor for its reports */
};

struct vm_process {
	pid_t pid;	/* 0: none */
	int pidfd;	/* readable when it has ended; -1: none */
	bool is_child;	/* so that we learn its exit code */
	uint64_t start; /* clock ticks from the boot of the host: pid and start are unique */
};

/* Starts a program whose words end with NULL. It gets a session of its own (so that a Ctrl-C is
 * ours alone), no blocked or ignored signal, no descriptor of ours, /dev/null to read, log_path for
 * what it says and status_path as descriptor VM_PROCESS_STATUS_FD; both files are emptied first. */
int vm_process_start(struct vm_process *process, const char *program, char *const *words,
		     const char *log_path, const char *status_path);

/* Takes over a process that runs already. -ESRCH: it does not run any more, or the pid is now
 * another's. */
int vm_process_adopt(struct vm_process *process, pid_t pid, uint64_t start);

int vm_process_signal(const struct vm_process *process, int signal);

/* How it ended, in the form of waitpid(2); -1: that is unknown, as it was not our child. -EAGAIN:
 * it runs. */
int vm_process_reap(const struct vm_process *process, int *wait_status);
void vm_process_forget(struct vm_process *process);

/* Seconds since its start. */
uint64_t vm_process_uptime(const struct vm_process *process);

#endif
