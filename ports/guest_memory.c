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
