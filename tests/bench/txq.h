/* txq.h - the transmit queue of one guest: frames and descriptors lie ready, sending is publishing.
 *
 * Frame number f (free-running) uses the descriptors of slot f % n_slots and the buffer f %
 * n_buffers. With as many buffers as slots a split ring is never written again but for its index.
 *
 * Threads:   one.
 * Ownership: borrows guest memory; keeps its ring.
 * Failure:   a back-end that breaks the ring sets `broken` to a sentence; the queue is dead then.
 */
#ifndef BENCH_TXQ_H
#define BENCH_TXQ_H

#include "guest_ring.h"

struct txq {
	struct guest_ring ring;
	uint16_t n_slots, segments, next_slot, done_slot;
	uint64_t posted, done;	   /* frames */
	bool next_wrap, done_wrap; /* packed */
	bool in_order;
	bool rewrites; /* more buffers than slots */
	unsigned char *buffers;
	uint64_t buffers_gpa;
	uint32_t n_buffers, next_buffer, stride, frame_len; /* frame_len: with virtio header */
	const char *broken;
};

/* Each buffer begins at stride * i; what is sent are frame_len bytes from there. */
struct txq_shape {
	bool packed, in_order;
	uint16_t ring_size, segments;
	uint32_t n_buffers, stride, frame_len, buffer_offset;
};

size_t txq_memory_len(const struct txq_shape *shape);
int txq_open(struct txq *q, struct guest_memory *memory, const struct txq_shape *shape);
void txq_close(struct txq *q);

/* Takes back what the back-end has sent; returns how many frames can be posted. */
unsigned txq_reclaim(struct txq *q);
/* Publishes n frames that fit, and kicks if asked to. */
void txq_post(struct txq *q, unsigned n);

/* The virtio header of frame posted + ahead. */
static inline unsigned char *txq_buffer(const struct txq *q, uint64_t ahead)
{
	uint64_t i = q->next_buffer + ahead;

	return q->buffers + (i < q->n_buffers ? i : i - q->n_buffers) * q->stride;
}

/* Free-running count of used entries (split) or descriptors (packed) for guest_ring_arm() and
 * guest_ring_quiet(). */
static inline uint64_t txq_n_used(const struct txq *q)
{
	return q->ring.packed ? q->done * q->segments : q->done;
}

#endif
