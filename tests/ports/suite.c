#include "tests/ports/suite.h"

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

int suite_run(const char *name, const struct suite_test *tests, size_t n_tests)
{
	CU_pSuite suite;
	unsigned n_bad;

	if (CU_initialize_registry() != CUE_SUCCESS || !(suite = CU_add_suite(name, NULL, NULL)))
		return EXIT_FAILURE;
	for (size_t i = 0; i < n_tests; i++)
		if (!CU_add_test(suite, tests[i].name, tests[i].run))
			return EXIT_FAILURE;
	CU_basic_run_tests();
	n_bad = CU_get_number_of_failures() + (CU_get_number_of_tests_run() == 0);
	CU_cleanup_registry();
	return n_bad ? EXIT_FAILURE : EXIT_SUCCESS;
}

struct burst *suite_burst(void)
{
	struct burst *burst = aligned_alloc(64, (sizeof(*burst) + 63) / 64 * 64);

	if (!burst)
		exit(EXIT_FAILURE);
	memset(burst, 0, sizeof(*burst));
	return burst;
}

void suite_bytes(uint8_t *buf, uint32_t len, uint32_t seed)
{
	for (uint32_t i = 0; i < len; i++)
		buf[i] = (uint8_t)((seed * 2654435761u + i * 40503u) >> 8);
}

void suite_frame(struct frame *frame, uint8_t *buf, uint32_t len, struct segment *segments,
		 unsigned n_segments)
{
	uint32_t at = len < FRAME_HEAD_LEN ? len : FRAME_HEAD_LEN;
	uint32_t rest = len - at;

	*frame = (struct frame){
		.vnet.num_buffers = 1, .len = len, .head_len = (uint16_t)at, .segments = segments};
	memcpy(frame->head, buf, at);
	for (unsigned i = 0; i < n_segments && rest > 0; i++) {
		uint32_t here = i + 1 == n_segments ? rest : (rest + 1) / 2;

		segments[i] = (struct segment){.addr = buf + at, .len = here};
		frame->n_segments++;
		at += here;
		rest -= here;
	}
}

bool suite_frame_is(const struct frame *frame, const uint8_t *buf, uint32_t len)
{
	uint32_t at = frame->head_len;

	if (frame->len != len || at > len || memcmp(frame->head, buf, at) != 0)
		return false;
	for (unsigned i = 0; i < frame->n_segments; i++) {
		const struct segment *segment = &frame->segments[i];

		if (segment->len == 0 || segment->len > len - at ||
		    memcmp(segment->addr, buf + at, segment->len) != 0)
			return false;
		at += segment->len;
	}
	return at == len;
}
