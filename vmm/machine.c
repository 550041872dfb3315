#include "vmm/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vmm/layout.h"
#include "vmm/sandbox.h"

static const char default_cmdline[] = "console=ttyS0 panic=-1 8250.nr_uarts=1";

int64_t machine_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void serial_irq(void *ctx, bool level)
{
	struct machine *machine = ctx;

	kvm_set_pin(&machine->kvm, GSI_COM1, level);
}

static void serial_transmit(void *ctx, uint8_t byte)
{
	struct machine *machine = ctx;

	console_put(&machine->console, byte);
}

static int open_net(struct machine *machine, unsigned index, struct refusal *why)
{
	const struct options_net *wish = &machine->options->net[index];
	struct virtio_net *net = &machine->net[index];
	int rc = virtio_net_open(net, &machine->virtio, index, wish, why);

	machine->n_nets = index + 1;
	pci_host_add(&machine->pci, index, &net->vp.pci);
	/* The link's open leaves it closable even when it fails. */
	return net_link_open(&machine->link[index], net, &machine->lock, wish, why) ?: rc;
}

static int open_devices(struct machine *machine, struct refusal *why)
{
	struct bus *io = &machine->io;
	unsigned n = machine->options->n_nets;
	int rc = kvm_init_routes(&machine->kvm, n * VIRTIO_MAX_QUEUES);

	machine->virtio = (struct virtio_world){.kvm = &machine->kvm,
						.ram = &machine->ram,
						.mmio = &machine->mmio,
						.wake_fd = machine->wake_fd};
	if (rc < 0)
		return refuse(why, -rc, "interrupt routes: %s", strerror(-rc));
	serial_init(&machine->serial, serial_irq, serial_transmit, machine);
	bus_add(io, &(struct bus_range){"serial", PORT_COM1, SERIAL_PORTS, true, &serial_ops,
					&machine->serial, 0, 0});
	stop_add_ports(&machine->stop, io);
	pci_host_init(&machine->pci, io);
	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = open_net(machine, i, why);
	return rc;
}

static int map_file(const char *path, const char *what, struct boot_file *file, struct refusal *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	struct stat st;
	void *bytes;

	*file = (struct boot_file){.name = path};
	if (fd < 0)
		return refuse(why, errno, "%s %s: %m", what, path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
		rc = refuse(why, EINVAL, "%s %s: is %s file", what, path,
			    S_ISREG(st.st_mode) ? "an empty" : "not a");
	} else {
		bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd,
			     0);
		if (bytes == MAP_FAILED)
			rc = refuse(why, errno, "%s %s: %m", what, path);
		else
			*file = (struct boot_file){bytes, (size_t)st.st_size, path};
	}
	close(fd);
	return rc;
}

/* The mapping is map_file()'s, so it may be thrown away through a const pointer. */
static void unmap_file(struct boot_file *file)
{
	if (file->bytes)
		munmap((void *)(uintptr_t)file->bytes, file->len);
	file->bytes = NULL;
}

static int load_kernel(struct machine *machine, struct refusal *why)
{
	const struct options *options = machine->options;
	struct boot *boot = &machine->boot;
	int rc = 0, n = snprintf(machine->cmdline, sizeof(machine->cmdline), "%s%s%s",
				 options->kernel ? default_cmdline : "",
				 options->kernel && *options->append ? " " : "", options->append);

	if ((size_t)n >= sizeof(machine->cmdline))
		return refuse(why, E2BIG,
			      "command line: longer than %zu characters; shorten --append",
			      sizeof(machine->cmdline) - 1);
	*boot = (struct boot){.ram = &machine->ram,
			      .kernel = {built_in_guest, built_in_guest_len, "(built in)"},
			      .cmdline = machine->cmdline};
	if (options->kernel)
		rc = map_file(options->kernel, "kernel", &boot->kernel, why);
	if (rc == 0 && options->initrd)
		rc = map_file(options->initrd, "initrd", &boot->initrd, why);
	rc = rc ?: boot_load(boot, why);
	if (options->kernel)
		unmap_file(&boot->kernel);
	unmap_file(&boot->initrd);
	if (rc == 0 && machine->kvm.emulates && !boot->is_pvh)
		say("this host's /dev/kvm emulates every instruction (kvm_pvm): a distribution "
		    "kernel will not boot in useful time; the built-in guest will. Use a host with "
		    "VMX or SVM, or QEMU");
	return rc;
}

/* What a kernel looks for below 1 MiB. */
static int place_tables(struct machine *machine, struct refusal *why)
{
	const struct options *options = machine->options;
	uint8_t *area = guest_ram_at(&machine->ram, LAYOUT_ACPI, ACPI_AREA_LEN);

	acpi_build(area, options->n_cpus);
	if (options->dump_acpi && acpi_dump(area, options->dump_acpi) < 0)
		return refuse(why, errno, "--dump-acpi: %s: %m", options->dump_acpi);
	stop_place_reset_entry(&machine->ram);
	return 0;
}

int machine_open(struct machine *machine, const struct options *options, struct refusal *why)
{
	uint64_t page_size = options->page_size;
	struct guest_ram *ram = &machine->ram;

	machine->options = options;
	machine->kvm.fd = machine->kvm.vm_fd = -1;
	machine->console.in_fd = machine->console.out_fd = machine->console.pty_peer = -1;
	pthread_mutex_init(&machine->lock, NULL);
	pthread_mutex_init(&machine->gate, NULL);
	machine->process_status_fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	machine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (machine->wake_fd < 0)
		return refuse(why, errno, "eventfd: %m");
	stop_init(&machine->stop, machine->wake_fd);
	/* The console last, so that whatever was refused before finds the terminal as it was. */
	return guest_ram_open(ram, options->memory, page_size, options->prealloc, why)
		       ?: kvm_open(&machine->kvm, why)
		       ?: kvm_map_ram(&machine->kvm, ram, why)
		       ?: load_kernel(machine, why)
		       ?: place_tables(machine, why)
		       ?: open_devices(machine, why)
		       ?: console_open(&machine->console,
				       options->dry_run ? "none" : options->console, why);
}

void machine_close(struct machine *machine)
{
	for (unsigned i = 0; i < machine->n_nets; i++)
		net_link_close(&machine->link[i]);
	console_close(&machine->console);
	for (unsigned i = 0; i < machine->n_vcpus; i++)
		vcpu_close(&machine->vcpu[i]);
	for (unsigned i = 0; i < machine->n_nets; i++)
		virtio_net_close(&machine->net[i]);
	kvm_close(&machine->kvm);
	guest_ram_close(&machine->ram);
	close(machine->process_status_fd);
	close(machine->wake_fd);
}

int machine_arm(struct machine *machine, struct refusal *why)
{
	const struct options *options = machine->options;
	unsigned n = options->n_cpus;
	int rc;

	machine->gate_held = pthread_mutex_lock(&machine->gate) == 0;
	rc = sandbox_harden(options->sandbox, why);
	for (; machine->n_vcpus < n && rc == 0; machine->n_vcpus++)
		rc = vcpu_open(&machine->vcpu[machine->n_vcpus], machine, machine->n_vcpus, why);
	rc = rc ?: vcpu_state_enter(machine->vcpu[0].fd, &machine->boot, why);
	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = vcpu_start(&machine->vcpu[i], why);
	return rc ?: console_start(&machine->console, options->sandbox, why)
			     ?: sandbox_enter(SANDBOX_CONTROL, options->sandbox, why);
}

void machine_run(struct machine *machine)
{
	if (machine->gate_held)
		pthread_mutex_unlock(&machine->gate);
	machine->gate_held = false;
}

void machine_halt(struct machine *machine)
{
	/* A thread that still waits at the gate must pass it to see that it has to end. */
	machine_run(machine);
	for (unsigned i = 0; i < machine->n_vcpus; i++)
		vcpu_stop(&machine->vcpu[i]);
}

void machine_press_power_button(struct machine *machine)
{
	pthread_mutex_lock(&machine->lock);
	kvm_set_pin(&machine->kvm, GSI_POWER_BUTTON, true);
	kvm_set_pin(&machine->kvm, GSI_POWER_BUTTON, false);
	pthread_mutex_unlock(&machine->lock);
}
