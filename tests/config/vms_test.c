/* [vm NAME]: defaults, spellings, and what is told about mistakes, word by word. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/config/load_rig.h"
#include "tests/suite.h"

#define RUN   "[switch]\nrun-dir = /nowhere/r\n"
#define PORTS "[port a]\n[port b]\n"

static void a_vm_alone_has_every_default(void)
{
	struct topology topo;

	rig_load_sound(&topo, RUN PORTS "[vm v]\n");
	CU_ASSERT_EQUAL_FATAL(topo.n_vms, 1);
	CU_ASSERT_STRING_EQUAL(topo.vms[0].name, "v");
	CU_ASSERT_EQUAL(topo.vms[0].n_ports, 0);
	CU_ASSERT_STRING_EQUAL(topo.vms[0].kernel, "");
	CU_ASSERT_STRING_EQUAL(topo.vms[0].initrd, "");
	CU_ASSERT_STRING_EQUAL(topo.vms[0].append, "");
	CU_ASSERT_EQUAL(topo.vms[0].memory_mib, 4);
	CU_ASSERT_EQUAL(topo.vms[0].n_cpus, 1);
	CU_ASSERT_EQUAL(topo.vms[0].console, VM_CONSOLE_FILE);
	CU_ASSERT_EQUAL(topo.vms[0].hypervisor, VM_HYPERVISOR_AUTO);
	CU_ASSERT_EQUAL(topo.vms[0].restart, VM_RESTART_NO);
	CU_ASSERT_EQUAL(topo.vms[0].stop_timeout_s, 10);
	CU_ASSERT_EQUAL(topo.vms[0].stats, VM_STATS_NO);
	topology_fini(&topo);
}

static const char full[] = "[vm v]\n"
			   "ports = b,a\n"
			   "kernel = /bin/sh\n"
			   "initrd = /etc/passwd\n"
			   "append = root=/dev/vda  quiet x=\"1 2\"\n"
			   "memory = 1536M\n"
			   "cpus = 64\n"
			   "console = pty\n"
			   "hypervisor = qemu\n"
			   "restart = on-failure\n"
			   "stop-timeout = 3600\n"
			   "stats = yes\n";

static void a_full_vm_comes_back_as_it_was_written(void)
{
	struct topology topo;
	char text[1024], *dump;

	snprintf(text, sizeof(text), RUN PORTS "%s", full);
	rig_load_sound(&topo, text);
	CU_ASSERT_EQUAL_FATAL(topo.vms[0].n_ports, 2);
	CU_ASSERT_STRING_EQUAL(topo.ports[topo.vms[0].port[0]].name, "b");
	CU_ASSERT_STRING_EQUAL(topo.ports[topo.vms[0].port[1]].name, "a");
	CU_ASSERT_EQUAL(topo.vms[0].memory_mib, 1536);
	dump = rig_dump(&topo);
	CU_ASSERT_PTR_NOT_NULL(strstr(dump, full));
	free(dump);
	topology_fini(&topo);
}

static void blanks_around_commas_mean_nothing(void)
{
	struct topology topo;

	rig_load_sound(&topo, RUN PORTS "[vm v]\nports = a ,\tb\n");
	CU_ASSERT_EQUAL(topo.vms[0].n_ports, 2);
	CU_ASSERT_STRING_EQUAL(topo.vms[0].ports, "a,b");
	topology_fini(&topo);
}

static void a_kernel_gets_more_memory(void)
{
	struct topology topo;

	rig_load_sound(&topo, RUN PORTS
		       "[vm v]\nkernel = /bin/sh\n[vm w]\nkernel = /bin/sh\nmemory = 2G\n");
	CU_ASSERT_EQUAL(topo.vms[0].memory_mib, 512);
	CU_ASSERT_EQUAL(topo.vms[1].memory_mib, 2048);
	topology_fini(&topo);
}

/* So that a folder with a lab can be moved, and `ringway run` be called from anywhere. */
static void a_relative_kernel_lies_beside_the_file(void)
{
	struct told told = {.text = NULL};
	char dir[32], path[64], kernel[64];
	struct topology topo;
	FILE *file;

	rig_make_dir(dir);
	snprintf(path, sizeof(path), "%s/lab.ini", dir);
	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", dir);
	file = fopen(kernel, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fclose(file);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(RUN PORTS "[vm v]\nkernel = vmlinuz\n", file);
	fclose(file);
	CU_ASSERT_EQUAL_FATAL(topology_load(&topo, path, told_line, &told), 0);
	CU_ASSERT_STRING_EQUAL(topo.vms[0].kernel, kernel);
	topology_fini(&topo);
	told_fini(&told);
	unlink(kernel);
	unlink(path);
	rmdir(dir);
}

static void mistakes_are_told_with_what_would_be_right(void)
{
	static const struct {
		const char *text, *told;
	} cases[] = {
		{"[vm]\n", "t.ini:5: [vm]: the section needs a name; write [vm NAME]\n"},
		{"[vm v]\nports = a,\n",
		 "t.ini:6: [vm v] ports: a name is missing; write names of ports with commas "
		 "between\n"},
		{"[vm v]\nports = a b\n",
		 "t.ini:6: [vm v] ports: \"b\" follows without a comma; write names of ports with "
		 "commas between\n"},
		{"[vm v]\nports = c\n",
		 "t.ini:6: [vm v] ports: there is no [port c]; write that section, or name one "
		 "that is there\n"},
		{"[port gest]\n[vm v]\nports = guest\n",
		 "t.ini:7: [vm v] ports: there is no [port guest]; did you mean \"gest\"?\n"},
		{"[vm v]\nports = a,a\n",
		 "t.ini:6: [vm v] ports: port a is named twice; give each NIC its own\n"},
		{"[vm v]\nports = a\n[vm w]\nports = b, a\n",
		 "t.ini:8: [vm w] ports: port a belongs to [vm v] in line 6; give each VM its "
		 "own\n"},
		{"[vm v]\nports = a,b,a,b,a,b,a,b,a,b,a,b,a,b,a,b,a\n",
		 "t.ini:6: [vm v] ports: these are too many; a VM has at most 16 ports\n"},
		{"[vm v]\nkernel = /nowhere/vmlinuz\n",
		 "t.ini:6: [vm v] kernel: /nowhere/vmlinuz: No such file or directory; name a "
		 "file that is there\n"},
		{"[vm v]\nkernel = /tmp\n",
		 "t.ini:6: [vm v] kernel: /tmp is no regular file; name one\n"},
		{"[vm v]\ninitrd = /etc/passwd\n",
		 "t.ini:6: [vm v] initrd: the built-in tiny guest takes none; write kernel = "
		 "PATH, or remove this key\n"},
		{"[vm v]\nhypervisor = qemu\n",
		 "t.ini:6: [vm v] hypervisor: the built-in tiny guest is for kvm only; write "
		 "kernel = PATH, or hypervisor = kvm\n"},
		{"[vm v]\nmemory = 512\n",
		 "t.ini:6: [vm v] memory: \"512\" is not a size; write it as in 512M or 2G\n"},
		{"[vm v]\nmemory = 1M\n",
		 "t.ini:6: [vm v] memory: 1M is out of range; write 2M to 1024G\n"},
		{"[vm v]\nmemory = 18446744073709551615G\n",
		 "t.ini:6: [vm v] memory: 18446744073709551615G is out of range; write 2M to "
		 "1024G\n"},
		{"[vm v]\nkernel = /bin/sh\nmemory = 64M\n",
		 "t.ini:7: [vm v] memory: 64M is too small for a kernel; write at least 96M\n"},
		{"[vm v]\nappend =;a\n",
		 "t.ini:6: [vm v] append: the text begins with ;, which begins a comment; begin it "
		 "with a word\n"},
		{"[vm v]\ncpus = 65\n",
		 "t.ini:6: [vm v] cpus: 65 is out of range; write 1 to 64\n"},
		{"[vm v]\nconsole = fil\n",
		 "t.ini:6: [vm v] console: \"fil\" is not known; did you mean \"file\"? (file, "
		 "pty, none)\n"},
		{"[port c]\nsocket = /tmp/a,b\n[vm v]\nports = c\n",
		 "t.ini:8: [vm v] ports: the path of port c, /tmp/a,b, holds a comma; choose "
		 "another socket or run-dir\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct told told = {.text = NULL};
		struct topology topo;
		char text[512];

		snprintf(text, sizeof(text), RUN PORTS "%s", cases[i].text);
		CU_ASSERT_EQUAL(rig_load(&topo, text, &told), -EINVAL);
		CU_ASSERT_PTR_NULL(topo.vms);
		if (strcmp(told_text(&told), cases[i].told) != 0) {
			printf("\nfile:\n%s\nexpected:\n%stold:\n%s", text, cases[i].told,
			       told_text(&told));
			CU_FAIL("another text was told");
		}
		told_fini(&told);
	}
}

#define TEST(function)                                                                             \
	{                                                                                          \
#function, function                                                                \
	}

int main(void)
{
	static CU_TestInfo tests[] = {
		TEST(a_vm_alone_has_every_default),
		TEST(a_full_vm_comes_back_as_it_was_written),
		TEST(blanks_around_commas_mean_nothing),
		TEST(a_kernel_gets_more_memory),
		TEST(a_relative_kernel_lies_beside_the_file),
		TEST(mistakes_are_told_with_what_would_be_right),
		CU_TEST_INFO_NULL,
	};

	setenv("XDG_RUNTIME_DIR", "/tmp", 1);
	return suite_run("vms", tests);
}
