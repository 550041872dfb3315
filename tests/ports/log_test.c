#include "ports/log.h"
#include "tests/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { N_LINES = 1000 };

/* What is said while it is asked to say n lines. */
static void say(struct log_limit *limit, unsigned n, char *said, size_t len)
{
	int pipes[2], before = dup(STDERR_FILENO);
	ssize_t n_read;

	CU_ASSERT_FATAL(pipe(pipes) == 0 && before >= 0);
	dup2(pipes[1], STDERR_FILENO);
	for (unsigned i = 0; i < n; i++)
		log_limited(limit, LOG_INFO, "port a: line %u", i);
	dup2(before, STDERR_FILENO);
	close(before);
	close(pipes[1]);
	n_read = read(pipes[0], said, len - 1);
	said[n_read > 0 ? n_read : 0] = '\0';
	close(pipes[0]);
}

static unsigned n_lines(const char *said)
{
	unsigned n = 0;

	for (; *said; said++)
		n += *said == '\n';
	return n;
}

/* EVL-18, RES-10: whenever a second ends while it talks, there are as many again. */
static void log_limited_says_ten_lines_a_second(void)
{
	struct log_limit limit = {0};
	char said[64 * N_LINES];

	say(&limit, N_LINES, said, sizeof(said));
	CU_ASSERT(n_lines(said) >= LOG_LINES_A_SECOND && n_lines(said) <= 2 * LOG_LINES_A_SECOND);
	CU_ASSERT(strncmp(said, "ringway: port a: line 0\n", 24) == 0);
}

static void log_limited_says_how_much_it_left_out(void)
{
	struct log_limit limit = {.second = 1, .n_lines = LOG_LINES_A_SECOND + 7};
	char said[256];

	say(&limit, 1, said, sizeof(said));
	CU_ASSERT_STRING_EQUAL(said, "ringway: port a: line 0 (and 7 lines before this one)\n");
	say(&limit, 1, said, sizeof(said));
	CU_ASSERT(strstr(said, "line 0\n") || strstr(said, "line 0 (and"));
}

int main(void)
{
	CU_TestInfo tests[] = {SUITE_TEST(log_limited_says_ten_lines_a_second),
			       SUITE_TEST(log_limited_says_how_much_it_left_out),
			       CU_TEST_INFO_NULL};

	return suite_run("log", tests);
}
