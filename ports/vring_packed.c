#include "ports/vring_rx.h"
#include "ports/vring_tx.h"

/* The flags that change with each turn of the ring. */
enum { TURN = VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED };

/* A place in the ring (VIRTQ_WRAP) moved on by n descriptors. n is more than the ring has only when
 * a guest writes into descriptors that it has given away; the place stays in the ring nevertheless.
 */
static inline uint16_t packed_advance(const struct vring *vr, uint16_t at, unsigned n)
{
	unsigned wrap = at & VIRTQ_WRAP;
	unsigned i = (at & (VIRTQ_WRAP - 1)) + n;

	while (UNLIKELY(i >= vr->size)) {
		i -= vr->size;
		wrap ^= VIRTQ_WRAP;
	}
	return (uint16_t)(i | wrap);
}

static inline uint64_t *words_at(const struct vring *vr, uint16_t at)
{
	return (uint64_t *)(void *)&vr->packed_desc[at & (VIRTQ_WRAP - 1)];
}

/* len, id and flags in one load. The acquire pairs with the guest's write barrier before the flags
 * of a buffer's first descriptor. */
static inline uint64_t load_rest(const struct vring *vr, uint16_t at)
{
	return __atomic_load_n(&words_at(vr, at)[1], __ATOMIC_ACQUIRE);
}

static inline uint64_t load_addr(const struct vring *vr, uint16_t at)
{
	return __atomic_load_n(&words_at(vr, at)[0], __ATOMIC_RELAXED);
}

static inline uint16_t flags_in(uint64_t rest)
{
	return (uint16_t)(rest >> 48);
}

static inline uint16_t id_in(uint64_t rest)
{
	return (uint16_t)(rest >> 32);
}

/* AVAIL and USED of a descriptor that the guest has made available at that place (2.8.1). */
static inline uint16_t available_flags(uint16_t at)
{
	return at & VIRTQ_WRAP ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;
}

static inline bool is_available(uint64_t rest, uint16_t at)
{
	return (flags_in(rest) & TURN) == available_flags(at);
}

static enum vring_fault add(const struct vring *vr, uint64_t addr, uint64_t rest, bool write,
			    struct chain *chain)
{
	if (!(flags_in(rest) & VIRTQ_DESC_F_WRITE) == write)
		return VRING_BAD_DIRECTION;
	if (!chain_add(chain, vr->mem, addr, (uint32_t)rest) && !chain->full)
		return VRING_BAD_ADDRESS;
	return VRING_OK;
}

/* Every entry of the table belongs to the buffer, in order; only its WRITE flag counts (2.8.8). */
static enum vring_fault add_table(const struct vring *vr, uint64_t addr, uint64_t rest, bool write,
				  struct chain *chain)
{
	struct table table;
	enum vring_fault fault = table_open(vr, addr, (uint32_t)rest, &table);

	if (!fault && table.n > vr->size)
		fault = VRING_BAD_CHAIN;
	for (unsigned i = 0; !fault && i < table.n; i++) {
		struct raw_desc desc;

		if (!table_load(vr, &table, i, &desc))
			return VRING_BAD_ADDRESS;
		if (flags_in(desc.rest) & VIRTQ_DESC_F_INDIRECT)
			return VRING_BAD_INDIRECT;
		fault = add(vr, desc.addr, desc.rest, write, chain);
	}
	return fault;
}

static enum vring_fault packed_walk(struct vring *vr, uint16_t *at, bool write, struct chain *chain,
				    struct vring_buffer *buffer)
{
	uint64_t rest = load_rest(vr, *at);

	*buffer = (struct vring_buffer){0};
	if (!is_available(rest, *at))
		return VRING_OK;
	for (unsigned n = 1; n <= vr->size; n++) {
		enum vring_fault fault;

		if (!(flags_in(rest) & VIRTQ_DESC_F_INDIRECT))
			fault = add(vr, load_addr(vr, *at), rest, write, chain);
		else if (flags_in(rest) & VIRTQ_DESC_F_NEXT)
			fault = VRING_BAD_INDIRECT;
		else
			fault = add_table(vr, load_addr(vr, *at), rest, write, chain);
		if (fault)
			return fault;
		*at = packed_advance(vr, *at, 1);
		if (!(flags_in(rest) & VIRTQ_DESC_F_NEXT)) {
			/* The id of a chain stands in its last descriptor (2.8.6). */
			*buffer = (struct vring_buffer){.id = id_in(rest), .n_slots = (uint16_t)n};
			return VRING_OK;
		}
		rest = load_rest(vr, *at);
	}
	return VRING_BAD_CHAIN;
}

static inline unsigned packed_look(struct vring *vr, bool write, unsigned max,
				   struct segment *pieces, struct vring_buffer *buffers, bool *more)
{
	const uint16_t kinds = VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_WRITE;
	struct guest_region region = {.size = 0}; /* found by the first buffer */
	const unsigned size = vr->size;
	const uint64_t *ring = words_at(vr, 0);
	unsigned at = vr->last_avail & (VIRTQ_WRAP - 1);
	uint16_t wanted = available_flags(vr->last_avail) | (write ? VIRTQ_DESC_F_WRITE : 0);
	unsigned i;

	*more = true;
	for (i = 0; i < max; i++) {
		/* Acquire: as load_rest(). */
		uint64_t rest = __atomic_load_n(&ring[2 * at + 1], __ATOMIC_ACQUIRE);
		uint64_t addr = __atomic_load_n(&ring[2 * at], __ATOMIC_RELAXED);
		uint16_t unlike = flags_in(rest) ^ wanted;

		if (UNLIKELY(unlike & (kinds | TURN))) {
			*more = !(unlike & TURN);
			break;
		}
		if (UNLIKELY(!guest_region_holds(&region, addr, (uint32_t)rest)) &&
		    !guest_memory_find(vr->mem, addr, (uint32_t)rest, &region))
			break;
		pieces[i] = (struct segment){.addr = region.hva + (addr - region.gpa),
					     .len = (uint32_t)rest};
		prefetch_piece(pieces[i].addr, write);
		buffers[i] = (struct vring_buffer){.n_slots = 1};
		buffers[i].id = id_in(rest);
		if (UNLIKELY(++at == size)) {
			at = 0;
			wanted ^= TURN;
		}
	}
	return i;
}

/* The first entry since the last publication waits in vr: the guest reads entries in order, so it
 * sees none of them before that one. */
static inline void packed_put(struct vring *vr, const struct vring_buffer *buffers, unsigned n)
{
	const unsigned size = vr->size;
	uint64_t *ring = words_at(vr, 0);
	unsigned at = vr->last_used & (VIRTQ_WRAP - 1);
	uint16_t turn = vr->last_used & VIRTQ_WRAP ? TURN : 0;
	unsigned n_slots = 0;

	for (unsigned i = 0; i < n; i++) {
		uint16_t flags = turn | (buffers[i].n_written > 0 ? VIRTQ_DESC_F_WRITE : 0);
		uint64_t entry = buffers[i].n_written | (uint64_t)buffers[i].id << 32 |
				 (uint64_t)flags << 48;

		if (vr->n_unpublished + n_slots > 0) {
			__atomic_store_n(&ring[2 * at + 1], entry, __ATOMIC_RELAXED);
		} else {
			vr->first_used = entry;
			vr->first_used_at = vr->last_used;
		}
		n_slots += buffers[i].n_slots;
		at += buffers[i].n_slots;
		while (UNLIKELY(at >= size)) {
			at -= size;
			turn ^= TURN;
		}
	}
	vr->last_used = packed_advance(vr, vr->last_used, n_slots);
	vr->n_unpublished += n_slots;
}

static const struct layout packed = {
	.look = packed_look, .walk = packed_walk, .advance = packed_advance, .put = packed_put};

static __attribute__((noinline)) unsigned rx(struct vring *vr, struct burst *burst)
{
	return burst_rx(&packed, vr, burst);
}

unsigned vring_packed_rx(struct vring *vr, struct burst *burst)
{
	/* What most polls of most queues find, soon. */
	if (!is_available(load_rest(vr, vr->last_avail), vr->last_avail))
		return 0;
	return rx(vr, burst);
}

unsigned vring_packed_rx_release(struct vring *vr)
{
	burst_release(&packed, vr);
	return vring_packed_notify(vr);
}

unsigned vring_packed_tx(struct vring *vr, const struct frame *const *frames, unsigned n,
			 enum drop_reason *why)
{
	return burst_tx(&packed, vr, frames, n, why);
}

static inline uint32_t event_word(struct virtq_event event)
{
	return event.off_wrap | (uint32_t)event.flags << 16;
}

/* Does the driver want to hear of the n entries before last_used (2.8.10)? */
static bool driver_waits(const struct vring *vr, uint32_t n)
{
	uint32_t word = __atomic_load_n((uint32_t *)(void *)vr->driver_event, __ATOMIC_RELAXED);
	uint16_t off_wrap = (uint16_t)word;
	uint16_t flags = (uint16_t)(word >> 16) & 3;
	uint16_t new = vr->last_used &(VIRTQ_WRAP - 1);
	uint16_t event = off_wrap & (VIRTQ_WRAP - 1);

	if (flags == VIRTQ_EVENT_DISABLE)
		return false;
	if (flags != VIRTQ_EVENT_DESC || !vr->event_idx)
		return true;
	/* Of the turn before this one. */
	if ((off_wrap ^ vr->last_used) & VIRTQ_WRAP)
		event -= vr->size;
	return vring_event_passed(event, new, (uint16_t)(new - n));
}

unsigned vring_packed_notify(struct vring *vr)
{
	uint32_t n = vr->n_unpublished;

	if (n == 0)
		return 0;
	/* Pairs with the guest's read barrier behind its read of these flags: it sees all the
	 * entries and the buffers. */
	__atomic_store_n(&words_at(vr, vr->first_used_at)[1], vr->first_used, __ATOMIC_RELEASE);
	vr->n_unpublished = 0;
	/* The entries before the guest's wish: pairs with the guest, which writes its wish, then
	 * looks at the next entry. */
	atomic_thread_fence(memory_order_seq_cst);
	if (vr->call_fd < 0 || !driver_waits(vr, n))
		return 0;
	vring_call(vr);
	return 1;
}

static void tell_driver(struct vring *vr, struct virtq_event event)
{
	__atomic_store_n((uint32_t *)(void *)vr->device_event, event_word(event), __ATOMIC_RELAXED);
}

bool vring_packed_arm(struct vring *vr)
{
	if (vr->event_idx)
		tell_driver(vr, (struct virtq_event){.off_wrap = vr->last_avail,
						     .flags = VIRTQ_EVENT_DESC});
	else
		tell_driver(vr, (struct virtq_event){.flags = VIRTQ_EVENT_ENABLE});
	/* Our wish before the guest's descriptor: pairs with the guest, which writes its flags,
	 * then looks at our wish. */
	atomic_thread_fence(memory_order_seq_cst);
	return !vring_stopped(vr) && is_available(load_rest(vr, vr->last_avail), vr->last_avail);
}

void vring_packed_disarm(struct vring *vr)
{
	tell_driver(vr, (struct virtq_event){.flags = VIRTQ_EVENT_DISABLE});
}

bool vring_packed_place_is_lost(const struct vring *vr)
{
	uint16_t start = VIRTQ_WRAP;

	if (vr->last_avail != start || vr->last_used != start)
		return false;
	/* Before a device has used the first buffer there is no USED flag in the ring. */
	for (unsigned i = 0; i < vr->size; i++)
		if (flags_in(load_rest(vr, (uint16_t)i)) & VIRTQ_DESC_F_USED)
			return true;
	return false;
}
