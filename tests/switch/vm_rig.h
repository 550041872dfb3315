/* vm_rig.h - a topology with VMs whose ringway-vmm is a shell script: it does what append says.
 *
 * Threads:   none of its own.
 * Ownership: vm_rig_init() makes a folder and keeps what was started; vm_rig_fini() ends and
 *            removes all of it.
 * Failure:   stops the test program. */
#ifndef TESTS_SWITCH_VM_RIG_H
#define TESTS_SWITCH_VM_RIG_H

#include "switch/vm.h"

enum { VM_RIG_MAX_VMS = 2, VM_RIG_MAX_PORTS = 4 };

struct vm_rig {
	char dir[32];
	struct topology topo;
	struct port_conf ports[VM_RIG_MAX_PORTS];
	struct vm_conf vms[VM_RIG_MAX_VMS];
	struct vm_host host;
	struct vm vm; /* of vms[0] */
};

/* Two VMs named "a" and "b", ports "p0" to "p3"; script is the append of both. PATH begins with the
 * folder, where the fake ringway-vmm lies. */
void vm_rig_init(struct vm_rig *rig, const char *script);
void vm_rig_fini(struct vm_rig *rig);

/* Another program in the place of the fake ringway-vmm: a script with its #! line. */
void vm_rig_replace(struct vm_rig *rig, const char *program);

/* Starts rig->vm. */
void vm_rig_start(struct vm_rig *rig);
/* Waits until the VM's process has ended, and has it reaped at that time. */
void vm_rig_await_end(struct vm *vm, int64_t now_ms);
/* Waits until the VM's report says "running". */
void vm_rig_await_running(const struct vm *vm);
/* What a file of the run-dir says, at most len - 1 bytes. */
void vm_rig_read(const char *path, char *text, size_t len);

/* Gathers standard error from now on; vm_rig_told() gives it back and ends that. */
void vm_rig_listen(void);
void vm_rig_told(char *text, size_t len);

#endif
