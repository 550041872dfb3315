/* The books of the load generator: what is lost, late, or twice; and its round trip times. */
#include "flow.h"
#include "histogram.h"
#include "tests/suite.h"

enum { PERIOD = 100 };

static void note_range(struct flow *flow, uint32_t from, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		CU_ASSERT_TRUE(flow_note(flow, (from + i) % PERIOD));
}

static void flow_in_order_has_nothing_to_report(void)
{
	struct flow flow;

	CU_ASSERT_EQUAL(flow_open(&flow, PERIOD), 0);
	note_range(&flow, 7, 10 * PERIOD);
	CU_ASSERT_EQUAL(flow.n_gaps + flow.n_late + flow.n_duplicates + flow.n_bad, 0);
	flow_close(&flow);
}

static void flow_counts_each_missing_frame(void)
{
	struct flow flow;

	CU_ASSERT_EQUAL(flow_open(&flow, PERIOD), 0);
	note_range(&flow, 0, 95);
	note_range(&flow, 3, 5 * PERIOD);
	CU_ASSERT_EQUAL(flow.n_gaps, 8);
	CU_ASSERT_EQUAL(flow.n_duplicates, 0);
	CU_ASSERT_EQUAL(flow.n_open, 0);
	flow_close(&flow);
}

static void flow_tells_overtaken_frames_from_duplicates(void)
{
	struct flow flow;

	CU_ASSERT_EQUAL(flow_open(&flow, PERIOD), 0);
	note_range(&flow, 0, 98);
	note_range(&flow, 99, 4); /* 99 0 1 2: 98 is missing */
	CU_ASSERT_TRUE(flow_note(&flow, 98));
	CU_ASSERT_EQUAL(flow.n_late, 1);
	CU_ASSERT_FALSE(flow_note(&flow, 98));
	CU_ASSERT_FALSE(flow_note(&flow, 2));
	CU_ASSERT_EQUAL(flow.n_duplicates, 2);
	CU_ASSERT_EQUAL(flow.n_gaps, 1);
	note_range(&flow, 3, 2 * PERIOD);
	flow_close(&flow);
}

static void flow_takes_no_number_beyond_its_period(void)
{
	struct flow flow;

	CU_ASSERT_EQUAL(flow_open(&flow, PERIOD), 0);
	flow_note(&flow, PERIOD);
	flow_note(&flow, UINT32_MAX - 1);
	CU_ASSERT_EQUAL(flow.n_bad, 2);
	flow_close(&flow);
}

static void flow_begins_anew_after_a_restart(void)
{
	struct flow flow;

	CU_ASSERT_EQUAL(flow_open(&flow, PERIOD), 0);
	note_range(&flow, 0, 10);
	note_range(&flow, 20, 10);
	flow_restart(&flow);
	note_range(&flow, 60, PERIOD);
	CU_ASSERT_EQUAL(flow.n_gaps, 0);
	flow_close(&flow);
}

static void histogram_quantiles_are_right_within_a_thirty_second(void)
{
	static struct histogram histogram;
	uint64_t i, q;

	CU_ASSERT_EQUAL(histogram_quantile(&histogram, 0.5), 0);
	for (i = 1; i <= 100000; i++)
		histogram_add(&histogram, i * 10);
	q = histogram_quantile(&histogram, 0.5);
	CU_ASSERT_TRUE(q >= 500000 && q <= 500000 + 500000 / 32);
	q = histogram_quantile(&histogram, 0.99);
	CU_ASSERT_TRUE(q >= 990000 && q <= 1000000);
	CU_ASSERT_EQUAL(histogram_quantile(&histogram, 1), 1000000);
	CU_ASSERT_EQUAL(histogram.min, 10);
	CU_ASSERT_EQUAL(histogram.max, 1000000);
	histogram_add(&histogram, UINT64_MAX);
	CU_ASSERT_EQUAL(histogram_quantile(&histogram, 1), UINT64_MAX);
}

int main(void)
{
	CU_TestInfo tests[] = {
		SUITE_TEST(flow_in_order_has_nothing_to_report),
		SUITE_TEST(flow_counts_each_missing_frame),
		SUITE_TEST(flow_tells_overtaken_frames_from_duplicates),
		SUITE_TEST(flow_takes_no_number_beyond_its_period),
		SUITE_TEST(flow_begins_anew_after_a_restart),
		SUITE_TEST(histogram_quantiles_are_right_within_a_thirty_second),
		CU_TEST_INFO_NULL,
	};

	return suite_run("books of the load generator", tests);
}
