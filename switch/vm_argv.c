#include "switch/vm_argv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QEMU_MIB = 512 }; /* of a guest that is wired by hand */

/* What ringway-vmm puts in front of append by itself. */
static const char kernel_words[] = "console=ttyS0 panic=-1";

static void add(struct vm_argv *argv, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct vm_argv *argv, const char *format, ...)
{
	va_list values;
	char *word;

	assert(argv->n < VM_ARGV_MAX);
	va_start(values, format);
	if (vasprintf(&word, format, values) < 0)
		word = NULL;
	va_end(values);
	if (word)
		argv->word[argv->n++] = word;
	else
		argv->no_memory = true;
}

static void add_option(struct vm_argv *argv, const char *option, const char *value)
{
	add(argv, "%s", option);
	add(argv, "%s", value);
}

void vm_argv_fini(struct vm_argv *argv)
{
	for (unsigned i = 0; i < argv->n; i++)
		free(argv->word[i]);
	*argv = (struct vm_argv){.n = 0};
}

void vm_argv_mac(const struct topology *topo, const struct port_conf *port,
		 char mac[VM_ARGV_MAC_LEN])
{
	const char *const texts[] = {topo->sw.name, "/", port->name};
	uint32_t hash = 2166136261u; /* FNV-1a */

	if (port->mac.n) {
		const uint8_t *bound = port->mac.macs[0];

		snprintf(mac, 18, "%02x:%02x:%02x:%02x:%02x:%02x", bound[0], bound[1], bound[2],
			 bound[3], bound[4], bound[5]);
		return;
	}
	for (unsigned i = 0; i < 3; i++)
		for (const char *c = texts[i]; *c; c++)
			hash = (hash ^ (uint8_t)*c) * 16777619u;
	snprintf(mac, VM_ARGV_MAC_LEN, "52:54:00:%02x:%02x:%02x", hash >> 16 & 0xff,
		 hash >> 8 & 0xff, hash & 0xff);
}

static void add_launcher_nic(struct vm_argv *argv, const struct topology *topo,
			     const struct port_conf *port)
{
	char mac[VM_ARGV_MAC_LEN], mtu[16] = "";

	vm_argv_mac(topo, port, mac);
	if (port->mtu)
		snprintf(mtu, sizeof(mtu), ",mtu=%u", port->mtu);
	add(argv, "--net");
	add(argv, "socket=%s,mac=%s,queues=%u%s,role=%s", port->socket, mac, port->n_queues, mtu,
	    port->role == ROLE_SERVER ? "client" : "server");
}

static void add_launcher_console(struct vm_argv *argv, const struct vm_conf *vm,
				 const struct vm_paths *paths)
{
	add(argv, "--console");
	if (vm->console == VM_CONSOLE_FILE)
		add(argv, "file:%s", paths->console);
	else if (vm->console == VM_CONSOLE_PTY)
		add(argv, "pty:%s", paths->console);
	else
		add(argv, "none");
}

void vm_argv_launcher(struct vm_argv *argv, const struct topology *topo, const struct vm_conf *vm,
		      const struct vm_paths *paths, int status_fd)
{
	add(argv, "ringway-vmm");
	add_option(argv, "--name", vm->name);
	if (vm->kernel[0])
		add_option(argv, "--kernel", vm->kernel);
	if (vm->initrd[0])
		add_option(argv, "--initrd", vm->initrd);
	if (vm->append[0])
		add_option(argv, "--append", vm->append);
	add(argv, "--memory");
	add(argv, "%uM", vm->memory_mib);
	add(argv, "--cpus");
	add(argv, "%u", vm->n_cpus);
	for (unsigned i = 0; i < vm->n_ports; i++)
		add_launcher_nic(argv, topo, &topo->ports[vm->port[i]]);
	add_launcher_console(argv, vm, paths);
	add(argv, "--stop-timeout");
	add(argv, "%u", vm->stop_timeout_s);
	add(argv, "--status-fd");
	add(argv, "%d", status_fd);
	if (vm->stats == VM_STATS_YES)
		add(argv, "--stats");
}

/* Options of QEMU take a comma for their end unless it is doubled. */
static const char *escaped(const char *path, char out[2 * VM_PATHS_LEN])
{
	char *to = out;

	for (; *path && to - out < 2 * VM_PATHS_LEN - 2; path++) {
		*to++ = *path;
		if (*path == ',')
			*to++ = ',';
	}
	*to = '\0';
	return out;
}

static void add_qemu_console(struct vm_argv *argv, const struct vm_conf *vm,
			     const struct vm_paths *paths)
{
	char path[2 * VM_PATHS_LEN];

	escaped(paths->console, path);
	if (vm->console == VM_CONSOLE_NONE) {
		add_option(argv, "-serial", "none");
		return;
	}
	add(argv, "-chardev");
	if (vm->console == VM_CONSOLE_FILE)
		add(argv, "file,id=console,path=%s", path);
	else
		add(argv, "socket,id=console,path=%s,server=on,wait=off", path);
	add_option(argv, "-serial", "chardev:console");
}

static void add_qemu_memory(struct vm_argv *argv, unsigned mib)
{
	add(argv, "-m");
	add(argv, "%uM", mib);
	add(argv, "-object");
	add(argv, "memory-backend-memfd,id=mem,size=%uM,share=on", mib);
	add_option(argv, "-machine", "memory-backend=mem");
}

/* without_msix: Debian 12's QEMU 7.2 ends by an assertion when MSI-X meets vhost-user under TCG. */
static void add_qemu_nic(struct vm_argv *argv, const struct topology *topo,
			 const struct port_conf *port, bool without_msix)
{
	char path[2 * VM_PATHS_LEN];
	char mac[VM_ARGV_MAC_LEN], queues[32] = "", device_queues[48] = "", mtu[32] = "";

	vm_argv_mac(topo, port, mac);
	if (port->n_queues > 1) {
		snprintf(queues, sizeof(queues), ",queues=%u", port->n_queues);
		snprintf(device_queues, sizeof(device_queues), ",mq=on,vectors=%u",
			 without_msix ? 0 : 2u * port->n_queues + 2);
	} else if (without_msix) {
		snprintf(device_queues, sizeof(device_queues), ",vectors=0");
	}
	if (port->mtu)
		snprintf(mtu, sizeof(mtu), ",host_mtu=%u", port->mtu);
	add(argv, "-chardev");
	add(argv, "socket,id=chr-%s,path=%s,%s", port->name, escaped(port->socket, path),
	    port->role == ROLE_SERVER ? "reconnect=1" : "server=on");
	add(argv, "-netdev");
	add(argv, "vhost-user,id=net-%s,chardev=chr-%s%s", port->name, port->name, queues);
	add(argv, "-device");
	add(argv, "virtio-net-pci,netdev=net-%s,mac=%s,rx_queue_size=1024,tx_queue_size=1024%s%s",
	    port->name, mac, device_queues, mtu);
}

void vm_argv_qemu_port(struct vm_argv *argv, const struct topology *topo,
		       const struct port_conf *port, bool with_kvm)
{
	add_option(argv, "-accel", with_kvm ? "kvm" : "tcg");
	add_qemu_memory(argv, QEMU_MIB);
	add_qemu_nic(argv, topo, port, !with_kvm);
}

void vm_argv_qemu(struct vm_argv *argv, const struct topology *topo, const struct vm_conf *vm,
		  const struct vm_paths *paths, bool with_kvm)
{
	char monitor[2 * VM_PATHS_LEN];

	add(argv, "qemu-system-x86_64");
	add(argv, "-name");
	add(argv, "guest=%s", vm->name);
	add_option(argv, "-nodefaults", "-no-user-config");
	add_option(argv, "-display", "none");
	add_option(argv, "-accel", with_kvm ? "kvm" : "tcg");
	add_option(argv, "-cpu", with_kvm ? "host" : "max");
	add(argv, "-smp");
	add(argv, "%u", vm->n_cpus);
	add_qemu_memory(argv, vm->memory_mib);
	add_option(argv, "-kernel", vm->kernel);
	if (vm->initrd[0])
		add_option(argv, "-initrd", vm->initrd);
	add(argv, "-append");
	add(argv, "%s%s%s", kernel_words, vm->append[0] ? " " : "", vm->append);
	/* Otherwise QEMU reboots by itself, which is what restart = on-failure does for others. */
	if (vm->restart == VM_RESTART_NO)
		add(argv, "-no-reboot");
	add_qemu_console(argv, vm, paths);
	add(argv, "-chardev");
	add(argv, "socket,id=monitor,path=%s,server=on,wait=off", escaped(paths->monitor, monitor));
	add_option(argv, "-monitor", "chardev:monitor");
	for (unsigned i = 0; i < vm->n_ports; i++)
		add_qemu_nic(argv, topo, &topo->ports[vm->port[i]], !with_kvm);
}
