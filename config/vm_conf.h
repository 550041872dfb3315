/* vm_conf.h - one [vm NAME] section of an INI file.
 *
 * Threads:   none of its own; part of struct topology.
 * Ownership: plain values. */
#ifndef CONFIG_VM_CONF_H
#define CONFIG_VM_CONF_H

#include <stdint.h>

enum {
	VM_CONF_NAME_LEN = 32, /* TOPOLOGY_NAME_LEN */
	VM_CONF_MAX_PORTS = 16,
	/* With their keys in front these still make a line that an INI file may have
	 * (SCAN_MAX_LINE), so that what is dumped can be read. */
	VM_CONF_LIST_LEN = 189,
	VM_CONF_PATH_LEN = 188,
	VM_CONF_APPEND_LEN = 188,
	VM_CONF_MAX_CPUS = 64,
};

enum vm_console { VM_CONSOLE_FILE, VM_CONSOLE_PTY, VM_CONSOLE_NONE, VM_CONSOLE_N };
enum vm_hypervisor {
	VM_HYPERVISOR_AUTO,
	VM_HYPERVISOR_KVM,  /* ringway-vmm */
	VM_HYPERVISOR_QEMU, /* qemu-system-x86_64, with KVM or without */
	VM_HYPERVISOR_N
};
enum vm_stats { VM_STATS_NO, VM_STATS_YES, VM_STATS_N };
enum vm_restart { VM_RESTART_NO, VM_RESTART_ON_FAILURE, VM_RESTART_N };

struct vm_conf {
	char name[VM_CONF_NAME_LEN];
	char ports[VM_CONF_LIST_LEN]; /* names with commas between, as NIC 0, 1, ... of the VM */
	uint16_t port[VM_CONF_MAX_PORTS]; /* the same as indices into topology.ports */
	unsigned n_ports;
	char kernel[VM_CONF_PATH_LEN]; /* absolute; "": the tiny guest built into ringway-vmm */
	char initrd[VM_CONF_PATH_LEN]; /* absolute; "": none */
	char append[VM_CONF_APPEND_LEN];
	uint32_t memory_mib;
	unsigned n_cpus;
	enum vm_console console;
	enum vm_hypervisor hypervisor;
	enum vm_restart restart;
	enum vm_stats stats;
	uint32_t stop_timeout_s; /* from the power button to the end */
	int line;
};

#endif
