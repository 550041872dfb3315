/* vring_tx.h - a burst into a ring that the guest receives by.
 *
 * Threads:   the worker of the vring.
 * Failure:   as vring.h. */
#ifndef PORTS_VRING_TX_H
#define PORTS_VRING_TX_H

#include "ports/vring_burst.h"

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
