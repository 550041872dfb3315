/* guest_memory.h - the memory that a guest shares with us, and the one way from its addresses to
 * ours.
 *
 * Threads:   a guest_memory is immutable while any worker may use it; whoever replaces it waits
 *            for them first.
 * Ownership: borrows the mappings.
 * Failure:   an address outside of every region gives NULL; nothing is ever read or written
 *            there. */
#ifndef PORTS_GUEST_MEMORY_H
#define PORTS_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GUEST_MEMORY_MAX_REGIONS = 8
}; /* VHOST_MEMORY_BASELINE_NREGIONS of the vhost-user specification */

struct guest_region {
	uint64_t gpa; /* guest-physical address of the first byte */
	uint64_t size;
	uint8_t *hva; /* where we see it */
};

struct guest_memory {
	unsigned n_regions;
	struct guest_region regions[GUEST_MEMORY_MAX_REGIONS];
};

/* Where guest-physical address gpa is, and in *len how many of the *len bytes asked for lie there
 * in one piece (at least one). NULL when gpa is in no region. */
static inline uint8_t *guest_memory_at(const struct guest_memory *mem, uint64_t gpa, uint64_t *len)
{
	for (unsigned i = 0; i < mem->n_regions; i++) {
		const struct guest_region *region = &mem->regions[i];
		uint64_t offset = gpa - region->gpa;

		if (offset < region->size) {
			if (*len > region->size - offset)
				*len = region->size - offset;
			return region->hva + offset;
		}
	}
	return NULL;
}

/* Does the range lie wholly in that region? One of no bytes lies nowhere. */
static inline bool guest_region_holds(const struct guest_region *region, uint64_t gpa, uint64_t len)
{
	uint64_t offset = gpa - region->gpa;

	return offset < region->size && len - 1 < region->size - offset;
}

/* Finds the region that holds the range and copies it to *region; false, and *region as it was,
 * when there is none. */
bool guest_memory_find(const struct guest_memory *mem, uint64_t gpa, uint64_t len,
		       struct guest_region *region);

/* Where a range lies that has to lie in one piece; NULL when it does not, or when it is empty. */
uint8_t *guest_memory_range(const struct guest_memory *mem, uint64_t gpa, uint64_t len);

/* Copies len bytes at gpa to buf, over the borders of regions. False when some of them are in no
 * region. */
bool guest_memory_read(const struct guest_memory *mem, uint64_t gpa, void *buf, size_t len);

#endif
