/* One VM and its process, which is a shell script: states, ends, restarts, what a child inherits,
 * and what a switch knows of a VM that an earlier one started. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "switch/vm_record.h"
#include "tests/suite.h"
#include "tests/switch/vm_rig.h"

#define RUNS_ON "echo running >&3; for i in $(seq 3000); do sleep 0.01; done"

static void every_end_is_told_in_words(void)
{
	static const struct {
		enum vm_hypervisor hypervisor;
		int wait_status, reported;
		bool stopped, failed, reboot;
		const char *text;
	} cases[] = {
		{VM_HYPERVISOR_KVM, 0, 0, false, false, false, "powered off"},
		{VM_HYPERVISOR_KVM, W_EXITCODE(3, 0), 3, false, true, false,
		 "exit code 3, which the guest gave"},
		{VM_HYPERVISOR_KVM, W_EXITCODE(123, 0), 123, false, false, true,
		 "asked for a reboot (exit code 123)"},
		{VM_HYPERVISOR_KVM, W_EXITCODE(124, 0), 124, false, true, false,
		 "did not power off and was ended (exit code 124)"},
		{VM_HYPERVISOR_KVM, W_EXITCODE(124, 0), 124, true, false, false,
		 "did not power off and was ended (exit code 124)"},
		{VM_HYPERVISOR_KVM, W_EXITCODE(125, 0), 125, true, true, false,
		 "ringway-vmm failed, the log says why (exit code 125)"},
		{VM_HYPERVISOR_KVM, W_EXITCODE(126, 0), 126, false, true, false,
		 "triple fault of the guest (exit code 126)"},
		{VM_HYPERVISOR_KVM, W_EXITCODE(127, 0), 127, false, true, false,
		 "KVM failed, the log says how (exit code 127)"},
		{VM_HYPERVISOR_KVM, W_EXITCODE(0, SIGSEGV), -1, false, true, false,
		 "killed by signal 11 (Segmentation fault)"},
		{VM_HYPERVISOR_KVM, W_EXITCODE(0, SIGKILL), -1, true, false, false,
		 "killed by signal 9 (Killed)"},
		{VM_HYPERVISOR_KVM, -1, 3, false, true, false, "exit code 3, which the guest gave"},
		{VM_HYPERVISOR_KVM, -1, -1, false, true, false,
		 "killed: ringway-vmm left no exit code"},
		{VM_HYPERVISOR_QEMU, W_EXITCODE(1, 0), -1, false, true, false,
		 "exit code 1 of QEMU, the log says why"},
		{VM_HYPERVISOR_QEMU, 0, -1, false, false, false, "powered off"},
		{VM_HYPERVISOR_QEMU, -1, -1, false, false, false,
		 "ended, how is unknown: an earlier switch had started it"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vm_end end;

		vm_end_judge(&end, cases[i].hypervisor, cases[i].wait_status, cases[i].reported,
			     cases[i].stopped);
		CU_ASSERT_EQUAL(end.failed, cases[i].failed);
		CU_ASSERT_EQUAL(end.reboot, cases[i].reboot);
		CU_ASSERT_STRING_EQUAL(end.text, cases[i].text);
	}
}

static void what_ringway_vmm_says_is_told_with_the_name_of_the_vm(void)
{
	struct vm_rig rig;
	char told[2048];

	vm_rig_init(&rig, "echo ringway-vmm: one >&2; printf 'two\\033[1m'; exit 5");
	vm_rig_listen();
	vm_rig_start(&rig);
	vm_rig_await_end(&rig.vm, 0);
	vm_rig_told(told, sizeof(told));
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "ringway: vm a: started (pid "));
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "ringway: vm a: one\nringway: vm a: two?[1m\n"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(told, "ringway: warning: vm a: exit code 5, which the guest gave, after"));
	CU_ASSERT_EQUAL(rig.vm.state, VM_ENDED);
	CU_ASSERT_FALSE(vm_is_alive(&rig.vm));
	vm_rig_fini(&rig);
}

static void write_console(const struct vm_rig *rig, const char *text)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/a.console", rig->dir);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

/* The guests here fail before they open their console. */
static void what_an_earlier_guest_said_is_gone_unless_it_restarts(void)
{
	struct vm_rig rig;
	char said[16];

	vm_rig_init(&rig, "exit 125");
	rig.vms[0].restart = VM_RESTART_ON_FAILURE;
	write_console(&rig, "earlier");
	vm_rig_start(&rig);
	CU_ASSERT_NOT_EQUAL(access(rig.vm.paths.console, F_OK), 0);
	vm_rig_await_end(&rig.vm, 0);
	write_console(&rig, "before");
	vm_tick(&rig.vm, rig.vm.deadline_ms);
	CU_ASSERT_EQUAL(rig.vm.n_restarts, 1);
	vm_rig_read(rig.vm.paths.console, said, sizeof(said));
	CU_ASSERT_STRING_EQUAL(said, "before");
	vm_rig_await_end(&rig.vm, 0);
	vm_rig_fini(&rig);
}

static void a_flood_of_lines_is_cut_and_counted(void)
{
	struct vm_rig rig;
	char told[16384];
	unsigned n = 0;

	vm_rig_init(&rig, "i=0; while [ $i -lt 150 ]; do echo flood; i=$((i+1)); done; " RUNS_ON);
	vm_rig_listen();
	vm_rig_start(&rig);
	vm_rig_await_running(&rig.vm);
	vm_tick(&rig.vm, 0);
	vm_rig_told(told, sizeof(told));
	for (const char *at = told; (at = strstr(at, "flood\n")); at++)
		n++;
	CU_ASSERT_EQUAL(n, VM_LOG_BURST);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "vm a: 50 more lines stand in "));
	vm_rig_fini(&rig);
}

/* Not in sh, which opens its signals. */
static const char tells_what_it_has[] =
	"#!/usr/bin/perl\n"
	"open(S, '/proc/self/status'); print grep(/^Sig/, <S>);\n"
	"opendir(D, '/proc/self/fd');\n"
	"print join(' ', 'fds', sort(grep(/[0-9]/, readdir(D)))), \"\\n\";\n"
	"print 'stdin ', readlink('/proc/self/fd/0'), \"\\n\";\n"
	"exit(getppid() && getpgrp() == $$ ? 0 : 1);\n";

static uint64_t signals_of(const char *log, const char *which)
{
	const char *at = strstr(log, which);

	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	return strtoull(at + strlen(which), NULL, 16);
}

static void a_child_inherits_nothing(void)
{
	int fd = fcntl(STDIN_FILENO, F_DUPFD, 50); /* would be inherited */
	struct vm_rig rig;
	char log[2048];
	sigset_t blocked;

	vm_rig_init(&rig, "");
	vm_rig_replace(&rig, tells_what_it_has);
	sigfillset(&blocked);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	signal(SIGPIPE, SIG_IGN);
	vm_rig_listen();
	vm_rig_start(&rig);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	vm_rig_await_end(&rig.vm, 0);
	vm_rig_told(log, sizeof(log));
	CU_ASSERT_EQUAL(signals_of(log, "SigBlk:?"), 0);
	CU_ASSERT_EQUAL(signals_of(log, "SigIgn:?") >> (SIGPIPE - 1) & 1, 0);
	/* 4 is the script, 5 the folder that is read. */
	CU_ASSERT_PTR_NOT_NULL(strstr(log, "fds 0 1 2 3 4 5\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(log, "stdin /dev/null\n"));
	CU_ASSERT_STRING_EQUAL(rig.vm.end.text, "powered off");
	signal(SIGPIPE, SIG_DFL);
	close(fd);
	vm_rig_fini(&rig);
}

static void a_failed_vm_starts_again_after_longer_and_longer_pauses(void)
{
	static const int64_t pauses[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
	struct vm_rig rig;

	vm_rig_init(&rig, "exit 7");
	rig.vms[0].restart = VM_RESTART_ON_FAILURE;
	vm_rig_start(&rig);
	for (unsigned i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		vm_rig_await_end(&rig.vm, 500);
		CU_ASSERT_EQUAL(rig.vm.state, VM_PAUSE);
		CU_ASSERT_EQUAL(rig.vm.deadline_ms, 500 + pauses[i]);
		vm_tick(&rig.vm, 500 + pauses[i] - 1);
		CU_ASSERT_FALSE(vm_is_alive(&rig.vm));
		vm_tick(&rig.vm, 500 + pauses[i]);
		CU_ASSERT_EQUAL(rig.vm.state, VM_UP);
		CU_ASSERT_EQUAL(rig.vm.n_restarts, i + 1);
	}
	vm_rig_await_end(&rig.vm, 0);
	vm_rig_fini(&rig);
}

static void a_reboot_is_a_restart_where_that_is_allowed(void)
{
	struct vm_rig rig;

	vm_rig_init(&rig, "exit 123");
	vm_rig_start(&rig);
	vm_rig_await_end(&rig.vm, 0);
	CU_ASSERT_EQUAL(rig.vm.state, VM_ENDED);
	rig.vms[0].restart = VM_RESTART_ON_FAILURE;
	vm_start(&rig.vm);
	vm_rig_await_end(&rig.vm, 0);
	CU_ASSERT_EQUAL(rig.vm.state, VM_PAUSE);
	vm_rig_fini(&rig);
}

static void a_vm_that_powers_off_stays_off(void)
{
	struct vm_rig rig;

	vm_rig_init(&rig, "exit 0");
	rig.vms[0].restart = VM_RESTART_ON_FAILURE;
	vm_rig_start(&rig);
	vm_rig_await_end(&rig.vm, 0);
	CU_ASSERT_EQUAL(rig.vm.state, VM_ENDED);
	vm_rig_fini(&rig);
}

static void a_stopped_vm_gets_its_power_button(void)
{
	struct vm_rig rig;

	vm_rig_init(&rig, "trap 'exit 9' TERM; " RUNS_ON);
	rig.vms[0].restart = VM_RESTART_ON_FAILURE;
	vm_rig_start(&rig);
	vm_rig_await_running(&rig.vm);
	vm_stop(&rig.vm, 1000);
	CU_ASSERT_EQUAL(rig.vm.state, VM_STOPPING);
	vm_rig_await_end(&rig.vm, 1000);
	CU_ASSERT_STRING_EQUAL(rig.vm.end.text, "exit code 9, which the guest gave");
	/* However it ended: it was told to. */
	CU_ASSERT_EQUAL(rig.vm.state, VM_ENDED);
	vm_rig_fini(&rig);
}

static void a_deaf_vm_is_killed_when_its_time_is_up(void)
{
	struct vm_rig rig;

	vm_rig_init(&rig, "trap '' TERM; " RUNS_ON);
	vm_rig_start(&rig);
	vm_rig_await_running(&rig.vm);
	vm_stop(&rig.vm, 1000);
	CU_ASSERT_EQUAL(rig.vm.deadline_ms, 1000 + 10000 + VM_KILL_MARGIN_MS);
	vm_tick(&rig.vm, 1000 + 10000 + VM_KILL_MARGIN_MS - 1);
	CU_ASSERT_EQUAL(vm_process_signal(&rig.vm.process, 0), 0);
	vm_tick(&rig.vm, 1000 + 10000 + VM_KILL_MARGIN_MS);
	vm_rig_await_end(&rig.vm, 20000);
	CU_ASSERT_STRING_EQUAL(rig.vm.end.text, "killed by signal 9 (Killed)");
	vm_rig_fini(&rig);
}

static void a_second_stop_is_a_short_one(void)
{
	struct vm_rig rig;

	vm_rig_init(&rig, "trap '' TERM; " RUNS_ON);
	vm_rig_start(&rig);
	vm_rig_await_running(&rig.vm);
	vm_stop(&rig.vm, 1000);
	vm_stop(&rig.vm, 2000);
	CU_ASSERT_EQUAL(rig.vm.deadline_ms, 3000);
	vm_tick(&rig.vm, 3000);
	vm_rig_await_end(&rig.vm, 3000);
	CU_ASSERT_STRING_EQUAL(rig.vm.end.text, "killed by signal 9 (Killed)");
	vm_rig_fini(&rig);
}

static void a_stop_ends_a_pause(void)
{
	struct vm_rig rig;

	vm_rig_init(&rig, "exit 1");
	rig.vms[0].restart = VM_RESTART_ON_FAILURE;
	vm_rig_start(&rig);
	vm_rig_await_end(&rig.vm, 0);
	vm_stop(&rig.vm, 0);
	vm_tick(&rig.vm, 100000);
	CU_ASSERT_EQUAL(rig.vm.state, VM_ENDED);
	vm_rig_fini(&rig);
}

static void a_missing_program_ends_only_its_vm(void)
{
	struct vm_rig rig;

	vm_rig_init(&rig, "exit 0");
	strcat(rig.host.launcher, "-gone");
	vm_rig_start(&rig);
	CU_ASSERT_EQUAL(rig.vm.state, VM_ENDED);
	CU_ASSERT_STRING_EQUAL(rig.vm.end.text, "did not start");
	vm_rig_fini(&rig);
}

/* A second switch in the place of the first one, which was killed. */
static bool adopt(struct vm_rig *rig, struct vm *heir)
{
	CU_ASSERT_EQUAL_FATAL(vm_init(heir, &rig->topo, &rig->vms[0], &rig->host), 0);
	return vm_adopt(heir);
}

static void a_running_vm_is_taken_over_by_the_next_switch(void)
{
	struct vm_rig rig;
	struct vm heir;

	vm_rig_init(&rig, "trap 'echo exit 4 exit-port >&3; exit 4' TERM; " RUNS_ON);
	vm_rig_start(&rig);
	vm_rig_await_running(&rig.vm);
	CU_ASSERT_TRUE_FATAL(adopt(&rig, &heir));
	CU_ASSERT_EQUAL(heir.process.pid, rig.vm.process.pid);
	CU_ASSERT_EQUAL(heir.state, VM_UP);
	/* Not our child: the end is known from what ringway-vmm reported. */
	vm_stop(&heir, 0);
	vm_rig_await_end(&heir, 0);
	CU_ASSERT_STRING_EQUAL(heir.end.text, "exit code 4, which the guest gave");
	vm_fini(&heir);
	vm_rig_await_end(&rig.vm, 0);
	vm_rig_fini(&rig);
}

static void lines_are_told_once_although_the_switch_changed(void)
{
	struct vm_rig rig;
	struct vm heir;
	char told[1024];

	vm_rig_init(&rig, "trap 'echo late; exit 0' TERM; echo early; " RUNS_ON);
	vm_rig_start(&rig);
	vm_rig_await_running(&rig.vm);
	vm_tick(&rig.vm, 0);
	CU_ASSERT_TRUE_FATAL(adopt(&rig, &heir));
	vm_rig_listen();
	vm_process_signal(&heir.process, SIGTERM);
	vm_rig_await_end(&heir, 0);
	vm_rig_told(told, sizeof(told));
	CU_ASSERT_PTR_NULL(strstr(told, "early"));
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "vm a: late\n"));
	vm_fini(&heir);
	vm_rig_await_end(&rig.vm, 0);
	vm_rig_fini(&rig);
}

static void another_process_with_the_same_pid_is_not_taken_over(void)
{
	struct vm_rig rig;
	struct vm_record record;
	struct vm heir;

	vm_rig_init(&rig, RUNS_ON);
	vm_rig_start(&rig);
	CU_ASSERT_EQUAL(vm_record_load(&record, rig.vm.paths.record), 0);
	CU_ASSERT_EQUAL(record.pid, rig.vm.process.pid);
	record.start++;
	CU_ASSERT_EQUAL(vm_record_save(&record, rig.vm.paths.record), 0);
	CU_ASSERT_FALSE(adopt(&rig, &heir));
	vm_fini(&heir);
	vm_rig_fini(&rig);
}

static void a_zombie_is_not_taken_over(void)
{
	struct vm_rig rig;
	struct vm heir;
	struct vm_end end;

	vm_rig_init(&rig, "echo exit 3 exit-port >&3; exit 3");
	vm_rig_start(&rig);
	/* Ended, and waited for by nobody. */
	CU_ASSERT_EQUAL(waitid(P_PID, (id_t)rig.vm.process.pid, &(siginfo_t){.si_pid = 0},
			       WEXITED | WNOWAIT),
			0);
	CU_ASSERT_FALSE(adopt(&rig, &heir));
	end = heir.end;
	CU_ASSERT_STRING_EQUAL(end.text, "exit code 3, which the guest gave");
	vm_fini(&heir);
	vm_rig_await_end(&rig.vm, 0);
	vm_rig_fini(&rig);
}

static void a_record_comes_back_and_a_damaged_one_does_not(void)
{
	static const char *const damaged[] = {
		"",
		"{",
		"[]",
		"{\"pid\":\"1\"}",
		"{\"pid\":\"0\",\"start\":\"1\",\"hypervisor\":\"1\",\"restarts\":\"0\","
		"\"command\":"
		"\"0\",\"log_read\":\"0\"}",
		"{\"pid\":\"9999999999\",\"start\":\"1\",\"hypervisor\":\"1\",\"restarts\":\"0\","
		"\"command\":\"0\",\"log_read\":\"0\"}",
		"{\"pid\":\"1\",\"start\":\"-1\",\"hypervisor\":\"1\",\"restarts\":\"0\","
		"\"command\":"
		"\"0\",\"log_read\":\"0\"}",
		"{\"pid\":\"1\",\"start\":\"1\",\"hypervisor\":\"3\",\"restarts\":\"0\","
		"\"command\":"
		"\"0\",\"log_read\":\"0\"}",
	};
	const struct vm_record record = {.pid = 77,
					 .start = UINT64_MAX,
					 .hypervisor = VM_HYPERVISOR_QEMU,
					 .n_restarts = 3,
					 .command = UINT64_MAX - 1,
					 .log_read = 5};
	struct vm_record back;
	struct vm_rig rig;
	char path[64];

	vm_rig_init(&rig, "");
	snprintf(path, sizeof(path), "%s/x.vm", rig.dir);
	CU_ASSERT_EQUAL(vm_record_load(&back, path), -ENOENT);
	CU_ASSERT_EQUAL(vm_record_save(&record, path), 0);
	CU_ASSERT_EQUAL(vm_record_load(&back, path), 0);
	CU_ASSERT_EQUAL(back.pid, record.pid);
	CU_ASSERT_EQUAL(back.start, record.start);
	CU_ASSERT_EQUAL(back.hypervisor, record.hypervisor);
	CU_ASSERT_EQUAL(back.n_restarts, record.n_restarts);
	CU_ASSERT_EQUAL(back.command, record.command);
	CU_ASSERT_EQUAL(back.log_read, record.log_read);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

		CU_ASSERT_EQUAL(write(fd, damaged[i], strlen(damaged[i])),
				(ssize_t)strlen(damaged[i]));
		close(fd);
		CU_ASSERT_EQUAL(vm_record_load(&back, path), -EPROTO);
	}
	vm_rig_fini(&rig);
}

#define TEST(function)                                                                             \
	{                                                                                          \
#function, function                                                                \
	}

int main(void)
{
	static CU_TestInfo tests[] = {
		TEST(every_end_is_told_in_words),
		TEST(what_ringway_vmm_says_is_told_with_the_name_of_the_vm),
		TEST(what_an_earlier_guest_said_is_gone_unless_it_restarts),
		TEST(a_flood_of_lines_is_cut_and_counted),
		TEST(a_child_inherits_nothing),
		TEST(a_failed_vm_starts_again_after_longer_and_longer_pauses),
		TEST(a_reboot_is_a_restart_where_that_is_allowed),
		TEST(a_vm_that_powers_off_stays_off),
		TEST(a_stopped_vm_gets_its_power_button),
		TEST(a_deaf_vm_is_killed_when_its_time_is_up),
		TEST(a_second_stop_is_a_short_one),
		TEST(a_stop_ends_a_pause),
		TEST(a_missing_program_ends_only_its_vm),
		TEST(a_running_vm_is_taken_over_by_the_next_switch),
		TEST(lines_are_told_once_although_the_switch_changed),
		TEST(another_process_with_the_same_pid_is_not_taken_over),
		TEST(a_zombie_is_not_taken_over),
		TEST(a_record_comes_back_and_a_damaged_one_does_not),
		CU_TEST_INFO_NULL,
	};

	return suite_run("vm", tests);
}
