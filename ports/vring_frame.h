/* vring_frame.h - frames out of a guest's buffers, once descriptors are translated: the same for
 * every ring layout.
 *
 * Threads:   the worker of the vring.
 * Failure:   a frame that must not pass is counted in the burst and leaves no trace in frames[]. */
#ifndef PORTS_VRING_FRAME_H
#define PORTS_VRING_FRAME_H

#include "ports/chain.h"
#include "ports/vnet.h"
#include "ports/vring_layout.h"

/* Finishes a frame whose header and head are copied; len counts the frame only. */
static inline void accept_frame(const struct vring *vr, struct burst *burst, struct frame *frame)
{
	int needs = vnet_check(&frame->vnet, frame->len, vr->sends);

	if (UNLIKELY(needs < 0)) {
		frame->needs = 0;
		burst_refuse_and_keep(burst, DROP_BAD_VNET);
		return;
	}
	frame->needs = (uint8_t)needs;
	burst->n++;
}

static inline bool length_ok(const struct vring *vr, uint64_t total)
{
	return LIKELY(total >= (uint64_t)vr->hdr_len + FRAME_LEN_MIN &&
		      total <= (uint64_t)vr->hdr_len + FRAME_LEN_MAX);
}

/* Reads header and head out of a chain, whose segments are the next ones of the burst's arena; what
 * is left of them follows the head. frame->len is set and less than the chain. */
static inline void read_chain(const struct vring *vr, struct frame *frame, struct chain *chain)
{
	struct chain_cursor at = {.segment = chain->segments};

	frame->head_len = frame->len < FRAME_HEAD_LEN ? (uint16_t)frame->len : FRAME_HEAD_LEN;
	chain_read(&at, (uint8_t *)&frame->vnet, vr->hdr_len);
	chain_read(&at, frame->head, frame->head_len);
	frame->segments = at.segment;
	frame->n_segments = (uint16_t)(chain->segments + chain->n - at.segment);
	if (at.offset > 0) {
		struct segment *first = &chain->segments[at.segment - chain->segments];

		first->addr += at.offset;
		first->len -= at.offset;
	}
}

/* Refuses a buffer of a length that no frame has, and keeps what is known of it. */
void vring_refuse_length(const struct vring *vr, struct burst *burst, struct chain *chain);

/* Makes frames of the first pieces, for as long as each is a good frame of FRAME_HEAD_LEN bytes or
 * more behind a header of today's length: what nearly all are. Returns how many. Nothing of the
 * next one is kept: frame_from_piece() reads it anew. */
static inline unsigned frames_from_plain(const struct vring *vr, struct burst *burst,
					 const struct segment *pieces, unsigned n)
{
	struct frame *frame = &burst->frames[burst->n];
	struct segment *rest = &burst->segments[burst->n_segments];
	const uint8_t sends = vr->sends;
	unsigned i;

	if (vr->hdr_len != VIRTIO_NET_HDR_LEN)
		return 0;
	for (i = 0; i < n; i++) {
		uint8_t *addr = pieces[i].addr;
		uint32_t rest_len = pieces[i].len - VIRTIO_NET_HDR_LEN - FRAME_HEAD_LEN;
		int needs;

		if (UNLIKELY(rest_len > FRAME_LEN_MAX - FRAME_HEAD_LEN))
			break;
		/* vnet and head are neighbours here as there. */
		memcpy(&frame[i], addr, VIRTIO_NET_HDR_LEN + FRAME_HEAD_LEN);
		/* The checks that follow are of our copy: keep the compiler from looking at the
		 * original again. */
		atomic_signal_fence(memory_order_seq_cst);
		needs = vnet_check(&frame[i].vnet, FRAME_HEAD_LEN + rest_len, sends);
		if (UNLIKELY(needs < 0))
			break;
		rest[i] = (struct segment){.addr = addr + VIRTIO_NET_HDR_LEN + FRAME_HEAD_LEN,
					   .len = rest_len};
		frame[i].segments = &rest[i];
		frame[i].len = FRAME_HEAD_LEN + rest_len;
		frame[i].head_len = FRAME_HEAD_LEN;
		frame[i].n_segments = rest_len > 0;
		frame[i].needs = (uint8_t)needs;
	}
	burst->n += i;
	burst->n_segments += i;
	return i;
}

/* Header and frame lie scattered over a chain, whose segments are the next ones of the burst's
 * arena. */
static inline void frame_from_chain(const struct vring *vr, struct burst *burst,
				    struct chain *chain)
{
	struct frame *frame = &burst->frames[burst->n];

	if (!length_ok(vr, chain->len)) {
		vring_refuse_length(vr, burst, chain);
		return;
	}
	frame->len = (uint32_t)chain->len - vr->hdr_len;
	read_chain(vr, frame, chain);
	atomic_signal_fence(memory_order_seq_cst);
	burst->n_segments += chain->n;
	accept_frame(vr, burst, frame);
}

/* The same for one piece, whatever it holds. */
static inline void frame_from_piece(const struct vring *vr, struct burst *burst,
				    const struct segment *piece)
{
	struct chain chain = {
		.segments = &burst->segments[burst->n_segments], .n = 1, .len = piece->len};

	chain.segments[0] = *piece;
	frame_from_chain(vr, burst, &chain);
}

#endif
