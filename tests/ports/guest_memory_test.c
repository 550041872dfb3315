/* The one way from a guest's addresses to ours. */
#include "ports/chain.h"
#include "ports/guest_memory.h"
#include "tests/ports/frames.h"
#include "tests/suite.h"

#include <string.h>

/* Two regions that touch, a hole, and one at the very end of the address space. */
static uint8_t low[100], high[50], last[16];
static const struct guest_memory mem = {
	.n_regions = 3,
	.regions = {{.gpa = 1000, .size = sizeof(low), .hva = low},
		    {.gpa = 1100, .size = sizeof(high), .hva = high},
		    {.gpa = UINT64_MAX - 15, .size = sizeof(last), .hva = last}},
};

static void guest_memory_finds_each_byte_of_each_region(void)
{
	for (uint64_t gpa = 0; gpa < 1300; gpa++) {
		const uint8_t *expected = gpa < 1000   ? NULL
					  : gpa < 1100 ? low + (gpa - 1000)
					  : gpa < 1150 ? high + (gpa - 1100)
						       : NULL;
		uint64_t len = 1;

		CU_ASSERT_PTR_EQUAL(guest_memory_at(&mem, gpa, &len), expected);
		CU_ASSERT_EQUAL(len, 1);
	}
	for (unsigned i = 0; i < sizeof(last); i++)
		CU_ASSERT_PTR_EQUAL(guest_memory_range(&mem, UINT64_MAX - 15 + i, 1), last + i);
}

static void guest_memory_gives_no_more_than_lies_in_one_piece(void)
{
	for (uint64_t offset = 0; offset < 100; offset++)
		for (uint64_t asked = 1; asked < 300; asked++) {
			uint64_t len = asked;

			CU_ASSERT_PTR_EQUAL(guest_memory_at(&mem, 1000 + offset, &len),
					    low + offset);
			CU_ASSERT_EQUAL(len, asked < 100 - offset ? asked : 100 - offset);
			CU_ASSERT_PTR_EQUAL(guest_memory_range(&mem, 1000 + offset, asked),
					    asked <= 100 - offset ? low + offset : NULL);
		}
}

/* EVL-10: no sum of address and length wraps. */
static void guest_memory_refuses_what_wraps(void)
{
	static const uint64_t lens[] = {17, 4096, UINT32_MAX, UINT64_MAX, UINT64_MAX - 14};

	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		CU_ASSERT_PTR_NULL(guest_memory_range(&mem, UINT64_MAX - 15, lens[i]));
		CU_ASSERT_PTR_NULL(guest_memory_range(&mem, 1000, lens[i] > 100 ? lens[i] : 101));
	}
	CU_ASSERT_PTR_NULL(guest_memory_range(&mem, 1000, 0));
	CU_ASSERT_PTR_NULL(guest_memory_range(&mem, 500, UINT64_MAX));
}

static void guest_memory_read_goes_over_borders_and_stops_at_holes(void)
{
	uint8_t got[200];

	bytes_make(low, sizeof(low), 1);
	bytes_make(high, sizeof(high), 2);
	for (unsigned from = 0; from < 150; from++)
		for (unsigned len = 0; len < 200; len++) {
			bool whole = from + len <= 150;

			CU_ASSERT_EQUAL(guest_memory_read(&mem, 1000 + from, got, len), whole);
			for (unsigned i = 0; whole && i < len; i++)
				if (got[i] !=
				    (from + i < 100 ? low[from + i] : high[from + i - 100]))
					CU_FAIL("byte");
		}
}

static void chain_adds_a_segment_for_each_region(void)
{
	struct segment segments[3];
	struct chain chain = {.segments = segments, .max = 3};

	CU_ASSERT(chain_add(&chain, &mem, 1090, 20));
	CU_ASSERT_EQUAL(chain.n, 2);
	CU_ASSERT_EQUAL(chain.len, 20);
	CU_ASSERT_PTR_EQUAL(segments[0].addr, low + 90);
	CU_ASSERT_EQUAL(segments[0].len, 10);
	CU_ASSERT_PTR_EQUAL(segments[1].addr, high);
	CU_ASSERT_EQUAL(segments[1].len, 10);
	CU_ASSERT_FALSE(chain_add(&chain, &mem, 1090, 20));
	CU_ASSERT(chain.full);
	CU_ASSERT_EQUAL(chain.n, 3);
	chain = (struct chain){.segments = segments, .max = 3};
	CU_ASSERT_FALSE(chain_add(&chain, &mem, 1140, 20));
	CU_ASSERT_FALSE(chain.full);
	CU_ASSERT(chain_add(&chain, &mem, 5, 0));
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"guest_memory_finds_each_byte_of_each_region",
		 guest_memory_finds_each_byte_of_each_region},
		{"guest_memory_gives_no_more_than_lies_in_one_piece",
		 guest_memory_gives_no_more_than_lies_in_one_piece},
		{"guest_memory_refuses_what_wraps", guest_memory_refuses_what_wraps},
		{"guest_memory_read_goes_over_borders_and_stops_at_holes",
		 guest_memory_read_goes_over_borders_and_stops_at_holes},
		{"chain_adds_a_segment_for_each_region", chain_adds_a_segment_for_each_region},
		CU_TEST_INFO_NULL,
	};

	return suite_run("guest_memory", tests);
}
