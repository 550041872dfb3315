/* kvm.h - /dev/kvm and a VM with in-kernel interrupt controllers; what binds devices to vCPUs
 * through it: doorbells (ioeventfd) and interrupts (routes, irqfd, messages, pins).
 *
 * Threads:   opened and closed while no vCPU runs; the bindings: the caller holds the machine's
 * lock. Ownership: keeps its descriptors and the routing table until kvm_close(); borrows eventfds.
 * Failure:   0 or -errno, with a refusal that says what to do where there is room for one.
 *
 * A GSI belongs to one queue for ever; its eventfd never changes. A route is written before its
 * irqfd is attached and never leaves the table: a table that lacks the GSI of a live irqfd has
 * crashed hosts. */
#ifndef RINGWAY_VMM_KVM_H
#define RINGWAY_VMM_KVM_H

#include "vmm/guest_ram.h"

struct kvm_irq_routing;

struct kvm {
	int fd;
	int vm_fd;
	int run_len;   /* of the shared page(s) of a vCPU */
	bool emulates; /* KVM that runs every instruction of a stock kernel in its emulator */
	bool has_tsc_deadline;
	bool has_stats;
	/* ioctl(2) on vm_fd for bindings, or the fake of the unit tests. */
	int (*call)(struct kvm *kvm, unsigned long request, void *argument);
	struct kvm_irq_routing *table;
	uint64_t n_route_updates;
};

struct msi_message {
	uint32_t address_lo, address_hi, data;
};

int kvm_open(struct kvm *kvm, struct refusal *why);
void kvm_close(struct kvm *kvm);

int kvm_map_ram(const struct kvm *kvm, const struct guest_ram *ram, struct refusal *why);

/* ioctl(2) on any descriptor of KVM: what it returns, or -errno with a refusal that names it. The
 * argument is a pointer, or a number in the place of one. */
int kvm_call(int fd, unsigned long request, const char *name, void *argument, struct refusal *why);
#define KVM_CALL(fd, request, argument, why) kvm_call(fd, request, #request, argument, why)

/* Builds the whole table at once, its entries by their GSIs: IOAPIC pins, then n_gsis MSI routes
 * that lead nowhere yet. */
int kvm_init_routes(struct kvm *kvm, unsigned n_gsis);
int kvm_route(struct kvm *kvm, unsigned gsi, const struct msi_message *message);
/* A write to fd raises the GSI, or does so no longer. */
int kvm_attach(struct kvm *kvm, unsigned gsi, int fd, bool on);
/* Sends a message at once, without a GSI. */
int kvm_send(struct kvm *kvm, const struct msi_message *message);
/* A write of any width to addr writes fd instead of leaving the kernel, or does so no longer. */
int kvm_doorbell(struct kvm *kvm, uint64_t addr, int fd, bool on);
/* Level of an IOAPIC pin. */
int kvm_set_pin(struct kvm *kvm, unsigned gsi, bool level);

#endif
