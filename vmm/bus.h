/* bus.h - an address space of ports or of memory-mapped registers: finds the device that answers an
 * access.
 *
 * Threads:   the caller holds the machine's lock.
 * Ownership: borrows names and devices, which must outlive the bus.
 * Failure:   an access that nobody owns reads all ones, writes nothing, and is counted as a stray.
 */
#ifndef RINGWAY_VMM_BUS_H
#define RINGWAY_VMM_BUS_H

#include <stdbool.h>
#include <stdint.h>

/* offset is relative to the range; width is 1, 2, 4 or 8 bytes; offset + width may pass the end of
 * the range by no more than the caller's width, so a device checks what it indexes. */
struct bus_ops {
	/* NULL: reads as zero. */
	uint64_t (*read)(void *device, uint64_t offset, unsigned width);
	void (*write)(void *device, uint64_t offset, unsigned width, uint64_t value);
};

enum {
	BUS_MAX_RANGES = 64,
};

struct bus_range {
	const char *name;
	uint64_t base;
	uint64_t len;
	bool enabled;
	const struct bus_ops *ops;
	void *device;
	uint64_t n_reads;
	uint64_t n_writes;
};

struct bus {
	unsigned n_ranges;
	struct bus_range range[BUS_MAX_RANGES];
	uint64_t n_strays, last_stray;
};

/* Copies *range. Returns its index, for bus_move(). At most BUS_MAX_RANGES. */
int bus_add(struct bus *bus, const struct bus_range *range);
void bus_move(struct bus *bus, int range, uint64_t base, bool enabled);

uint64_t bus_read(struct bus *bus, uint64_t addr, unsigned width);
void bus_write(struct bus *bus, uint64_t addr, unsigned width, uint64_t value);

/* All ones of an access width, which is what nobody answers. */
uint64_t bus_ones(unsigned width);

#endif
