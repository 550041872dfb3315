#include "ports/vring.h"
#include "ports/vring_copy.h"

#include <stdatomic.h>

#define READ_ONCE_U16(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define LIKELY(x)	 __builtin_expect(!!(x), 1)
#define UNLIKELY(x)	 __builtin_expect(!!(x), 0)

static void stop(struct vring *vr, enum vring_fault fault)
{
	atomic_store_explicit(&vr->fault, fault, memory_order_relaxed);
}

static inline bool stopped(const struct vring *vr)
{
	return UNLIKELY(atomic_load_explicit(&vr->fault, memory_order_relaxed) != VRING_OK);
}

/* How many buffers the guest has made available. The acquire pairs with the guest's write barrier
 * before its index. */
static inline unsigned available(struct vring *vr)
{
	uint16_t n = __atomic_load_n(&vr->avail->idx, __ATOMIC_ACQUIRE) - vr->last_avail;

	if (UNLIKELY(n > vr->size)) {
		stop(vr, VRING_BAD_AVAIL_IDX);
		return 0;
	}
	return n;
}

static inline uint16_t available_head(const struct vring *vr, unsigned i)
{
	return READ_ONCE_U16(&vr->avail->ring[(vr->last_avail + i) & vr->mask]);
}

static inline struct virtq_desc load_desc(const struct virtq_desc *desc)
{
	const uint64_t *words = (const uint64_t *)(const void *)desc;
	uint64_t rest = __atomic_load_n(&words[1], __ATOMIC_RELAXED);

	return (struct virtq_desc){.addr = __atomic_load_n(&words[0], __ATOMIC_RELAXED),
				   .len = (uint32_t)rest,
				   .flags = (uint16_t)(rest >> 32),
				   .next = (uint16_t)(rest >> 48)};
}

static inline void put_used(struct vring *vr, uint16_t head, uint32_t len)
{
	uint64_t elem = head | (uint64_t)len << 32;

	memcpy(&vr->used->ring[vr->last_used & vr->mask], &elem, sizeof(elem));
	vr->last_used++;
}

/* A table of descriptors: the ring's own, or an indirect one, which need not lie in one piece of
 * our memory. */
struct table {
	const struct virtq_desc *desc; /* NULL: read through gpa */
	uint64_t gpa;
	uint32_t n;
};

static bool table_load(const struct vring *vr, const struct table *table, unsigned i,
		       struct virtq_desc *desc)
{
	if (table->desc) {
		*desc = load_desc(&table->desc[i]);
		return true;
	}
	return guest_memory_read(vr->mem, table->gpa + i * sizeof(*desc), desc, sizeof(*desc));
}

static enum vring_fault table_open(const struct vring *vr, const struct virtq_desc *desc,
				   struct table *table)
{
	const void *here = guest_memory_range(vr->mem, desc->addr, desc->len);

	if (!vr->indirect || table->n != vr->size || table->desc != vr->desc ||
	    (desc->flags & VIRTQ_DESC_F_NEXT))
		return VRING_BAD_INDIRECT;
	if (desc->len == 0 || desc->len % sizeof(*desc) ||
	    desc->len / sizeof(*desc) > VIRTQ_SIZE_MAX)
		return VRING_BAD_INDIRECT;
	*table = (struct table){.gpa = desc->addr, .n = desc->len / sizeof(*desc)};
	/* The two words of a descriptor are loaded as such; a guest may align its table as it likes
	 * (2.7.5.3.2). */
	if (here && (uintptr_t)here % sizeof(uint64_t) == 0)
		table->desc = here;
	return VRING_OK;
}

/* Adds every descriptor of the chain that starts at head. write: they have to be device-writable,
 * else device-readable. A chain that becomes full is no fault of the guest's; the caller looks at
 * chain->full first. */
static enum vring_fault walk(const struct vring *vr, uint16_t head, bool write, struct chain *chain)
{
	struct table table = {.desc = vr->desc, .n = vr->size};
	bool in_ring = true;
	unsigned next = head;

	for (unsigned steps = 0; steps <= vr->size; steps++) {
		struct virtq_desc desc;

		if (next >= table.n)
			return VRING_BAD_HEAD;
		if (!table_load(vr, &table, next, &desc))
			return VRING_BAD_ADDRESS;
		if (desc.flags & VIRTQ_DESC_F_INDIRECT) {
			enum vring_fault fault =
				in_ring ? table_open(vr, &desc, &table) : VRING_BAD_INDIRECT;

			if (fault)
				return fault;
			in_ring = false;
			next = 0;
			continue;
		}
		if (!(desc.flags & VIRTQ_DESC_F_WRITE) == write)
			return VRING_BAD_DIRECTION;
		if (!chain_add(chain, vr->mem, desc.addr, desc.len))
			return VRING_BAD_ADDRESS;
		if (!(desc.flags & VIRTQ_DESC_F_NEXT))
			return VRING_OK;
		next = desc.next;
	}
	return VRING_BAD_CHAIN;
}

/* False: no room for it in the arena now, or the ring is broken. */
static bool rx_chain(struct vring *vr, struct burst *burst, uint16_t head)
{
	struct chain chain = {.segments = burst->segments + burst->n_segments,
			      .max = BURST_SEGMENTS - burst->n_segments};
	enum vring_fault fault = walk(vr, head, false, &chain);

	if (chain.full) {
		if (burst->n_segments > 0)
			return false;
		chain.len = UINT64_MAX; /* more pieces than the whole arena: no frame we know looks
					   like that */
	} else if (UNLIKELY(fault)) {
		stop(vr, fault);
		return false;
	}
	frame_from_chain(vr, burst, &chain);
	return true;
}

/* What the descriptor stage hands to the copy stage. */
struct piece {
	uint8_t *addr; /* NULL: not one piece */
	uint32_t len;
};

/* The one descriptor of a buffer, when it is one, of the right direction and in one piece of our
 * memory. */
static inline struct piece single_piece(const struct vring *vr, uint16_t head, uint16_t flags)
{
	struct virtq_desc desc = load_desc(&vr->desc[head]);

	if (UNLIKELY((desc.flags &
		      (VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_WRITE)) != flags))
		return (struct piece){0};
	return (struct piece){.addr = guest_memory_range(vr->mem, desc.addr, desc.len),
			      .len = desc.len};
}

/* Reads up to n heads into heads[] and asks for their descriptors; returns how many were good. */
static inline unsigned load_heads(struct vring *vr, unsigned n, uint16_t *heads)
{
	for (unsigned i = 0; i < n; i++) {
		heads[i] = available_head(vr, i);
		if (UNLIKELY(heads[i] >= vr->size)) {
			stop(vr, VRING_BAD_HEAD);
			return i;
		}
		__builtin_prefetch(&vr->desc[heads[i]]);
	}
	return n;
}

unsigned vring_rx(struct vring *vr, struct burst *burst)
{
	struct piece pieces[BURST_MAX];
	unsigned n, i;

	if (stopped(vr))
		return 0;
	n = available(vr);
	if (n == 0)
		return 0;
	n = load_heads(vr, n < BURST_MAX ? n : BURST_MAX, vr->held);
	for (i = 0; i < n; i++) {
		pieces[i] = single_piece(vr, vr->held[i], 0);
		__builtin_prefetch(pieces[i].addr);
		__builtin_prefetch(pieces[i].addr + 64);
	}
	for (i = 0; i < n; i++) {
		if (LIKELY(pieces[i].addr && burst->n_segments < BURST_SEGMENTS))
			frame_from_linear(vr, burst, pieces[i].addr, pieces[i].len);
		else if (!rx_chain(vr, burst, vr->held[i]))
			break;
	}
	vr->last_avail += i;
	vr->n_held = (uint16_t)i;
	return i;
}

/* VIRTIO 1.2 section 2.7.10.1: is event in [old, new)? */
static inline bool event_passed(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

static inline uint16_t *used_event(const struct vring *vr)
{
	return &vr->avail->ring[vr->size];
}

static inline uint16_t *avail_event(const struct vring *vr)
{
	return (uint16_t *)(void *)&vr->used->ring[vr->size];
}

unsigned vring_notify(struct vring *vr)
{
	uint16_t old = vr->published;

	if (vr->last_used == old)
		return 0;
	/* Pairs with the guest's read barrier behind its read of the index: it sees the entries and
	 * the buffers. */
	__atomic_store_n(&vr->used->idx, vr->last_used, __ATOMIC_RELEASE);
	vr->published = vr->last_used;
	/* The index before the guest's wish: pairs with the guest, which writes its wish, then
	 * looks at the index. */
	atomic_thread_fence(memory_order_seq_cst);
	if (vr->event_idx) {
		if (!event_passed(READ_ONCE_U16(used_event(vr)), vr->last_used, old))
			return 0;
	} else if (READ_ONCE_U16(&vr->avail->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT) {
		return 0;
	}
	if (vr->call_fd < 0)
		return 0;
	vring_call(vr);
	return 1;
}

unsigned vring_rx_release(struct vring *vr)
{
	for (unsigned i = 0; i < vr->n_held; i++)
		put_used(vr, vr->held[i], 0);
	vr->n_held = 0;
	return vring_notify(vr);
}

/* Delivers frames for as long as each fits into one buffer of one piece; returns how many. */
static unsigned tx_linear(struct vring *vr, const struct frame *const *frames, unsigned n)
{
	struct piece pieces[BURST_MAX];
	uint16_t heads[BURST_MAX];
	unsigned i;

	n = load_heads(vr, n, heads);
	for (i = 0; i < n; i++) {
		pieces[i] = single_piece(vr, heads[i], VIRTQ_DESC_F_WRITE);
		if (UNLIKELY(!pieces[i].addr || pieces[i].len < vr->hdr_len + frames[i]->len))
			break;
		__builtin_prefetch(pieces[i].addr, 1);
		__builtin_prefetch(pieces[i].addr + 64, 1);
	}
	n = i;
	for (i = 0; i < n; i++) {
		frame_to_linear(vr, frames[i], pieces[i].addr);
		put_used(vr, heads[i], vr->hdr_len + frames[i]->len);
	}
	vr->last_avail += n;
	return n;
}

/* Delivers one frame into as many pieces and, when mergeable, buffers as it takes: all of it or
 * nothing. */
static bool tx_scattered(struct vring *vr, const struct frame *frame, unsigned n_available,
			 enum drop_reason *why)
{
	struct chain chain = {.segments = vr->scratch, .max = vr->n_scratch};
	uint64_t total = (uint64_t)vr->hdr_len + frame->len;
	unsigned n = 0;

	do {
		uint64_t before = chain.len;
		enum vring_fault fault;

		if (n == n_available) {
			/* When the guest has posted all it can, no later buffer will help. */
			*why = n == vr->size ? DROP_TOO_BIG : DROP_TX_FULL;
			return false;
		}
		vr->scratch_heads[n] = available_head(vr, n);
		fault = walk(vr, vr->scratch_heads[n], true, &chain);
		if (chain.full) {
			*why = DROP_TOO_BIG;
			return false;
		}
		if (fault) {
			stop(vr, fault);
			*why = DROP_QUEUE_BROKEN;
			return false;
		}
		vr->scratch_lens[n++] =
			(uint32_t)(chain.len < total ? chain.len - before : total - before);
	} while (chain.len < total && vr->mergeable);
	if (chain.len < total) {
		*why = DROP_TOO_BIG;
		return false;
	}
	frame_to_chain(vr, frame, (uint16_t)n, &chain);
	for (unsigned i = 0; i < n; i++)
		put_used(vr, vr->scratch_heads[i], vr->scratch_lens[i]);
	vr->last_avail += n;
	return true;
}

unsigned vring_tx(struct vring *vr, const struct frame *const *frames, unsigned n,
		  enum drop_reason *why)
{
	unsigned done = 0;

	while (done < n && !stopped(vr)) {
		unsigned n_available = available(vr);
		unsigned n_now = n - done < n_available ? n - done : n_available;

		done += tx_linear(vr, frames + done, n_now < BURST_MAX ? n_now : BURST_MAX);
		if (done == n || stopped(vr))
			break;
		n_available = available(vr);
		if (n_available == 0 && !stopped(vr)) {
			*why = DROP_TX_FULL;
			return done;
		}
		if (stopped(vr))
			break;
		if (!tx_scattered(vr, frames[done], n_available, why))
			return done;
		done++;
	}
	if (done < n)
		*why = DROP_QUEUE_BROKEN;
	return done;
}

bool vring_arm(struct vring *vr)
{
	if (vr->event_idx)
		__atomic_store_n(avail_event(vr), vr->last_avail, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&vr->used->flags, 0, __ATOMIC_RELAXED);
	/* Our wish before the guest's index: pairs with the guest, which writes its index, then
	 * looks at our wish. */
	atomic_thread_fence(memory_order_seq_cst);
	return !stopped(vr) && available(vr) > 0;
}

void vring_disarm(struct vring *vr)
{
	/* With EVENT_IDX an event index left behind keeps the guest quiet for 65535 buffers
	 * (2.7.10). */
	if (!vr->event_idx)
		__atomic_store_n(&vr->used->flags, VIRTQ_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
}
