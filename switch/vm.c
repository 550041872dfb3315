#include "switch/vm.h"
#include "ports/log.h"
#include "switch/vm_argv.h"
#include "switch/vm_monitor.h"
#include "switch/vm_record.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const char *const state_names[VM_STATE_N] = {
	[VM_DOWN] = "down",	 [VM_UP] = "running",  [VM_STOPPING] = "stopping",
	[VM_PAUSE] = "restarts", [VM_ENDED] = "ended",
};
static const char *const hypervisor_names[VM_HYPERVISOR_N] = {
	[VM_HYPERVISOR_AUTO] = "auto", [VM_HYPERVISOR_KVM] = "kvm", [VM_HYPERVISOR_QEMU] = "qemu"};

static void build_words(const struct vm *vm, struct vm_argv *argv)
{
	if (vm->hypervisor == VM_HYPERVISOR_KVM)
		vm_argv_launcher(argv, vm->topo, vm->conf, &vm->paths, VM_PROCESS_STATUS_FD);
	else
		vm_argv_qemu(argv, vm->topo, vm->conf, &vm->paths, vm_host_qemu_has_kvm(vm->host));
}

int vm_init(struct vm *vm, const struct topology *topo, const struct vm_conf *conf,
	    const struct vm_host *host)
{
	struct vm_argv argv = {.n = 0};
	int ret;

	*vm = (struct vm){.topo = topo,
			  .conf = conf,
			  .host = host,
			  .process = {.pidfd = -1},
			  .log = {.fd = -1},
			  .monitor_fd = -1,
			  .hypervisor = vm_host_choose(host, conf)};
	ret = vm_host_check(host, conf);
	if (ret == 0)
		ret = vm_paths_init(&vm->paths, topo, conf);
	if (ret < 0)
		return ret;
	build_words(vm, &argv);
	if (argv.no_memory)
		ret = -ENOMEM;
	else
		vm->command = vm_record_hash(argv.word);
	vm_argv_fini(&argv);
	return ret;
}

/* Forgets the process, which has ended or is left alone. */
static void let_go(struct vm *vm)
{
	vm_process_forget(&vm->process);
	vm_log_close(&vm->log);
	if (vm->monitor_fd >= 0)
		close(vm->monitor_fd);
	vm->monitor_fd = -1;
}

void vm_fini(struct vm *vm)
{
	/* What is left alone keeps its files: the next switch needs them. */
	if (!vm_is_alive(vm) && vm->state != VM_DOWN)
		vm_paths_remove(&vm->paths, vm->conf);
	let_go(vm);
}

bool vm_is_alive(const struct vm *vm)
{
	return vm->process.pid != 0;
}

static void save_record(const struct vm *vm)
{
	const struct vm_record record = {.pid = vm->process.pid,
					 .start = vm->process.start,
					 .hypervisor = vm->hypervisor,
					 .n_restarts = vm->n_restarts,
					 .command = vm->command,
					 .log_read = vm->log.offset};
	int ret = vm_record_save(&record, vm->paths.record);

	if (ret < 0)
		log_event(LOG_WARNING,
			  "vm %s: %s cannot be written: %s: a switch that starts after a crash of "
			  "this one would not know the VM",
			  vm->conf->name, vm->paths.record, strerror(-ret));
}

bool vm_adopt(struct vm *vm)
{
	struct vm_record record;
	struct vm_status status;
	int ret = vm_record_load(&record, vm->paths.record);

	if (ret == -ENOENT)
		return false;
	if (ret < 0) {
		log_event(LOG_WARNING, "vm %s: %s is damaged and of no use: %s", vm->conf->name,
			  vm->paths.record, strerror(-ret));
		return false;
	}
	if (vm_process_adopt(&vm->process, record.pid, record.start) < 0) {
		vm_status_read(&status, vm->paths.status);
		vm_end_judge(&vm->end, record.hypervisor, -1, status.exit_code, false);
		log_event(LOG_INFO, "vm %s: while no switch ran: %s", vm->conf->name, vm->end.text);
		return false;
	}
	if (record.command != vm->command)
		log_event(LOG_WARNING,
			  "vm %s: runs as an earlier file described it; end it to have it start "
			  "as this one does",
			  vm->conf->name);
	vm->hypervisor = record.hypervisor;
	vm->n_restarts = record.n_restarts;
	vm->state = VM_UP;
	vm_log_open(&vm->log, vm->conf->name, vm->paths.log, record.log_read);
	log_event(LOG_INFO, "vm %s: taken over, runs for %llu s (pid %d)", vm->conf->name,
		  (unsigned long long)vm_process_uptime(&vm->process), (int)vm->process.pid);
	return true;
}

void vm_start(struct vm *vm)
{
	bool by_launcher = vm->hypervisor == VM_HYPERVISOR_KVM;
	const char *program = by_launcher ? vm->host->launcher : vm->host->qemu;
	struct vm_argv argv = {.n = 0};
	int ret = -ENOMEM;

	build_words(vm, &argv);
	/* QEMU does not replace a socket that an earlier one left when it was killed. */
	unlink(vm->paths.monitor);
	/* What an earlier guest said is not this one's; whoever reads on over a restart goes on
	 * with the same file. */
	if (vm->conf->console == VM_CONSOLE_PTY || vm->n_restarts == 0)
		unlink(vm->paths.console);
	if (!argv.no_memory)
		ret = vm_process_start(&vm->process, program, argv.word, vm->paths.log,
				       vm->paths.status);
	vm_argv_fini(&argv);
	if (ret < 0) {
		log_event(LOG_ERROR, "vm %s: %s does not start: %s", vm->conf->name, program,
			  strerror(-ret));
		vm->state = VM_ENDED;
		vm->end = (struct vm_end){.failed = true, .text = "did not start"};
		return;
	}
	vm->state = VM_UP;
	vm->button_pressed = vm->hurried = false;
	vm_log_open(&vm->log, vm->conf->name, vm->paths.log, 0);
	save_record(vm);
	log_event(LOG_INFO, "vm %s: started (pid %d)", vm->conf->name, (int)vm->process.pid);
}

static void press_button(struct vm *vm)
{
	if (vm->hypervisor == VM_HYPERVISOR_KVM) {
		vm->button_pressed = vm_process_signal(&vm->process, SIGTERM) == 0;
		return;
	}
	/* Its monitor may not listen yet: vm_tick() tries again. */
	if (vm->monitor_fd < 0)
		vm->monitor_fd = vm_monitor_open(vm->paths.monitor);
	vm->button_pressed = vm_monitor_say(vm->monitor_fd, "system_powerdown") == 0;
}

void vm_stop(struct vm *vm, int64_t now_ms)
{
	if (!vm_is_alive(vm)) {
		vm->state = VM_ENDED;
		return;
	}
	if (vm->state == VM_STOPPING) {
		/* Both hypervisors end at once; if not, in a second they are made to. */
		vm_process_signal(&vm->process, SIGTERM);
		vm->hurried = true;
		vm->deadline_ms = now_ms + 1000;
		return;
	}
	vm->state = VM_STOPPING;
	vm->deadline_ms = now_ms + (int64_t)vm->conf->stop_timeout_s * 1000;
	if (vm->hypervisor == VM_HYPERVISOR_KVM)
		vm->deadline_ms += VM_KILL_MARGIN_MS;
	press_button(vm);
}

static void plan_restart(struct vm *vm, uint64_t uptime_s, int64_t now_ms)
{
	int64_t pause_ms = VM_PAUSE_FIRST_MS;

	vm->n_fast_ends = uptime_s < VM_STAYS_UP_S ? vm->n_fast_ends + 1 : 0;
	for (unsigned i = 1; i < vm->n_fast_ends && pause_ms < VM_PAUSE_MAX_MS; i++)
		pause_ms *= 2;
	if (pause_ms > VM_PAUSE_MAX_MS)
		pause_ms = VM_PAUSE_MAX_MS;
	vm->state = VM_PAUSE;
	vm->deadline_ms = now_ms + pause_ms;
	log_event(LOG_INFO, "vm %s: starts again in %lld s", vm->conf->name,
		  (long long)pause_ms / 1000);
}

void vm_reap(struct vm *vm, int64_t now_ms)
{
	bool stopped = vm->state == VM_STOPPING;
	uint64_t uptime_s = vm_process_uptime(&vm->process);
	struct vm_status status;
	int wait_status;

	if (!vm_is_alive(vm) || vm_process_reap(&vm->process, &wait_status) < 0)
		return;
	vm_log_follow(&vm->log, true);
	vm_status_read(&status, vm->paths.status);
	vm_end_judge(&vm->end, vm->hypervisor, wait_status, status.exit_code, stopped);
	log_event(vm->end.failed ? LOG_WARNING : LOG_INFO, "vm %s: %s, after %llu s",
		  vm->conf->name, vm->end.text, (unsigned long long)uptime_s);
	let_go(vm);
	unlink(vm->paths.record);
	vm->state = VM_ENDED;
	if (!stopped && vm->conf->restart == VM_RESTART_ON_FAILURE &&
	    (vm->end.failed || vm->end.reboot))
		plan_restart(vm, uptime_s, now_ms);
}

static void keep_deadline(struct vm *vm)
{
	if (vm->state == VM_PAUSE) {
		vm->n_restarts++;
		vm_start(vm);
		return;
	}
	log_event(LOG_WARNING, "vm %s: did not power off%s and is killed", vm->conf->name,
		  vm->hurried ? "" : " in time");
	vm_process_signal(&vm->process, SIGKILL);
	/* Once is enough. */
	vm->deadline_ms = INT64_MAX;
}

void vm_tick(struct vm *vm, int64_t now_ms)
{
	if (vm_is_alive(vm) && vm_log_follow(&vm->log, false))
		save_record(vm);
	if (vm->state == VM_STOPPING && !vm->button_pressed)
		press_button(vm);
	if ((vm->state == VM_STOPPING || vm->state == VM_PAUSE) && now_ms >= vm->deadline_ms)
		keep_deadline(vm);
}

/* A launcher whose guest waits for back-ends says so; QEMU does not. */
static const char *state_name(const struct vm *vm)
{
	struct vm_status status;

	if (vm->state != VM_UP || vm->hypervisor != VM_HYPERVISOR_KVM)
		return state_names[vm->state];
	vm_status_read(&status, vm->paths.status);
	return status.running ? state_names[VM_UP] : "starting";
}

json_t *vm_describe(const struct vm *vm)
{
	bool alive = vm_is_alive(vm), has_console = vm->conf->console != VM_CONSOLE_NONE;
	json_t *ports = json_array();

	for (unsigned i = 0; i < vm->conf->n_ports; i++)
		json_array_append_new(ports, json_string(vm->topo->ports[vm->conf->port[i]].name));
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:i, s:o, s:o, s:o}", "name", vm->conf->name,
			 "hypervisor", hypervisor_names[vm->hypervisor], "state", state_name(vm),
			 "pid", alive ? json_integer(vm->process.pid) : json_null(), "uptime_s",
			 alive ? json_integer((json_int_t)vm_process_uptime(&vm->process))
			       : json_null(),
			 "restarts", (int)vm->n_restarts, "ports", ports, "console",
			 has_console ? json_string(vm->paths.console) : json_null(), "end",
			 vm->end.text[0] ? json_string(vm->end.text) : json_null());
}
