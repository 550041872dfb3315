/* machine.h - one VM: memory, vCPUs, buses and devices, put together, watched over until it ends,
 * and taken apart.
 *
 * Threads:   all calls by the control thread. `lock` is held around every device access, by vCPU
 *            threads and by the control thread alike; net_link is the control thread's own.
 * Ownership: keeps everything in it; borrows the options.
 * Failure:   0 or -errno with a refusal; machine_close() accepts a machine that was opened in part.
 *            Once it runs, a stop cause in `stop`. */
#ifndef RINGWAY_VMM_MACHINE_H
#define RINGWAY_VMM_MACHINE_H

#include "vmm/boot.h"
#include "vmm/console.h"
#include "vmm/net_link.h"
#include "vmm/options.h"
#include "vmm/serial.h"
#include "vmm/stop.h"
#include "vmm/vcpu.h"

enum {
	MACHINE_CMDLINE_LEN = 4096,
};

struct machine {
	const struct options *options;
	int64_t born_ns; /* CLOCK_MONOTONIC at the start of the process */
	struct kvm kvm;
	struct guest_ram ram;
	struct boot boot;
	char cmdline[MACHINE_CMDLINE_LEN];

	pthread_mutex_t lock;
	struct bus io, mmio;
	struct pci_host pci;
	struct serial serial;
	struct console console;
	struct virtio_world virtio;
	unsigned n_nets;
	struct virtio_net net[OPTIONS_MAX_NETS];
	struct net_link link[OPTIONS_MAX_NETS];

	int wake_fd;
	int process_status_fd; /* /proc/self/status, for the statistics */
	struct stop stop;
	unsigned n_vcpus;
	struct vcpu vcpu[OPTIONS_MAX_CPUS];
	pthread_mutex_t gate; /* held until the vCPUs may run */
	bool gate_held;
};

/* The machine was zeroed. */
int machine_open(struct machine *machine, const struct options *options, struct refusal *why);
void machine_close(struct machine *machine);

/* Creates vCPUs with their threads, which wait, and shuts the control thread into its sandbox. */
int machine_arm(struct machine *machine, struct refusal *why);
/* Lets the guest run. */
void machine_run(struct machine *machine);
/* Ends the vCPU threads. */
void machine_halt(struct machine *machine);

void machine_press_power_button(struct machine *machine);

int64_t machine_now_ns(void);

/* control.c: blocks the signals that the control thread takes and returns a descriptor for them, or
 * -errno. Before any thread is created, so that all inherit the mask. */
int control_take_signals(void);
/* Signals, terminal, back-ends, deadlines: waits for all back-ends, lets the guest run, and returns
 * when the VM has a stop cause. */
void control_run(struct machine *machine, int signal_fd);
/* The last status line. */
void control_report_exit(const struct machine *machine);

/* report.c: for --dry-run memory map, PCI map, interrupts and command line, to standard output; the
 * features of a back-end that is there already are shown, too. */
void report_plan(struct machine *machine);
/* Exits by reason, device accesses, notifications, memory, start-up time, to standard error; read
 * loosely while the guest runs, a figure that cannot be read is left out. */
void report_stats(struct machine *machine);

#endif
