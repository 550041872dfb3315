/* stop.h - why a VM ended, and with which exit code.
 *
 * Threads:   stop_request() from any thread; the first one counts.
 * Ownership: borrows the eventfd that wakes the control thread.
 * Failure:   none. */
#ifndef RINGWAY_VMM_STOP_H
#define RINGWAY_VMM_STOP_H

#include <stdatomic.h>

enum stop_cause {
	STOP_NONE,
	STOP_POWER_OFF,	   /* ACPI S5 */
	STOP_REBOOT,	   /* ACPI reset register or keyboard controller */
	STOP_EXIT_PORT,	   /* the guest named its exit code */
	STOP_USER,	   /* Ctrl-A x */
	STOP_SIGNAL,	   /* told to go, and the guest did not in time */
	STOP_TIMEOUT,	   /* --timeout */
	STOP_TRIPLE_FAULT, /* the CPU of the guest shut down */
	STOP_KVM,	   /* KVM could not go on */
	STOP_LAUNCHER,	   /* an error of our own */
	STOP_N
};

enum {
	EXIT_CODE_REBOOT = 123,
	EXIT_CODE_TIMEOUT = 124,
	EXIT_CODE_LAUNCHER = 125,
	EXIT_CODE_TRIPLE_FAULT = 126,
	EXIT_CODE_KVM = 127,
};

struct stop {
	atomic_int cause; /* enum stop_cause */
	int value;	  /* of the exit port; written before cause (release) */
	int wake_fd;
};

void stop_init(struct stop *stop, int wake_fd);
void stop_request(struct stop *stop, enum stop_cause cause, int value);
enum stop_cause stop_cause_of(const struct stop *stop);
int stop_exit_code(const struct stop *stop);
/* "powered off", "triple fault", ... */
const char *stop_name(enum stop_cause cause);

#endif
