#include "rxq.h"

enum { BUFFER_ALIGN = 64 };

static const char broken_idx[] = "the back-end used more receive buffers than it got";
static const char broken_elem[] = "the back-end named a receive buffer or length that cannot be";

size_t rxq_memory_len(const struct rxq_shape *shape)
{
	return guest_ring_len(shape->packed, shape->ring_size) +
	       (size_t)shape->ring_size * shape->stride + shape->buffer_offset + BUFFER_ALIGN;
}

int rxq_open(struct rxq *q, struct guest_memory *memory, const struct rxq_shape *shape)
{
	*q = (struct rxq){.wrap = true, .stride = shape->stride, .buffer_len = shape->buffer_len};
	q->buffers = (unsigned char *)guest_memory_take(memory,
							(size_t)shape->ring_size * shape->stride +
								shape->buffer_offset,
							BUFFER_ALIGN) +
		     shape->buffer_offset;
	q->buffers_gpa = guest_memory_gpa(memory, q->buffers);
	return guest_ring_open(&q->ring, memory, shape->packed, shape->ring_size);
}

void rxq_close(struct rxq *q)
{
	guest_ring_close(&q->ring);
}

static uint16_t packed_flags(bool wrap)
{
	return (uint16_t)(VRING_DESC_F_WRITE | (wrap ? 1u << VRING_PACKED_DESC_F_AVAIL
						     : 1u << VRING_PACKED_DESC_F_USED));
}

void rxq_fill(struct rxq *q)
{
	unsigned i;

	for (i = 0; i < q->ring.size; i++) {
		uint64_t addr = q->buffers_gpa + (uint64_t)i * q->stride;

		if (q->ring.packed) {
			q->ring.packed_desc[i] = (struct vring_packed_desc){
				addr, q->buffer_len, (uint16_t)i, packed_flags(true)};
		} else {
			q->ring.desc[i] = (struct vring_desc){
				.addr = addr, .len = q->buffer_len, .flags = VRING_DESC_F_WRITE};
			q->ring.avail->ring[i] = (uint16_t)i;
		}
	}
	if (!q->ring.packed)
		__atomic_store_n(&q->ring.avail->idx, q->ring.size, __ATOMIC_RELEASE);
	guest_ring_quiet(&q->ring, 0);
}

static bool note_piece(struct rxq *q, struct rxq_piece *piece, unsigned n, uint32_t id,
		       uint32_t len)
{
	if (id >= q->ring.size || len > q->buffer_len) {
		q->broken = broken_elem;
		return false;
	}
	q->ids[n] = (uint16_t)id;
	piece->data = q->buffers + (size_t)id * q->stride;
	piece->len = len;
	/* The header lies at the end of one cache line, the frame begins with the next. */
	__builtin_prefetch(piece->data);
	__builtin_prefetch(piece->data + 64);
	return true;
}

static unsigned take_split(struct rxq *q, struct rxq_piece *pieces, unsigned *n_waiting)
{
	uint16_t at = (uint16_t)q->taken;
	uint16_t n = (uint16_t)(__atomic_load_n(&q->ring.used->idx, __ATOMIC_ACQUIRE) - at);
	unsigned i, mask = q->ring.size - 1u;

	if (n > q->ring.size) {
		q->broken = broken_idx;
		return 0;
	}
	*n_waiting = n;
	if (n > RXQ_BURST)
		n = RXQ_BURST;
	for (i = 0; i < n; i++) {
		const struct vring_used_elem *elem = &q->ring.used->ring[(at + i) & mask];

		if (!note_piece(q, &pieces[i], i, elem->id, elem->len))
			return 0;
	}
	return n;
}

static unsigned take_packed(struct rxq *q, struct rxq_piece *pieces, unsigned *n_waiting)
{
	unsigned n;

	for (n = 0; n < RXQ_BURST && n < q->ring.size; n++) {
		const struct vring_packed_desc *desc = &q->ring.packed_desc[q->position];
		uint16_t flags = __atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE);

		if (!!(flags & 1 << VRING_PACKED_DESC_F_AVAIL) != q->wrap ||
		    !!(flags & 1 << VRING_PACKED_DESC_F_USED) != q->wrap)
			break;
		if (!note_piece(q, &pieces[n], n, desc->id, desc->len))
			return 0;
		if (++q->position == q->ring.size) {
			q->position = 0;
			q->wrap = !q->wrap;
		}
	}
	*n_waiting = n;
	return n;
}

unsigned rxq_take(struct rxq *q, struct rxq_piece *pieces, unsigned *n_waiting)
{
	unsigned n;

	*n_waiting = 0;
	if (q->broken)
		return 0;
	n = q->ring.packed ? take_packed(q, pieces, n_waiting) : take_split(q, pieces, n_waiting);
	q->n_taken = n;
	q->taken += n;
	return n;
}

/* A back-end that keeps order finds the avail ring as it was, so that its cache line need not move.
 */
static void give_back_split(struct rxq *q, unsigned n)
{
	uint16_t at = (uint16_t)(q->taken - n);
	unsigned i, mask = q->ring.size - 1u;

	for (i = 0; i < n; i++)
		if (q->ring.avail->ring[(at + i) & mask] != q->ids[i])
			q->ring.avail->ring[(at + i) & mask] = q->ids[i];
	/* All size buffers were posted at the start. */
	__atomic_store_n(&q->ring.avail->idx, (uint16_t)(q->taken + q->ring.size),
			 __ATOMIC_RELEASE);
	if (q->ring.event_idx &&
	    (uint16_t)(q->ring.avail->ring[q->ring.size] - (uint16_t)q->taken) < 1 << 14)
		guest_ring_quiet(&q->ring, q->taken);
}

static void give_back_packed(struct rxq *q, unsigned n)
{
	unsigned position = (q->position + q->ring.size - n) % q->ring.size;
	/* What is posted now is for the lap after the one it was used in. */
	bool wrap = position < q->position ? !q->wrap : q->wrap;
	struct vring_packed_desc *first = &q->ring.packed_desc[position];
	uint16_t first_flags = packed_flags(wrap);
	unsigned i;

	for (i = 0; i < n; i++) {
		struct vring_packed_desc *desc = &q->ring.packed_desc[position];

		desc->addr = q->buffers_gpa + (uint64_t)q->ids[i] * q->stride;
		desc->len = q->buffer_len;
		desc->id = q->ids[i];
		if (i > 0)
			desc->flags = packed_flags(wrap);
		if (++position == q->ring.size) {
			position = 0;
			wrap = !wrap;
		}
	}
	__atomic_store_n(&first->flags, first_flags, __ATOMIC_RELEASE);
}

void rxq_give_back(struct rxq *q)
{
	unsigned n = q->n_taken;

	if (n == 0)
		return;
	q->n_taken = 0;
	if (q->ring.packed)
		give_back_packed(q, n);
	else
		give_back_split(q, n);
	guest_ring_kick(&q->ring, q->taken + q->ring.size - n, q->taken + q->ring.size);
}
