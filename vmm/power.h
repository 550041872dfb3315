/* power.h - the ports by which a guest powers off, reboots, names its exit code or says that it is
 * ready.
 *
 * Threads:   the caller holds the machine's lock.
 * Ownership: borrows stop.
 * Failure:   none. */
#ifndef RINGWAY_VMM_POWER_H
#define RINGWAY_VMM_POWER_H

#include "vmm/bus.h"
#include "vmm/guest_ram.h"
#include "vmm/stop.h"

struct power {
	struct stop *stop;
	void (*ready)(void *ctx); /* the guest is ready; may be called again */
	void *ctx;
};

/* Puts the ports on the bus. 0 or -ENOSPC. */
int power_init(struct power *power, struct bus *io);

/* There is no firmware, but a kernel that reboots in real mode jumps to its entry at ffff:0000
 * (Linux with EFI support does so on hardware-reduced ACPI). Three instructions there write the
 * reset register. */
void power_place_reset_entry(const struct guest_ram *ram);

#endif
