/* chain.h - the pieces of a descriptor chain, translated and checked: where a frame is read from or
 * written to.
 *
 * Threads:   one worker.
 * Ownership: borrows the array of segments and the guest memory behind them. */
#ifndef PORTS_CHAIN_H
#define PORTS_CHAIN_H

#include "ports/frame.h"
#include "ports/guest_memory.h"

#include <stdbool.h>
#include <string.h>

struct chain {
	struct segment *segments;
	unsigned n;
	unsigned n_empty; /* descriptors of no bytes: no pieces, but they cost time like one */
	unsigned max;
	bool full;    /* more pieces than max were to be added */
	uint64_t len; /* sum of the segments' lengths */
};

/* Adds len bytes of guest memory at gpa, in as many segments as regions make necessary. False: some
 * of them are in no region, or the chain is full. */
static inline bool chain_add(struct chain *chain, const struct guest_memory *mem, uint64_t gpa,
			     uint32_t len)
{
	if (len == 0)
		chain->full |= chain->n + ++chain->n_empty > chain->max;
	while (len > 0) {
		uint64_t here = len;
		uint8_t *addr = guest_memory_at(mem, gpa, &here);

		if (!addr)
			return false;
		if (chain->n + chain->n_empty >= chain->max) {
			chain->full = true;
			return false;
		}
		chain->segments[chain->n++] = (struct segment){.addr = addr, .len = (uint32_t)here};
		chain->len += here;
		gpa += here;
		len -= (uint32_t)here;
	}
	return true;
}

/* A position in a list of segments that moves forward. */
struct chain_cursor {
	const struct segment *segment;
	uint32_t offset; /* into *segment; less than its length, or 0 behind the last */
};

/* Copies len bytes from the cursor to buf; the list holds at least that many. */
static inline void chain_read(struct chain_cursor *at, uint8_t *buf, uint32_t len)
{
	while (len > 0) {
		uint32_t here = at->segment->len - at->offset;

		if (here > len)
			here = len;
		memcpy(buf, at->segment->addr + at->offset, here);
		buf += here;
		len -= here;
		at->offset += here;
		if (at->offset == at->segment->len)
			*at = (struct chain_cursor){.segment = at->segment + 1};
	}
}

/* Copies len bytes from buf to the cursor; the list has room for at least that many. */
static inline void chain_write(struct chain_cursor *at, const uint8_t *buf, uint32_t len)
{
	while (len > 0) {
		uint32_t here = at->segment->len - at->offset;

		if (here > len)
			here = len;
		memcpy(at->segment->addr + at->offset, buf, here);
		buf += here;
		len -= here;
		at->offset += here;
		if (at->offset == at->segment->len)
			*at = (struct chain_cursor){.segment = at->segment + 1};
	}
}

#endif
