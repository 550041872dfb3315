#include "switch/vm_host.h"
#include "ports/log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool take_program(char out[PATH_MAX], const char *dir, size_t dir_len, const char *name)
{
	int len = snprintf(out, PATH_MAX, "%.*s/%s", (int)dir_len, dir, name);

	if (len < PATH_MAX && access(out, X_OK) == 0)
		return true;
	out[0] = '\0';
	return false;
}

static void search_path(char out[PATH_MAX], const char *name)
{
	const char *dirs = getenv("PATH");

	while (dirs && *dirs) {
		size_t len = strcspn(dirs, ":");

		if (len && take_program(out, dirs, len, name))
			return;
		dirs += len + (dirs[len] == ':');
	}
}

void vm_host_look(struct vm_host *host)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	char self[PATH_MAX];
	ssize_t len;

	*host = (struct vm_host){.kvm = fd >= 0, .kvm_errno = fd < 0 ? errno : 0};
	if (fd >= 0)
		close(fd);
	host->emulates = access("/sys/module/kvm_pvm", F_OK) == 0;
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len > 0) {
		const char *dir;

		self[len] = '\0';
		dir = dirname(self);
		take_program(host->launcher, dir, strlen(dir), "ringway-vmm");
	}
	if (!host->launcher[0])
		search_path(host->launcher, "ringway-vmm");
	search_path(host->qemu, "qemu-system-x86_64");
}

enum vm_hypervisor vm_host_choose(const struct vm_host *host, const struct vm_conf *vm)
{
	if (vm->hypervisor != VM_HYPERVISOR_AUTO)
		return vm->hypervisor;
	if (!vm->kernel[0] || (host->kvm && !host->emulates))
		return VM_HYPERVISOR_KVM;
	return VM_HYPERVISOR_QEMU;
}

bool vm_host_qemu_has_kvm(const struct vm_host *host)
{
	return host->kvm && !host->emulates;
}

static void say_why_qemu(const struct vm_host *host, const struct vm_conf *vm)
{
	if (host->kvm)
		log_event(LOG_INFO,
			  "vm %s: hypervisor qemu: the /dev/kvm of this host only emulates, which "
			  "is too slow for a kernel",
			  vm->name);
	else
		log_event(LOG_INFO, "vm %s: hypervisor qemu without KVM: /dev/kvm: %s", vm->name,
			  strerror(host->kvm_errno));
}

int vm_host_check(const struct vm_host *host, const struct vm_conf *vm)
{
	if (vm_host_choose(host, vm) == VM_HYPERVISOR_KVM) {
		if (host->launcher[0])
			return 0;
		log_event(LOG_ERROR,
			  "vm %s: ringway-vmm lies neither beside ringway nor in PATH: install it "
			  "there, or write hypervisor = qemu",
			  vm->name);
		return -ENOENT;
	}
	if (vm->hypervisor == VM_HYPERVISOR_AUTO)
		say_why_qemu(host, vm);
	if (host->qemu[0])
		return 0;
	log_event(LOG_ERROR,
		  "vm %s: there is no qemu-system-x86_64 in PATH: apt install qemu-system-x86%s",
		  vm->name, host->kvm ? ", or write hypervisor = kvm" : "");
	return -ENOENT;
}
