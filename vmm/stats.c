#include "vmm/stats.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/kvm_stats.h"

static const char *const kernel_counters[] = {"exits",		"io_exits",	  "mmio_exits",
					      "halt_exits",	"irq_exits",	  "signal_exits",
					      "irq_injections", "insn_emulation", "halt_wakeup"};

/* Where a vCPU stands that has been ended; of a running one KVM would not say. */
static void print_place(const struct vcpu *vcpu)
{
	struct kvm_regs regs;

	if (!vcpu->has_thread && vcpu->fd >= 0 && ioctl(vcpu->fd, KVM_GET_REGS, &regs) == 0)
		say("stats: vcpu%u ended at rip 0x%llx", vcpu->id, regs.rip);
}

static void print_exits(const struct machine *machine)
{
	for (unsigned i = 0; i < machine->n_vcpus; i++) {
		const struct vcpu *vcpu = &machine->vcpu[i];

		print_place(vcpu);
		for (unsigned reason = 0; reason < VCPU_N_REASONS; reason++) {
			const char *name = vcpu_reason_name(reason);

			if (vcpu->n_exits[reason])
				say("stats: vcpu%u exit to launcher: %s %lu", i,
				    name ? name : "other", vcpu->n_exits[reason]);
		}
		for (size_t c = 0; c < sizeof(kernel_counters) / sizeof(kernel_counters[0]); c++) {
			uint64_t value;

			if (kvm_stats_read(vcpu->stats_fd, kernel_counters[c], &value) == 0)
				say("stats: vcpu%u kvm: %s %lu", i, kernel_counters[c], value);
		}
	}
}

static void print_bus(const struct bus *bus, const char *kind)
{
	for (unsigned i = 0; i < bus->n_ranges; i++) {
		const struct bus_range *range = &bus->range[i];

		if (range->n_reads || range->n_writes)
			say("stats: %s %s: reads %lu writes %lu", kind, range->name, range->n_reads,
			    range->n_writes);
	}
	for (unsigned i = 0; i < bus->n_stray_addrs; i++)
		say("stats: %s 0x%lx: stray accesses %lu", kind, bus->stray[i].addr,
		    bus->stray[i].n);
}

static void print_nets(const struct machine *machine)
{
	for (unsigned i = 0; i < machine->n_nets; i++) {
		const struct virtio_net *net = &machine->net[i];
		const struct net_link *link = &machine->link[i];

		say("stats: net%u: kicks through launcher %lu, config interrupts %lu, control "
		    "commands %lu, refused writes %lu, connects %lu, losses %lu",
		    i, net->vp.n_slow_kicks, net->vp.n_config_interrupts, net->control.n_commands,
		    net->vp.n_refused, link->n_connects, link->n_losses);
	}
}

/* "RssAnon:	     123 kB" */
static unsigned long field_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

static void print_memory(const struct machine *machine)
{
	char text[4096];
	ssize_t n = pread(machine->process_status_fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return;
	text[n] = '\0';
	/* Guest RAM is shared memory and nothing else is. */
	say("stats: resident beyond guest RAM: %lu KiB (of it private %lu KiB); guest RAM "
	    "resident: %lu KiB",
	    field_of(text, "RssAnon:") + field_of(text, "RssFile:"), field_of(text, "RssAnon:"),
	    field_of(text, "RssShmem:"));
}

void stats_print(struct machine *machine)
{
	print_exits(machine);
	pthread_mutex_lock(&machine->lock);
	print_bus(&machine->io, "port");
	print_bus(&machine->mmio, "mmio");
	print_nets(machine);
	pthread_mutex_unlock(&machine->lock);
	say("stats: interrupt routes set %lu, console bytes dropped %lu",
	    machine->events.n_route_updates, machine->console.n_dropped);
	if (machine->first_run_ns)
		say("stats: start to first guest instruction: %.2f ms",
		    (double)(machine->first_run_ns - machine->born_ns) / 1e6);
	print_memory(machine);
}
