/* All VMs of a switch together, and over the life of a switch. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "switch/supervisor.h"
#include "tests/suite.h"
#include "tests/switch/vm_rig.h"

#define RUNS_ON "trap 'exit 0' TERM; echo running >&3; for i in $(seq 3000); do sleep 0.01; done"

/* Borrowed from the report, which the caller ends. */
static const json_t *vm_of(const json_t *report, unsigned i)
{
	return json_array_get(json_object_get(report, "vms"), i);
}

static json_int_t pid_of(const struct supervisor *supervisor, unsigned i)
{
	json_t *report = supervisor_report(supervisor);
	json_int_t pid = json_integer_value(json_object_get(vm_of(report, i), "pid"));

	json_decref(report);
	return pid;
}

static bool all_running(const struct supervisor *supervisor)
{
	json_t *report = supervisor_report(supervisor);
	bool running = true;

	for (unsigned i = 0; i < VM_RIG_MAX_VMS; i++)
		running &= strcmp(json_string_value(json_object_get(vm_of(report, i), "state")),
				  "running") == 0;
	json_decref(report);
	return running;
}

static void await_running(const struct supervisor *supervisor)
{
	for (unsigned i = 0; i < 3000 && !all_running(supervisor); i++)
		poll(NULL, 0, 10);
	CU_ASSERT_TRUE_FATAL(all_running(supervisor));
}

static void await_ends(struct supervisor *supervisor)
{
	while (supervisor_n_alive(supervisor)) {
		struct pollfd ended = {.fd = supervisor_fd(supervisor), .events = POLLIN};

		CU_ASSERT_EQUAL_FATAL(poll(&ended, 1, 30000), 1);
		supervisor_serve(supervisor);
	}
}

static struct supervisor *start(struct vm_rig *rig)
{
	struct supervisor *supervisor = supervisor_new(&rig->topo);

	CU_ASSERT_PTR_NOT_NULL_FATAL(supervisor);
	supervisor_start(supervisor);
	return supervisor;
}

static void all_vms_start_and_stop(void)
{
	struct vm_rig rig;
	struct supervisor *supervisor;
	char told[2048];

	vm_rig_init(&rig, RUNS_ON);
	vm_rig_listen();
	supervisor = start(&rig);
	CU_ASSERT_EQUAL(supervisor_n_alive(supervisor), 2);
	await_running(supervisor);
	supervisor_stop(supervisor);
	await_ends(supervisor);
	vm_rig_told(told, sizeof(told));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(told, "switch lab: pressed the power button of 2 VMs; they have 10 s"));
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "vm a: powered off, after"));
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "vm b: powered off, after"));
	supervisor_free(supervisor);
	vm_rig_fini(&rig);
}

/* Its run-dir is as it was, but for what the guests said. */
static void what_has_ended_leaves_no_files(void)
{
	struct vm_rig rig;
	struct supervisor *supervisor;
	char path[64];

	vm_rig_init(&rig, "exit 0");
	supervisor = start(&rig);
	await_ends(supervisor);
	supervisor_free(supervisor);
	snprintf(path, sizeof(path), "%s/ringway-vmm", rig.dir);
	unlink(path);
	CU_ASSERT_EQUAL(rmdir(rig.dir), 0);
	vm_rig_init(&rig, "");
	vm_rig_fini(&rig);
}

static void the_next_switch_finds_the_vms_of_the_last_one(void)
{
	struct vm_rig rig;
	struct supervisor *supervisor;
	json_int_t first, second;

	vm_rig_init(&rig, RUNS_ON);
	supervisor = start(&rig);
	await_running(supervisor);
	first = pid_of(supervisor, 0);
	second = pid_of(supervisor, 1);
	for (unsigned i = 0; i < 3; i++) {
		supervisor_free(supervisor);
		supervisor = start(&rig);
		CU_ASSERT_EQUAL(pid_of(supervisor, 0), first);
		CU_ASSERT_EQUAL(pid_of(supervisor, 1), second);
	}
	supervisor_stop(supervisor);
	await_ends(supervisor);
	supervisor_free(supervisor);
	vm_rig_fini(&rig);
}

static void a_vm_that_the_file_no_longer_names_is_told(void)
{
	struct vm_rig rig;
	struct supervisor *supervisor;
	char told[2048];

	vm_rig_init(&rig, RUNS_ON);
	supervisor = start(&rig);
	await_running(supervisor);
	supervisor_free(supervisor);
	rig.topo.n_vms = 1;
	vm_rig_listen();
	supervisor = start(&rig);
	vm_rig_told(told, sizeof(told));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(told, "/b.vm: a VM of an earlier file still runs and is left alone"));
	CU_ASSERT_PTR_NULL(strstr(told, "/a.vm: a VM of"));
	supervisor_free(supervisor);
	rig.topo.n_vms = 2;
	supervisor = start(&rig);
	supervisor_stop(supervisor);
	await_ends(supervisor);
	supervisor_free(supervisor);
	vm_rig_fini(&rig);
}

static void one_vm_that_ends_leaves_the_other_alone(void)
{
	struct vm_rig rig;
	struct supervisor *supervisor;
	struct pollfd ended = {.events = POLLIN};

	vm_rig_init(&rig, RUNS_ON);
	strcpy(rig.vms[1].append, "exit 3");
	supervisor = start(&rig);
	ended.fd = supervisor_fd(supervisor);
	CU_ASSERT_EQUAL_FATAL(poll(&ended, 1, 30000), 1);
	supervisor_serve(supervisor);
	CU_ASSERT_EQUAL(supervisor_n_alive(supervisor), 1);
	CU_ASSERT_EQUAL(poll(&ended, 1, 0), 0);
	supervisor_tick(supervisor);
	CU_ASSERT_EQUAL(supervisor_n_alive(supervisor), 1);
	supervisor_stop(supervisor);
	supervisor_stop(supervisor);
	await_ends(supervisor);
	supervisor_free(supervisor);
	vm_rig_fini(&rig);
}

static void a_restarted_vm_is_watched_as_well(void)
{
	struct vm_rig rig;
	struct supervisor *supervisor;
	json_t *report;

	vm_rig_init(&rig, "exit 3");
	rig.topo.n_vms = 1;
	rig.vms[0].restart = VM_RESTART_ON_FAILURE;
	supervisor = start(&rig);
	await_ends(supervisor);
	while (!supervisor_n_alive(supervisor)) {
		poll(NULL, 0, 50);
		supervisor_tick(supervisor);
	}
	await_ends(supervisor);
	report = supervisor_report(supervisor);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(vm_of(report, 0), "restarts")), 1);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(vm_of(report, 0), "state")),
			       "restarts");
	json_decref(report);
	supervisor_free(supervisor);
	vm_rig_fini(&rig);
}

static void without_the_launcher_nothing_starts(void)
{
	struct vm_rig rig;

	vm_rig_init(&rig, RUNS_ON);
	unlink(rig.host.launcher);
	CU_ASSERT_PTR_NULL(supervisor_new(&rig.topo));
	CU_ASSERT_EQUAL(errno, ENOENT);
	rig.topo.n_vms = 0;
	supervisor_free(supervisor_new(&rig.topo));
	vm_rig_fini(&rig);
}

#define TEST(function)                                                                             \
	{                                                                                          \
#function, function                                                                \
	}

int main(void)
{
	static CU_TestInfo tests[] = {
		TEST(all_vms_start_and_stop),
		TEST(what_has_ended_leaves_no_files),
		TEST(the_next_switch_finds_the_vms_of_the_last_one),
		TEST(a_vm_that_the_file_no_longer_names_is_told),
		TEST(one_vm_that_ends_leaves_the_other_alone),
		TEST(a_restarted_vm_is_watched_as_well),
		TEST(without_the_launcher_nothing_starts),
		CU_TEST_INFO_NULL,
	};

	return suite_run("supervisor", tests);
}
