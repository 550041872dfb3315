/* What sound files come out as: defaults, bounds, spellings, paths, and the words that are
 * suggested. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/suggest.h"
#include "tests/config/load_rig.h"
#include "tests/suite.h"

#define RUN "[switch]\nrun-dir = /nowhere/r\n"

/* CFG-01 */
static void a_port_alone_has_every_default(void)
{
	struct topology topo;

	rig_load_sound(&topo, RUN "[port p]\n");
	CU_ASSERT_STRING_EQUAL(topo.sw.name, "t");
	CU_ASSERT_STRING_EQUAL(topo.sw.run_dir, "/nowhere/r");
	CU_ASSERT_EQUAL(topo.sw.n_workers, 1);
	CU_ASSERT_FALSE(topo.sw.pinned);
	CU_ASSERT_EQUAL(topo.sw.idle, IDLE_ADAPTIVE);
	CU_ASSERT_EQUAL(topo.sw.hugepages, HUGEPAGES_AUTO);
	CU_ASSERT_EQUAL_FATAL(topo.n_bridges, 1);
	CU_ASSERT_STRING_EQUAL(topo.bridges[0].name, "default");
	CU_ASSERT_EQUAL(topo.bridges[0].line, 0);
	CU_ASSERT_EQUAL(topo.bridges[0].mode, BRIDGE_SWITCH);
	CU_ASSERT_EQUAL(topo.bridges[0].l2cp, L2CP_DROP);
	CU_ASSERT_EQUAL(topo.bridges[0].ageing_s, 300);
	CU_ASSERT_EQUAL(topo.bridges[0].max_macs, 8192);
	CU_ASSERT_EQUAL_FATAL(topo.n_ports, 1);
	CU_ASSERT_STRING_EQUAL(topo.ports[0].name, "p");
	CU_ASSERT_EQUAL(topo.ports[0].line, 3);
	CU_ASSERT_EQUAL(topo.ports[0].bridge, 0);
	CU_ASSERT_EQUAL(topo.ports[0].type, PORT_VHOST_USER);
	CU_ASSERT_EQUAL(topo.ports[0].role, ROLE_SERVER);
	CU_ASSERT_STRING_EQUAL(topo.ports[0].socket, "/nowhere/r/p.sock");
	CU_ASSERT_EQUAL(topo.ports[0].n_queues, 1);
	CU_ASSERT_EQUAL(topo.ports[0].mtu, 0);
	CU_ASSERT_EQUAL(topo.ports[0].socket_mode, 0660);
	CU_ASSERT_EQUAL(topo.ports[0].socket_owner, (uid_t)-1);
	CU_ASSERT_EQUAL(topo.ports[0].socket_group, (gid_t)-1);
	topology_fini(&topo);
	topology_fini(&topo);
}

/* CFG-01 */
static const char full[] = "[switch]\n"
			   "name = lab\n"
			   "workers = 2\n"
			   "idle = poll\n"
			   "hugepages = no\n"
			   "run-dir = /nowhere/r\n"
			   "\n"
			   "[bridge a]\n"
			   "mode = switch\n"
			   "ageing = 15\n"
			   "max-macs = 1000000\n"
			   "l2cp = forward\n"
			   "\n"
			   "[bridge b]\n"
			   "mode = wire\n"
			   "\n"
			   "[bridge c]\n"
			   "mode = hub\n"
			   "\n"
			   "[port p]\n"
			   "bridge = a\n"
			   "type = vhost-user\n"
			   "role = server\n"
			   "socket = /tmp/p\n"
			   "queues = 8\n"
			   "mtu = 9702\n"
			   "socket-mode = 0007\n"
			   "socket-owner = 0\n"
			   "socket-group = 4294967294\n"
			   "\n"
			   "[port q]\n"
			   "bridge = b\n"
			   "type = vhost-user\n"
			   "role = client\n"
			   "socket = /nowhere/x/q\n"
			   "queues = 1\n"
			   "mtu = 68\n"
			   "\n"
			   "[port r]\n"
			   "bridge = b\n"
			   "type = vhost-user\n"
			   "role = client\n"
			   "socket = /nowhere/r/r.sock\n"
			   "queues = 1\n";

static void a_full_file_comes_back_as_it_was_written(void)
{
	struct topology topo;
	char *dump;

	rig_load_sound(&topo, full);
	dump = rig_dump(&topo);
	CU_ASSERT_STRING_EQUAL(dump, full);
	free(dump);
	topology_fini(&topo);
}

/* CFG-10 */
static void the_spellings_of_other_editors_are_taken(void)
{
	static const char *const texts[] = {
		"\xef\xbb\xbf" RUN "[port p]\nqueues = 2\n",
		"[switch]\r\nrun-dir = /nowhere/r\r\n[port p]\r\nqueues = 2\r\n",
		RUN "[port p]\nqueues = 2",
		RUN "[ port   p ] ; the only one\nqueues=2 ; two; pairs\n",
		"\n; comment\n  # indented comment \xff\n" RUN "\n[port p]\n\nqueues\t=\t2\t\n\t\n",
	};
	struct topology topo;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		rig_load_sound(&topo, texts[i]);
		CU_ASSERT_EQUAL(topo.n_ports, 1);
		CU_ASSERT_STRING_EQUAL(topo.ports[0].socket, "/nowhere/r/p.sock");
		CU_ASSERT_EQUAL(topo.ports[0].n_queues, 2);
		topology_fini(&topo);
	}
}

/* CFG-10: only a blank before ; begins a comment. */
static void a_path_may_hold_what_begins_no_comment(void)
{
	struct topology topo;

	rig_load_sound(&topo, RUN "[port p]\nsocket = /tmp/a;b#c d=\xc3\xa4:[e] ; comment\n");
	CU_ASSERT_STRING_EQUAL(topo.ports[0].socket, "/tmp/a;b#c d=\xc3\xa4:[e]");
	topology_fini(&topo);
}

static void users_and_groups_are_found_by_name(void)
{
	const struct passwd *user = getpwuid(0);
	const struct group *group = getgrgid(0);
	struct topology topo;
	char text[512];

	CU_ASSERT_PTR_NOT_NULL_FATAL(user);
	CU_ASSERT_PTR_NOT_NULL_FATAL(group);
	snprintf(text, sizeof(text), RUN "[port p]\nsocket-owner = %s\nsocket-group = %s\n",
		 user->pw_name, group->gr_name);
	rig_load_sound(&topo, text);
	CU_ASSERT_EQUAL(topo.ports[0].socket_owner, 0);
	CU_ASSERT_EQUAL(topo.ports[0].socket_group, 0);
	topology_fini(&topo);
}

static void a_group_is_no_user(void)
{
	struct told told = {.text = NULL};
	const struct group *group;
	struct topology topo;
	char text[512];

	setgrent();
	do
		group = getgrent();
	while (group && getpwnam(group->gr_name));
	CU_ASSERT_PTR_NOT_NULL_FATAL(group);
	snprintf(text, sizeof(text), RUN "[port p]\nsocket-group = %s\n", group->gr_name);
	rig_load_sound(&topo, text);
	CU_ASSERT_EQUAL(topo.ports[0].socket_group, group->gr_gid);
	topology_fini(&topo);
	snprintf(text, sizeof(text), RUN "[port p]\nsocket-owner = %s\n", group->gr_name);
	CU_ASSERT_EQUAL(rig_load(&topo, text, &told), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(told_text(&told), "t.ini:4: [port p] socket-owner: there is no user \""));
	told_fini(&told);
	endgrent();
}

/* CFG-20 */
static void workers_are_pinned_in_the_order_of_the_list(void)
{
	unsigned usable[2] = {0}, n_usable = 0;
	struct told told = {.text = NULL};
	struct topology topo;
	cpu_set_t set;
	char text[256], expected[128];

	CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof(set), &set), 0);
	for (unsigned i = 0; i < CPU_SETSIZE && n_usable < 2; i++)
		if (CPU_ISSET(i, &set))
			usable[n_usable++] = i;
	snprintf(text, sizeof(text), RUN "workers = cores %u\n[port p]\n", usable[0]);
	rig_load_sound(&topo, text);
	CU_ASSERT_TRUE(topo.sw.pinned);
	CU_ASSERT_EQUAL(topo.sw.n_workers, 1);
	CU_ASSERT_EQUAL(topo.sw.cores[0], usable[0]);
	topology_fini(&topo);
	snprintf(text, sizeof(text), RUN "workers = cores %u,%u\n[port p]\n", usable[0], usable[0]);
	snprintf(expected, sizeof(expected),
		 "t.ini:3: [switch] workers: core %u is named twice; one worker runs on a core\n",
		 usable[0]);
	CU_ASSERT_EQUAL(rig_load(&topo, text, &told), -EINVAL);
	CU_ASSERT_STRING_EQUAL(told_text(&told), expected);
	told_fini(&told);
	if (n_usable < 2)
		return;
	snprintf(text, sizeof(text), RUN "workers = cores %u, %u-%u\n[port p]\n", usable[1],
		 usable[0], usable[0]);
	rig_load_sound(&topo, text);
	CU_ASSERT_EQUAL(topo.sw.n_workers, 2);
	CU_ASSERT_EQUAL(topo.sw.cores[0], usable[1]);
	CU_ASSERT_EQUAL(topo.sw.cores[1], usable[0]);
	topology_fini(&topo);
}

/* CFG-04: where inih would cut. */
static void a_line_is_taken_whole_or_refused(void)
{
	struct topology topo;
	char text[512], expected[128];

	/* 197 bytes with the comment, of which inih drops none that matters. */
	snprintf(text, sizeof(text), RUN "[port p]\nqueues = 2 ;%0185d\n", 0);
	rig_load_sound(&topo, text);
	CU_ASSERT_EQUAL(topo.ports[0].n_queues, 2);
	topology_fini(&topo);
	for (int len = 198; len <= 300; len++) {
		struct told told = {.text = NULL};

		snprintf(text, sizeof(text), RUN "[port p]\nqueues = 2 ;%0*d\nmtu = 1500\n",
			 len - 12, 0);
		snprintf(expected, sizeof(expected),
			 "t.ini:4: [port p]: the line is too long: %d bytes, at most 197 are "
			 "allowed\n",
			 len);
		CU_ASSERT_EQUAL(rig_load(&topo, text, &told), -EINVAL);
		CU_ASSERT_STRING_EQUAL(told_text(&told), expected);
		told_fini(&told);
	}
	/* A comment on a line of its own is never too long. */
	snprintf(text, sizeof(text), RUN "; %0300d\n[port p]\n", 0);
	rig_load_sound(&topo, text);
	topology_fini(&topo);
}

/* CFG-19 */
static void the_last_port_is_taken_and_one_more_refused(void)
{
	struct told told = {.text = NULL};
	struct topology topo;
	char *text = malloc(16 * (TOPOLOGY_MAX_PORTS + 4)), *end = text;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (int i = 0; i < TOPOLOGY_MAX_PORTS; i++)
		end += sprintf(end, "[port p%d]\n", i);
	rig_load_sound(&topo, text);
	CU_ASSERT_EQUAL(topo.n_ports, TOPOLOGY_MAX_PORTS);
	topology_fini(&topo);
	sprintf(end, "[port more]\nmtu = x\n");
	CU_ASSERT_EQUAL(rig_load(&topo, text, &told), -EINVAL);
	CU_ASSERT_STRING_EQUAL(
		told_text(&told),
		"t.ini:257: [port more]: too many sections; at most 256 of this kind are "
		"allowed\n");
	told_fini(&told);
	free(text);
}

static void the_nearest_word_is_found_but_no_far_one(void)
{
	static const struct {
		const char *word, *best;
	} cases[] = {
		{"sokcet", "socket"},
		{"SOCKET", "socket"},
		{"socke", "socket"},
		{"soc", "socket"},
		{"so", NULL},
		{"bridge", "bridge"},
		{"brdige", "bridge"},
		{"x", NULL},
		{"", NULL},
		{"bridges", "bridge"},
		{"brigdes", "bridge"},
		{"colour", NULL},
		{"vhost", "vhost-user"},
		{"vhostuser", "vhost-user"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct suggest suggest;
		const char *best;

		suggest_init(&suggest, cases[i].word);
		suggest_try(&suggest, "bridge");
		suggest_try(&suggest, "socket");
		suggest_try(&suggest, "vhost-user");
		best = suggest_best(&suggest);
		if (cases[i].best)
			CU_ASSERT_STRING_EQUAL(best ? best : "nothing", cases[i].best);
		if (!cases[i].best)
			CU_ASSERT_PTR_NULL(best);
	}
}

static void the_reference_names_every_key_with_range_and_default(void)
{
	static const char *const parts[] = {
		"[switch]  ",
		"[bridge NAME]  ",
		"[port NAME]  ",
		"\n  ageing = 15..3600\n",
		"\n      only with mode = switch\n      default: 300\n",
		"\n  mode = switch | hub | wire\n",
		"\n      default: RUN-DIR/NAME.sock\n",
	};
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	CU_ASSERT_EQUAL(topology_reference(out), 0);
	fclose(out);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(text, parts[i]));
	CU_ASSERT_PTR_NULL(strstr(text, "(null)"));
	free(text);
}

/* A full disk must not look like a written file. */
static void a_dump_that_cannot_be_written_says_so(void)
{
	FILE *out = fopen("/dev/full", "w");
	struct topology topo;

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	rig_load_sound(&topo, full);
	CU_ASSERT_EQUAL(topology_dump(&topo, out), -EIO);
	fclose(out);
	topology_fini(&topo);
}

#define TEST(function)                                                                             \
	{                                                                                          \
#function, function                                                                \
	}

int main(void)
{
	static CU_TestInfo tests[] = {
		TEST(a_port_alone_has_every_default),
		TEST(a_full_file_comes_back_as_it_was_written),
		TEST(the_spellings_of_other_editors_are_taken),
		TEST(a_path_may_hold_what_begins_no_comment),
		TEST(users_and_groups_are_found_by_name),
		TEST(a_group_is_no_user),
		TEST(workers_are_pinned_in_the_order_of_the_list),
		TEST(a_line_is_taken_whole_or_refused),
		TEST(the_last_port_is_taken_and_one_more_refused),
		TEST(the_nearest_word_is_found_but_no_far_one),
		TEST(the_reference_names_every_key_with_range_and_default),
		TEST(a_dump_that_cannot_be_written_says_so),
		CU_TEST_INFO_NULL,
	};

	/* The default run-dir of whoever is not root. */
	setenv("XDG_RUNTIME_DIR", "/tmp", 1);
	return suite_run("values", tests);
}
