#include "guest_ring.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/vhost_user.h"

enum { RING_ALIGN = 4096, FAR_AWAY = 0x8000 };

static size_t avail_len(uint16_t size)
{
	return sizeof(uint16_t) * (3 + (size_t)size);
}

static size_t used_len(uint16_t size)
{
	return sizeof(uint16_t) * 3 + sizeof(struct vring_used_elem) * size;
}

size_t guest_ring_len(bool packed, uint16_t size)
{
	return (packed ? 16 * (size_t)size : 16 * (size_t)size + avail_len(size) + used_len(size)) +
	       3 * RING_ALIGN;
}

int guest_ring_open(struct guest_ring *ring, struct guest_memory *memory, bool packed,
		    uint16_t size)
{
	*ring = (struct guest_ring){.packed = packed, .size = size, .kickfd = -1, .callfd = -1};
	/* The three areas never share a cache line: they are written by different sides. */
	if (packed) {
		ring->packed_desc = guest_memory_take(memory, 16 * (size_t)size, RING_ALIGN);
		ring->driver = guest_memory_take(memory, sizeof(*ring->driver), 64);
		ring->device = guest_memory_take(memory, sizeof(*ring->device), 64);
	} else {
		ring->desc = guest_memory_take(memory, 16 * (size_t)size, RING_ALIGN);
		ring->avail = guest_memory_take(memory, avail_len(size), 64);
		ring->used = guest_memory_take(memory, used_len(size), RING_ALIGN);
	}
	ring->kickfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ring->callfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (ring->kickfd >= 0 && ring->callfd >= 0)
		return 0;
	guest_ring_close(ring);
	return -EMFILE;
}

void guest_ring_close(struct guest_ring *ring)
{
	if (ring->kickfd >= 0)
		close(ring->kickfd);
	if (ring->callfd >= 0)
		close(ring->callfd);
	ring->kickfd = ring->callfd = -1;
}

void guest_ring_describe(const struct guest_ring *ring, struct vhost_user_queue *queue)
{
	*queue = (struct vhost_user_queue){
		.size = ring->size,
		.enabled = true,
		.base = ring->packed ? VHOST_USER_PACKED_BASE : VHOST_USER_SPLIT_BASE,
		.desc = (uintptr_t)(ring->packed ? (void *)ring->packed_desc : ring->desc),
		.avail = (uintptr_t)(ring->packed ? (void *)ring->driver : ring->avail),
		.used = (uintptr_t)(ring->packed ? (void *)ring->device : ring->used),
		.kickfd = ring->kickfd,
		.callfd = ring->callfd,
	};
}

static bool split_wants_kick(const struct guest_ring *ring, uint16_t old, uint16_t new)
{
	const uint16_t *avail_event = (const uint16_t *)&ring->used->ring[ring->size];

	if (!ring->event_idx)
		return !(__atomic_load_n(&ring->used->flags, __ATOMIC_RELAXED) &
			 VRING_USED_F_NO_NOTIFY);
	return vring_need_event(__atomic_load_n(avail_event, __ATOMIC_RELAXED), new, old);
}

static bool packed_wants_kick(const struct guest_ring *ring, uint64_t old, uint64_t new)
{
	uint32_t event = __atomic_load_n((const uint32_t *)ring->device, __ATOMIC_RELAXED);
	uint16_t flags = event >> 16;
	uint16_t place = event & 0x7fff;
	uint16_t at = (uint16_t)(new % ring->size);

	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	/* Places are compared as if the ring before this lap came right below it. */
	if (((event >> 15) & 1) != guest_ring_wrap(ring, new))
		place = (uint16_t)(place - ring->size);
	return vring_need_event(place, at, (uint16_t)(at - (new - old)));
}

void guest_ring_kick(struct guest_ring *ring, uint64_t old, uint64_t new)
{
	const uint64_t one = 1;

	/* Pairs with the back-end's fence between "please kick" and its last look at the ring. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ring->packed ? packed_wants_kick(ring, old, new)
			 : split_wants_kick(ring, (uint16_t)old, (uint16_t) new)) {
		ring->n_kicks++;
		(void)!write(ring->kickfd, &one, sizeof(one));
	}
}

void guest_ring_quiet(struct guest_ring *ring, uint64_t n_used)
{
	if (ring->packed) {
		__atomic_store_n(&ring->driver->flags, VRING_PACKED_EVENT_FLAG_DISABLE,
				 __ATOMIC_RELAXED);
		return;
	}
	ring->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	ring->avail->ring[ring->size] = (uint16_t)(n_used + FAR_AWAY);
}

void guest_ring_arm(struct guest_ring *ring, uint64_t n_used)
{
	if (ring->packed && ring->event_idx) {
		uint16_t place = (uint16_t)(n_used % ring->size |
					    (guest_ring_wrap(ring, n_used) ? 1u << 15 : 0u));

		__atomic_store_n(&ring->driver->off_wrap, place, __ATOMIC_RELAXED);
		__atomic_store_n(&ring->driver->flags, VRING_PACKED_EVENT_FLAG_DESC,
				 __ATOMIC_RELEASE);
	} else if (ring->packed) {
		__atomic_store_n(&ring->driver->flags, VRING_PACKED_EVENT_FLAG_ENABLE,
				 __ATOMIC_RELAXED);
	} else {
		ring->avail->flags = 0;
		__atomic_store_n(&ring->avail->ring[ring->size], (uint16_t)n_used,
				 __ATOMIC_RELAXED);
	}
	/* Pairs with the back-end's fence between "published" and its look at our wish. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void guest_ring_take_calls(struct guest_ring *ring)
{
	uint64_t n;

	if (read(ring->callfd, &n, sizeof(n)) == sizeof(n))
		ring->n_calls += n;
}
