#include "vmm/bus.h"

#include <assert.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "vmm/layout.h"

enum {
	CAPABILITIES_START = 0x40,
	BRIDGE_VENDOR = 0x8086, /* a vendor whose host bridges kernels know to trust */
	BRIDGE_DEVICE = 0x0d57,
	BRIDGE_CLASS = 0x060000,
	REVISION = 1, /* of a virtio device: no legacy interface */
	ADDRESS_ENABLE = 1u << 31,
	ADDRESS_LEN = 8, /* the ports 0xcf8 to 0xcff */
};

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

/* NULL if nobody owns the address. */
static struct bus_range *range_of(struct bus *bus, uint64_t addr)
{
	for (unsigned i = 0; i < bus->n_ranges; i++) {
		struct bus_range *range = &bus->range[i];

		if (range->enabled && addr - range->base < range->len && addr >= range->base)
			return range;
	}
	bus->n_strays++;
	bus->last_stray = addr;
	return NULL;
}

uint64_t bus_ones(unsigned width)
{
	return width >= 8 ? ~UINT64_C(0) : (UINT64_C(1) << (8 * width)) - 1;
}

uint64_t bus_read(struct bus *bus, uint64_t addr, unsigned width)
{
	struct bus_range *range = range_of(bus, addr);

	if (!range)
		return bus_ones(width);
	range->n_reads++;
	if (!range->ops->read)
		return 0;
	return range->ops->read(range->device, addr - range->base, width) & bus_ones(width);
}

void bus_write(struct bus *bus, uint64_t addr, unsigned width, uint64_t value)
{
	struct bus_range *range = range_of(bus, addr);

	if (!range)
		return;
	range->n_writes++;
	range->ops->write(range->device, addr - range->base, width, value & bus_ones(width));
}

static void put16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

void pci_function_init(struct pci_function *function, const char *name, uint16_t vendor,
		       uint16_t device, uint32_t class_code)
{
	uint8_t *config = function->config;

	*function = (struct pci_function){.name = name, .next_capability = CAPABILITIES_START};
	put16(config + PCI_VENDOR_ID, vendor);
	put16(config + PCI_DEVICE_ID, device);
	config[PCI_REVISION_ID] = REVISION;
	config[PCI_CLASS_PROG] = (uint8_t)class_code;
	put16(config + PCI_CLASS_DEVICE, (uint16_t)(class_code >> 8));
	put16(config + PCI_SUBSYSTEM_VENDOR_ID, vendor);
	put16(config + PCI_SUBSYSTEM_ID, device);
	/* Interrupt pin stays 0: there is MSI-X only. */
	put16(function->writable + PCI_COMMAND,
	      PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	function->writable[PCI_INTERRUPT_LINE] = 0xff;
	function->writable[PCI_CACHE_LINE_SIZE] = 0xff;
}

void pci_set_bar(struct pci_function *function, uint32_t len, uint64_t base)
{
	uint32_t mask = ~(len - 1), value = (uint32_t)base;

	function->bar_len = len;
	function->bar_base = base;
	memcpy(function->config + PCI_BASE_ADDRESS_0, &value, sizeof(value));
	memcpy(function->writable + PCI_BASE_ADDRESS_0, &mask, sizeof(mask));
}

unsigned pci_add_capability(struct pci_function *function, const void *body, unsigned len)
{
	unsigned at = function->next_capability;
	uint8_t *config = function->config;

	memcpy(config + at, body, len);
	/* The newest comes first; the order means nothing. */
	config[at + PCI_CAP_LIST_NEXT] = config[PCI_CAPABILITY_LIST];
	config[PCI_CAPABILITY_LIST] = (uint8_t)at;
	config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	function->next_capability = (uint8_t)((at + len + 3) & ~3u);
	return at;
}

/* target_of() has seen to it that an access lies in the 256 bytes. */
static uint32_t config_read(struct pci_function *function, unsigned offset, unsigned width)
{
	uint32_t value = 0;

	if (function->accessed)
		function->accessed(function, offset, width, false);
	memcpy(&value, function->config + offset, width);
	return value;
}

/* A BAR answers only inside the window, so that a guest cannot lay it over its RAM or the APICs;
 * the all-ones pattern of sizing lies outside, too. */
static void decode_bar(struct pci_function *function)
{
	uint64_t base = config_read(function, PCI_BASE_ADDRESS_0, 4) & ~0xfu;
	bool enabled = (function->config[PCI_COMMAND] & PCI_COMMAND_MEMORY) &&
		       base >= LAYOUT_PCI_WINDOW &&
		       base + function->bar_len <= LAYOUT_PCI_WINDOW_END;

	if (enabled == function->bar_enabled && (!enabled || base == function->bar_base))
		return;
	if (!enabled)
		base = function->bar_base;
	if (function->moved)
		function->moved(function, base, enabled);
	function->bar_base = base;
	function->bar_enabled = enabled;
}

static void config_write(struct pci_function *function, unsigned offset, unsigned width,
			 uint32_t value)
{
	for (unsigned i = 0; i < width; i++) {
		uint8_t mask = function->writable[offset + i];
		uint8_t byte = (uint8_t)(value >> (8 * i));

		function->config[offset + i] =
			(uint8_t)((function->config[offset + i] & ~mask) | (byte & mask));
	}
	if (function->bar_len && offset < PCI_BASE_ADDRESS_0 + 4)
		decode_bar(function);
	if (function->accessed)
		function->accessed(function, offset, width, true);
}

/* The function that the latch and an access to the data port point at, and its register; NULL if
 * there is none. */
static struct pci_function *target_of(struct pci_host *host, uint64_t offset, unsigned width,
				      unsigned *reg)
{
	unsigned bus = (host->address >> 16) & 0xff, slot = (host->address >> 11) & 0x1f;
	unsigned function = (host->address >> 8) & 7;

	*reg = (host->address & 0xfc) + (offset & 3);
	if (!(host->address & ADDRESS_ENABLE) || bus != 0 || function != 0 || offset < 4 ||
	    (offset & 3) + width > 4)
		return NULL;
	return host->slot[slot];
}

/* Kernels write single bytes to 0xcf9 to 0xcfb to find out what is there: not for the latch. */
static bool is_latch(uint64_t offset, unsigned width)
{
	return offset == 0 && width == 4;
}

static uint64_t host_read(void *device, uint64_t offset, unsigned width)
{
	struct pci_host *host = device;
	struct pci_function *function;
	unsigned reg;

	if (is_latch(offset, width))
		return host->address;
	function = target_of(host, offset, width, &reg);
	return function ? config_read(function, reg, width) : bus_ones(width);
}

static void host_write(void *device, uint64_t offset, unsigned width, uint64_t value)
{
	struct pci_host *host = device;
	struct pci_function *function;
	unsigned reg;

	if (is_latch(offset, width)) {
		host->address = (uint32_t)value & (ADDRESS_ENABLE | 0x00fffffc);
		return;
	}
	function = target_of(host, offset, width, &reg);
	if (function)
		config_write(function, reg, width, (uint32_t)value);
}

static const struct bus_ops host_ops = {.read = host_read, .write = host_write};

void pci_host_init(struct pci_host *host, struct bus *io)
{
	memset(host, 0, sizeof(*host));
	pci_function_init(&host->bridge, "host bridge", BRIDGE_VENDOR, BRIDGE_DEVICE, BRIDGE_CLASS);
	host->slot[0] = &host->bridge;
	bus_add(io, &(struct bus_range){"pci configuration", PORT_PCI_ADDRESS, ADDRESS_LEN, true,
					&host_ops, host, 0, 0});
}

void pci_host_add(struct pci_host *host, unsigned index, struct pci_function *function)
{
	assert(PCI_FIRST_FREE_SLOT + index < PCI_MAX_SLOTS);
	host->slot[PCI_FIRST_FREE_SLOT + index] = function;
}
