/* suite.h - runs the tests of one program, and makes and compares frames for them.
 *
 * Threads:   none of its own.
 * Failure:   stops the test program when memory or CUnit fails. */
#ifndef TESTS_PORTS_SUITE_H
#define TESTS_PORTS_SUITE_H

#include "ports/frame.h"

#include <stdbool.h>
#include <stddef.h>

struct suite_test {
	const char *name;
	void (*run)(void);
};

/* Returns what main() returns: 0 only when some tests ran and none failed. */
int suite_run(const char *name, const struct suite_test *tests, size_t n_tests);

#define SUITE_TEST(f)                                                                              \
	{                                                                                          \
#f, f                                                                              \
	}
#define SUITE_RUN(name, tests) suite_run(name, tests, sizeof(tests) / sizeof((tests)[0]))

/* An empty burst on the heap, to be freed. */
struct burst *suite_burst(void);

/* Fills buf with bytes that depend on seed and place. */
void suite_bytes(uint8_t *buf, uint32_t len, uint32_t seed);

/* The frame of the len bytes at buf, whose tail the frame borrows in n_segments segments from
 * segments[]. */
void suite_frame(struct frame *frame, uint8_t *buf, uint32_t len, struct segment *segments,
		 unsigned n_segments);

/* True when the frame's bytes are the len bytes at buf. */
bool suite_frame_is(const struct frame *frame, const uint8_t *buf, uint32_t len);

#endif
