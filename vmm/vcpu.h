/* vcpu.h - one virtual CPU: its thread, and what it does at each exit.
 *
 * Threads:   vcpu_open() and vcpu_close() by the control thread; the vCPU's own thread runs it.
 *            Counters are written by the vCPU's thread and read by others when it rests, or loosely
 *            for display.
 * Ownership: keeps its descriptors and the shared page; borrows the machine.
 * Failure:   0 or -errno with a refusal; at run time a stop cause and a line on standard error.
 *
 * Sources of the first state: Linux Documentation/arch/x86/boot.rst (32-bit protocol), the x86/HVM
 * direct boot ABI, Linux Documentation/virt/kvm/cpuid.rst, Intel SDM vol. 2A, CPUID. */
#ifndef RINGWAY_VMM_VCPU_H
#define RINGWAY_VMM_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>

#include "vmm/boot.h"
#include "vmm/kvm.h"

enum {
	VCPU_N_REASONS = 48, /* KVM_EXIT_*; the last place takes the rest */
};

struct machine;

struct vcpu {
	struct machine *machine;
	unsigned id;
	int fd;
	int stats_fd; /* -1: none */
	struct kvm_run *run;
	pthread_t thread;
	bool has_thread;
	uint64_t n_exits[VCPU_N_REASONS];
	int64_t entered_ns; /* CLOCK_MONOTONIC, before the first instruction */
};

int vcpu_open(struct vcpu *vcpu, struct machine *machine, unsigned id, struct refusal *why);
int vcpu_start(struct vcpu *vcpu, struct refusal *why);
/* Makes the thread look at machine->stop, which has a cause, and waits for its end. */
void vcpu_stop(struct vcpu *vcpu);
void vcpu_close(struct vcpu *vcpu);

/* Answers the exit in *run; for the run loop and the tests. */
void vcpu_handle_exit(struct vcpu *vcpu, struct kvm_run *run);

/* "port", "mmio", ... */
const char *vcpu_reason_name(unsigned reason);

struct vcpu_topology {
	unsigned id, n_cpus;
	bool tsc_deadline;
	unsigned tsc_khz; /* 0: unknown */
};

/* vcpu_state.c: CPUID and MSRs, what every vCPU has after power-on. */
int vcpu_state_init(int vcpu_fd, const struct kvm *kvm, unsigned id, unsigned n_cpus,
		    struct refusal *why);

/* Segments and registers of the first vCPU, which enters the kernel and starts the others. */
int vcpu_state_enter(int vcpu_fd, const struct boot *boot, struct refusal *why);

/* Adapts what KVM supports to one vCPU. The table has room for two entries more. */
void vcpu_state_adapt_cpuid(struct kvm_cpuid2 *table, const struct vcpu_topology *topology);

#endif
