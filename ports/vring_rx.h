/* vring_rx.h - a burst out of a ring that the guest sends by, and its buffers back.
 *
 * Threads:   the worker of the vring.
 * Failure:   as vring.h. */
#ifndef PORTS_VRING_RX_H
#define PORTS_VRING_RX_H

#include "ports/vring_burst.h"
#include "ports/vring_frame.h"

/* False: no room for it in the arena now, none is available, or the ring is broken. */
NOINLINE bool rx_scattered(const struct layout *layout, struct vring *vr, struct burst *burst,
			   struct vring_buffer *buffer)
{
	struct chain chain = {.segments = burst->segments + burst->n_segments,
			      .max = BURST_SEGMENTS - burst->n_segments};
	uint16_t at = vr->last_avail;
	enum vring_fault fault = layout->walk(vr, &at, false, &chain, buffer);

	if (UNLIKELY(fault)) {
		vring_stop(vr, fault);
		return false;
	}
	if (buffer->n_slots == 0)
		return false;
	if (UNLIKELY(chain.full)) {
		if (burst->n_segments > 0)
			return false;
		/* More pieces than the whole arena: no frame we know looks like that. */
		chain.len = UINT64_MAX;
	}
	frame_from_chain(vr, burst, &chain);
	vr->last_avail = at;
	return true;
}

ALWAYS_INLINE unsigned burst_rx(const struct layout *layout, struct vring *vr, struct burst *burst)
{
	struct segment pieces[BURST_MAX];
	unsigned n = 0;
	bool more = true;

	while (more && n < BURST_MAX && !vring_stopped(vr)) {
		unsigned room = BURST_SEGMENTS - burst->n_segments;
		unsigned max = BURST_MAX - n < room ? BURST_MAX - n : room;
		unsigned n_looked = layout->look(vr, false, max, pieces, vr->held + n, &more);

		for (unsigned i = 0; i < n_looked; i++) {
			i += frames_from_plain(vr, burst, pieces + i, n_looked - i);
			if (i < n_looked)
				frame_from_piece(vr, burst, &pieces[i]);
		}
		vr->last_avail = layout->advance(vr, vr->last_avail, n_looked);
		n += n_looked;
		if (!more || n == BURST_MAX)
			break;
		if (!rx_scattered(layout, vr, burst, &vr->held[n]))
			break;
		n++;
	}
	vr->n_held = (uint16_t)n;
	return n;
}

ALWAYS_INLINE void burst_release(const struct layout *layout, struct vring *vr)
{
	if (vr->in_order && vr->n_held) {
		/* The last buffer stands for all before it (2.7.9, 2.8.9). */
		struct vring_buffer batch = vr->held[vr->n_held - 1];

		for (unsigned i = 0; i + 1 < vr->n_held; i++)
			batch.n_slots += vr->held[i].n_slots;
		layout->put(vr, &batch, 1);
	} else {
		layout->put(vr, vr->held, vr->n_held);
	}
	vr->n_held = 0;
}

#endif
