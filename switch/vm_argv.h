/* vm_argv.h - the command lines that start a VM: of ringway-vmm, and of QEMU for the same VM.
 *
 * Threads:   none of its own.
 * Ownership: a struct vm_argv keeps its words; vm_argv_fini() frees them.
 * Failure:   no_memory is set, and stays set, when a word could not be stored. */
#ifndef SWITCH_VM_ARGV_H
#define SWITCH_VM_ARGV_H

#include "config/topology.h"
#include "switch/vm_paths.h"

enum {
	VM_ARGV_MAX = 192,
	VM_ARGV_MAC_LEN = 18,
};

struct vm_argv {
	char *word[VM_ARGV_MAX + 1]; /* NULL behind the last one, as exec(3) wants it */
	unsigned n;
	bool no_memory;
};

void vm_argv_fini(struct vm_argv *argv);

/* The MAC address of the NIC at that port: locally administered, and the same whenever this port of
 * this switch is asked for. */
void vm_argv_mac(const struct topology *topo, const struct port_conf *port,
		 char mac[VM_ARGV_MAC_LEN]);

/* status_fd: where ringway-vmm reports to. */
void vm_argv_launcher(struct vm_argv *argv, const struct topology *topo, const struct vm_conf *vm,
		      const struct vm_paths *paths, int status_fd);
void vm_argv_qemu(struct vm_argv *argv, const struct topology *topo, const struct vm_conf *vm,
		  const struct vm_paths *paths, bool with_kvm);

/* What wires any QEMU guest to the port: accelerator, memory and NIC; an option and its value, in
 * turn. */
void vm_argv_qemu_port(struct vm_argv *argv, const struct topology *topo,
		       const struct port_conf *port, bool with_kvm);

#endif
