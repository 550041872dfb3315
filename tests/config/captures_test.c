/* [capture NAME]: its defaults, what comes back from a dump, and every mistake in its own words. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/config/load_rig.h"
#include "tests/suite.h"

#define PORTS "[switch]\nrun-dir = /nowhere/r\n[port a]\n[port b]\n"

static void a_capture_alone_takes_everything_into_a_file_of_its_name(void)
{
	struct topology topo;
	const struct capture_conf *conf;

	rig_load_sound(&topo, PORTS "[capture lab]\n");
	CU_ASSERT_EQUAL_FATAL(topo.n_captures, 1);
	conf = &topo.captures[0];
	CU_ASSERT_STRING_EQUAL(conf->name, "lab");
	CU_ASSERT_STRING_EQUAL(conf->ports, "*");
	CU_ASSERT_EQUAL(conf->port_set[0], 3);
	CU_ASSERT_EQUAL(conf->direction, CAPTURE_BOTH);
	CU_ASSERT_EQUAL(conf->drops, NO);
	CU_ASSERT_STRING_EQUAL(conf->filter, "");
	CU_ASSERT_EQUAL(conf->snaplen, 262144);
	CU_ASSERT_STRING_EQUAL(conf->file, "lab.pcapng");
	CU_ASSERT_EQUAL(conf->rotate_size, 0);
	CU_ASSERT_EQUAL(conf->rotate_files, 0);
	topology_fini(&topo);
}

static void a_full_capture_comes_back_as_it_was_written(void)
{
	static const char full[] = "[capture x]\n"
				   "ports = b,a\n"
				   "direction = rx\n"
				   "drops = yes\n"
				   "filter = icmp or (vlan and tcp[tcpflags] & tcp-syn != 0)\n"
				   "snaplen = 128\n"
				   "file = /tmp/x.pcap\n"
				   "rotate-size = 10M\n"
				   "rotate-files = 5\n";
	struct topology topo;
	char text[1024], *dump;

	snprintf(text, sizeof(text), "%s%s", PORTS, full);
	rig_load_sound(&topo, text);
	CU_ASSERT_EQUAL(topo.captures[0].rotate_size, 10 << 20);
	dump = rig_dump(&topo);
	CU_ASSERT_PTR_NOT_NULL(strstr(dump, full));
	free(dump);
	topology_fini(&topo);
}

static void ports_are_found_by_name_wherever_they_stand(void)
{
	static const struct {
		const char *ports;
		uint64_t set;
	} cases[] = {{"a", 1}, {"b", 2}, {"b , a", 3}, {"a,a", 1}, {"*", 3}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct topology topo;
		char text[256];

		/* The capture stands before its ports. */
		snprintf(text, sizeof(text), "[capture c]\nports = %s\n" PORTS, cases[i].ports);
		rig_load_sound(&topo, text);
		CU_ASSERT_EQUAL(topo.captures[0].port_set[0], cases[i].set);
		topology_fini(&topo);
	}
}

static void sizes_are_written_as_people_write_them(void)
{
	static const struct {
		const char *written, *dumped;
		uint64_t bytes;
	} cases[] = {{"64K", "64K", 65536},	  {"65537", "65537", 65537},
		     {"1024K", "1M", 1 << 20},	  {"3G", "3G", UINT64_C(3) << 30},
		     {"1536K", "1536K", 3 << 19}, {"1024G", "1024G", UINT64_C(1) << 40}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct topology topo;
		char text[256], *dump;

		snprintf(text, sizeof(text), PORTS "[capture c]\nrotate-size = %s\n",
			 cases[i].written);
		rig_load_sound(&topo, text);
		CU_ASSERT_EQUAL(topo.captures[0].rotate_size, cases[i].bytes);
		dump = rig_dump(&topo);
		snprintf(text, sizeof(text), "rotate-size = %s\n", cases[i].dumped);
		CU_ASSERT_PTR_NOT_NULL(strstr(dump, text));
		free(dump);
		topology_fini(&topo);
	}
}

/* CFG-02, CAP-10 */
static void every_mistake_of_a_capture_is_told_in_its_own_words(void)
{
	static const struct {
		const char *lines, *told;
	} cases[] = {
		{"ports = c",
		 "t.ini:6: [capture x] ports: there is no [port c]; name ports that are "
		 "there, or write *\n"},
		{"ports = a b", "t.ini:6: [capture x] ports: \"b\" follows without a comma; write "
				"names of ports with commas between, or *\n"},
		{"ports = a,",
		 "t.ini:6: [capture x] ports: a name is missing; write names of ports "
		 "with commas between, or *\n"},
		{"ports = ,a",
		 "t.ini:6: [capture x] ports: a name is missing; write names of ports "
		 "with commas between, or *\n"},
		{"ports = a,*",
		 "t.ini:6: [capture x] ports: \"*\" is not a name; use letters, digits, "
		 "- _ and . only\n"},
		{"direction = in",
		 "t.ini:6: [capture x] direction: \"in\" is not known; write one of "
		 "both, rx, tx\n"},
		{"drops = 1",
		 "t.ini:6: [capture x] drops: \"1\" is not known; write one of no, yes\n"},
		{"filter = icmp and",
		 "t.ini:6: [capture x] filter: libpcap says: can't parse filter expression: syntax "
		 "error; see pcap-filter(7)\n"},
		{"filter = port 99999",
		 "t.ini:6: [capture x] filter: libpcap says: illegal port number "
		 "99999 > 65535; see pcap-filter(7)\n"},
		{"snaplen = 13",
		 "t.ini:6: [capture x] snaplen: 13 is out of range; write 14 to 262144\n"},
		{"rotate-size = 1K",
		 "t.ini:6: [capture x] rotate-size: 1K is out of range; write 64K to 1024G\n"},
		{"rotate-size = 1T",
		 "t.ini:6: [capture x] rotate-size: \"1T\" is not a size; write "
		 "bytes, or as in 64K, 10M, 2G\n"},
		{"rotate-size = K", "t.ini:6: [capture x] rotate-size: \"K\" is not a size; write "
				    "bytes, or as in 64K, 10M, 2G\n"},
		{"rotate-size = 99999999999999999999G",
		 "t.ini:6: [capture x] rotate-size: 99999999999999999999G is out of range; write "
		 "64K "
		 "to 1024G\n"},
		{"rotate-files = 3",
		 "t.ini:6: [capture x] rotate-files: the key has a meaning only "
		 "with rotate-size; write that, or remove this one\n"},
		{"file = -\nrotate-size = 1M",
		 "t.ini:7: [capture x] rotate-size: standard output does not rotate; write file = "
		 "PATH, or remove this key\n"},
		{"file = d/",
		 "t.ini:6: [capture x] file: the path ends with /; write the name behind "
		 "it, or remove it\n"},
		{"[capture y]\nfile = ./x.pcapng", "t.ini:7: [capture y] file: [capture x] writes "
						   "there already; choose another file\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct told told = {0};
		struct topology topo;
		char text[512];

		snprintf(text, sizeof(text), PORTS "[capture x]\n%s\n", cases[i].lines);
		CU_ASSERT_EQUAL(rig_load(&topo, text, &told), -EINVAL);
		CU_ASSERT_STRING_EQUAL(told_text(&told), cases[i].told);
		if (strcmp(told_text(&told), cases[i].told) != 0)
			printf("\n%s\n", told_text(&told));
		told_fini(&told);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a_capture_alone_takes_everything_into_a_file_of_its_name",
		 a_capture_alone_takes_everything_into_a_file_of_its_name},
		{"a_full_capture_comes_back_as_it_was_written",
		 a_full_capture_comes_back_as_it_was_written},
		{"ports_are_found_by_name_wherever_they_stand",
		 ports_are_found_by_name_wherever_they_stand},
		{"sizes_are_written_as_people_write_them", sizes_are_written_as_people_write_them},
		{"every_mistake_of_a_capture_is_told_in_its_own_words",
		 every_mistake_of_a_capture_is_told_in_its_own_words},
		CU_TEST_INFO_NULL,
	};

	return suite_run("config_captures", tests);
}
