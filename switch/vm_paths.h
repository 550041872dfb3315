/* vm_paths.h - where a VM's files lie in the run-dir.
 *
 * Threads:   none of its own.
 * Ownership: plain values.
 * Failure:   -ENAMETOOLONG, after a logged line, when a socket of the VM would not fit sun_path. */
#ifndef SWITCH_VM_PATHS_H
#define SWITCH_VM_PATHS_H

#include "config/topology.h"

enum { VM_PATHS_LEN = TOPOLOGY_PATH_LEN };

struct vm_paths {
	char console[VM_PATHS_LEN]; /* NAME.console, a file, or NAME.tty, a terminal (QEMU: a
				       socket that speaks as one) */
	char monitor[VM_PATHS_LEN]; /* NAME.mon: QEMU's monitor socket */
	char log[VM_PATHS_LEN];	    /* NAME.log: what the hypervisor says */
	char status[VM_PATHS_LEN];  /* NAME.stat: what ringway-vmm reports */
	char record[VM_PATHS_LEN];  /* NAME.vm: which process it is, for the next switch */
};

int vm_paths_init(struct vm_paths *paths, const struct topology *topo, const struct vm_conf *vm);

/* Removes all but what the guest said on its console, which stays to be read. */
void vm_paths_remove(const struct vm_paths *paths, const struct vm_conf *vm);

#endif
