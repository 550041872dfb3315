/* msix.h - an MSI-X table with its pending bits.
 *
 * Threads:   the caller holds the machine's lock.
 * Ownership: plain storage of the device.
 * Failure:   accesses outside of the table, or not of 4 or 8 aligned bytes, read 0 and change
 * nothing.
 *
 * Source: PCI Local Bus 3.0 section 6.8.2. Vectors start masked. */
#ifndef RINGWAY_VMM_MSIX_H
#define RINGWAY_VMM_MSIX_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/events.h"

enum {
	MSIX_MAX_VECTORS = 64,
	MSIX_ENTRY_LEN = 16,
	MSIX_NO_VECTOR = 0xffff, /* VIRTIO_MSI_NO_VECTOR */
};

struct msix {
	unsigned n_vectors;
	bool enabled; /* MSI-X enable, message control bit 15 */
	bool masked;  /* function mask, bit 14 */
	uint64_t pending;
	uint32_t table[MSIX_MAX_VECTORS][MSIX_ENTRY_LEN / 4]; /* address low, high, data, control */
};

void msix_init(struct msix *msix, unsigned n_vectors);

uint64_t msix_table_read(const struct msix *msix, uint64_t offset, unsigned width);
/* Whether anything that matters for delivery has changed. */
bool msix_table_write(struct msix *msix, uint64_t offset, unsigned width, uint64_t value);

/* Whether the vector exists and may be delivered now. */
bool msix_vector_open(const struct msix *msix, unsigned vector);
struct msi_message msix_message(const struct msix *msix, unsigned vector);

#endif
