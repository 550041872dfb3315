#include "vmm/machine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/layout.h"

enum {
	FEATURES_LEN = 512,
	COUNTER_NAME_LEN = 64,
	MAX_COUNTERS = 512,
};

static void print_range(uint64_t start, uint64_t end, const char *what)
{
	printf("  0x%010lx-0x%010lx %s\n", start, end - 1, what);
}

static void print_memory_map(const struct machine *machine)
{
	const struct boot *boot = &machine->boot;
	struct boot_e820_entry range[BOOT_MAX_RANGES];
	unsigned n = boot_memory_map(&machine->ram, range);

	printf("memory map\n");
	for (unsigned i = 0; i < n; i++)
		print_range(range[i].addr, range[i].addr + range[i].size,
			    range[i].type == BOOT_RANGE_RAM ? "RAM" : "reserved");
	print_range(LAYOUT_PCI_WINDOW, LAYOUT_PCI_WINDOW_END, "PCI window");
	print_range(boot->kernel_start, boot->kernel_end, "kernel");
	printf("    entered at 0x%lx (%s)\n", boot->entry, boot->is_pvh ? "PVH" : "bzImage");
	if (boot->initrd.len)
		print_range(boot->initrd_start, boot->initrd_start + boot->initrd.len, "initrd");
}

static void print_pci_map(struct machine *machine)
{
	printf("PCI map\n  00:00.0 host bridge\n");
	for (unsigned i = 0; i < machine->n_nets; i++) {
		struct virtio_net *net = &machine->net[i];
		const struct virtio_queue *queue = net->vp.queue;
		const uint8_t *mac = net->config.mac;
		char names[FEATURES_LEN] = "known when a back-end is at the socket";

		printf("  00:%02x.0 %s: BAR 0x%lx, GSIs %u-%u, mac %02x:%02x:%02x:%02x:%02x:%02x, "
		       "%u pair%s, socket %s\n",
		       PCI_FIRST_FREE_SLOT + i, net->name, net->vp.pci.bar_base, queue[0].gsi,
		       queue[net->vp.n_queues - 1].gsi, mac[0], mac[1], mac[2], mac[3], mac[4],
		       mac[5], net->pairs_asked, net->pairs_asked > 1 ? "s" : "",
		       machine->link[i].path);
		net_link_step(&machine->link[i], 0);
		if (machine->link[i].known)
			vhost_user_feature_names(net->vp.offered, names, sizeof(names));
		printf("          features: %s\n", names);
	}
}

void report_plan(struct machine *machine)
{
	const struct options *options = machine->options;

	printf("%s: %u CPU%s, %lu MiB\n", options->name, options->n_cpus,
	       options->n_cpus > 1 ? "s" : "", options->memory >> 20);
	print_memory_map(machine);
	print_pci_map(machine);
	printf("command line\n  %s\n", machine->cmdline);
}

/* What KVM itself counts about a vCPU; false if this kernel does not know the name. The descriptor
 * begins with a header that says where descriptions and figures stand: Linux
 * Documentation/virt/kvm/api.rst, 4.133 KVM_GET_STATS_FD. */
static bool kvm_counter(int stats_fd, const char *name, uint64_t *value)
{
	union {
		struct kvm_stats_desc fixed;
		uint8_t room[sizeof(struct kvm_stats_desc) + COUNTER_NAME_LEN];
	} described;
	struct kvm_stats_header header;

	if (pread(stats_fd, &header, sizeof(header), 0) != sizeof(header) ||
	    header.name_size > COUNTER_NAME_LEN || header.num_desc > MAX_COUNTERS)
		return false;
	for (uint32_t i = 0; i < header.num_desc; i++) {
		size_t len = sizeof(struct kvm_stats_desc) + header.name_size;

		if (pread(stats_fd, &described, len, (off_t)(header.desc_offset + i * len)) !=
		    (ssize_t)len)
			return false;
		if (strncmp(described.fixed.name, name, header.name_size) == 0)
			return pread(stats_fd, value, sizeof(*value),
				     (off_t)(header.data_offset + described.fixed.offset)) ==
			       sizeof(*value);
	}
	return false;
}

static void print_exits(const struct vcpu *vcpu)
{
	static const char *const counters[] = {"exits",		 "io_exits",	   "mmio_exits",
					       "halt_exits",	 "irq_exits",	   "signal_exits",
					       "irq_injections", "insn_emulation", "halt_wakeup"};
	uint64_t value;

	for (unsigned reason = 0; reason < VCPU_N_REASONS; reason++)
		if (vcpu->n_exits[reason])
			say("stats: vcpu%u exit to launcher: %s %lu", vcpu->id,
			    vcpu_reason_name(reason), vcpu->n_exits[reason]);
	for (size_t c = 0; c < sizeof(counters) / sizeof(counters[0]); c++)
		if (kvm_counter(vcpu->stats_fd, counters[c], &value))
			say("stats: vcpu%u kvm: %s %lu", vcpu->id, counters[c], value);
}

static void print_bus(const struct bus *bus, const char *kind)
{
	for (unsigned i = 0; i < bus->n_ranges; i++) {
		const struct bus_range *range = &bus->range[i];

		if (range->n_reads || range->n_writes)
			say("stats: %s %s: reads %lu writes %lu", kind, range->name, range->n_reads,
			    range->n_writes);
	}
	if (bus->n_strays)
		say("stats: %s: stray accesses %lu, the last at 0x%lx", kind, bus->n_strays,
		    bus->last_stray);
}

static void print_net(const struct virtio_net *net, const struct net_link *link)
{
	say("stats: %s: kicks through launcher %lu, config interrupts %lu, control commands %lu, "
	    "refused writes %lu, connects %lu, losses %lu",
	    net->name, net->vp.n_slow_kicks, net->vp.n_config_interrupts, net->control.n_commands,
	    net->vp.n_refused, link->n_connects, link->n_losses);
}

/* "RssAnon:	     123 kB" */
static unsigned long field_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

static void print_memory(const struct machine *machine)
{
	char text[4096] = "";
	unsigned long private_kib;

	if (pread(machine->process_status_fd, text, sizeof(text) - 1, 0) <= 0)
		return;
	private_kib = field_of(text, "RssAnon:");
	/* Guest RAM is shared memory and nothing else is. */
	say("stats: resident beyond guest RAM: %lu KiB (of it private %lu KiB); guest RAM "
	    "resident: %lu KiB",
	    private_kib + field_of(text, "RssFile:"), private_kib, field_of(text, "RssShmem:"));
}

void report_stats(struct machine *machine)
{
	const int64_t entered_ns = machine->vcpu[0].entered_ns;

	for (unsigned i = 0; i < machine->n_vcpus; i++)
		print_exits(&machine->vcpu[i]);
	pthread_mutex_lock(&machine->lock);
	print_bus(&machine->io, "port");
	print_bus(&machine->mmio, "mmio");
	for (unsigned i = 0; i < machine->n_nets; i++)
		print_net(&machine->net[i], &machine->link[i]);
	pthread_mutex_unlock(&machine->lock);
	say("stats: interrupt routes set %lu, console bytes dropped %lu",
	    machine->kvm.n_route_updates, machine->console.n_dropped);
	if (entered_ns)
		say("stats: start to first guest instruction: %.2f ms",
		    (double)(entered_ns - machine->born_ns) / 1e6);
	print_memory(machine);
}
