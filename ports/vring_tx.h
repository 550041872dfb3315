/* vring_tx.h - a burst into a ring that the guest receives by.
 *
 * Threads:   the worker of the vring.
 * Failure:   as vring.h. */
#ifndef PORTS_VRING_TX_H
#define PORTS_VRING_TX_H

#include "ports/vring_burst.h"

/* Writes the frame, behind a header of hdr_len bytes, into one piece that is long enough. */
static inline void frame_to_linear(uint32_t hdr_len, const struct frame *frame, uint8_t *addr)
{
	if (LIKELY(hdr_len == VIRTIO_NET_HDR_LEN && frame->head_len == FRAME_HEAD_LEN)) {
		memcpy(addr, frame, VIRTIO_NET_HDR_LEN + FRAME_HEAD_LEN);
		addr += VIRTIO_NET_HDR_LEN + FRAME_HEAD_LEN;
	} else {
		memcpy(addr, &frame->vnet, hdr_len);
		memcpy(addr + hdr_len, frame->head, frame->head_len);
		addr += hdr_len + frame->head_len;
	}
	for (unsigned i = 0; i < frame->n_segments; i++) {
		memcpy(addr, frame->segments[i].addr, frame->segments[i].len);
		addr += frame->segments[i].len;
	}
}

/* The same into pieces that are long enough together, num_buffers being how many buffers they make
 * up. */
static inline void frame_to_chain(const struct vring *vr, const struct frame *frame,
				  uint16_t num_buffers, const struct chain *chain)
{
	struct chain_cursor at = {.segment = chain->segments};
	struct virtio_net_hdr hdr = frame->vnet;

	hdr.num_buffers = num_buffers;
	chain_write(&at, (const uint8_t *)&hdr, vr->hdr_len);
	chain_write(&at, frame->head, frame->head_len);
	for (unsigned i = 0; i < frame->n_segments; i++)
		chain_write(&at, frame->segments[i].addr, frame->segments[i].len);
}

/* Delivers frames for as long as each fits into one buffer of one piece; returns how many. *more:
 * the next frame's buffer is there, but it is another. */
ALWAYS_INLINE unsigned tx_linear(const struct layout *layout, struct vring *vr,
				 const struct frame *const *frames, unsigned n, bool *more)
{
	struct segment pieces[BURST_MAX];
	struct vring_buffer buffers[BURST_MAX];
	const uint32_t hdr_len = vr->hdr_len;
	unsigned n_done;

	n = layout->look(vr, true, n < BURST_MAX ? n : BURST_MAX, pieces, buffers, more);
	for (n_done = 0; n_done < n; n_done++) {
		buffers[n_done].n_written = hdr_len + frames[n_done]->len;
		if (UNLIKELY(pieces[n_done].len < buffers[n_done].n_written)) {
			*more = true;
			break;
		}
		frame_to_linear(hdr_len, frames[n_done], pieces[n_done].addr);
	}
	layout->put(vr, buffers, n_done);
	vr->last_avail = layout->advance(vr, vr->last_avail, n_done);
	return n_done;
}

/* Delivers one frame into as many pieces and, when mergeable, buffers as it takes: all of it or
 * nothing. */
NOINLINE bool tx_scattered(const struct layout *layout, struct vring *vr, const struct frame *frame,
			   enum drop_reason *why)
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
		vr->scratch_buffers[n++].n_written =
			(uint32_t)(chain.len < total ? chain.len - before : total - before);
	} while (chain.len < total && vr->mergeable);
	if (chain.len < total) {
		*why = DROP_TOO_BIG;
		return false;
	}
	frame_to_chain(vr, frame, (uint16_t)n, &chain);
	layout->put(vr, vr->scratch_buffers, n);
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
