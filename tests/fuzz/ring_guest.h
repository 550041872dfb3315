/* ring_guest.h - a guest with one queue whose memory a fuzzer fills, and changes before each read.
 *
 * Threads:   that of the fuzz target.
 * Ownership: ring_guest_close() frees what ring_guest_open() took. */
#ifndef TESTS_FUZZ_RING_GUEST_H
#define TESTS_FUZZ_RING_GUEST_H

#include "ports/vring.h"
#include "tests/fuzz/input.h"

enum { RING_AREAS = 3, RING_REGIONS = 3 };

struct ring_guest {
	struct guest_memory mem;
	struct vring_conf conf;
	struct vring vr;
	void *areas[RING_AREAS]; /* as large as the ring makes them, and no byte more */
	uint8_t **regions;	 /* RING_REGIONS of them */
	bool open;		 /* the vring took the configuration */
};

/* writes: the device writes into this queue. */
void ring_guest_open(struct ring_guest *guest, struct input *in, bool writes);
void ring_guest_close(struct ring_guest *guest);
/* Whether we may write to this guest's frames now. */
void ring_guest_allow(const struct ring_guest *guest, bool writes);
/* Whether len bytes at addr lie in one region of this guest. */
bool ring_guest_has(const struct ring_guest *guest, const uint8_t *addr, uint32_t len);

#endif
