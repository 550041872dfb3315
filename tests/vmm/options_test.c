/* The command line: what is taken, and what each mistake is called. */
#include <errno.h>
#include <string.h>

#include "tests/suite.h"
#include "vmm/options.h"

enum { MAX_WORDS = 64 };

/* Parses words that are separated by '|'. */
static int parse(struct options *options, const char *line, struct refusal *why)
{
	static char copy[1024]; /* the options borrow it */
	char *rest = copy, *argv[MAX_WORDS] = {"ringway-vmm"};
	int argc = 1;

	why->text[0] = '\0';
	strcpy(copy, line);
	while (*line && (argv[argc] = strsep(&rest, "|")))
		argc++;
	return options_parse(options, argc, argv, why);
}

static void nothing_means_the_built_in_guest_alone(void)
{
	struct options o;
	struct refusal why;

	CU_ASSERT_EQUAL(parse(&o, "", &why), 0);
	CU_ASSERT_PTR_NULL(o.kernel);
	CU_ASSERT_EQUAL(o.n_nets, 0);
	CU_ASSERT_EQUAL(o.n_cpus, 1);
	CU_ASSERT_EQUAL(o.memory, 4 << 20);
	CU_ASSERT_EQUAL(o.sandbox, SANDBOX_KILL);
	CU_ASSERT_EQUAL(o.status_fd, -1);
}

static void every_option_reaches_its_place(void)
{
	struct options o;
	struct refusal why;

	CU_ASSERT_EQUAL(
		parse(&o,
		      "--kernel|k|--initrd|i|--append|a b|--memory|1G|--cpus|3|--net|socket=/s,mac="
		      "02:00:00:00:0a:FF,queues=4,mtu=9000,role=server|--net|socket=/"
		      "t|--console|pty|"
		      "--pin|1,0|--name|n|--sandbox|log|--stop-timeout|0|--timeout|9|--status-fd|2|"
		      "--stats|--dry-run",
		      &why),
		0);
	CU_ASSERT_STRING_EQUAL(o.kernel, "k");
	CU_ASSERT_STRING_EQUAL(o.initrd, "i");
	CU_ASSERT_STRING_EQUAL(o.append, "a b");
	CU_ASSERT_EQUAL(o.memory, 1 << 30);
	CU_ASSERT_EQUAL(o.n_cpus, 3);
	CU_ASSERT_EQUAL(o.n_nets, 2);
	CU_ASSERT_EQUAL(memcmp(o.net[0].mac, "\2\0\0\0\12\377", 6), 0);
	CU_ASSERT_EQUAL(o.net[0].pairs, 4);
	CU_ASSERT_EQUAL(o.net[0].mtu, 9000);
	CU_ASSERT_TRUE(o.net[0].server && !o.net[1].server);
	CU_ASSERT_STRING_EQUAL(o.net[1].socket, "/t");
	CU_ASSERT_TRUE(o.n_pins == 2 && o.pin[0] == 1 && o.pin[1] == 0);
	CU_ASSERT_EQUAL(o.sandbox, SANDBOX_LOG);
	CU_ASSERT_TRUE(o.stats && o.dry_run && o.stop_timeout_s == 0 && o.timeout_s == 9);
	CU_ASSERT_EQUAL(o.status_fd, 2);
}

static void every_mistake_is_named(void)
{
	static const struct {
		const char *line, *word;
	} cases[] = {
		{"--frob", "--frob"},
		{"frob", "unexpected argument \"frob\""},
		{"--memory", "needs a value"},
		{"--memory|0", "not a size"},
		{"--memory|-1", "not a size"},
		{"--memory|12Q", "not a size"},
		{"--memory|12MM", "not a size"},
		{"--memory|99999999999999999999", "not a size"},
		{"--memory|18446744073709551615T", "not a size"},
		{"--memory|1M", "at least 2 MiB"},
		{"--memory|3000K|--hugepages|2M", "multiple of 2048 KiB"},
		{"--memory|95M|--kernel|k", "at least 96 MiB"},
		{"--cpus|0", "from 1 to 64"},
		{"--cpus|65", "from 1 to 64"},
		{"--cpus|two", "\"two\""},
		{"--net|", "KEY=VALUE"},
		{"--net|socket=", "socket=PATH is missing"},
		{"--net|mtu=1500", "socket=PATH is missing"},
		{"--net|socket=/s,frob=1", "unknown key \"frob\""},
		{"--net|socket=/s,mac=02:00:00:00:00", "mac"},
		{"--net|socket=/s,mac=02:00:00:00:00:00:00", "mac"},
		{"--net|socket=/s,mac=01:00:00:00:00:00", "multicast"},
		{"--net|socket=/s,queues=17", "from 1 to 16"},
		{"--net|socket=/s,mtu=67", "from 68"},
		{"--net|socket=/s,role=both", "none of client|server"},
		{"--net|socket=/s|--net|socket=/s", "given twice"},
		{"--hugepages|4M", "none of 2M|1G"},
		{"--pin|1,x", "\"x\""},
		{"--sandbox|on", "none of off|log|kill"},
		{"--status-fd|1000", "is not open"},
		{"--stats=1", "takes no value"},
		{"--cpus=0", "from 1 to 64"},
		{"--initrd|i", "--kernel"},
	};
	struct options o;
	struct refusal why;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(parse(&o, cases[i].line, &why), -EINVAL);
		if (!strstr(why.text, cases[i].word)) {
			fprintf(stderr, "%s: %s\n", cases[i].line, why.text);
			CU_FAIL("the refusal does not name the mistake");
		}
	}
}

static void socket_path_that_no_socket_can_have_is_refused(void)
{
	char line[400] = "--net|socket=/";
	struct options o;
	struct refusal why;

	memset(line + strlen(line), 'x', 106);
	CU_ASSERT_EQUAL(parse(&o, line, &why), 0);
	strcat(line, "x");
	CU_ASSERT_EQUAL(parse(&o, line, &why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why.text, "longer than 107"));
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"nothing_means_the_built_in_guest_alone", nothing_means_the_built_in_guest_alone},
		{"every_option_reaches_its_place", every_option_reaches_its_place},
		{"every_mistake_is_named", every_mistake_is_named},
		{"socket_path_that_no_socket_can_have_is_refused",
		 socket_path_that_no_socket_can_have_is_refused},
		CU_TEST_INFO_NULL,
	};

	return suite_run("options", tests);
}
