#include "switch/capture_ring.h"
#include "tests/suite.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

/* Puts a record whose bytes all are `mark`; false: full. */
static bool put(struct capture_ring *ring, uint32_t len, uint8_t mark)
{
	struct capture_record *record = capture_ring_reserve(ring, len);

	if (!record)
		return false;
	record->takers = 1;
	record->tsc = mark;
	memset(record->data, mark, len);
	capture_ring_commit(ring);
	return true;
}

/* Takes a record and says whether it is what put() put. */
static bool take(struct capture_ring *ring, uint32_t len, uint8_t mark)
{
	const struct capture_record *record = capture_ring_next(ring, capture_ring_end(ring));
	bool good = record && record->cap_len == len && record->tsc == mark;

	for (uint32_t i = 0; good && i < len; i++)
		good = record->data[i] == mark;
	if (record)
		capture_ring_consume(ring, record);
	return good;
}

static void capture_ring_gives_back_what_it_was_given_in_order(void)
{
	struct capture_ring *ring = capture_ring_new(1024);

	CU_ASSERT(put(ring, 10, 1));
	CU_ASSERT(put(ring, 0, 2));
	CU_ASSERT(put(ring, 64, 3));
	CU_ASSERT(take(ring, 10, 1));
	CU_ASSERT(take(ring, 0, 2));
	CU_ASSERT(take(ring, 64, 3));
	CU_ASSERT_PTR_NULL(capture_ring_next(ring, capture_ring_end(ring)));
	capture_ring_free(ring);
}

static void capture_ring_refuses_when_full_and_goes_on_when_read(void)
{
	struct capture_ring *ring = capture_ring_new(256); /* four records of 32 + 32 */
	unsigned n = 0;

	while (n < 100 && put(ring, 32, (uint8_t)n))
		n++;
	CU_ASSERT_EQUAL(n, 4);
	CU_ASSERT(take(ring, 32, 0));
	CU_ASSERT(put(ring, 32, 4));
	CU_ASSERT_FALSE(put(ring, 32, 5));
	for (uint8_t i = 1; i < 5; i++)
		CU_ASSERT(take(ring, 32, i));
	capture_ring_free(ring);
}

static void capture_ring_shows_nothing_before_commit(void)
{
	struct capture_ring *ring = capture_ring_new(256);
	struct capture_record *record = capture_ring_reserve(ring, 8);

	record->takers = 1;
	CU_ASSERT_PTR_NULL(capture_ring_next(ring, capture_ring_end(ring)));
	capture_ring_commit(ring);
	CU_ASSERT_PTR_EQUAL(capture_ring_next(ring, capture_ring_end(ring)), record);
	capture_ring_free(ring);
}

/* A record never wraps: where it does not fit before the end, the end is skipped. */
static void capture_ring_keeps_records_in_one_piece_at_every_offset(void)
{
	for (uint32_t first = 0; first < 300; first++) {
		struct capture_ring *ring = capture_ring_new(1024);

		for (uint8_t i = 0; i < 50; i++) {
			CU_ASSERT(put(ring, first, i));
			CU_ASSERT(put(ring, 333 - first, i));
			CU_ASSERT(take(ring, first, i));
			CU_ASSERT(take(ring, 333 - first, i));
		}
		capture_ring_free(ring);
	}
}

#ifndef CAPTURE_RING_RECORDS
#define CAPTURE_RING_RECORDS 300000
#endif
enum { N_RECORDS = CAPTURE_RING_RECORDS };

static void *produce(void *arg)
{
	for (unsigned i = 0; i < N_RECORDS;)
		if (put(arg, i % 97, (uint8_t)i))
			i++;
		else
			sched_yield();
	return NULL;
}

static void capture_ring_loses_nothing_between_two_threads(void)
{
	struct capture_ring *ring = capture_ring_new(4096);
	unsigned n_bad = 0;
	pthread_t producer;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&producer, NULL, produce, ring), 0);
	for (unsigned i = 0; i < N_RECORDS;) {
		if (!capture_ring_next(ring, capture_ring_end(ring))) {
			sched_yield();
			continue;
		}
		n_bad += !take(ring, i % 97, (uint8_t)i);
		i++;
	}
	pthread_join(producer, NULL);
	CU_ASSERT_EQUAL(n_bad, 0);
	CU_ASSERT_PTR_NULL(capture_ring_next(ring, capture_ring_end(ring)));
	capture_ring_free(ring);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"capture_ring_gives_back_what_it_was_given_in_order",
		 capture_ring_gives_back_what_it_was_given_in_order},
		{"capture_ring_refuses_when_full_and_goes_on_when_read",
		 capture_ring_refuses_when_full_and_goes_on_when_read},
		{"capture_ring_shows_nothing_before_commit",
		 capture_ring_shows_nothing_before_commit},
		{"capture_ring_keeps_records_in_one_piece_at_every_offset",
		 capture_ring_keeps_records_in_one_piece_at_every_offset},
		{"capture_ring_loses_nothing_between_two_threads",
		 capture_ring_loses_nothing_between_two_threads},
		CU_TEST_INFO_NULL,
	};

	return suite_run("capture_ring", tests);
}
