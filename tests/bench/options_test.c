/* The command line of the load generator: what it takes, what it refuses, what it derives. */
#include "options.h"
#include "tests/suite.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

enum { MAX_WORDS = 16, MAX_LEN = 256 };

/* Parses a line as a shell would, without quotes. What it says goes to /dev/null. */
static enum options_result parse(struct options *options, const char *line)
{
	static char copy[MAX_LEN];
	char *argv[MAX_WORDS + 1] = {copy}, *save = NULL;
	int argc = 0, null = open("/dev/null", O_WRONLY), out = dup(1), err = dup(2);
	enum options_result result;
	char *word;

	snprintf(copy, sizeof(copy), "vgen %s", line);
	for (word = strtok_r(copy, " ", &save); word && argc < MAX_WORDS;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	fflush(stdout);
	dup2(null, 1);
	dup2(null, 2);
	optind = 0; /* begins anew */
	result = options_parse(options, argc, argv);
	fflush(stdout);
	dup2(out, 1);
	dup2(err, 2);
	close(null);
	close(out);
	close(err);
	return result;
}

static void two_sockets_are_enough(void)
{
	struct options o;

	CU_ASSERT_EQUAL_FATAL(parse(&o, "a b"), OPTIONS_RUN);
	CU_ASSERT_EQUAL(o.n_ports, 2);
	CU_ASSERT_EQUAL(o.n_senders, 2);
	CU_ASSERT_STRING_EQUAL(o.sockets[1], "b");
	CU_ASSERT_EQUAL(o.mode, MODE_SATURATE);
	CU_ASSERT_EQUAL(o.ring_size, 1024);
	CU_ASSERT_EQUAL(o.segments, 1);
	CU_ASSERT_EQUAL(o.rx_buffer, 2048);
	CU_ASSERT_TRUE(o.mergeable && o.verify && !o.packed && !o.event_idx);
}

static void numbers_built_beforehand_need_a_small_window(void)
{
	struct options o;

	CU_ASSERT_EQUAL(parse(&o, "a b"), OPTIONS_RUN);
	CU_ASSERT_TRUE(o.stamp);
	CU_ASSERT_EQUAL(parse(&o, "--window 512 a b"), OPTIONS_RUN);
	CU_ASSERT_FALSE(o.stamp);
	CU_ASSERT_EQUAL(parse(&o, "--window 513 a b"), OPTIONS_RUN);
	CU_ASSERT_TRUE(o.stamp);
	CU_ASSERT_EQUAL(parse(&o, "--window 128 --segments 8 a b"), OPTIONS_RUN);
	CU_ASSERT_TRUE(o.stamp);
	CU_ASSERT_EQUAL(parse(&o, "--window 512 --touch a b"), OPTIONS_RUN);
	CU_ASSERT_TRUE(o.stamp);
	CU_ASSERT_EQUAL(parse(&o, "--window 512 --pattern random a b c"), OPTIONS_RUN);
	CU_ASSERT_TRUE(o.stamp);
}

static void what_follows_from_the_frame_is_derived(void)
{
	struct options o;

	CU_ASSERT_EQUAL(parse(&o, "--size 65214 --tso 1448 a b"), OPTIONS_RUN);
	CU_ASSERT_EQUAL(o.segments, 4);
	CU_ASSERT_EQUAL(o.rx_buffer, 4096);
	CU_ASSERT_EQUAL(parse(&o, "--size 65214 --tso 1448 --no-mergeable a b"), OPTIONS_RUN);
	CU_ASSERT_EQUAL(o.rx_buffer, 65226);
	CU_ASSERT_EQUAL(parse(&o, "--window 8 a b"), OPTIONS_RUN);
	CU_ASSERT_EQUAL(o.batch, 8);
	CU_ASSERT_EQUAL(parse(&o, "--ring-size 16 a b"), OPTIONS_RUN);
	CU_ASSERT_EQUAL(o.batch, 16);
	CU_ASSERT_EQUAL(parse(&o, "--wait a b"), OPTIONS_RUN);
	CU_ASSERT_TRUE(o.event_idx);
}

static void bad_lines_are_refused(void)
{
	static const char *const lines[] = {
		"",
		"a",
		"a b c",
		"--size 63 a b",
		"--size 65536 --tso 1448 a b",
		"--size 64.5 a b",
		"--size 0x40 a b x",
		"--size 9231 a b",
		"--size a b",
		"--size",
		"--size 1e9 a b",
		"--size nan a b",
		"--size 64x a b",
		"--size -64 a b",
		"--nothing a b",
		"--mode fast a b",
		"--mode rate a b",
		"--rate 5 a b",
		"--mode placement --core 0 --core-peer 1 --rate 5",
		"--mode rate --rate 0 a b",
		"--mode rate --rate inf a b",
		"--mode ping-pong a b c d",
		"--mode ping-pong --pattern flood a b",
		"--mode ping-pong --senders 1 a b",
		"--mode placement",
		"--mode placement --core 0",
		"--mode wake-up --core-peer 1",
		"--mode wake-up --core 0 --core-peer 1 a b",
		"--pattern star a b",
		"--ring round a b",
		"--ring-size 1000 a b",
		"--ring-size 1 a b",
		"--ring-size 32769 --ring packed a b",
		"--segments 3 a b",
		"--segments 0 a b",
		"--segments 128 --size 64 a b",
		"--tso 1448 a b",
		"--tso 1448 --size 1502 a b",
		"--senders 3 a b",
		"--senders 0 a b",
		"--window 0 a b",
		"--batch 0 a b",
		"--slices 0 a b",
		"--no-verify --window 5 --pattern flood a b",
		"--core -1 a b",
	};
	struct options o;
	unsigned i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		enum options_result result = parse(&o, lines[i]);

		if (result != OPTIONS_BAD)
			fprintf(stderr, "taken: %s\n", lines[i]);
		CU_ASSERT_EQUAL(result, OPTIONS_BAD);
	}
}

static void help_is_an_answer(void)
{
	struct options o;

	CU_ASSERT_EQUAL(parse(&o, "--help"), OPTIONS_HELP);
}

int main(void)
{
	CU_TestInfo tests[] = {
		SUITE_TEST(two_sockets_are_enough),
		SUITE_TEST(numbers_built_beforehand_need_a_small_window),
		SUITE_TEST(what_follows_from_the_frame_is_derived),
		SUITE_TEST(bad_lines_are_refused),
		SUITE_TEST(help_is_an_answer),
		CU_TEST_INFO_NULL,
	};

	return suite_run("options of the load generator", tests);
}
