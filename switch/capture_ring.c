#include "switch/capture_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct capture_ring *capture_ring_new(uint64_t size)
{
	struct capture_ring *ring = aligned_alloc(64, sizeof(*ring));

	assert(size >= CAPTURE_RECORD_ALIGN && (size & (size - 1)) == 0);
	if (!ring)
		return NULL;
	memset(ring, 0, sizeof(*ring));
	ring->size = size;
	ring->bytes = aligned_alloc(64, size < 64 ? 64 : size);
	if (!ring->bytes) {
		free(ring);
		errno = ENOMEM;
		return NULL;
	}
	memset(ring->bytes, 0, size);
	return ring;
}

void capture_ring_free(struct capture_ring *ring)
{
	if (!ring)
		return;
	free(ring->bytes);
	free(ring);
}

static struct capture_record *record_at(const struct capture_ring *ring, uint64_t position)
{
	return (struct capture_record *)(void *)(ring->bytes + (position & (ring->size - 1)));
}

struct capture_record *capture_ring_reserve(struct capture_ring *ring, uint32_t cap_len)
{
	uint64_t size = (sizeof(struct capture_record) + cap_len + CAPTURE_RECORD_ALIGN - 1) /
			CAPTURE_RECORD_ALIGN * CAPTURE_RECORD_ALIGN;
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint64_t to_end = ring->size - (head & (ring->size - 1));
	uint64_t padding = to_end < size ? to_end : 0;
	struct capture_record *record;

	if (padding + size > ring->size - (head - ring->tail_seen)) {
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
		if (padding + size > ring->size - (head - ring->tail_seen))
			return NULL;
	}
	if (padding) {
		record = record_at(ring, head);
		record->size = (uint32_t)padding;
		record->takers = 0;
	}
	record = record_at(ring, head + padding);
	record->size = (uint32_t)size;
	record->cap_len = cap_len;
	ring->pending = padding + size;
	return record;
}

void capture_ring_commit(struct capture_ring *ring)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	atomic_store_explicit(&ring->head, head + ring->pending, memory_order_release);
}

uint64_t capture_ring_end(const struct capture_ring *ring)
{
	return atomic_load_explicit(&ring->head, memory_order_acquire);
}

const struct capture_record *capture_ring_next(struct capture_ring *ring, uint64_t end)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	const struct capture_record *record;

	if (tail == end)
		return NULL;
	record = record_at(ring, tail);
	if (record->takers)
		return record;
	capture_ring_consume(ring, record);
	return capture_ring_next(ring, end);
}

void capture_ring_consume(struct capture_ring *ring, const struct capture_record *record)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	atomic_store_explicit(&ring->tail, tail + record->size, memory_order_release);
}
