/* Where sockets and run-dirs may lie, how long they may be, and which of them are the same. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/path.h"
#include "tests/config/load_rig.h"
#include "tests/suite.h"

#define RUN "[switch]\nrun-dir = /nowhere/r\n"

/* CFG-14: 107 bytes is what sun_path holds beside its NUL. */
static void a_socket_path_of_107_bytes_is_the_longest(void)
{
	struct told told = {.text = NULL};
	struct topology topo;
	char text[512];

	snprintf(text, sizeof(text), RUN "[port p]\nsocket = /tmp/%0102d\n", 0);
	rig_load_sound(&topo, text);
	CU_ASSERT_EQUAL(strlen(topo.ports[0].socket), 107);
	topology_fini(&topo);

	snprintf(text, sizeof(text), RUN "[port p]\nsocket = /tmp/%0103d\n", 0);
	CU_ASSERT_EQUAL(rig_load(&topo, text, &told), -EINVAL);
	CU_ASSERT_STRING_EQUAL(
		told_text(&told),
		"t.ini:4: [port p] socket: the path is too long: 108 bytes, at most 107 are "
		"allowed\n");
	told_fini(&told);

	/* Joined with the run-dir of 10 bytes and a slash. */
	snprintf(text, sizeof(text), RUN "[port p]\nsocket = %096d\n", 0);
	rig_load_sound(&topo, text);
	topology_fini(&topo);
	snprintf(text, sizeof(text), RUN "[port p]\nsocket = %097d\n", 0);
	CU_ASSERT_EQUAL(rig_load(&topo, text, &told), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(told_text(&told),
		       "is too long: 108 bytes, at most 107 are allowed; write a shorter "
		       "run-dir or socket\n"));
	told_fini(&told);

	/* The control socket has to fit as well. */
	snprintf(text, sizeof(text), "[switch]\nrun-dir = /%093d\n[port p]\n", 0);
	rig_load_sound(&topo, text);
	topology_fini(&topo);
	snprintf(text, sizeof(text), "[switch]\nrun-dir = /%094d\n[port p]\n", 0);
	CU_ASSERT_EQUAL(rig_load(&topo, text, &told), -EINVAL);
	CU_ASSERT_STRING_EQUAL(
		told_text(&told),
		"t.ini:2: [switch] run-dir: the path is too long: 95 bytes, at most 94 are "
		"allowed\n");
	told_fini(&told);
}

static void the_default_run_dir_belongs_to_the_user(void)
{
	char dir[64];

	CU_ASSERT_EQUAL(path_run_dir(dir, sizeof(dir), true, NULL, "lab"), 0);
	CU_ASSERT_STRING_EQUAL(dir, "/run/ringway/lab");
	CU_ASSERT_EQUAL(path_run_dir(dir, sizeof(dir), false, "/run/user/7", "lab"), 0);
	CU_ASSERT_STRING_EQUAL(dir, "/run/user/7/ringway/lab");
	CU_ASSERT_EQUAL(path_run_dir(dir, sizeof(dir), false, NULL, "lab"), -ENOENT);
	CU_ASSERT_EQUAL(path_run_dir(dir, sizeof(dir), false, "", "lab"), -ENOENT);
	CU_ASSERT_EQUAL(path_run_dir(dir, sizeof(dir), false, "run", "lab"), -ENOENT);
	CU_ASSERT_EQUAL(path_run_dir(dir, 16, true, NULL, "lab"), -ENAMETOOLONG);
}

/* As root this asks on behalf of nobody. */
static void a_user_without_a_run_dir_is_told_what_to_write(void)
{
	struct told told = {.text = NULL};
	struct topology topo;
	bool is_root = geteuid() == 0;

	unsetenv("XDG_RUNTIME_DIR");
	if (is_root)
		CU_ASSERT_EQUAL_FATAL(seteuid(65534), 0);
	CU_ASSERT_EQUAL(rig_load(&topo, "[port p]\n[switch]\n", &told), -EINVAL);
	CU_ASSERT_STRING_EQUAL(
		told_text(&told),
		"t.ini:2: [switch] run-dir: there is no default, as XDG_RUNTIME_DIR is not "
		"set; write run-dir = /absolute/path\n");
	told_fini(&told);
	setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
	rig_load_sound(&topo, "[port p]\n");
	CU_ASSERT_STRING_EQUAL(topo.ports[0].socket, "/nowhere/ringway/t/p.sock");
	topology_fini(&topo);
	if (is_root)
		CU_ASSERT_EQUAL_FATAL(seteuid(0), 0);
}

/* CFG-15 */
static void one_file_has_one_identity(void)
{
	char dir[32], path[128], real[PATH_MAX], other[PATH_MAX];

	rig_make_dir(dir);
	snprintf(path, sizeof(path), "%s/link", dir);
	CU_ASSERT_EQUAL(symlink(".", path), 0);
	snprintf(path, sizeof(path), "%s/a", dir);
	CU_ASSERT_EQUAL(path_identity(real, path), 0);
	snprintf(path, sizeof(path), "%s/link/./none/..//a", dir);
	CU_ASSERT_EQUAL(path_identity(other, path), 0);
	CU_ASSERT_STRING_EQUAL(real, other);
	/* The last component is not followed: a socket may lie where a link is now. */
	snprintf(path, sizeof(path), "%s/link", dir);
	CU_ASSERT_EQUAL(path_identity(other, path), 0);
	CU_ASSERT_STRING_NOT_EQUAL(other, dir);
	unlink(path);
	rmdir(dir);
	CU_ASSERT_EQUAL(path_identity(other, "/../../a"), 0);
	CU_ASSERT_STRING_EQUAL(other, "/a");
}

/* XDG_RUNTIME_DIR could hold it, an INI file could not. */
static void a_path_that_no_file_could_spell_is_refused(void)
{
	CU_ASSERT_PTR_NULL(path_fault("/a;b c"));
	CU_ASSERT_PTR_NOT_NULL(path_fault("/a ;b"));
	CU_ASSERT_PTR_NOT_NULL(path_fault("/a\n"));
	CU_ASSERT_PTR_NOT_NULL(path_fault("/a "));
	CU_ASSERT_PTR_NOT_NULL(path_fault(""));
}

#define TEST(function)                                                                             \
	{                                                                                          \
#function, function                                                                \
	}

int main(void)
{
	static CU_TestInfo tests[] = {
		TEST(a_socket_path_of_107_bytes_is_the_longest),
		TEST(the_default_run_dir_belongs_to_the_user),
		TEST(a_user_without_a_run_dir_is_told_what_to_write),
		TEST(one_file_has_one_identity),
		TEST(a_path_that_no_file_could_spell_is_refused),
		CU_TEST_INFO_NULL,
	};

	/* The default run-dir of whoever is not root. */
	setenv("XDG_RUNTIME_DIR", "/tmp", 1);
	return suite_run("paths", tests);
}
