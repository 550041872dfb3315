#include "ports/vring_rx.h"
#include "ports/vring_tx.h"

#define READ_ONCE_U16(p) __atomic_load_n((p), __ATOMIC_RELAXED)

/* How many buffers the guest has made available behind at. The acquire pairs with the guest's write
 * barrier before its index. */
static inline unsigned available(struct vring *vr, uint16_t at)
{
	uint16_t n = __atomic_load_n(&vr->avail->idx, __ATOMIC_ACQUIRE) - at;

	if (UNLIKELY(n > vr->size)) {
		vring_stop(vr, VRING_BAD_AVAIL_IDX);
		return 0;
	}
	return n;
}

static inline uint16_t available_head(const struct vring *vr, uint16_t at)
{
	return READ_ONCE_U16(&vr->avail->ring[at & vr->mask]);
}

static inline struct virtq_desc decode(struct raw_desc raw)
{
	return (struct virtq_desc){.addr = raw.addr,
				   .len = (uint32_t)raw.rest,
				   .flags = (uint16_t)(raw.rest >> 32),
				   .next = (uint16_t)(raw.rest >> 48)};
}

static inline struct virtq_desc load_desc(const struct virtq_desc *desc)
{
	const uint64_t *words = (const uint64_t *)(const void *)desc;

	return decode((struct raw_desc){.addr = __atomic_load_n(&words[0], __ATOMIC_RELAXED),
					.rest = __atomic_load_n(&words[1], __ATOMIC_RELAXED)});
}

/* Adds every descriptor of the chain that starts at head. write: they have to be device-writable,
 * else device-readable. */
static enum vring_fault walk_chain(const struct vring *vr, uint16_t head, bool write,
				   struct chain *chain)
{
	struct table table = {.words = (const uint64_t *)(const void *)vr->desc, .n = vr->size};
	bool in_ring = true;
	unsigned next = head;

	for (unsigned steps = 0; steps <= vr->size; steps++) {
		struct raw_desc raw;
		struct virtq_desc desc;

		if (next >= table.n)
			return VRING_BAD_HEAD;
		if (!table_load(vr, &table, next, &raw))
			return VRING_BAD_ADDRESS;
		desc = decode(raw);
		if (desc.flags & VIRTQ_DESC_F_INDIRECT) {
			enum vring_fault fault = VRING_BAD_INDIRECT;

			if (in_ring && !(desc.flags & VIRTQ_DESC_F_NEXT))
				fault = table_open(vr, desc.addr, desc.len, &table);
			if (fault)
				return fault;
			in_ring = false;
			next = 0;
			continue;
		}
		if (!(desc.flags & VIRTQ_DESC_F_WRITE) == write)
			return VRING_BAD_DIRECTION;
		if (!chain_add(chain, vr->mem, desc.addr, desc.len) && !chain->full)
			return VRING_BAD_ADDRESS;
		if (!(desc.flags & VIRTQ_DESC_F_NEXT))
			return VRING_OK;
		next = desc.next;
	}
	return VRING_BAD_CHAIN;
}

static enum vring_fault split_walk(struct vring *vr, uint16_t *at, bool write, struct chain *chain,
				   struct vring_buffer *buffer)
{
	*buffer = (struct vring_buffer){0};
	if (available(vr, *at) == 0)
		return (enum vring_fault)atomic_load_explicit(&vr->fault, memory_order_relaxed);
	*buffer = (struct vring_buffer){.id = available_head(vr, *at), .n_slots = 1};
	++*at;
	return walk_chain(vr, buffer->id, write, chain);
}

/* Reads up to n heads and asks for their descriptors; returns how many were good. */
static inline unsigned load_heads(const struct vring *vr, unsigned n, struct vring_buffer *buffers)
{
	const uint16_t *ring = vr->avail->ring;
	const struct virtq_desc *table = vr->desc;
	const unsigned mask = vr->mask;
	const unsigned at = vr->last_avail;
	unsigned i;

	for (i = 0; i < n; i++) {
		unsigned head = READ_ONCE_U16(&ring[(at + i) & mask]);

		/* The size is a power of two: no bit above the mask. */
		if (UNLIKELY(head & ~mask))
			break;
		__builtin_prefetch(&table[head]);
		buffers[i] = (struct vring_buffer){.n_slots = 1};
		buffers[i].id = (uint16_t)head;
	}
	return i;
}

static inline unsigned split_look(struct vring *vr, bool write, unsigned max,
				  struct segment *pieces, struct vring_buffer *buffers, bool *more)
{
	const uint16_t kinds = VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_WRITE;
	unsigned n = available(vr, vr->last_avail);
	unsigned n_heads = load_heads(vr, n < max ? n : max, buffers);
	struct guest_region region = {.size = 0}; /* found by the first buffer */
	const struct virtq_desc *table = vr->desc;
	unsigned i;

	for (i = 0; i < n_heads; i++) {
		struct virtq_desc desc = load_desc(&table[buffers[i].id]);

		if (UNLIKELY((desc.flags & kinds) != (write ? VIRTQ_DESC_F_WRITE : 0)))
			break;
		if (UNLIKELY(!guest_region_holds(&region, desc.addr, desc.len)) &&
		    !guest_memory_find(vr->mem, desc.addr, desc.len, &region))
			break;
		pieces[i] = (struct segment){.addr = region.hva + (desc.addr - region.gpa),
					     .len = desc.len};
		prefetch_piece(pieces[i].addr, write);
	}
	*more = i < n;
	return i;
}

static inline uint16_t split_advance(const struct vring *vr, uint16_t at, unsigned n)
{
	(void)vr;
	return (uint16_t)(at + n);
}

static inline void split_put(struct vring *vr, const struct vring_buffer *buffers, unsigned n)
{
	struct virtq_used_elem *ring = vr->used->ring;
	const uint16_t mask = vr->mask;
	unsigned at = vr->last_used;

	for (unsigned i = 0; i < n; i++) {
		uint64_t elem = buffers[i].id | (uint64_t)buffers[i].n_written << 32;

		memcpy(&ring[at & mask], &elem, sizeof(elem));
		at += buffers[i].n_slots;
	}
	vr->n_unpublished += at - vr->last_used;
	vr->last_used = (uint16_t)at;
}

static const struct layout split = {
	.look = split_look, .walk = split_walk, .advance = split_advance, .put = split_put};

static __attribute__((noinline)) unsigned rx(struct vring *vr, struct burst *burst)
{
	return burst_rx(&split, vr, burst);
}

unsigned vring_split_rx(struct vring *vr, struct burst *burst)
{
	/* What most polls of most queues find, soon. */
	if (READ_ONCE_U16(&vr->avail->idx) == vr->last_avail)
		return 0;
	return rx(vr, burst);
}

unsigned vring_split_rx_release(struct vring *vr)
{
	burst_release(&split, vr);
	return vring_split_notify(vr);
}

unsigned vring_split_tx(struct vring *vr, const struct frame *const *frames, unsigned n,
			enum drop_reason *why)
{
	return burst_tx(&split, vr, frames, n, why);
}

static inline uint16_t *used_event(const struct vring *vr)
{
	return &vr->avail->ring[vr->size];
}

static inline uint16_t *avail_event(const struct vring *vr)
{
	return (uint16_t *)(void *)&vr->used->ring[vr->size];
}

unsigned vring_split_notify(struct vring *vr)
{
	uint16_t old = (uint16_t)(vr->last_used - vr->n_unpublished);

	if (vr->n_unpublished == 0)
		return 0;
	/* Pairs with the guest's read barrier behind its read of the index: it sees the entries and
	 * the buffers. */
	__atomic_store_n(&vr->used->idx, vr->last_used, __ATOMIC_RELEASE);
	vr->n_unpublished = 0;
	/* The index before the guest's wish: pairs with the guest, which writes its wish, then
	 * looks at the index. */
	atomic_thread_fence(memory_order_seq_cst);
	if (vr->event_idx) {
		if (!vring_event_passed(READ_ONCE_U16(used_event(vr)), vr->last_used, old))
			return 0;
	} else if (READ_ONCE_U16(&vr->avail->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT) {
		return 0;
	}
	if (vr->call_fd < 0)
		return 0;
	vring_call(vr);
	return 1;
}

bool vring_split_arm(struct vring *vr)
{
	if (vr->event_idx)
		__atomic_store_n(avail_event(vr), vr->last_avail, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&vr->used->flags, 0, __ATOMIC_RELAXED);
	/* Our wish before the guest's index: pairs with the guest, which writes its index, then
	 * looks at our wish. */
	atomic_thread_fence(memory_order_seq_cst);
	return !vring_stopped(vr) && available(vr, vr->last_avail) > 0;
}

void vring_split_disarm(struct vring *vr)
{
	/* With EVENT_IDX an event index left behind keeps the guest quiet for 65535 buffers
	 * (2.7.10). */
	if (!vr->event_idx)
		__atomic_store_n(&vr->used->flags, VIRTQ_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
}
