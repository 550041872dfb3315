/* vring_layout.h - the two layouts of a virtqueue behind vring.h, and what they share: descriptors
 * as they lie in memory, and tables of them.
 *
 * Threads:   as vring.h.
 * Failure:   as vring.h. */
#ifndef PORTS_VRING_LAYOUT_H
#define PORTS_VRING_LAYOUT_H

#include "ports/chain.h"
#include "ports/vring.h"

#include <stdatomic.h>

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

unsigned vring_split_rx(struct vring *vr, struct burst *burst);
unsigned vring_split_rx_release(struct vring *vr);
unsigned vring_split_tx(struct vring *vr, const struct frame *const *frames, unsigned n,
			enum drop_reason *why);
unsigned vring_split_notify(struct vring *vr);
bool vring_split_arm(struct vring *vr);
void vring_split_disarm(struct vring *vr);

unsigned vring_packed_rx(struct vring *vr, struct burst *burst);
unsigned vring_packed_rx_release(struct vring *vr);
unsigned vring_packed_tx(struct vring *vr, const struct frame *const *frames, unsigned n,
			 enum drop_reason *why);
unsigned vring_packed_notify(struct vring *vr);
bool vring_packed_arm(struct vring *vr);
void vring_packed_disarm(struct vring *vr);
bool vring_packed_place_is_lost(const struct vring *vr);

static inline void vring_stop(struct vring *vr, enum vring_fault fault)
{
	atomic_store_explicit(&vr->fault, fault, memory_order_relaxed);
}

static inline bool vring_stopped(const struct vring *vr)
{
	return UNLIKELY(atomic_load_explicit(&vr->fault, memory_order_relaxed) != VRING_OK);
}

/* VIRTIO 1.2 section 2.7.10.1: is event in [old, new)? */
static inline bool vring_event_passed(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

/* A descriptor of either layout as two words, each read once. */
struct raw_desc {
	uint64_t addr;
	uint64_t rest; /* len, then two fields that the layouts order differently */
};
static_assert(sizeof(struct raw_desc) == sizeof(struct virtq_desc), "2.7.5");
static_assert(sizeof(struct raw_desc) == sizeof(struct virtq_packed_desc), "2.8.13");

/* A table of descriptors that another descriptor refers to; it need not lie in one piece of our
 * memory. */
struct table {
	const uint64_t *words; /* NULL: read through gpa */
	uint64_t gpa;
	uint32_t n;
};

/* The table that a descriptor with INDIRECT refers to (2.7.5.3). */
static inline enum vring_fault table_open(const struct vring *vr, uint64_t gpa, uint32_t len,
					  struct table *table)
{
	const void *here = guest_memory_range(vr->mem, gpa, len);

	if (!vr->indirect || len == 0 || len % sizeof(struct raw_desc) ||
	    len / sizeof(struct raw_desc) > VIRTQ_SIZE_MAX)
		return VRING_BAD_INDIRECT;
	*table = (struct table){.gpa = gpa, .n = len / sizeof(struct raw_desc)};
	/* The two words of a descriptor are loaded as such; a guest may align its table as it likes
	 * (2.7.5.3.2). */
	if (here && (uintptr_t)here % sizeof(uint64_t) == 0)
		table->words = here;
	return VRING_OK;
}

static inline bool table_load(const struct vring *vr, const struct table *table, unsigned i,
			      struct raw_desc *desc)
{
	if (!table->words)
		return guest_memory_read(vr->mem, table->gpa + i * sizeof(*desc), desc,
					 sizeof(*desc));
	desc->addr = __atomic_load_n(&table->words[2 * i], __ATOMIC_RELAXED);
	desc->rest = __atomic_load_n(&table->words[2 * i + 1], __ATOMIC_RELAXED);
	return true;
}

#endif
