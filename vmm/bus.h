/* bus.h - finds the device that answers an access of a guest: to a port, to memory-mapped
 * registers, or to PCI configuration, which lies behind ports 0xcf8 and 0xcfc: one PCI bus with a
 * host bridge and functions with one memory BAR each.
 *
 * Threads:   the caller holds the machine's lock.
 * Ownership: borrows names, devices and functions, which must outlive bus and host.
 * Failure:   what a guest writes never fails. What nobody owns reads all ones and takes no write;
 * on a bus it is counted as a stray.
 *
 * Source: PCI Local Bus 3.0 sections 3.2.2.3.2 (configuration mechanism #1) and 6.1 to 6.2.5. */
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

enum {
	PCI_CONFIG_LEN = 256,
	PCI_MAX_SLOTS = 32,
	PCI_FIRST_FREE_SLOT = 2, /* 0 is the host bridge; 1 stays free, as on a PC */
};

struct pci_function {
	const char *name;
	uint8_t config[PCI_CONFIG_LEN];
	uint8_t writable[PCI_CONFIG_LEN]; /* mask of the bits that a guest may change */
	uint32_t bar_len;		  /* power of two; 0: no BAR */
	/* Where the BAR answers now. It differs from the register while a guest sizes it. */
	uint64_t bar_base;
	bool bar_enabled;
	uint8_t next_capability; /* where pci_add_capability() goes on */
	/* May be NULL. moved: bar_base or bar_enabled is about to become the given values.
	 * accessed: some bytes from offset have been written, or are about to be read. */
	void (*moved)(struct pci_function *function, uint64_t base, bool enabled);
	void (*accessed)(struct pci_function *function, unsigned offset, unsigned width,
			 bool is_write);
};

struct pci_host {
	uint32_t address; /* the latch of port 0xcf8 */
	struct pci_function *slot[PCI_MAX_SLOTS];
	struct pci_function bridge;
};

/* Puts the host bridge into slot 0 and both ports on the bus. */
void pci_host_init(struct pci_host *host, struct bus *io);

/* Into the slot of that index from PCI_FIRST_FREE_SLOT on. */
void pci_host_add(struct pci_host *host, unsigned index, struct pci_function *function);

/* class_code has 24 bits. */
void pci_function_init(struct pci_function *function, const char *name, uint16_t vendor,
		       uint16_t device, uint32_t class_code);
/* A 32-bit memory BAR 0 that lies at `base` from the start. */
void pci_set_bar(struct pci_function *function, uint32_t len, uint64_t base);
/* Returns the offset of the capability in config space. The first byte of `body` is the id; the
 * second, the link to the next one, is filled in. */
unsigned pci_add_capability(struct pci_function *function, const void *body, unsigned len);

#endif
