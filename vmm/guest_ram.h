/* guest_ram.h - the memory of a guest: sealed memfds that back-ends can map, and the one
 * translation into it.
 *
 * Threads:   immutable after guest_ram_open(); the bytes themselves belong to the guest.
 * Ownership: keeps the memfds and mappings until guest_ram_close().
 * Failure:   0 or -errno with a refusal. */
#ifndef RINGWAY_VMM_GUEST_RAM_H
#define RINGWAY_VMM_GUEST_RAM_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/refusal.h"

enum {
	GUEST_RAM_MAX_REGIONS = 2, /* below and above the hole under 4 GiB */
};

struct guest_ram_region {
	uint64_t gpa;
	uint64_t size;
	uint8_t *hva;
	int fd;
};

struct guest_ram {
	unsigned n_regions;
	struct guest_ram_region region[GUEST_RAM_MAX_REGIONS];
};

/* page_size: 4 KiB, 2 MiB or 1 GiB. prealloc is always done for huge pages. */
int guest_ram_open(struct guest_ram *ram, uint64_t size, uint64_t page_size, bool prealloc,
		   struct refusal *why);
void guest_ram_close(struct guest_ram *ram);

/* The only way from a guest-physical address to memory. NULL unless [gpa, gpa + len) lies wholly in
 * one region; an empty range must still start inside RAM. */
void *guest_ram_at(const struct guest_ram *ram, uint64_t gpa, uint64_t len);

/* Where RAM below the hole ends. */
uint64_t guest_ram_low_end(const struct guest_ram *ram);

#endif
