#include "ports/guest_memory.h"

#include <string.h>

bool guest_memory_read(const struct guest_memory *mem, uint64_t gpa, void *buf, size_t len)
{
	uint8_t *dst = buf;

	while (len > 0) {
		uint64_t here = len;
		const uint8_t *src = guest_memory_at(mem, gpa, &here);

		if (!src)
			return false;
		memcpy(dst, src, here);
		dst += here;
		gpa += here;
		len -= here;
	}
	return true;
}

bool guest_memory_find(const struct guest_memory *mem, uint64_t gpa, uint64_t len,
		       struct guest_region *region)
{
	for (unsigned i = 0; i < mem->n_regions; i++)
		if (guest_region_holds(&mem->regions[i], gpa, len)) {
			*region = mem->regions[i];
			return true;
		}
	return false;
}

uint8_t *guest_memory_range(const struct guest_memory *mem, uint64_t gpa, uint64_t len)
{
	struct guest_region region;

	return guest_memory_find(mem, gpa, len, &region) ? region.hva + (gpa - region.gpa) : NULL;
}
