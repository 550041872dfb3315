#include "config/schema_vm.h"

#include <assert.h>

#include "config/topology.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define FIELD(member)                                                                              \
	.offset = offsetof(struct vm_conf, member), .size = sizeof(((struct vm_conf *)NULL)->member)

static const char *const console_words[] = {
	[VM_CONSOLE_FILE] = "file",
	[VM_CONSOLE_PTY] = "pty",
	[VM_CONSOLE_NONE] = "none",
	[VM_CONSOLE_N] = NULL,
};
static const char *const hypervisor_words[] = {
	[VM_HYPERVISOR_AUTO] = "auto",
	[VM_HYPERVISOR_KVM] = "kvm",
	[VM_HYPERVISOR_QEMU] = "qemu",
	[VM_HYPERVISOR_N] = NULL,
};
static const char *const restart_words[] = {
	[VM_RESTART_NO] = "no",
	[VM_RESTART_ON_FAILURE] = "on-failure",
	[VM_RESTART_N] = NULL,
};

static const char *const stats_words[] = {
	[VM_STATS_NO] = "no",
	[VM_STATS_YES] = "yes",
	[VM_STATS_N] = NULL,
};

static_assert(N_OF(stats_words) == VM_STATS_N + 1, "a word for with statistics and without");
static_assert(N_OF(console_words) == VM_CONSOLE_N + 1, "a word for every console");
static_assert(N_OF(hypervisor_words) == VM_HYPERVISOR_N + 1, "a word for every hypervisor");
static_assert(N_OF(restart_words) == VM_RESTART_N + 1, "a word for every restart");
static_assert(offsetof(struct vm_conf, name) == 0 &&
		      (int)VM_CONF_NAME_LEN == (int)TOPOLOGY_NAME_LEN,
	      "the struct of a named section begins with its name");

const struct key_def schema_vm_keys[SCHEMA_VM_N_KEYS] = {
	{.name = "ports",
	 .type = VALUE_VM_PORTS,
	 FIELD(ports),
	 .fallback_help = "none, a VM without network",
	 .help = "the ports that are its NICs, the first one first, with commas between"},
	{.name = "kernel",
	 .type = VALUE_INPUT,
	 FIELD(kernel),
	 .max = VM_CONF_PATH_LEN - 1,
	 .fallback_help = "the built-in tiny guest, which answers ping",
	 .help = "what to boot: a bzImage as in /boot, or an ELF image; a relative path starts at "
		 "this file"},
	{.name = "initrd",
	 .type = VALUE_INPUT,
	 FIELD(initrd),
	 .max = VM_CONF_PATH_LEN - 1,
	 .fallback_help = "none",
	 .help = "initial RAM disk of the kernel; a relative path starts at this file"},
	{.name = "append",
	 .type = VALUE_TEXT,
	 FIELD(append),
	 .fallback_help = "nothing",
	 .help = "added to the kernel's command line, or the words of the tiny guest: ip=A.B.C.D "
		 "ping=A.B.C.D count=N"},
	{.name = "memory",
	 .type = VALUE_MEMORY,
	 FIELD(memory_mib),
	 .min = 2,
	 .max = 1048576,
	 .fallback_help = "512M, for the tiny guest 4M",
	 .help = "memory of the VM, as in 512M or 2G; a kernel needs 96M"},
	{.name = "cpus",
	 .type = VALUE_UINT,
	 FIELD(n_cpus),
	 .min = 1,
	 .max = VM_CONF_MAX_CPUS,
	 .fallback = "1",
	 .help = "virtual CPUs"},
	{.name = "console",
	 .type = VALUE_ENUM,
	 FIELD(console),
	 .words = console_words,
	 .fallback = "file",
	 .help = "the serial port; file: RUN-DIR/NAME.console; pty: a terminal; ringway console "
		 "NAME shows either"},
	{.name = "hypervisor",
	 .type = VALUE_ENUM,
	 FIELD(hypervisor),
	 .words = hypervisor_words,
	 .fallback = "auto",
	 .help = "kvm: ringway-vmm; qemu: qemu-system-x86_64; auto: kvm where /dev/kvm can run the "
		 "kernel, else qemu"},
	{.name = "restart",
	 .type = VALUE_ENUM,
	 FIELD(restart),
	 .words = restart_words,
	 .fallback = "no",
	 .help = "on-failure: started again when it failed or asked for a reboot; no: never"},
	{.name = "stop-timeout",
	 .type = VALUE_UINT,
	 FIELD(stop_timeout_s),
	 .min = 1,
	 .max = 3600,
	 .fallback = "10",
	 .help = "seconds that it has to power off when the switch ends, before it is killed"},
	{.name = "stats",
	 .type = VALUE_ENUM,
	 FIELD(stats),
	 .words = stats_words,
	 .fallback = "no",
	 .help = "yes: ringway-vmm tells its exits by reason and its memory at the end"},
};
