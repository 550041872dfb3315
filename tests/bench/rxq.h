/* rxq.h - the receive queue of one guest: all buffers are always posted, but for those being looked
 * at.
 *
 * Threads:   one.
 * Ownership: borrows guest memory; keeps its ring.
 * Failure:   a back-end that breaks the ring sets `broken` to a sentence; the queue is dead then.
 */
#ifndef BENCH_RXQ_H
#define BENCH_RXQ_H

#include "guest_ring.h"

enum { RXQ_BURST = 64 };

struct rxq {
	struct guest_ring ring;
	uint64_t taken;	   /* used entries seen, free-running */
	uint16_t position; /* packed: taken % size */
	bool wrap;
	unsigned n_taken; /* not given back yet */
	uint16_t ids[RXQ_BURST];
	unsigned char *buffers;
	uint64_t buffers_gpa;
	uint32_t stride, buffer_len;
	const char *broken;
};

/* One used buffer; the first of a frame begins with the virtio header. */
struct rxq_piece {
	const unsigned char *data;
	uint32_t len;
};

struct rxq_shape {
	bool packed;
	uint16_t ring_size;
	uint32_t stride, buffer_len, buffer_offset;
};

size_t rxq_memory_len(const struct rxq_shape *shape);
int rxq_open(struct rxq *q, struct guest_memory *memory, const struct rxq_shape *shape);
void rxq_close(struct rxq *q);
/* Publishes all buffers; once, before the back-end starts. */
void rxq_fill(struct rxq *q);

/* Describes up to RXQ_BURST used buffers, prefetched. *n_waiting is how many were there, as far as
 * that is cheap to know. */
unsigned rxq_take(struct rxq *q, struct rxq_piece *pieces, unsigned *n_waiting);
/* Posts the buffers of the last rxq_take() again. */
void rxq_give_back(struct rxq *q);

#endif
