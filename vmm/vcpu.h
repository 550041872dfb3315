/* vcpu.h - one virtual CPU: its thread, and what it does at each exit.
 *
 * Threads:   vcpu_open() and vcpu_close() by the control thread; the vCPU's own thread runs it.
 *            Counters are written by the vCPU's thread and read by others when it rests, or loosely
 *            for display.
 * Ownership: keeps its descriptors and the shared page; borrows the world.
 * Failure:   0 or -errno with a refusal; at run time a stop cause and a line on standard error. */
#ifndef RINGWAY_VMM_VCPU_H
#define RINGWAY_VMM_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/bus.h"
#include "vmm/kvm.h"
#include "vmm/stop.h"

enum {
	VCPU_N_REASONS = 48, /* KVM_EXIT_*; the last place takes the rest */
};

/* What all vCPUs of a machine share. */
struct vcpu_world {
	const struct kvm *kvm;
	struct bus *io;
	struct bus *mmio;
	pthread_mutex_t *lock; /* held around every device access */
	struct stop *stop;
	unsigned n_cpus;
	/* Called by the thread before it runs the guest; -errno ends the VM. NULL: none. */
	int (*prepare)(void *ctx, unsigned id);
	void *ctx;
};

struct vcpu {
	const struct vcpu_world *world;
	unsigned id;
	int fd;
	int stats_fd; /* -1: none */
	struct kvm_run *run;
	pthread_t thread;
	bool has_thread;
	uint64_t n_exits[VCPU_N_REASONS];
	uint64_t n_interrupted; /* returns of KVM_RUN without an exit */
};

int vcpu_open(struct vcpu *vcpu, const struct vcpu_world *world, unsigned id, struct refusal *why);
int vcpu_start(struct vcpu *vcpu, struct refusal *why);
/* Makes the thread look at world->stop. */
void vcpu_kick(struct vcpu *vcpu);
void vcpu_join(struct vcpu *vcpu);
void vcpu_close(struct vcpu *vcpu);

/* Answers the exit in *run; for the run loop and the tests. */
void vcpu_handle_exit(struct vcpu *vcpu, struct kvm_run *run);

/* "port", "mmio", ... */
const char *vcpu_reason_name(unsigned reason);

#endif
