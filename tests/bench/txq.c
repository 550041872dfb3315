#include "txq.h"

#include <errno.h>

enum { BUFFER_ALIGN = 64 };

static const char broken_idx[] = "the back-end returned more frames than it got";
static const char broken_order[] =
	"the back-end returns sent frames out of order; this generator reuses them in order";

size_t txq_memory_len(const struct txq_shape *shape)
{
	return guest_ring_len(shape->packed, shape->ring_size) +
	       (size_t)shape->n_buffers * shape->stride + shape->buffer_offset + BUFFER_ALIGN;
}

static uint64_t segment_start(const struct txq *q, unsigned segment)
{
	return (uint64_t)q->frame_len * segment / q->segments;
}

static void build_descriptors(struct txq *q)
{
	unsigned slot, s;

	for (slot = 0; slot < q->n_slots; slot++)
		for (s = 0; s < q->segments; s++) {
			unsigned i = slot * q->segments + s;
			bool last = s + 1 == q->segments;
			uint64_t start = segment_start(q, s);
			uint64_t addr = q->buffers_gpa + (uint64_t)slot * q->stride + start;
			uint32_t len = (uint32_t)(segment_start(q, s + 1) - start);

			if (q->ring.packed) {
				q->ring.packed_desc[i] = (struct vring_packed_desc){
					.addr = addr, .len = len, .id = (uint16_t)slot};
				continue;
			}
			q->ring.desc[i] = (struct vring_desc){
				.addr = addr,
				.len = len,
				.flags = last ? 0 : VRING_DESC_F_NEXT,
				.next = last ? 0 : (uint16_t)(i + 1),
			};
			q->ring.avail->ring[i] = (uint16_t)((i % q->n_slots) * q->segments);
		}
}

int txq_open(struct txq *q, struct guest_memory *memory, const struct txq_shape *shape)
{
	int ret;

	*q = (struct txq){
		.n_slots = (uint16_t)(shape->ring_size / shape->segments),
		.segments = shape->segments,
		.in_order = shape->in_order,
		.n_buffers = shape->n_buffers,
		.stride = shape->stride,
		.frame_len = shape->frame_len,
		.next_wrap = true,
		.done_wrap = true,
	};
	q->rewrites = q->n_buffers > q->n_slots;
	q->buffers = (unsigned char *)guest_memory_take(memory,
							(size_t)shape->n_buffers * shape->stride +
								shape->buffer_offset,
							BUFFER_ALIGN) +
		     shape->buffer_offset;
	q->buffers_gpa = guest_memory_gpa(memory, q->buffers);
	ret = guest_ring_open(&q->ring, memory, shape->packed, shape->ring_size);
	if (ret < 0)
		return ret;
	build_descriptors(q);
	guest_ring_quiet(&q->ring, 0);
	return 0;
}

void txq_close(struct txq *q)
{
	guest_ring_close(&q->ring);
}

static void advance_done(struct txq *q, unsigned n)
{
	unsigned slot = q->done_slot + n;

	q->done += n;
	while (slot >= q->n_slots) {
		slot -= q->n_slots;
		q->done_wrap = !q->done_wrap;
	}
	q->done_slot = (uint16_t)slot;
}

static void reclaim_split(struct txq *q)
{
	uint16_t idx = __atomic_load_n(&q->ring.used->idx, __ATOMIC_ACQUIRE);
	uint16_t n = (uint16_t)(idx - (uint16_t)q->done);
	uint64_t last = q->done + n - 1;

	if (n == 0)
		return;
	if (n > q->posted - q->done) {
		q->broken = broken_idx;
		return;
	}
	/* One look per burst is enough to find a back-end that does not keep order, and costs next
	 * to nothing. */
	if (q->ring.used->ring[last & (q->ring.size - 1)].id !=
	    (uint32_t)(last % q->n_slots) * q->segments) {
		q->broken = broken_order;
		return;
	}
	advance_done(q, n);
}

static void reclaim_packed(struct txq *q)
{
	while (q->done < q->posted) {
		struct vring_packed_desc *desc =
			&q->ring.packed_desc[(uint32_t)q->done_slot * q->segments];
		uint16_t flags = __atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE);
		unsigned n;

		if (!!(flags & 1 << VRING_PACKED_DESC_F_AVAIL) != q->done_wrap ||
		    !!(flags & 1 << VRING_PACKED_DESC_F_USED) != q->done_wrap)
			return;
		/* With IN_ORDER the last one of several speaks for all of them. */
		n = desc->id >= q->done_slot ? desc->id - q->done_slot + 1u
					     : desc->id + q->n_slots - q->done_slot + 1u;
		if (desc->id >= q->n_slots || n > q->posted - q->done || (n > 1 && !q->in_order)) {
			q->broken = broken_order;
			return;
		}
		advance_done(q, n);
	}
}

unsigned txq_reclaim(struct txq *q)
{
	if (q->ring.packed) {
		reclaim_packed(q);
	} else {
		reclaim_split(q);
		if (q->ring.event_idx &&
		    (uint16_t)(q->ring.avail->ring[q->ring.size] - (uint16_t)q->done) < 1 << 14)
			guest_ring_quiet(&q->ring, txq_n_used(q));
	}
	return q->broken ? 0 : (unsigned)(q->n_slots - (q->posted - q->done));
}

/* Frames that lie elsewhere than at the last turn of the ring. */
static void rewrite_slot(struct txq *q, unsigned slot, uint32_t buffer)
{
	uint64_t gpa = q->buffers_gpa + (uint64_t)buffer * q->stride;
	unsigned s;

	for (s = 0; s < q->segments; s++) {
		unsigned i = slot * q->segments + s;

		if (q->ring.packed)
			q->ring.packed_desc[i].addr = gpa + segment_start(q, s);
		else
			q->ring.desc[i].addr = gpa + segment_start(q, s);
	}
}

static uint16_t packed_flags(bool wrap, bool more)
{
	return (uint16_t)((wrap ? 1u << VRING_PACKED_DESC_F_AVAIL
				: 1u << VRING_PACKED_DESC_F_USED) |
			  (more ? VRING_DESC_F_NEXT : 0u));
}

/* The back-end wrote id, length and flags of the first descriptor when it returned the chain. */
static void refresh_packed(struct txq *q, unsigned slot, bool wrap, bool first)
{
	struct vring_packed_desc *desc = &q->ring.packed_desc[slot * q->segments];
	unsigned s;

	for (s = 0; s < q->segments; s++) {
		desc[s].id = (uint16_t)slot;
		desc[s].len = (uint32_t)(segment_start(q, s + 1) - segment_start(q, s));
		if (s > 0 || !first)
			desc[s].flags = packed_flags(wrap, s + 1 < q->segments);
	}
}

static void post_packed(struct txq *q, unsigned n)
{
	uint64_t at = q->posted * q->segments;
	bool first_wrap = q->next_wrap;
	unsigned slot = q->next_slot;
	unsigned i;

	for (i = 0; i < n; i++) {
		refresh_packed(q, slot, q->next_wrap, i == 0);
		if (++slot == q->n_slots) {
			slot = 0;
			q->next_wrap = !q->next_wrap;
		}
	}
	/* The flags of the very first descriptor open all that follow. */
	__atomic_store_n(&q->ring.packed_desc[(uint32_t)q->next_slot * q->segments].flags,
			 packed_flags(first_wrap, q->segments > 1), __ATOMIC_RELEASE);
	q->next_slot = (uint16_t)slot;
	guest_ring_kick(&q->ring, at, at + n * q->segments);
}

static void post_split(struct txq *q, unsigned n)
{
	uint64_t at = q->posted;
	unsigned slot = q->next_slot + n;

	__atomic_store_n(&q->ring.avail->idx, (uint16_t)(at + n), __ATOMIC_RELEASE);
	q->next_slot = (uint16_t)(slot >= q->n_slots ? slot - q->n_slots : slot);
	guest_ring_kick(&q->ring, at, at + n);
}

void txq_post(struct txq *q, unsigned n)
{
	unsigned i, slot = q->next_slot;
	uint32_t buffer = q->next_buffer;

	for (i = 0; i < n && q->rewrites; i++) {
		rewrite_slot(q, slot, buffer);
		slot = slot + 1 == q->n_slots ? 0 : slot + 1;
		buffer = buffer + 1 == q->n_buffers ? 0 : buffer + 1;
	}
	buffer = q->next_buffer + n;
	q->next_buffer = buffer >= q->n_buffers ? buffer - q->n_buffers : buffer;
	if (q->ring.packed)
		post_packed(q, n);
	else
		post_split(q, n);
	q->posted += n;
}
