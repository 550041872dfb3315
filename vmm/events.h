/* events.h - what binds a device to its vCPUs: doorbells (ioeventfd) and interrupts (irqfd, routes,
 * messages).
 *
 * Threads:   the caller holds the machine's lock.
 * Ownership: borrows all descriptors.
 * Failure:   0 or -errno.
 *
 * A seam: kvm_events.c is the real one, the unit tests have a fake. A GSI belongs to one queue for
 * ever; its eventfd never changes. A route is written before its irqfd is attached and never leaves
 * the table: a table that lacks the GSI of a live irqfd has crashed hosts. */
#ifndef RINGWAY_VMM_EVENTS_H
#define RINGWAY_VMM_EVENTS_H

#include <stdint.h>

struct msi_message {
	uint64_t addr;
	uint32_t data;
};

struct events;

struct event_ops {
	int (*route)(struct events *events, unsigned gsi, const struct msi_message *message);
	int (*attach)(struct events *events, unsigned gsi, int fd);
	int (*detach)(struct events *events, unsigned gsi, int fd);
	/* Sends a message at once, without a GSI. */
	int (*send)(struct events *events, const struct msi_message *message);
	/* A write of any width to addr writes fd instead of leaving the kernel. */
	int (*add_doorbell)(struct events *events, uint64_t addr, int fd);
	int (*remove_doorbell)(struct events *events, uint64_t addr, int fd);
	/* Level of an IOAPIC pin. */
	int (*set_pin)(struct events *events, unsigned gsi, int level);
};

struct events {
	const struct event_ops *ops;
};

#endif
