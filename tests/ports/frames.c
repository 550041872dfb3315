#include "tests/ports/frames.h"

#include <stdlib.h>
#include <string.h>

struct burst *burst_new(void)
{
	struct burst *burst = aligned_alloc(64, (sizeof(*burst) + 63) / 64 * 64);

	if (!burst)
		exit(EXIT_FAILURE);
	memset(burst, 0, sizeof(*burst));
	return burst;
}

void bytes_make(uint8_t *buf, uint32_t len, uint32_t seed)
{
	for (uint32_t i = 0; i < len; i++)
		buf[i] = (uint8_t)((seed * 2654435761u + i * 40503u) >> 8);
}

void frame_make(struct frame *frame, uint8_t *buf, uint32_t len, struct segment *segments,
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

bool frame_is(const struct frame *frame, const uint8_t *buf, uint32_t len)
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
