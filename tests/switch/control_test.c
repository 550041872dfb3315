/* Both ends of the control socket: who may ask, and what an answer is. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "switch/control.h"
#include "tests/suite.h"

struct rig {
	char dir[32];
	char path[64];
	struct control *control;
};

static json_t *echo(void *ctx, struct control_request *request)
{
	(void)ctx;
	return json_pack("{s:s}", "heard", request->line);
}

static void rig_init(struct rig *rig)
{
	const struct control_handler handler = {.answer = echo};

	strcpy(rig->dir, "/tmp/ringway-control-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig->dir));
	snprintf(rig->path, sizeof(rig->path), "%s/control.sock", rig->dir);
	rig->control = control_open(rig->path, &handler);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->control);
}

static void rig_fini(struct rig *rig)
{
	control_close(rig->control);
	CU_ASSERT_EQUAL(rmdir(rig->dir), 0);
}

static void nobody_else_may_ask_whatever_the_umask(void)
{
	const struct {
		mode_t mask, mode;
	} cases[] = {{0, 0770}, {0022, 0750}, {0077, 0700}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mode_t before = umask(cases[i].mask);
		struct stat st;
		struct rig rig;

		rig_init(&rig);
		umask(before);
		CU_ASSERT_EQUAL(stat(rig.path, &st), 0);
		CU_ASSERT_EQUAL(st.st_mode & 0777, cases[i].mode);
		rig_fini(&rig);
	}
}

static void *ask(void *arg)
{
	const struct rig *rig = arg;

	return control_ask(rig->path, "show ports");
}

static void a_line_is_answered(void)
{
	void *answer = NULL;
	pthread_t asker;
	struct rig rig;

	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&asker, NULL, ask, &rig), 0);
	while (pthread_tryjoin_np(asker, &answer) == EBUSY)
		control_serve(rig.control);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(answer, "heard")), "show ports");
	json_decref(answer);
	rig_fini(&rig);
}

static void where_nobody_listens_there_is_no_switch(void)
{
	struct rig rig;

	rig_init(&rig);
	CU_ASSERT_EQUAL(control_probe(rig.path), 0);
	control_close(rig.control);
	rig.control = NULL;
	CU_ASSERT_EQUAL(control_probe(rig.path), -ENOENT);
	CU_ASSERT_PTR_NULL(control_ask(rig.path, "show ports"));
	CU_ASSERT_EQUAL(errno, ENOENT);
	rig_fini(&rig);
}

int main(void)
{
	CU_TestInfo tests[] = {
		SUITE_TEST(nobody_else_may_ask_whatever_the_umask),
		SUITE_TEST(a_line_is_answered),
		SUITE_TEST(where_nobody_listens_there_is_no_switch),
		CU_TEST_INFO_NULL,
	};

	return suite_run("control", tests);
}
