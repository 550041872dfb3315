/* Which files are read, and that none of them can hang or starve us. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/config/load_rig.h"
#include "tests/suite.h"

static const char *examples_dir;

static void expect(const char *path, int ret, const char *what)
{
	struct told told = {.text = NULL};
	struct topology topo;
	char expected[256];

	snprintf(expected, sizeof(expected), "%s: %s\n", path, what);
	CU_ASSERT_EQUAL(topology_load(&topo, path, told_line, &told), ret);
	if (strcmp(told_text(&told), expected) != 0)
		printf("\nexpected: %stold:     %s", expected, told_text(&told));
	CU_ASSERT_STRING_EQUAL(told_text(&told), expected);
	CU_ASSERT_PTR_NULL(topo.ports);
	told_fini(&told);
}

/* CFG-21 */
static void a_directory_or_a_pipe_is_refused_at_once(void)
{
	char dir[32], path[64];

	rig_make_dir(dir);
	snprintf(path, sizeof(path), "%s/pipe", dir);
	expect(dir, -EISDIR, "is a directory; name a regular file");
	CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
	expect(path, -EINVAL, "is a pipe; name a regular file");
	expect("/dev/zero", -EINVAL, "is not a file; name a regular file");
	unlink(path);
	rmdir(dir);
}

/* CFG-21: root reads everything, so this asks on behalf of nobody. */
static void a_file_that_is_not_ours_to_read_is_told(void)
{
	char dir[32], path[64];
	bool is_root = geteuid() == 0;
	int fd;

	rig_make_dir(dir);
	snprintf(path, sizeof(path), "%s/secret.ini", dir);
	expect(path, -ENOENT, "cannot be opened: No such file or directory");
	fd = open(path, O_CREAT | O_WRONLY, 0000);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	close(fd);
	CU_ASSERT_EQUAL(chmod(dir, 0755), 0);
	if (is_root)
		CU_ASSERT_EQUAL_FATAL(seteuid(65534), 0);
	expect(path, -EACCES, "cannot be opened: Permission denied");
	if (is_root)
		CU_ASSERT_EQUAL_FATAL(seteuid(0), 0);
	unlink(path);
	rmdir(dir);
}

/* CFG-21: a gibibyte of holes costs no more than the limit. */
static void a_huge_file_is_refused_after_a_megabyte(void)
{
	char dir[32], path[64];
	int fd;

	rig_make_dir(dir);
	snprintf(path, sizeof(path), "%s/huge.ini", dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(ftruncate(fd, 1 << 30), 0);
	close(fd);
	expect(path, -EFBIG, "is larger than 1048576 bytes; this is no configuration");
	unlink(path);
	rmdir(dir);
}

/* CFG-21: many sections, many mistakes, one line; each a megabyte. */
static void a_megabyte_of_anything_is_answered(void)
{
	static const char *const bits[] = {"[port a]\n", "[bridge b]\n", "x\n", "\n", "[", "a"};

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		struct told told = {.text = NULL};
		size_t len = strlen(bits[i]), n = (1 << 20) / len;
		struct topology topo;
		char *text = malloc(n * len + 1);

		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		for (size_t k = 0; k < n; k++)
			memcpy(text + k * len, bits[i], len + 1);
		CU_ASSERT_EQUAL(rig_load(&topo, text, &told), -EINVAL);
		CU_ASSERT_TRUE(told.len < 1 << 18);
		free(text);
		told_fini(&told);
	}
}

static void the_name_of_the_file_names_the_switch(void)
{
	static const struct {
		const char *file, *name;
	} cases[] = {{"lab.ini", "lab"},
		     {"lab", "lab"},
		     {"a.b.ini", "a.b"},
		     {"my lab.ini", NULL},
		     {".ini", NULL}};
	char dir[32], path[64];

	rig_make_dir(dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct told told = {.text = NULL};
		struct topology topo;
		FILE *file;
		int ret;

		snprintf(path, sizeof(path), "%s/%s", dir, cases[i].file);
		file = fopen(path, "w");
		CU_ASSERT_PTR_NOT_NULL_FATAL(file);
		fputs("[port p]\n", file);
		fclose(file);
		ret = topology_load(&topo, path, told_line, &told);
		unlink(path);
		CU_ASSERT_EQUAL(ret, cases[i].name ? 0 : -EINVAL);
		if (ret == 0) {
			CU_ASSERT_STRING_EQUAL(topo.sw.name, cases[i].name);
			topology_fini(&topo);
		} else {
			CU_ASSERT_PTR_NOT_NULL(
				strstr(told_text(&told), ":1: [switch] name: the file's name \""));
		}
		told_fini(&told);
	}
	rmdir(dir);
}

/* CFG-15: two spellings of one directory. */
static void a_link_does_not_hide_that_two_sockets_are_one(void)
{
	struct told told = {.text = NULL};
	struct topology topo;
	char dir[32], link[64], text[256];

	rig_make_dir(dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	CU_ASSERT_EQUAL_FATAL(symlink(dir, link), 0);
	snprintf(text, sizeof(text), "[port a]\nsocket = %s/s\n[port b]\nsocket = %s/s\n", dir,
		 link);
	CU_ASSERT_EQUAL(rig_load(&topo, text, &told), -EINVAL);
	CU_ASSERT_STRING_EQUAL(
		told_text(&told),
		"t.ini:4: [port b] socket: the same socket as that of [port a] in line 2; "
		"give each port its own\n");
	told_fini(&told);
	unlink(link);
	rmdir(dir);
}

/* Nothing of a configuration exists before it runs. */
static void loading_creates_nothing(void)
{
	struct told told = {.text = NULL};
	struct topology topo;
	char dir[32], text[128];

	rig_make_dir(dir);
	snprintf(text, sizeof(text), "[switch]\nrun-dir = %s/run\n[port a]\nsocket = %s/s\n", dir,
		 dir);
	CU_ASSERT_EQUAL(rig_load(&topo, text, &told), 0);
	topology_fini(&topo);
	/* Fails when something lies there. */
	CU_ASSERT_EQUAL(rmdir(dir), 0);
	told_fini(&told);
}

static void load_example(const char *name, unsigned n_ports, unsigned n_bridges)
{
	struct told told = {.text = NULL};
	struct topology topo;
	char path[4096];

	snprintf(path, sizeof(path), "%s/config/examples/%s", examples_dir, name);
	CU_ASSERT_EQUAL(topology_load(&topo, path, told_line, &told), 0);
	if (told.text)
		printf("\n%s", told.text);
	CU_ASSERT_EQUAL(topo.n_ports, n_ports);
	CU_ASSERT_EQUAL(topo.n_bridges, n_bridges);
	told_fini(&told);
	topology_fini(&topo);
}

static void every_example_loads(void)
{
	load_example("two-guests.ini", 2, 1);
	load_example("lab.ini", 7, 3);
	load_example("two-vms.ini", 2, 1);
}

#define TEST(function)                                                                             \
	{                                                                                          \
#function, function                                                                \
	}

int main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		TEST(a_directory_or_a_pipe_is_refused_at_once),
		TEST(a_file_that_is_not_ours_to_read_is_told),
		TEST(a_huge_file_is_refused_after_a_megabyte),
		TEST(a_megabyte_of_anything_is_answered),
		TEST(the_name_of_the_file_names_the_switch),
		TEST(a_link_does_not_hide_that_two_sockets_are_one),
		TEST(loading_creates_nothing),
		TEST(every_example_loads),
		CU_TEST_INFO_NULL,
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s SOURCE-DIRECTORY\n", argv[0]);
		return 2;
	}
	examples_dir = argv[1];
	setenv("XDG_RUNTIME_DIR", "/tmp", 1);
	return suite_run("files", tests);
}
