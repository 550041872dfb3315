/* events.h - what binds devices to vCPUs through KVM: doorbells (ioeventfd) and interrupts (routes,
 * irqfd, messages, pins).
 *
 * Threads:   the caller holds the machine's lock.
 * Ownership: borrows all descriptors; keeps the routing table until events_fini().
 * Failure:   0 or -errno of the ioctl.
 *
 * A GSI belongs to one queue for ever; its eventfd never changes. A route is written before its
 * irqfd is attached and never leaves the table: a table that lacks the GSI of a live irqfd has
 * crashed hosts. */
#ifndef RINGWAY_VMM_EVENTS_H
#define RINGWAY_VMM_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

struct msi_message {
	uint32_t address_lo, address_hi, data;
};

struct kvm_irq_routing;

struct events {
	int vm_fd;
	/* ioctl(2) on vm_fd, or the fake of the unit tests. */
	int (*call)(struct events *events, unsigned long request, void *argument);
	struct kvm_irq_routing *table;
	uint64_t n_route_updates;
};

/* Builds the whole table at once: PIC and IOAPIC pins, then n_gsis MSI routes from GSI_MSI_FIRST on
 * that lead nowhere yet. */
int events_init(struct events *events, int vm_fd, unsigned n_gsis);
void events_fini(struct events *events);

int events_route(struct events *events, unsigned gsi, const struct msi_message *message);
/* A write to fd raises the GSI, or does so no longer. */
int events_attach(struct events *events, unsigned gsi, int fd, bool on);
/* Sends a message at once, without a GSI. */
int events_send(struct events *events, const struct msi_message *message);
/* A write of any width to addr writes fd instead of leaving the kernel, or does so no longer. */
int events_doorbell(struct events *events, uint64_t addr, int fd, bool on);
/* Level of an IOAPIC pin. */
int events_set_pin(struct events *events, unsigned gsi, bool level);

#endif
