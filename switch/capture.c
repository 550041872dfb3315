#include "switch/capture.h"
#include "switch/capture_filter.h"
#include "switch/counters.h"

#include <rte_cycles.h>
#include <string.h>

/* Copies the first n bytes of the frame, n <= frame->len. */
static void gather(uint8_t *to, const struct frame *frame, uint32_t n)
{
	uint32_t part = n < frame->head_len ? n : frame->head_len;

	memcpy(to, frame->head, part);
	for (unsigned i = 0; part < n && i < frame->n_segments; i++) {
		uint32_t len =
			frame->segments[i].len < n - part ? frame->segments[i].len : n - part;

		memcpy(to + part, frame->segments[i].addr, len);
		part += len;
	}
}

/* The beginning of a frame in one piece, as long as a filter can reach. */
struct view {
	const uint8_t *data;
	uint32_t len;
};

static void extend(struct view *view, const struct capture_lane *lane, const struct frame *frame,
		   uint32_t reach)
{
	if (reach > frame->len)
		reach = frame->len;
	if (reach <= view->len)
		return;
	gather(lane->scratch, frame, reach);
	*view = (struct view){.data = lane->scratch, .len = reach};
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

struct takers {
	uint32_t bits;
	uint32_t cap_len; /* as much as the longest snaplen asks for */
};

static struct takers find_takers(const struct capture_set *set, const struct capture_lane *lane,
				 uint32_t wanted, const struct frame *frame)
{
	struct view view = {.data = frame->head, .len = frame->head_len};
	struct takers takers = {0};

	for (; wanted; wanted &= wanted - 1) {
		unsigned slot = (unsigned)__builtin_ctz(wanted);
		const struct capture_watch *watch = set->watches[slot];
		uint32_t cap_len = min_u32(min_u32(frame->len, FRAME_LEN_MAX), watch->snaplen);

		extend(&view, lane, frame, watch->filter->reach);
		if (!capture_filter_match(watch->filter, view.data, view.len, frame->len))
			continue;
		takers.bits |= UINT32_C(1) << slot;
		if (cap_len > takers.cap_len)
			takers.cap_len = cap_len;
	}
	return takers;
}

static void count(const struct capture_set *set, const struct capture_where *where, uint32_t takers,
		  bool missed)
{
	for (; takers; takers &= takers - 1) {
		struct capture_count *counts =
			&set->watches[__builtin_ctz(takers)]
				 ->counts[where->worker * set->n_ports + where->port];

		counter_add(&counts->n_seen, 1);
		counter_add(&counts->n_missed, missed);
	}
}

void capture_frames(const struct capture_set *set, const struct capture_where *where,
		    const struct frame *const *frames, unsigned n)
{
	const struct capture_lane *lane = &set->lanes[where->worker];
	uint32_t wanted = set->wanted[where->point][where->port];
	uint64_t tsc;

	if (!wanted)
		return;
	tsc = rte_rdtsc();
	for (unsigned i = 0; i < n; i++) {
		struct takers takers = find_takers(set, lane, wanted, frames[i]);
		struct capture_record *record;

		if (!takers.bits)
			continue;
		record = capture_ring_reserve(lane->ring, takers.cap_len);
		count(set, where, takers.bits, !record);
		if (!record)
			continue;
		record->tsc = tsc;
		record->takers = takers.bits;
		record->len = frames[i]->len;
		record->port = where->port;
		record->queue = where->queue;
		record->point = (uint8_t)where->point;
		record->why = (uint8_t)where->why;
		record->needs = frames[i]->needs;
		gather(record->data, frames[i], takers.cap_len);
		capture_ring_commit(lane->ring);
	}
}
