#include "tests/switch/vm_rig.h"

#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char fake_launcher[] = "#!/bin/sh\n"
				    "while [ \"$1\" != --append ]; do shift; done\n"
				    "eval \"$2\"\n";

static void must(bool done, const char *what)
{
	if (done)
		return;
	perror(what);
	abort();
}

static void install(const char *path, const char *program)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	must(fd >= 0 && write(fd, program, strlen(program)) > 0, path);
	close(fd);
}

static void add_vm(struct vm_rig *rig, unsigned i, const char *script)
{
	struct vm_conf *vm = &rig->vms[i];

	*vm = (struct vm_conf){.memory_mib = 4, .n_cpus = 1, .stop_timeout_s = 10, .n_ports = 1};
	snprintf(vm->name, sizeof(vm->name), "%c", 'a' + i);
	snprintf(vm->append, sizeof(vm->append), "%s", script);
	vm->port[0] = (uint16_t)i;
}

void vm_rig_init(struct vm_rig *rig, const char *script)
{
	char path[PATH_MAX];

	*rig = (struct vm_rig){.dir = "/tmp/ringway-vm-XXXXXX"};
	must(mkdtemp(rig->dir) != NULL, "mkdtemp");
	rig->topo.ports = rig->ports;
	rig->topo.n_ports = VM_RIG_MAX_PORTS;
	rig->topo.vms = rig->vms;
	rig->topo.n_vms = VM_RIG_MAX_VMS;
	snprintf(rig->topo.sw.name, sizeof(rig->topo.sw.name), "lab");
	snprintf(rig->topo.sw.run_dir, sizeof(rig->topo.sw.run_dir), "%s", rig->dir);
	for (unsigned i = 0; i < VM_RIG_MAX_PORTS; i++) {
		snprintf(rig->ports[i].name, sizeof(rig->ports[i].name), "p%u", i);
		snprintf(rig->ports[i].socket, sizeof(rig->ports[i].socket), "/run/p%u.sock", i);
		rig->ports[i].n_queues = 1;
	}
	for (unsigned i = 0; i < VM_RIG_MAX_VMS; i++)
		add_vm(rig, i, script);
	snprintf(rig->host.launcher, sizeof(rig->host.launcher), "%s/ringway-vmm", rig->dir);
	install(rig->host.launcher, fake_launcher);
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", rig->dir);
	setenv("PATH", path, 1);
	rig->vm.process.pidfd = rig->vm.log.fd = rig->vm.monitor_fd = -1;
}

void vm_rig_fini(struct vm_rig *rig)
{
	char pattern[64];
	glob_t found = {0};

	if (vm_is_alive(&rig->vm)) {
		vm_process_signal(&rig->vm.process, SIGKILL);
		vm_rig_await_end(&rig->vm, 0);
	}
	vm_fini(&rig->vm);
	snprintf(pattern, sizeof(pattern), "%s/*", rig->dir);
	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
	globfree(&found);
	must(rmdir(rig->dir) == 0, rig->dir);
}

void vm_rig_replace(struct vm_rig *rig, const char *program)
{
	install(rig->host.launcher, program);
}

void vm_rig_start(struct vm_rig *rig)
{
	must(vm_init(&rig->vm, &rig->topo, &rig->vms[0], &rig->host) == 0, "vm_init");
	vm_start(&rig->vm);
}

void vm_rig_await_end(struct vm *vm, int64_t now_ms)
{
	struct pollfd ended = {.fd = vm->process.pidfd, .events = POLLIN};

	must(poll(&ended, 1, 30000) == 1, "a VM that ends");
	vm_reap(vm, now_ms);
}

void vm_rig_await_running(const struct vm *vm)
{
	struct vm_status status = {.running = false};

	for (unsigned i = 0; i < 3000 && !status.running; i++) {
		vm_status_read(&status, vm->paths.status);
		if (!status.running)
			poll(NULL, 0, 10);
	}
	must(status.running, "a VM that runs");
}

void vm_rig_read(const char *path, char *text, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, len - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static const char told_path[] = "/proc/self/fd/2";
static int saved_stderr = -1;

void vm_rig_listen(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	must(fd >= 0 && saved_stderr >= 0 && dup2(fd, STDERR_FILENO) >= 0, told_path);
	close(fd);
}

void vm_rig_told(char *text, size_t len)
{
	ssize_t n = pread(STDERR_FILENO, text, len - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
}
