/* vcpu_state.h - the registers of a vCPU before its first instruction.
 *
 * Threads:   before the vCPUs run.
 * Ownership: borrows the descriptor.
 * Failure:   0 or -errno with a refusal.
 *
 * Sources: Linux Documentation/arch/x86/boot.rst (64-bit protocol), the x86/HVM direct boot ABI;
 * Linux Documentation/virt/kvm/cpuid.rst; Intel SDM vol. 2A, CPUID. */
#ifndef RINGWAY_VMM_VCPU_STATE_H
#define RINGWAY_VMM_VCPU_STATE_H

#include <linux/kvm.h>

#include "vmm/boot.h"
#include "vmm/kvm.h"

struct vcpu_topology {
	unsigned id, n_cpus;
	bool tsc_deadline;
	unsigned tsc_khz; /* 0: unknown */
};

/* CPUID, MSRs, interrupt pins: what every vCPU has after power-on. */
int vcpu_state_init(int vcpu_fd, const struct kvm *kvm, unsigned id, unsigned n_cpus,
		    struct refusal *why);

/* Segments, page tables and registers for the entry of the kernel: of the first vCPU. The others
 * wait for it to start them. */
int vcpu_state_enter(int vcpu_fd, const struct guest_ram *ram, const struct boot_plan *plan,
		     struct refusal *why);

/* Adapts what KVM supports to one vCPU. The table has room for two entries more. */
void vcpu_state_adapt_cpuid(struct kvm_cpuid2 *table, const struct vcpu_topology *topology);

#endif
