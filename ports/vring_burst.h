/* vring_burst.h - a burst in and out of a ring, written once for every layout: the layout says
 * where the next buffers are, this file moves the frames.
 *
 * Threads:   the worker of the vring.
 * Failure:   as vring.h.
 *
 * Included by the file of each layout, which hands its struct layout down as a constant: after
 * inlining no call through it is left. */
#ifndef PORTS_VRING_BURST_H
#define PORTS_VRING_BURST_H

#include "ports/vring_copy.h"
#include "ports/vring_layout.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* A buffer of one piece. */
struct piece {
	uint8_t *addr;
	uint32_t len;
};

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
	unsigned (*look)(struct vring *vr, bool write, unsigned max, struct piece *pieces,
			 struct vring_buffer *buffers, bool *more);
	/* Adds the whole buffer at *at to the chain and moves *at behind it. A buffer of no slots:
	 * none is available. The fault is the ring's; a full chain is none, its buffer is walked to
	 * its end. */
	enum vring_fault (*walk)(struct vring *vr, uint16_t *at, bool write, struct chain *chain,
				 struct vring_buffer *buffer);
	/* The place n slots behind at. */
	uint16_t (*advance)(const struct vring *vr, uint16_t at, unsigned n);
	/* Writes the next used entry, still unseen by the guest. */
	void (*put)(struct vring *vr, struct vring_buffer buffer, uint32_t len);
};

/* False: no room for it in the arena now, none is available, or the ring is broken. */
ALWAYS_INLINE bool rx_scattered(const struct layout *layout, struct vring *vr, struct burst *burst,
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
	struct piece pieces[BURST_MAX];
	unsigned n = 0;
	bool more = true;

	while (more && n < BURST_MAX && !vring_stopped(vr)) {
		unsigned room = BURST_SEGMENTS - burst->n_segments;
		unsigned max = BURST_MAX - n < room ? BURST_MAX - n : room;
		unsigned n_looked = layout->look(vr, false, max, pieces, vr->held + n, &more);

		for (unsigned i = 0; i < n_looked; i++)
			frame_from_linear(vr, burst, pieces[i].addr, pieces[i].len);
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
		layout->put(vr, batch, 0);
	} else {
		for (unsigned i = 0; i < vr->n_held; i++)
			layout->put(vr, vr->held[i], 0);
	}
	vr->n_held = 0;
}

/* Delivers frames for as long as each fits into one buffer of one piece; returns how many. *more:
 * the next frame's buffer is there, but it is another. */
ALWAYS_INLINE unsigned tx_linear(const struct layout *layout, struct vring *vr,
				 const struct frame *const *frames, unsigned n, bool *more)
{
	struct piece pieces[BURST_MAX];
	struct vring_buffer buffers[BURST_MAX];
	unsigned n_fit;

	n = layout->look(vr, true, n < BURST_MAX ? n : BURST_MAX, pieces, buffers, more);
	for (n_fit = 0; n_fit < n; n_fit++)
		if (UNLIKELY(pieces[n_fit].len < vr->hdr_len + frames[n_fit]->len)) {
			*more = true;
			break;
		}
	for (unsigned i = 0; i < n_fit; i++) {
		frame_to_linear(vr, frames[i], pieces[i].addr);
		layout->put(vr, buffers[i], vr->hdr_len + frames[i]->len);
	}
	vr->last_avail = layout->advance(vr, vr->last_avail, n_fit);
	return n_fit;
}

/* Delivers one frame into as many pieces and, when mergeable, buffers as it takes: all of it or
 * nothing. */
ALWAYS_INLINE bool tx_scattered(const struct layout *layout, struct vring *vr,
				const struct frame *frame, enum drop_reason *why)
{
	struct chain chain = {.segments = vr->scratch, .max = vr->n_scratch};
	uint64_t total = (uint64_t)vr->hdr_len + frame->len;
	uint16_t at = vr->last_avail;
	unsigned n = 0;

	do {
		uint64_t before = chain.len;
		enum vring_fault fault = n == vr->size ? VRING_OK
						       : layout->walk(vr, &at, true, &chain,
								      &vr->scratch_buffers[n]);

		if (UNLIKELY(fault)) {
			vring_stop(vr, fault);
			*why = DROP_QUEUE_BROKEN;
			return false;
		}
		if (n == vr->size || chain.full) {
			/* When the guest has posted all it can, no later buffer will help. */
			*why = DROP_TOO_BIG;
			return false;
		}
		if (vr->scratch_buffers[n].n_slots == 0) {
			*why = DROP_TX_FULL;
			return false;
		}
		vr->scratch_lens[n++] =
			(uint32_t)(chain.len < total ? chain.len - before : total - before);
	} while (chain.len < total && vr->mergeable);
	if (chain.len < total) {
		*why = DROP_TOO_BIG;
		return false;
	}
	frame_to_chain(vr, frame, (uint16_t)n, &chain);
	for (unsigned i = 0; i < n; i++)
		layout->put(vr, vr->scratch_buffers[i], vr->scratch_lens[i]);
	vr->last_avail = at;
	return true;
}

ALWAYS_INLINE unsigned burst_tx(const struct layout *layout, struct vring *vr,
				const struct frame *const *frames, unsigned n,
				enum drop_reason *why)
{
	unsigned done = 0;

	while (done < n) {
		bool more;

		if (vring_stopped(vr)) {
			*why = DROP_QUEUE_BROKEN;
			return done;
		}
		done += tx_linear(layout, vr, frames + done, n - done, &more);
		if (done == n)
			return done;
		if (!more) {
			*why = vring_stopped(vr) ? DROP_QUEUE_BROKEN : DROP_TX_FULL;
			return done;
		}
		if (vring_stopped(vr))
			continue;
		if (!tx_scattered(layout, vr, frames[done], why))
			return done;
		done++;
	}
	return done;
}

#endif
