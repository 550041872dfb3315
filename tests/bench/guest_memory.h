/* guest_memory.h - the memory of one guest: a sealed memfd that the back-end maps as well.
 *
 * Threads:   that of its owner.
 * Ownership: keeps the mapping and the file.
 * Failure:   0 or -errno; guest_memory_take() asserts, because the size was computed from the same
 * demands. */
#ifndef BENCH_GUEST_MEMORY_H
#define BENCH_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GUEST_MEMORY_GPA = 1 << 30 }; /* not 0, so that a forgotten translation shows */

struct guest_memory {
	int fd;
	unsigned char *va;
	size_t len;
	size_t taken;
};

int guest_memory_open(struct guest_memory *memory, size_t len, bool hugepages);
void guest_memory_close(struct guest_memory *memory);

/* Zeroed, never given back; align is a power of two. */
void *guest_memory_take(struct guest_memory *memory, size_t len, size_t align);

static inline uint64_t guest_memory_gpa(const struct guest_memory *memory, const void *p)
{
	return GUEST_MEMORY_GPA + (uint64_t)((const unsigned char *)p - memory->va);
}

#endif
