/* vring_burst.h - what a ring's layout has to say so that bursts go in and out of it: where the
 * next buffers are. vring_rx.h and vring_tx.h move the frames, written once for every layout.
 *
 * Threads:   the worker of the vring.
 * Failure:   as vring.h.
 *
 * Included by the file of each layout, which hands its struct layout down as a constant: after
 * inlining no call through it is left. */
#ifndef PORTS_VRING_BURST_H
#define PORTS_VRING_BURST_H

#include "ports/vring_layout.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))
/* What few frames need: inlined, it would take registers from the loops that all go through. */
#define NOINLINE static __attribute__((noinline))

/* Its first two lines: header and head lie there. */
ALWAYS_INLINE void prefetch_piece(const uint8_t *addr, bool write)
{
	if (write) {
		__builtin_prefetch(addr, 1);
		__builtin_prefetch(addr + 64, 1);
	} else {
		__builtin_prefetch(addr);
		__builtin_prefetch(addr + 64);
	}
}

struct layout {
	/* Looks at up to max buffers from last_avail on, for as long as each is one piece in one
	 * descriptor of the right direction. Returns how many; *more: what stopped it was not that
	 * no other buffer is available. */
	unsigned (*look)(struct vring *vr, bool write, unsigned max, struct segment *pieces,
			 struct vring_buffer *buffers, bool *more);
	/* Adds the whole buffer at *at to the chain and moves *at behind it. A buffer of no slots:
	 * none is available. The fault is the ring's; a full chain is none, its buffer is walked to
	 * its end. */
	enum vring_fault (*walk)(struct vring *vr, uint16_t *at, bool write, struct chain *chain,
				 struct vring_buffer *buffer);
	/* The place n slots behind at. */
	uint16_t (*advance)(const struct vring *vr, uint16_t at, unsigned n);
	/* Writes the next n used entries, still unseen by the guest. */
	void (*put)(struct vring *vr, const struct vring_buffer *buffers, unsigned n);
};

#endif
