#include "vmm/msix.h"

#include <string.h>

enum {
	WORD_ADDRESS,
	WORD_ADDRESS_HIGH,
	WORD_DATA,
	WORD_CONTROL,
	CONTROL_MASKED = 1,
};

void msix_init(struct msix *msix, unsigned n_vectors)
{
	memset(msix, 0, sizeof(*msix));
	msix->n_vectors = n_vectors < MSIX_MAX_VECTORS ? n_vectors : MSIX_MAX_VECTORS;
	for (unsigned i = 0; i < MSIX_MAX_VECTORS; i++)
		msix->table[i][WORD_CONTROL] = CONTROL_MASKED;
}

static bool fits(const struct msix *msix, uint64_t offset, unsigned width)
{
	return (width == 4 || width == 8) && offset % width == 0 &&
	       offset / MSIX_ENTRY_LEN < msix->n_vectors;
}

uint64_t msix_table_read(const struct msix *msix, uint64_t offset, unsigned width)
{
	const uint32_t *word;
	uint64_t value;

	if (!fits(msix, offset, width))
		return 0;
	word = &msix->table[offset / MSIX_ENTRY_LEN][offset % MSIX_ENTRY_LEN / 4];
	value = word[0];
	if (width == 8)
		value |= (uint64_t)word[1] << 32;
	return value;
}

bool msix_table_write(struct msix *msix, uint64_t offset, unsigned width, uint64_t value)
{
	unsigned first = offset % MSIX_ENTRY_LEN / 4;
	bool changed = false;
	uint32_t *entry;

	if (!fits(msix, offset, width))
		return false;
	entry = msix->table[offset / MSIX_ENTRY_LEN];
	for (unsigned i = 0; i < width / 4; i++) {
		uint32_t word = (uint32_t)(value >> (32 * i));

		if (first + i == WORD_CONTROL)
			word &= CONTROL_MASKED;
		changed |= entry[first + i] != word;
		entry[first + i] = word;
	}
	return changed;
}

bool msix_vector_open(const struct msix *msix, unsigned vector)
{
	return msix->enabled && !msix->masked && vector < msix->n_vectors &&
	       !(msix->table[vector][WORD_CONTROL] & CONTROL_MASKED);
}

struct msi_message msix_message(const struct msix *msix, unsigned vector)
{
	const uint32_t *entry = msix->table[vector];

	return (struct msi_message){.addr = entry[WORD_ADDRESS] | (uint64_t)entry[WORD_ADDRESS_HIGH]
									  << 32,
				    .data = entry[WORD_DATA]};
}
