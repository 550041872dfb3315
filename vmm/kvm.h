/* kvm.h - /dev/kvm and an empty VM with in-kernel interrupt controllers.
 *
 * Threads:   before the vCPUs run.
 * Ownership: keeps both descriptors until kvm_close().
 * Failure:   0 or -errno with a refusal that says what to do. */
#ifndef RINGWAY_VMM_KVM_H
#define RINGWAY_VMM_KVM_H

#include "vmm/guest_ram.h"

struct kvm {
	int fd;
	int vm_fd;
	int run_len;   /* of the shared page(s) of a vCPU */
	bool emulates; /* KVM that runs every instruction of a stock kernel in its emulator */
	bool has_tsc_deadline;
	bool has_stats;
};

int kvm_open(struct kvm *kvm, struct refusal *why);
void kvm_close(struct kvm *kvm);

int kvm_map_ram(const struct kvm *kvm, const struct guest_ram *ram, struct refusal *why);

/* ioctl(2) on any descriptor of KVM: what it returns, or -errno with a refusal that names it. The
 * argument is a pointer, or a number in the place of one. */
int kvm_call(int fd, unsigned long request, const char *name, void *argument, struct refusal *why);
#define KVM_CALL(fd, request, argument, why) kvm_call(fd, request, #request, argument, why)

#endif
