/* vm_host.h - what this host has to run VMs with, and which hypervisor a VM gets.
 *
 * Threads:   the main thread.
 * Ownership: plain values.
 * Failure:   -ENOENT after a logged line that names what to install. */
#ifndef SWITCH_VM_HOST_H
#define SWITCH_VM_HOST_H

#include "config/topology.h"

#include <limits.h>

struct vm_host {
	bool kvm;		 /* /dev/kvm can be opened */
	bool emulates;		 /* ... but interprets every instruction: only the tiny guest gets
				    anywhere */
	int kvm_errno;		 /* why it cannot be opened */
	char launcher[PATH_MAX]; /* of ringway-vmm; "": not found */
	char qemu[PATH_MAX];	 /* of qemu-system-x86_64; "": not found */
};

/* ringway-vmm lies beside the running program, or in PATH. */
void vm_host_look(struct vm_host *host);

/* Resolves auto. */
enum vm_hypervisor vm_host_choose(const struct vm_host *host, const struct vm_conf *vm);

/* Whether QEMU may use KVM here. */
bool vm_host_qemu_has_kvm(const struct vm_host *host);

/* Whether the program that this VM needs is there. */
int vm_host_check(const struct vm_host *host, const struct vm_conf *vm);

#endif
