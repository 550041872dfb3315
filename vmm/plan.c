#include "vmm/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/layout.h"

enum {
	FEATURES_LEN = 512,
	FILE_MODE = 0644,
	XSDT_ENTRIES = 36, /* offset */
	FADT_X_DSDT = 140,
	RSDP_XSDT = 24,
	TABLE_LEN = 4,
};

static void print_memory(const struct machine *machine)
{
	struct boot_range range[BOOT_MAX_RANGES];
	unsigned n = boot_memory_map(&machine->ram, range);

	printf("memory map\n");
	for (unsigned i = 0; i < n; i++)
		printf("  0x%010lx-0x%010lx %s\n", range[i].start,
		       range[i].start + range[i].len - 1,
		       range[i].type == BOOT_RANGE_RAM ? "RAM" : "reserved");
	printf("  0x%010lx-0x%010lx PCI window\n", LAYOUT_PCI_WINDOW, LAYOUT_PCI_WINDOW_END - 1);
	printf("  0x%010lx-0x%010lx kernel, entered at 0x%lx (%s)\n", machine->plan.kernel_start,
	       machine->plan.kernel_end - 1, machine->plan.entry,
	       machine->plan.mode == BOOT_LONG_MODE ? "64-bit" : "PVH");
	if (machine->plan.initrd_len)
		printf("  0x%010lx-0x%010lx initrd\n", machine->plan.initrd_start,
		       (machine->plan.initrd_start + machine->plan.initrd_len) - 1);
}

static void print_pci(struct machine *machine)
{
	printf("PCI map\n  00:00.0 host bridge\n");
	for (unsigned i = 0; i < machine->n_nets; i++) {
		struct virtio_net *net = &machine->net[i];
		const uint8_t *mac = net->config.mac;
		char names[FEATURES_LEN];

		printf("  00:%02x.0 %s: BAR 0x%lx, GSIs %u-%u, mac %02x:%02x:%02x:%02x:%02x:%02x, "
		       "%u pair%s, socket %s\n",
		       PCI_FIRST_FREE_SLOT + i, net->name, net->vp.pci.bar_base,
		       net->vp.queue[0].gsi, net->vp.queue[0].gsi + net->vp.n_queues - 1, mac[0],
		       mac[1], mac[2], mac[3], mac[4], mac[5], net->pairs_asked,
		       net->pairs_asked > 1 ? "s" : "", machine->link[i].path);
		net_link_step(&machine->link[i], 0);
		if (!machine->link[i].known) {
			printf("          features: known when a back-end is at the socket\n");
			continue;
		}
		vhost_user_feature_names(net->vp.offered, names, sizeof(names));
		printf("          features: %s\n", names);
	}
}

void plan_print(struct machine *machine)
{
	printf("%s: %u CPU%s, %lu MiB\n", machine->options->name, machine->options->n_cpus,
	       machine->options->n_cpus > 1 ? "s" : "", machine->options->memory >> 20);
	print_memory(machine);
	print_pci(machine);
	printf("command line\n  %s\n", machine->cmdline);
}

static int dump_table(const struct machine *machine, uint64_t gpa, struct refusal *why)
{
	const uint8_t *table = guest_ram_at(&machine->ram, gpa, XSDT_ENTRIES);
	char path[512];
	uint32_t len;
	int fd;

	memcpy(&len, table + TABLE_LEN, sizeof(len));
	snprintf(path, sizeof(path), "%s/%.4s.aml", machine->options->dump_acpi,
		 (const char *)table);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
	if (fd < 0 || write(fd, table, len) != (ssize_t)len) {
		int error = errno;

		if (fd >= 0)
			close(fd);
		return refuse(why, error, "--dump-acpi: %s: %s", path, strerror(error));
	}
	close(fd);
	return 0;
}

static uint64_t pointer_at(const struct machine *machine, uint64_t gpa)
{
	uint64_t pointer;

	memcpy(&pointer, guest_ram_at(&machine->ram, gpa, sizeof(pointer)), sizeof(pointer));
	return pointer;
}

int plan_dump_acpi(const struct machine *machine, struct refusal *why)
{
	uint64_t xsdt = pointer_at(machine, LAYOUT_ACPI + RSDP_XSDT);
	uint64_t fadt = pointer_at(machine, xsdt + XSDT_ENTRIES);
	uint64_t madt = pointer_at(machine, xsdt + XSDT_ENTRIES + 8);
	uint64_t tables[] = {xsdt, fadt, madt, pointer_at(machine, fadt + FADT_X_DSDT)};
	int rc = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && rc == 0; i++)
		rc = dump_table(machine, tables[i], why);
	return rc;
}
