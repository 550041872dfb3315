/* frames.h - makes and compares frames for tests of rings.
 *
 * Threads:   none of its own.
 * Failure:   stops the test program when memory fails. */
#ifndef TESTS_PORTS_FRAMES_H
#define TESTS_PORTS_FRAMES_H

#include "ports/frame.h"

#include <stdbool.h>

/* An empty burst on the heap, to be freed. */
struct burst *burst_new(void);

/* Fills buf with bytes that depend on seed and place. */
void bytes_make(uint8_t *buf, uint32_t len, uint32_t seed);

/* The frame of the len bytes at buf, whose tail the frame borrows in n_segments segments from
 * segments[]. */
void frame_make(struct frame *frame, uint8_t *buf, uint32_t len, struct segment *segments,
		unsigned n_segments);

/* True when the frame's bytes are the len bytes at buf. */
bool frame_is(const struct frame *frame, const uint8_t *buf, uint32_t len);

#endif
