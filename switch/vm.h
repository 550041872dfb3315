/* vm.h - one VM of the topology: what runs it, its state, and what follows from each event.
 *
 *      down --start--> up --stop--> stopping --ended--> ended
 *                      up --ended--> ended, or pause --time--> up     (restart = on-failure)
 *
 * Stopping presses the power button (ringway-vmm: SIGTERM; QEMU: system_powerdown by its monitor).
 * A VM that does not power off within stop-timeout is killed; a second vm_stop() ends it at once.
 *
 * Threads:   the main thread; nothing blocks.
 * Ownership: borrows the topology and the host; keeps the process's pidfd and files until
 *            vm_fini(), which leaves the process alone.
 * Failure:   vm_init(): -errno after a logged line. Later failures are logged and end the VM. */
#ifndef SWITCH_VM_H
#define SWITCH_VM_H

#include "config/topology.h"
#include "switch/vm_host.h"
#include "switch/vm_log.h"
#include "switch/vm_paths.h"
#include "switch/vm_process.h"
#include "switch/vm_status.h"

#include <jansson.h>

enum vm_state { VM_DOWN, VM_UP, VM_STOPPING, VM_PAUSE, VM_ENDED, VM_STATE_N };

enum {
	VM_PAUSE_FIRST_MS = 1000, /* before a restart; doubles while the VM does not stay up */
	VM_PAUSE_MAX_MS = 30000,
	VM_STAYS_UP_S = 60,
	VM_KILL_MARGIN_MS = 2000, /* ringway-vmm counts stop-timeout, too, and ends tidily */
};

struct vm {
	const struct topology *topo;
	const struct vm_conf *conf;
	const struct vm_host *host;
	struct vm_paths paths;
	enum vm_hypervisor hypervisor; /* never auto */
	enum vm_state state;
	struct vm_process process;
	struct vm_log log;
	uint64_t command;    /* vm_record_hash() of the words */
	int monitor_fd;	     /* QEMU's, once asked to power off; -1: none */
	bool button_pressed; /* the VM was told to power off */
	bool hurried;	     /* ... and told again */
	int64_t deadline_ms; /* of VM_STOPPING and VM_PAUSE, on the caller's clock */
	unsigned n_restarts;
	unsigned n_fast_ends; /* in a row, before VM_STAYS_UP_S */
	struct vm_end end;    /* the last one; text "": none yet */
};

int vm_init(struct vm *vm, const struct topology *topo, const struct vm_conf *conf,
	    const struct vm_host *host);
void vm_fini(struct vm *vm);

/* Takes over the process that an earlier switch left, if it still runs. */
bool vm_adopt(struct vm *vm);
void vm_start(struct vm *vm);
void vm_stop(struct vm *vm, int64_t now_ms);
/* When the pidfd is readable. Harmless when the process still runs. */
void vm_reap(struct vm *vm, int64_t now_ms);
/* Now and then: tells what the hypervisor said, keeps deadlines. */
void vm_tick(struct vm *vm, int64_t now_ms);

/* Whether there is a process. */
bool vm_is_alive(const struct vm *vm);
/* For `ringway show vms`. Gives. */
json_t *vm_describe(const struct vm *vm);

#endif
