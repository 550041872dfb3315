/* guest_ring.h - one virtqueue as its driver sees it: where it lies, and who wants to be notified
 * when.
 *
 * Source: VIRTIO 1.2 sections 2.7 (split) and 2.8 (packed).
 *
 * Threads:   one.
 * Ownership: borrows guest memory; keeps the kick and call descriptors.
 * Failure:   guest_ring_open() gives 0 or -errno. */
#ifndef BENCH_GUEST_RING_H
#define BENCH_GUEST_RING_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest_memory.h"

struct vhost_user_queue;

struct guest_ring {
	bool packed;
	bool event_idx;
	uint16_t size;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_packed_desc *packed_desc;
	struct vring_packed_desc_event *driver, *device;
	int kickfd, callfd;
	uint64_t n_kicks, n_calls;
};

/* Bytes of guest memory that a ring takes, alignment included. */
size_t guest_ring_len(bool packed, uint16_t size);
int guest_ring_open(struct guest_ring *ring, struct guest_memory *memory, bool packed,
		    uint16_t size);
void guest_ring_close(struct guest_ring *ring);
/* What the back-end has to know. */
void guest_ring_describe(const struct guest_ring *ring, struct vhost_user_queue *queue);

/* Kicks the back-end if it wants that for the buffers published from old to new, free-running
 * counts of avail entries (split) or descriptors (packed). */
void guest_ring_kick(struct guest_ring *ring, uint64_t old, uint64_t new);

/* No calls, please. n_used is the free-running count of used entries or descriptors seen; to be
 * repeated at least every 16384 of them, because EVENT_IDX can only be told a place that is far
 * away. */
void guest_ring_quiet(struct guest_ring *ring, uint64_t n_used);
/* A call for the next buffer, please. After it the used ring must be looked at once more. */
void guest_ring_arm(struct guest_ring *ring, uint64_t n_used);
/* Takes and counts the calls that have arrived. */
void guest_ring_take_calls(struct guest_ring *ring);

/* Packed: wrap counter for a free-running count of descriptors. Divides: not for every frame. */
static inline bool guest_ring_wrap(const struct guest_ring *ring, uint64_t n)
{
	return !((n / ring->size) & 1);
}

#endif
