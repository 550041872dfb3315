/* What is told about files with mistakes, word by word. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/parse.h"
#include "tests/config/load_rig.h"
#include "tests/suite.h"

/* A port in line 1, so that a file lacks nothing but what its case is about. */
#define PORT "[port p]\n"
#define RUN  "[switch]\nrun-dir = /nowhere/r\n"

struct malformed {
	const char *text;
	const char *told;
};

static void judge(const char *text, size_t len, const char *expected)
{
	struct told told = {.text = NULL};
	struct topology topo;
	int ret = topology_load_text(&topo, text, len, "t.ini", told_line, &told);
	const char *got = told_text(&told);

	CU_ASSERT_EQUAL(ret, -EINVAL);
	CU_ASSERT_EQUAL(topo.n_ports, 0);
	CU_ASSERT_PTR_NULL(topo.ports);
	if (strcmp(got, expected) != 0) {
		printf("\nfile:\n%s\nexpected:\n%stold:\n%s", text, expected, got);
		CU_FAIL("another text was told");
	}
	told_fini(&told);
}

#define JUDGE_ALL(cases)                                                                           \
	do {                                                                                       \
		for (size_t i = 0; i < sizeof(cases) / sizeof((cases)[0]); i++)                    \
			judge((cases)[i].text, strlen((cases)[i].text), (cases)[i].told);          \
	} while (0)

/* CFG-02 */
static void an_unknown_section_or_key_is_told_with_the_nearest_word(void)
{
	static const struct malformed cases[] = {
		{"[prot a]\n", "t.ini:1: [prot a]: unknown section; did you mean [port a]?\n"},
		{"[Port a]\n", "t.ini:1: [Port a]: unknown section; did you mean [port a]?\n"},
		{PORT "[swich]\nfoo = 1\n",
		 "t.ini:2: [swich]: unknown section; did you mean [switch]?\n"},
		{PORT "[globals]\n", "t.ini:2: [globals]: unknown section; write [switch], [bridge "
				     "NAME], [port NAME], [vm NAME] or [capture NAME]\n"},
		{PORT "[]\n",
		 "t.ini:2: []: unknown section; write [switch], [bridge NAME], [port NAME], [vm "
		 "NAME] or [capture NAME]\n"},
		{PORT "sokcet = a\n",
		 "t.ini:2: [port p] sokcet: unknown key; did you mean \"socket\"?\n"},
		{PORT "socket_mode = 0600\n",
		 "t.ini:2: [port p] socket_mode: unknown key; did you mean \"socket-mode\"?\n"},
		{PORT "MTU = 1500\n",
		 "t.ini:2: [port p] MTU: unknown key; did you mean \"mtu\"?\n"},
		{PORT "ageing = 300\n",
		 "t.ini:2: [port p] ageing: this key belongs into [bridge NAME]\n"},
		{PORT "colour = red\n",
		 "t.ini:2: [port p] colour: unknown key; known here are bridge, type, role, "
		 "socket, queues, mtu, socket-mode, socket-owner, socket-group, ifname, address, "
		 "owner, persist, device, vlan, trunk, native, native-tagged, tunnel, "
		 "priority-tags, mac, "
		 "isolated, "
		 "max-macs, storm\n"},
		{"mtu = 1500\n" PORT,
		 "t.ini:1: mtu: the key stands before any section; write [port NAME] above it\n"},
		{"x = 1\n" PORT, "t.ini:1: x: the key stands before any section; write a section "
				 "such as [port NAME] above it\n"},
		{PORT "= 5\n", "t.ini:2: there is no key; write KEY = VALUE\n"},
		{PORT "mtu 1500\n", "t.ini:2: [port p]: the line has no =; write KEY = VALUE, or "
				    "begin a comment with ;\n"},
		{PORT "mtu : 1500\n",
		 "t.ini:2: [port p]: a key is followed by =, not by a colon; write KEY = VALUE\n"},
		{"", "t.ini:1: there is no port; write at least one section [port NAME]\n"},
		{"; nothing\n\n[switch]\n",
		 "t.ini:3: there is no port; write at least one section [port NAME]\n"},
	};

	JUDGE_ALL(cases);
}

/* CFG-05, CFG-08, CFG-09 */
static void a_broken_header_is_told_and_what_follows_is_still_judged(void)
{
	static const struct malformed cases[] = {
		{PORT "[port d\nmtu = 1\n[port e]\nmtu = 2\n",
		 "t.ini:2: section header without ]; write [KIND NAME] on one line\n"
		 "t.ini:3: [port d] mtu: 1 is out of range; write 68 to 9702\n"
		 "t.ini:5: [port e] mtu: 2 is out of range; write 68 to 9702\n"},
		{PORT "[\nmtu = 1\n",
		 "t.ini:2: section header without ]; write [KIND NAME] on one line\n"},
		{PORT "[port d] mtu = 1500\n",
		 "t.ini:2: text behind the section header; put it on a line of its own\n"},
		{PORT "[port d]]\n",
		 "t.ini:2: text behind the section header; put it on a line of its own\n"},
		{"[port]\nmtu = 1\n",
		 "t.ini:1: [port]: the section needs a name; write [port NAME]\n"
		 "t.ini:2: [port ?] mtu: 1 is out of range; write 68 to 9702\n"},
		{PORT "[switch lab]\n",
		 "t.ini:2: [switch lab]: this section takes no name; write [switch]\n"},
		{PORT "[port a b]\n", "t.ini:2: [port a b]: \"a b\" is not a name; use letters, "
				      "digits, - _ and . only\n"},
		{PORT "[port ../x]\n", "t.ini:2: [port ../x]: \"../x\" is not a name; use letters, "
				       "digits, - _ and . only\n"},
		{PORT "[port ..]\n", "t.ini:2: [port ..]: \"..\" is not a name; begin it with a "
				     "letter, a digit or _\n"},
		{PORT "[port -x]\n", "t.ini:2: [port -x]: \"-x\" is not a name; begin it with a "
				     "letter, a digit or _\n"},
		{PORT "[port a1234567890123456789012345678901]\n",
		 "t.ini:2: [port a1234567890123456789012345678901]: the name is too long: 32 "
		 "characters, at most 31 "
		 "are allowed\n"},
		/* inih alone would join these two. */
		{"[port a1234567890123456789012345678901234567890123x]\n"
		 "[port a1234567890123456789012345678901234567890123y]\n",
		 "t.ini:1: [port a1234567890123456789012345678901234567890123x]: the name is too "
		 "long: 45 characters, "
		 "at most 31 are allowed\n"
		 "t.ini:2: [port a1234567890123456789012345678901234567890123y]: the name is too "
		 "long: 45 characters, "
		 "at most 31 are allowed\n"},
	};

	JUDGE_ALL(cases);
}

/* CFG-07, CFG-15 */
static void what_is_written_twice_is_told_with_the_first_line(void)
{
	static const struct malformed cases[] = {
		{PORT "mtu = 1500\n\nmtu = 1500\n",
		 "t.ini:4: [port p] mtu: the key is there already, in line 2; remove one\n"},
		{PORT "[port p]\nqueues = 0\n",
		 "t.ini:2: [port p]: the section is there already, in line 1; give one of them "
		 "another name\n"
		 "t.ini:3: [port p] queues: 0 is out of range; write 1 to 8\n"},
		{PORT "[switch]\nidle = poll\n[switch]\nidle = poll\n",
		 "t.ini:4: [switch]: the section is there already, in line 2; join the two\n"},
		{RUN PORT "[port q]\nsocket = p.sock\n",
		 "t.ini:5: [port q] socket: the same socket as that of [port "
		 "p] in line 3; give each port its own\n"},
		{RUN "[port p]\nsocket = ./a\n[port q]\nsocket = /nowhere/r/b/../a\n",
		 "t.ini:6: [port q] socket: the same socket as that of [port p] in line 4; give "
		 "each port its own\n"},
		{RUN "[port control]\n",
		 "t.ini:3: [port control] socket: /nowhere/r/control.sock is the switch's own "
		 "control socket; choose another name\n"},
	};

	JUDGE_ALL(cases);
}

/* CFG-06, CFG-10 */
static void what_inih_would_misread_is_told(void)
{
	static const struct malformed cases[] = {
		{PORT "queues = 2\n  mtu = 1500\n",
		 "t.ini:3: [port p]: the line is indented; start it in the first column (a value "
		 "cannot go on in a "
		 "second line)\n"},
		{PORT "queues = 2\n\tmtu = 1\n",
		 "t.ini:3: [port p]: the line is indented; start it in the first column (a value "
		 "cannot go on in a "
		 "second line)\n"
		 "t.ini:3: [port p] mtu: 1 is out of range; write 68 to 9702\n"},
		{PORT "queues = 2\n  and more\n",
		 "t.ini:3: [port p]: the line is indented; start it in the first column (a value "
		 "cannot go on in a "
		 "second line)\n"},
		{PORT "queues = 2\n  [port q]\n", "t.ini:3: the line is indented; start it in the "
						  "first column (a value cannot go on in a second "
						  "line)\n"},
		{PORT "role = \"server\"\n",
		 "t.ini:2: [port p] role: \"server\" is quoted; write the value without quotes\n"},
		{PORT "queues = 2 # two\n",
		 "t.ini:2: [port p] queues: \"2 # two\" is not a plain decimal number; write "
		 "1 to 8 (a comment behind a value begins with \" ;\")\n"},
		{PORT "queues =\n",
		 "t.ini:2: [port p] queues: the value is empty; write one or remove the line\n"},
		{PORT "queues = ; two\n",
		 "t.ini:2: [port p] queues: the value is empty; write one or remove the line\n"},
		{PORT "role = ser\x1bver\n",
		 "t.ini:2: [port p]: control character 0x1b; remove it\n"},
		{PORT "role = ser\rver\n",
		 "t.ini:2: [port p]: control character 0x0d; remove it\n"},
		{PORT "socket = \xe4.sock\n",
		 "t.ini:2: [port p]: byte 0xe4 is not UTF-8; save the file as UTF-8\n"},
		{PORT "socket = \xc0\xaf.sock\n",
		 "t.ini:2: [port p]: byte 0xc0 is not UTF-8; save the file as UTF-8\n"},
		{PORT "socket = \xe0\x80\xaf\n",
		 "t.ini:2: [port p]: byte 0xe0 is not UTF-8; save the file as UTF-8\n"},
		{PORT "socket = \xed\xa0\x80\n",
		 "t.ini:2: [port p]: byte 0xed is not UTF-8; save the file as UTF-8\n"},
	};
	static const char nul[] = "[port p]\nrole = se\0rver\n[porq x]\n";
	static const char utf16[] = "\xff\xfe[\0p\0o\0r\0t\0 \0p\0]\0\n\0";

	JUDGE_ALL(cases);
	judge(nul, sizeof(nul) - 1,
	      "t.ini:2: [port p]: NUL byte; the file must be plain text in UTF-8 (not UTF-16), the "
	      "rest is not "
	      "read\n");
	judge(utf16, sizeof(utf16) - 1,
	      "t.ini:1: NUL byte; the file must be plain text in UTF-8 (not UTF-16), the rest is "
	      "not read\n"
	      "t.ini:1: there is no port; write at least one section [port NAME]\n");
}

/* CFG-11, CFG-17, CFG-18 */
static void only_canonical_numbers_in_range_are_taken(void)
{
	static const struct malformed cases[] = {
		{PORT "queues = -1\n",
		 "t.ini:2: [port p] queues: \"-1\" is not a plain decimal number; write 1 to 8\n"},
		{PORT "queues = +5\n",
		 "t.ini:2: [port p] queues: \"+5\" is not a plain decimal number; write 1 to 8\n"},
		{PORT "queues = 0x1\n",
		 "t.ini:2: [port p] queues: \"0x1\" is not a plain decimal number; write 1 to 8\n"},
		{PORT "queues = 01\n",
		 "t.ini:2: [port p] queues: \"01\" is not a plain decimal number; write 1 to 8\n"},
		{PORT "queues = 1e0\n",
		 "t.ini:2: [port p] queues: \"1e0\" is not a plain decimal number; write 1 to 8\n"},
		{PORT "queues = 5abc\n", "t.ini:2: [port p] queues: \"5abc\" is not a plain "
					 "decimal number; write 1 to 8\n"},
		{PORT "queues = 1 2\n",
		 "t.ini:2: [port p] queues: \"1 2\" is not a plain decimal number; write 1 to 8\n"},
		{PORT "queues = 0\n",
		 "t.ini:2: [port p] queues: 0 is out of range; write 1 to 8\n"},
		{PORT "queues = 9\n",
		 "t.ini:2: [port p] queues: 9 is out of range; write 1 to 8\n"},
		/* 2^16 + 1, 2^32 + 1, 2^63, 2^64 + 4 and 2^64 + 1 would wrap into the range. */
		{PORT "queues = 65537\n",
		 "t.ini:2: [port p] queues: 65537 is out of range; write 1 to 8\n"},
		{PORT "queues = 4294967297\n",
		 "t.ini:2: [port p] queues: 4294967297 is out of range; write 1 to 8\n"},
		{PORT "queues = 9223372036854775808\n",
		 "t.ini:2: [port p] queues: 9223372036854775808 is out of range; write 1 to 8\n"},
		{PORT "queues = 18446744073709551616\n",
		 "t.ini:2: [port p] queues: 18446744073709551616 is out of range; write 1 to 8\n"},
		{PORT "queues = 18446744073709551620\n",
		 "t.ini:2: [port p] queues: 18446744073709551620 is out of range; write 1 to 8\n"},
		{PORT "queues = 18446744073709551617\n",
		 "t.ini:2: [port p] queues: 18446744073709551617 is out of range; write 1 to 8\n"},
		{PORT "mtu = 67\n",
		 "t.ini:2: [port p] mtu: 67 is out of range; write 68 to 9702\n"},
		{PORT "mtu = 9703\n",
		 "t.ini:2: [port p] mtu: 9703 is out of range; write 68 to 9702\n"},
		{PORT "[bridge b]\nageing = 0\nmax-macs = 9\n",
		 "t.ini:3: [bridge b] ageing: 0 is out of range; write 15 to 3600\n"
		 "t.ini:4: [bridge b] max-macs: 9 is out of range; write 10 to 1000000\n"},
		{PORT "[bridge b]\nageing = 14\nmax-macs = 1000001\n",
		 "t.ini:3: [bridge b] ageing: 14 is out of range; write 15 to 3600\n"
		 "t.ini:4: [bridge b] max-macs: 1000001 is out of range; write 10 to 1000000\n"},
		{PORT "[bridge b]\nageing = 3601\n",
		 "t.ini:3: [bridge b] ageing: 3601 is out of range; write 15 to 3600\n"},
	};

	JUDGE_ALL(cases);
}

static void words_modes_and_ids_are_checked(void)
{
	static const struct malformed cases[] = {
		{PORT "[bridge b]\nmode = swich\n",
		 "t.ini:3: [bridge b] mode: \"swich\" is not known; did you mean "
		 "\"switch\"? (switch, hub, wire)\n"},
		{PORT "[bridge b]\nmode = router\n", "t.ini:3: [bridge b] mode: \"router\" is not "
						     "known; write one of switch, hub, wire\n"},
		{PORT "type = vhost\n", "t.ini:2: [port p] type: \"vhost\" is not known; did you "
					"mean \"vhost-user\"? (vhost-user, tap, ethdev)\n"},
		{PORT "[switch]\nhugepages = YES\n",
		 "t.ini:3: [switch] hugepages: \"YES\" is not known; did you mean "
		 "\"yes\"? (auto, yes, no)\n"},
		{PORT "socket-mode = 0999\n", "t.ini:2: [port p] socket-mode: \"0999\" is not a "
					      "mode; write three octal digits, as in 0660\n"},
		{PORT "socket-mode = 4755\n", "t.ini:2: [port p] socket-mode: \"4755\" is not a "
					      "mode; write three octal digits, as in 0660\n"},
		{PORT "socket-mode = 66\n", "t.ini:2: [port p] socket-mode: \"66\" is not a mode; "
					    "write three octal digits, as in 0660\n"},
		{PORT "socket-owner = no-such-user\n",
		 "t.ini:2: [port p] socket-owner: there is no user \"no-such-user\"; "
		 "write the name of an existing user, or a number\n"},
		{PORT "socket-group = no-such-group\n",
		 "t.ini:2: [port p] socket-group: there is no group \"no-such-group\"; write the "
		 "name of an existing "
		 "group, or a number\n"},
		/* (uid_t)-1 would mean "leave" to chown(2). */
		{PORT "socket-owner = 4294967295\n",
		 "t.ini:2: [port p] socket-owner: 4294967295 is out of range; write "
		 "the user's name or a number below 4294967295\n"},
		{PORT "[switch]\nname = my lab\n", "t.ini:3: [switch] name: \"my lab\" is not a "
						   "name; use letters, digits, - _ and . only\n"},
		/* CFG-23: what looks like an argument is no name either. */
		{PORT "[switch]\nname = --no-pci\n",
		 "t.ini:3: [switch] name: \"--no-pci\" is not a name; begin it with a letter, a "
		 "digit or _\n"},
	};

	JUDGE_ALL(cases);
}

/* CFG-20 */
static void a_core_list_names_cores_that_exist_once_each(void)
{
	static const struct malformed cases[] = {
		{PORT "[switch]\nworkers = 0\n",
		 "t.ini:3: [switch] workers: 0 is out of range; write 1 to 128\n"},
		{PORT "[switch]\nworkers = 129\n",
		 "t.ini:3: [switch] workers: 129 is out of range; write 1 to 128\n"},
		{PORT "[switch]\nworkers = 2,3\n",
		 "t.ini:3: [switch] workers: \"2,3\" looks like a list; write cores 2,3\n"},
		{PORT "[switch]\nworkers = all\n",
		 "t.ini:3: [switch] workers: \"all\" is not a number of workers; write "
		 "a count, or a list as in: cores 2,4-6\n"},
		{PORT "[switch]\nworkers = cores 1,,2\n",
		 "t.ini:3: [switch] workers: \"\" is not a core; write a count, or a list as in: "
		 "cores 2,4-6\n"},
		{PORT "[switch]\nworkers = cores 0x1\n",
		 "t.ini:3: [switch] workers: \"0x1\" is not a core; write a count, or a list as "
		 "in: cores 2,4-6\n"},
		{PORT "[switch]\nworkers = cores 1-x\n",
		 "t.ini:3: [switch] workers: \"1-x\" is not a range of cores; "
		 "write a count, or a list as in: cores 2,4-6\n"},
		{PORT "[switch]\nworkers = cores 3-1\n",
		 "t.ini:3: [switch] workers: the range 3-1 runs backwards; write 1-3\n"},
		{PORT "[switch]\nworkers = cores 1023\n",
		 "t.ini:3: [switch] workers: core 1023 does not exist or is not ours to use; nproc "
		 "and taskset -p $$ "
		 "tell which are\n"},
		{PORT "[switch]\nworkers = cores 65536\n",
		 "t.ini:3: [switch] workers: core 65536 does not exist or is not ours to use; "
		 "nproc and taskset -p $$ "
		 "tell which are\n"},
		{PORT "[switch]\nworkers = cores 1023-18446744073709551615\n",
		 "t.ini:3: [switch] workers: core 1023 does not exist or is not ours to use; nproc "
		 "and taskset -p $$ "
		 "tell which are\n"},
	};

	JUDGE_ALL(cases);
}

/* CFG-25 */
static void references_and_wires_are_checked_over_the_whole_file(void)
{
	static const struct malformed cases[] = {
		{PORT "bridge = ofice\n[bridge office]\n",
		 "t.ini:2: [port p] bridge: there is no [bridge ofice]; did you mean "
		 "\"office\"?\n"},
		{PORT "bridge = lab\n[bridge office]\n",
		 "t.ini:2: [port p] bridge: there is no [bridge lab]; write that "
		 "section, or name one that is there\n"},
		{"[bridge w]\nmode = wire\n" PORT "bridge = w\n",
		 "t.ini:2: [bridge w] mode: a wire joins exactly two ports, but 1 name it: p; add "
		 "ports\n"},
		{"[bridge w]\nmode = wire\n" PORT, "t.ini:2: [bridge w] mode: a wire joins exactly "
						   "two ports, but 0 name it; add ports\n"},
		{"[bridge w]\nmode = wire\n[port a]\nbridge = w\n[port b]\nbridge = w\n[port "
		 "c]\nbridge = w\n[port "
		 "d]\nbridge = w\n",
		 "t.ini:2: [bridge w] mode: a wire joins exactly two ports, but 4 name it: a, b, "
		 "c, ...; use mode = "
		 "hub or switch\n"},
		{PORT "[bridge b]\nageing = 300\nmode = hub\nl2cp = drop\n",
		 "t.ini:3: [bridge b] ageing: the key has a meaning only with mode = switch; "
		 "remove it\n"
		 "t.ini:5: [bridge b] l2cp: the key has a meaning only with mode = switch; remove "
		 "it\n"},
		{PORT "role = client\nsocket-mode = 0600\n",
		 "t.ini:3: [port p] socket-mode: the key has a meaning only with role = server; "
		 "remove it\n"},
		/* What is absent because of another mistake is not told on top of it. */
		{"[bridge w]\nmode = wire\n" PORT "brigde = w\n",
		 "t.ini:4: [port p] brigde: unknown key; did you mean \"bridge\"?\n"},
		{"[brigde office]\n" PORT "bridge = office\n",
		 "t.ini:1: [brigde office]: unknown section; did you mean [bridge office]?\n"},
	};

	JUDGE_ALL(cases);
}

/* CFG-14 */
static void paths_that_cannot_serve_are_told(void)
{
	static const struct malformed cases[] = {
		{PORT "socket = /nowhere/x/p.sock\n",
		 "t.ini:2: [port p] socket: there is no directory /nowhere/x; make it, or write a "
		 "name without /, "
		 "which lies in the run-dir\n"},
		{PORT "socket = /tmp/\n", "t.ini:2: [port p] socket: the path ends with /; write "
					  "the name behind it, or remove it\n"},
		{PORT "socket = /tmp/..\n", "t.ini:2: [port p] socket: the path ends with a dot "
					    "directory; write a name behind it\n"},
		{PORT "socket = a\tb\n", "t.ini:2: [port p] socket: the path holds a control "
					 "character; choose another path\n"},
		{PORT "[switch]\nrun-dir = run\n",
		 "t.ini:3: [switch] run-dir: \"run\" is relative; write an absolute path\n"},
		{PORT "[switch]\nrun-dir = /\n", "t.ini:3: [switch] run-dir: the path ends with /; "
						 "write the name behind it, or remove it\n"},
	};

	JUDGE_ALL(cases);
}

/* The mistakes of a whole file at once, in its order, whoever finds them when. */
static void every_mistake_is_told_in_the_order_of_the_file(void)
{
	static const struct malformed cases[] = {
		{"x = 1\n"
		 "[bridge w]\n"
		 "mode = wire\n"
		 "[port a]\n"
		 "bridge = v\n"
		 "socket = /nowhere/x/a\n"
		 "junk\n"
		 "[switch]\n"
		 "idle = sleep\n"
		 "[port b]\n"
		 "mtu = 1\n",
		 "t.ini:1: x: the key stands before any section; write a section such as [port "
		 "NAME] above it\n"
		 "t.ini:5: [port a] bridge: there is no [bridge v]; write that section, or name "
		 "one that is there\n"
		 "t.ini:6: [port a] socket: there is no directory /nowhere/x; make it, or write a "
		 "name without /, which lies in the run-dir\n"
		 "t.ini:7: [port a]: the line has no =; write KEY = VALUE, or begin a comment with "
		 ";\n"
		 "t.ini:9: [switch] idle: \"sleep\" is not known; write one of adaptive, poll\n"
		 "t.ini:11: [port b] mtu: 1 is out of range; write 68 to 9702\n"},
	};

	JUDGE_ALL(cases);
}

/* Without a bound, a wrong file of a megabyte would be answered with a hundred. */
static void more_mistakes_than_anyone_reads_are_counted(void)
{
	struct told told = {.text = NULL};
	struct topology topo;
	char *text = malloc(1201 * 2 + 1);
	const char *end;
	unsigned n_lines = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (unsigned i = 0; i < 1201; i++)
		strcpy(text + 2 * i, "x\n");
	CU_ASSERT_EQUAL(rig_load(&topo, text, &told), -EINVAL);
	for (end = told_text(&told); (end = strchr(end, '\n')); end++)
		n_lines++;
	CU_ASSERT_EQUAL(n_lines, 1001);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(told_text(&told),
		       "\nt.ini: 202 more mistakes are not shown; mend the ones above first\n"));
	free(text);
	told_fini(&told);
}

#define TEST(function)                                                                             \
	{                                                                                          \
#function, function                                                                \
	}

int main(void)
{
	static CU_TestInfo tests[] = {
		TEST(an_unknown_section_or_key_is_told_with_the_nearest_word),
		TEST(a_broken_header_is_told_and_what_follows_is_still_judged),
		TEST(what_is_written_twice_is_told_with_the_first_line),
		TEST(what_inih_would_misread_is_told),
		TEST(only_canonical_numbers_in_range_are_taken),
		TEST(words_modes_and_ids_are_checked),
		TEST(a_core_list_names_cores_that_exist_once_each),
		TEST(references_and_wires_are_checked_over_the_whole_file),
		TEST(paths_that_cannot_serve_are_told),
		TEST(every_mistake_is_told_in_the_order_of_the_file),
		TEST(more_mistakes_than_anyone_reads_are_counted),
		CU_TEST_INFO_NULL,
	};

	/* The default run-dir of whoever is not root. */
	setenv("XDG_RUNTIME_DIR", "/tmp", 1);
	return suite_run("malformed", tests);
}
