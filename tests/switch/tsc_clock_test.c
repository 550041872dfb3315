#include "switch/tsc_clock.h"
#include "tests/suite.h"

#define HZ    UINT64_C(2500000000)
#define EPOCH UINT64_C(1700000000000000000)
#define MS    UINT64_C(1000000)
#define S     UINT64_C(1000000000)

static uint64_t off(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static void tsc_clock_goes_as_it_is_told_at_first(void)
{
	struct tsc_clock clock;

	tsc_clock_init(&clock, HZ, 1000, EPOCH);
	CU_ASSERT_EQUAL(tsc_clock_ns(&clock, 1000), EPOCH);
	CU_ASSERT(off(tsc_clock_ns(&clock, 1000 + HZ), EPOCH + S) <= 1);
	CU_ASSERT(off(tsc_clock_ns(&clock, 1000 - HZ / 1000 + HZ / 1000), EPOCH) <= 1);
}

static void tsc_clock_knows_moments_before_the_last_look(void)
{
	struct tsc_clock clock;

	tsc_clock_init(&clock, HZ, 10 * HZ, EPOCH);
	CU_ASSERT(off(tsc_clock_ns(&clock, 9 * HZ), EPOCH - S) <= 1);
}

/* DPDK rounds the frequency to 10 MHz: 2 parts in a thousand. */
static void tsc_clock_measures_the_rate_that_it_was_told_wrong(void)
{
	struct tsc_clock clock;
	const uint64_t truth = HZ - HZ / 500;
	uint64_t tsc = 0;

	tsc_clock_init(&clock, HZ, 0, EPOCH);
	for (unsigned i = 1; i <= 300; i++) {
		tsc = truth / 100 * i;
		tsc_clock_discipline(&clock, tsc, EPOCH + 10 * MS * i);
	}
	/* A tenth of a second without a look costs less than a microsecond. */
	CU_ASSERT(off(tsc_clock_ns(&clock, tsc + truth / 10), EPOCH + 3 * S + 100 * MS) < 1000);
}

static void tsc_clock_follows_a_step_forward_at_once(void)
{
	struct tsc_clock clock;

	tsc_clock_init(&clock, HZ, 0, EPOCH);
	tsc_clock_discipline(&clock, HZ / 100, EPOCH + 5 * S);
	CU_ASSERT_EQUAL(tsc_clock_ns(&clock, HZ / 100), EPOCH + 5 * S);
}

/* CAP-04 */
static void tsc_clock_never_runs_backwards_when_the_host_steps_back(void)
{
	struct tsc_clock clock;
	uint64_t last = 0;

	tsc_clock_init(&clock, HZ, 0, EPOCH);
	for (uint64_t i = 1; i <= 1500; i++) {
		/* After 100 ms the host's clock is set back by 2 s. */
		uint64_t host = EPOCH + 10 * MS * i - (i > 10 ? 2 * S : 0);
		uint64_t tsc = HZ / 100 * i;

		CU_ASSERT(tsc_clock_ns(&clock, tsc - HZ / 200) > last);
		tsc_clock_discipline(&clock, tsc, host);
		CU_ASSERT(tsc_clock_ns(&clock, tsc) > last);
		last = tsc_clock_ns(&clock, tsc);
	}
	/* 15 s later both agree again. */
	CU_ASSERT(off(last, EPOCH + 15 * S - 2 * S) < MS);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"tsc_clock_goes_as_it_is_told_at_first", tsc_clock_goes_as_it_is_told_at_first},
		{"tsc_clock_knows_moments_before_the_last_look",
		 tsc_clock_knows_moments_before_the_last_look},
		{"tsc_clock_measures_the_rate_that_it_was_told_wrong",
		 tsc_clock_measures_the_rate_that_it_was_told_wrong},
		{"tsc_clock_follows_a_step_forward_at_once",
		 tsc_clock_follows_a_step_forward_at_once},
		{"tsc_clock_never_runs_backwards_when_the_host_steps_back",
		 tsc_clock_never_runs_backwards_when_the_host_steps_back},
		CU_TEST_INFO_NULL,
	};

	return suite_run("tsc_clock", tests);
}
