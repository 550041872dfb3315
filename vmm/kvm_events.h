/* kvm_events.h - events through KVM: GSI routing, irqfd, ioeventfd.
 *
 * Threads:   the caller holds the machine's lock.
 * Ownership: borrows the VM's descriptor; keeps the routing table until kvm_events_fini().
 * Failure:   0 or -errno of the ioctl. */
#ifndef RINGWAY_VMM_KVM_EVENTS_H
#define RINGWAY_VMM_KVM_EVENTS_H

#include "vmm/events.h"

struct kvm_irq_routing;

struct kvm_events {
	struct events base;
	int vm_fd;
	unsigned n_gsis; /* MSI GSIs, from GSI_MSI_FIRST */
	struct kvm_irq_routing *table;
	uint64_t n_route_updates;
};

/* Builds the whole table at once: PIC and IOAPIC pins, then n_gsis MSI routes that lead nowhere
 * yet. */
int kvm_events_init(struct kvm_events *events, int vm_fd, unsigned n_gsis);
void kvm_events_fini(struct kvm_events *events);

#endif
