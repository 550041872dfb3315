/* stop.h - why a VM ends, with which exit code, and the ports by which its guest says so.
 *
 * Threads:   stop_request() from any thread; the first one counts. The ports: the caller holds the
 *            machine's lock.
 * Ownership: borrows the eventfd that wakes the control thread.
 * Failure:   none. */
#ifndef RINGWAY_VMM_STOP_H
#define RINGWAY_VMM_STOP_H

#include <stdatomic.h>

#include "vmm/bus.h"
#include "vmm/guest_ram.h"

enum stop_cause {
	STOP_NONE,
	STOP_POWER_OFF,	   /* ACPI S5 */
	STOP_REBOOT,	   /* ACPI reset register or keyboard controller */
	STOP_USER,	   /* Ctrl-A x */
	STOP_SIGNAL,	   /* told to go, and the guest did not in time */
	STOP_TIMEOUT,	   /* --timeout */
	STOP_TRIPLE_FAULT, /* the CPU of the guest shut down */
	STOP_KVM,	   /* KVM could not go on */
	STOP_LAUNCHER,	   /* an error of our own */
	STOP_EXIT_PORT,	   /* the guest named its exit code, which is added: always the last */
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
	atomic_int cause;  /* enum stop_cause */
	int wake_fd;	   /* written at every change */
	atomic_bool ready; /* the guest wrote to the ready port */
};

void stop_init(struct stop *stop, int wake_fd);
void stop_request(struct stop *stop, int cause);
enum stop_cause stop_cause_of(const struct stop *stop);
int stop_exit_code(const struct stop *stop);
/* "power-off", "triple-fault", ... */
const char *stop_name(const struct stop *stop);

/* Puts the ports of layout.h by which a guest powers off, reboots, names its exit code or says that
 * it is ready on the bus. */
void stop_add_ports(struct stop *stop, struct bus *io);

/* There is no firmware, but a kernel that reboots in real mode jumps to its entry at ffff:0000
 * (Linux with EFI support does so on hardware-reduced ACPI). Code there writes the reset register.
 */
void stop_place_reset_entry(const struct guest_ram *ram);

#endif
