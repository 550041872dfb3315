/* frame.h - a frame in place: a private copy of its first bytes, and where the rest lies in its
 * owner's memory.
 *
 * Threads:   a burst belongs to one worker.
 * Ownership: head is the frame's own; segments are borrowed from the port that the frame came from,
 * until that port's rx_release(). Bytes behind segments may change at any instant (a guest owns
 * them), their place may not.
 *
 * Decisions are made on head and head is what is delivered: the bytes that were judged are the
 * bytes that arrive. */
#ifndef PORTS_FRAME_H
#define PORTS_FRAME_H

#include "ports/drop.h"
#include "ports/virtio.h"

#include <stdint.h>

enum {
	BURST_MAX = 64,
	FRAME_HEAD_LEN = 64, /* bytes copied out of a source's memory before anything is decided */
	FRAME_HEAD_ROOM = 4, /* for one VLAN tag pushed on the way */
	FRAME_LEN_MIN = 14,  /* an Ethernet header */
	FRAME_LEN_MAX = 65535 + 18, /* the largest IP packet behind a tagged Ethernet header */
	BURST_SEGMENTS = 2048,
};

struct segment {
	uint8_t *addr;
	uint32_t len;
};

/* What a frame asks of its destination before the destination may see it as it is. */
enum frame_needs {
	FRAME_NEEDS_CSUM = 1 << 0, /* the checksum at csum_start + csum_offset is to be completed */
	FRAME_NEEDS_TSO4 = 1 << 1, /* to be cut into segments of gso_size */
	FRAME_NEEDS_TSO6 = 1 << 2,
};

struct frame {
	struct virtio_net_hdr vnet; /* validated; all zero when needs is 0 */
	uint8_t head[FRAME_HEAD_LEN + FRAME_HEAD_ROOM];
	const struct segment *segments; /* what follows head; n_segments of them, none empty */
	uint32_t len; /* on the wire without FCS: head_len + the segments' lengths */
	uint16_t head_len;
	uint16_t n_segments;
	uint8_t needs; /* enum frame_needs */
} __attribute__((aligned(64)));
static_assert(sizeof(struct frame) == 128, "two cache lines a frame");

struct burst {
	struct frame frames[BURST_MAX];
	unsigned n;
	unsigned n_segments; /* of the arena in use */
	/* Frames that the source gave and that were refused before they became one of frames[];
	 * charged to the source. */
	uint32_t n_dropped[DROP_N];
	unsigned n_refused; /* sum of n_dropped */
	/* What is known of refused frames, for captures: they lie at the end of frames[], the first
	 * one last. */
	unsigned n_kept;
	uint8_t kept_why[BURST_MAX]; /* enum drop_reason */
	struct segment segments[BURST_SEGMENTS];
};

/* An empty burst; for the caller of rx(), before each. */
static inline void burst_reset(struct burst *burst)
{
	burst->n = 0;
	burst->n_segments = 0;
	if (burst->n_refused) {
		burst->n_refused = 0;
		burst->n_kept = 0;
		for (unsigned i = 0; i < DROP_N; i++)
			burst->n_dropped[i] = 0;
	}
}

static inline void burst_refuse(struct burst *burst, enum drop_reason why)
{
	burst->n_dropped[why]++;
	burst->n_refused++;
}

static inline const struct frame *burst_kept(const struct burst *burst, unsigned i)
{
	return &burst->frames[BURST_MAX - 1 - i];
}

/* Refuses the frame that was to become frames[n], as far as it is described, and keeps that. There
 * is room, as a source gives no more than BURST_MAX at a time. */
static inline void burst_refuse_and_keep(struct burst *burst, enum drop_reason why)
{
	struct frame *kept = &burst->frames[BURST_MAX - 1 - burst->n_kept];

	if (kept != &burst->frames[burst->n])
		*kept = burst->frames[burst->n];
	burst->kept_why[burst->n_kept++] = (uint8_t)why;
	burst_refuse(burst, why);
}

#endif
