/* What may be written about ports that are not a virtual machine's, and what is told of mistakes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/config/load_rig.h"
#include "tests/suite.h"

#define TAP "[port p]\ntype = tap\n"

struct refusal {
	const char *text;
	const char *told;
};

static void judge(const struct refusal *refusal)
{
	struct told told = {.text = NULL};
	struct topology topo;

	CU_ASSERT_EQUAL(rig_load(&topo, refusal->text, &told), -EINVAL);
	if (strcmp(told.text ? told.text : "", refusal->told) != 0) {
		printf("\nfile:\n%s\nexpected:\n%stold:\n%s", refusal->text, refusal->told,
		       told.text ? told.text : "");
		CU_FAIL("another text was told");
	}
	told_fini(&told);
}

#define JUDGE_ALL(cases)                                                                           \
	do {                                                                                       \
		for (size_t i = 0; i < sizeof(cases) / sizeof((cases)[0]); i++)                    \
			judge(&(cases)[i]);                                                        \
	} while (0)

static void load(struct topology *topo, const char *text)
{
	struct told told = {.text = NULL};

	if (rig_load(topo, text, &told) != 0) {
		printf("\nfile:\n%s\ntold:\n%s", text, told.text ? told.text : "");
		CU_FAIL_FATAL("a sound file is refused");
	}
	told_fini(&told);
}

static bool dump_has(const struct topology *topo, const char *line)
{
	char *dump = rig_dump(topo);
	bool has = strstr(dump, line) != NULL;

	if (!has)
		printf("\nno \"%s\" in:\n%s", line, dump);
	free(dump);
	return has;
}

static void a_tap_has_the_name_of_its_port_and_no_socket(void)
{
	struct topology topo;

	load(&topo, TAP);
	CU_ASSERT_EQUAL(topo.ports[0].type, PORT_TAP);
	CU_ASSERT_STRING_EQUAL(topo.ports[0].ifname, "p");
	CU_ASSERT_STRING_EQUAL(topo.ports[0].socket, "");
	CU_ASSERT_EQUAL(topo.ports[0].address.version, 0);
	CU_ASSERT_EQUAL(topo.ports[0].persist, NO);
	CU_ASSERT_EQUAL(topo.ports[0].owner, (uid_t)-1);
	CU_ASSERT_TRUE(dump_has(&topo, "ifname = p\n"));
	topology_fini(&topo);
}

static void a_tap_takes_an_address_of_either_family(void)
{
	struct topology topo;

	load(&topo, TAP "address = 192.168.50.1/24\nifname = tap-0.b\npersist = yes\nowner = 7\n");
	CU_ASSERT_EQUAL(topo.ports[0].address.version, 4);
	CU_ASSERT_EQUAL(topo.ports[0].address.prefix_len, 24);
	CU_ASSERT_EQUAL(memcmp(topo.ports[0].address.bytes, "\xc0\xa8\x32\x01", 4), 0);
	CU_ASSERT_STRING_EQUAL(topo.ports[0].ifname, "tap-0.b");
	CU_ASSERT_EQUAL(topo.ports[0].persist, YES);
	CU_ASSERT_EQUAL(topo.ports[0].owner, 7);
	CU_ASSERT_TRUE(dump_has(&topo, "address = 192.168.50.1/24\n"));
	topology_fini(&topo);

	load(&topo, TAP "address = FD00:0::1/64\n");
	CU_ASSERT_EQUAL(topo.ports[0].address.version, 6);
	CU_ASSERT_TRUE(dump_has(&topo, "address = fd00::1/64\n"));
	topology_fini(&topo);
}

static void an_address_that_no_interface_can_have_is_refused(void)
{
	static const struct refusal cases[] = {
		{TAP "address = 10.0.0.1\n",
		 "t.ini:3: [port p] address: \"10.0.0.1\" has no prefix length; write it as in "
		 "192.168.50.1/24\n"},
		{TAP "address = 10.0.0.256/8\n",
		 "t.ini:3: [port p] address: \"10.0.0.256\" is not an address; write one as in "
		 "192.168.50.1/24 or fd00::1/64\n"},
		{TAP "address = /8\n", "t.ini:3: [port p] address: \"\" is not an address; write "
				       "one as in 192.168.50.1/24 or fd00::1/64\n"},
		{TAP "address = 10.0.0.1/0\n",
		 "t.ini:3: [port p] address: \"0\" is not a prefix length; write 1 to 32\n"},
		{TAP "address = 10.0.0.1/33\n",
		 "t.ini:3: [port p] address: \"33\" is not a prefix length; write 1 to 32\n"},
		{TAP "address = fd00::1/129\n",
		 "t.ini:3: [port p] address: \"129\" is not a prefix length; write 1 to 128\n"},
		{TAP "address = 10.0.0.1/8/8\n",
		 "t.ini:3: [port p] address: \"8/8\" is not a prefix length; write 1 to 32\n"},
		{TAP "address = 224.0.0.1/8\n",
		 "t.ini:3: [port p] address: 224.0.0.1 cannot be an interface's address\n"},
		{TAP "address = ff02::1/64\n",
		 "t.ini:3: [port p] address: ff02::1 cannot be an interface's address\n"},
	};

	JUDGE_ALL(cases);
}

static void an_interface_has_a_short_name_of_its_own(void)
{
	static const struct refusal cases[] = {
		{TAP "ifname = sixteen-letters-\n",
		 "t.ini:3: [port p] ifname: the name is too long: 16 characters, at most 15 are "
		 "allowed\n"},
		{TAP "ifname = tap/0\n", "t.ini:3: [port p] ifname: \"tap/0\" is not a name; use "
					 "letters, digits, - _ and . only\n"},
		{TAP "ifname = tap%d\n", "t.ini:3: [port p] ifname: \"tap%d\" is not a name; use "
					 "letters, digits, - _ and . only\n"},
		{"[port a-rather-long-name]\ntype = tap\n",
		 "t.ini:1: [port a-rather-long-name] ifname: the port's name is too long for an "
		 "interface (at most 15 characters); write ifname = NAME\n"},
		{TAP "[port q]\ntype = tap\nifname = p\n",
		 "t.ini:5: [port q] ifname: the same interface as that of [port p] in line 1; give "
		 "each port its own\n"},
	};

	JUDGE_ALL(cases);
}

static void keys_of_another_type_of_port_are_refused(void)
{
	static const struct refusal cases[] = {
		{TAP "socket = s\n", "t.ini:3: [port p] socket: the key has a meaning only with "
				     "type = vhost-user; remove it\n"},
		{"[port p]\nifname = tap0\n", "t.ini:2: [port p] ifname: the key has a meaning "
					      "only with type = tap; remove it\n"},
		{TAP "persist = true\n", "t.ini:3: [port p] persist: \"true\" is not known; write "
					 "one of no, yes\n"},
	};

	JUDGE_ALL(cases);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a_tap_has_the_name_of_its_port_and_no_socket",
		 a_tap_has_the_name_of_its_port_and_no_socket},
		{"a_tap_takes_an_address_of_either_family",
		 a_tap_takes_an_address_of_either_family},
		{"an_address_that_no_interface_can_have_is_refused",
		 an_address_that_no_interface_can_have_is_refused},
		{"an_interface_has_a_short_name_of_its_own",
		 an_interface_has_a_short_name_of_its_own},
		{"keys_of_another_type_of_port_are_refused",
		 keys_of_another_type_of_port_are_refused},
		CU_TEST_INFO_NULL,
	};

	return suite_run("uplinks", tests);
}
