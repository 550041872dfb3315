/* cpuid.h - what a vCPU says about itself: all that KVM supports, with ids and counts of this VM.
 *
 * Threads:   before the vCPUs run.
 * Ownership: the table is the caller's.
 * Failure:   NULL with errno.
 *
 * Source: Linux Documentation/virt/kvm/cpuid.rst; Intel SDM vol. 2A, CPUID. */
#ifndef RINGWAY_VMM_CPUID_H
#define RINGWAY_VMM_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>

struct cpuid_topology {
	unsigned id;
	unsigned n_cpus;
	bool tsc_deadline;
	unsigned tsc_khz;
};

/* What KVM supports; free() it. There is room for a few entries more. */
struct kvm_cpuid2 *cpuid_supported(int kvm_fd);

/* Adapts the table for one vCPU. */
void cpuid_adapt(struct kvm_cpuid2 *table, const struct cpuid_topology *topology);

#endif
