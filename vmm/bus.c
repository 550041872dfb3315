#include "vmm/bus.h"

#include <assert.h>
#include <stddef.h>

int bus_add(struct bus *bus, const struct bus_range *range)
{
	assert(bus->n_ranges < BUS_MAX_RANGES);
	bus->range[bus->n_ranges] = *range;
	return (int)bus->n_ranges++;
}

void bus_move(struct bus *bus, int range, uint64_t base, bool enabled)
{
	bus->range[range].base = base;
	bus->range[range].enabled = enabled;
}

static struct bus_range *range_of(struct bus *bus, uint64_t addr)
{
	for (unsigned i = 0; i < bus->n_ranges; i++) {
		struct bus_range *range = &bus->range[i];

		if (range->enabled && addr - range->base < range->len && addr >= range->base)
			return range;
	}
	return NULL;
}

static void count_stray(struct bus *bus, uint64_t addr)
{
	bus->n_strays++;
	bus->last_stray = addr;
}

uint64_t bus_ones(unsigned width)
{
	return width >= 8 ? ~UINT64_C(0) : (UINT64_C(1) << (8 * width)) - 1;
}

uint64_t bus_read(struct bus *bus, uint64_t addr, unsigned width)
{
	struct bus_range *range = range_of(bus, addr);

	if (!range) {
		count_stray(bus, addr);
		return bus_ones(width);
	}
	range->n_reads++;
	if (!range->ops->read)
		return 0;
	return range->ops->read(range->device, addr - range->base, width) & bus_ones(width);
}

void bus_write(struct bus *bus, uint64_t addr, unsigned width, uint64_t value)
{
	struct bus_range *range = range_of(bus, addr);

	if (!range) {
		count_stray(bus, addr);
		return;
	}
	range->n_writes++;
	range->ops->write(range->device, addr - range->base, width, value & bus_ones(width));
}
