/* guest.h - the driver's side of one virtqueue, played by a test: rings and buffers in memory that
 * the test owns, posted in any arrangement, well-formed or not.
 *
 * Threads:   none of its own.
 * Ownership: guest_open() allocates all, the vring under test included; guest_close() frees it.
 * Failure:   stops the test program when memory fails. What the vring does wrong is for the test to
 * find.
 *
 * Every region of guest memory lies between two pages that fault, is full of GUEST_PATTERN, and
 * follows the one before without a gap as the guest counts, but not as we do. */
#ifndef TESTS_PORTS_GUEST_H
#define TESTS_PORTS_GUEST_H

#include "ports/frame.h"
#include "ports/vring.h"

#include <stdbool.h>
#include <stdint.h>

enum { GUEST_PATTERN = 0xa5, GUEST_REGION_LEN = 1 << 17, GUEST_PAGE = 4096 };
#define GUEST_BASE   UINT64_C(0x40000000) /* guest-physical address of the first region */
#define FEATURE(bit) (UINT64_C(1) << (bit))

struct guest_conf {
	uint64_t features;
	uint16_t size;
	uint16_t start; /* both indices begin here, as after many turns; packed: with wrap bit */
	unsigned n_regions; /* 0: one */
	bool shuffled;	    /* chains run through the descriptor table in no order */
};

/* One descriptor. */
struct guest_piece {
	uint64_t gpa;
	uint32_t len;
	bool write;
};

/* What to post: the first n_direct pieces each in a descriptor of the ring, the others behind one
 * descriptor that refers to a table at table_gpa. */
struct guest_chain {
	const struct guest_piece *pieces;
	unsigned n;
	unsigned n_direct;
	uint64_t table_gpa;
};

struct guest_used {
	uint16_t id;
	uint32_t len;
};

struct guest {
	struct guest_conf conf;
	struct guest_memory mem;
	struct vring vr;
	int call_fd;
	uint8_t *desc_area; /* struct virtq_desc or virtq_packed_desc */
	uint8_t *driver_area;
	uint8_t *device_area;
	uint8_t *shadow; /* all regions as they were at guest_remember() */
	uint64_t next_gpa;
	/* the driver's: */
	uint16_t next_avail; /* split: the available index; packed: position and wrap bit */
	uint16_t next_used;  /* the same for what comes back */
	uint16_t next_slot;  /* split: where in the table the next chain begins, before shuffling */
	uint16_t next_id;    /* packed: of the next buffer; any number that is not out is good */
	unsigned n_out;	     /* posted and not yet back */
	unsigned n_slots_out; /* their descriptors */
	struct {
		uint16_t id;
		uint16_t n_slots;
	} * out; /* conf.size of them, in the order of posting, from out_first on */
	unsigned out_first;
	unsigned n_batch; /* buffers that the used entry read last stands for, and were not yet
			     told of: an in-order device gives back several at once */
	struct guest_used batch;
};

void guest_open(struct guest *guest, const struct guest_conf *conf);
void guest_close(struct guest *guest);

static inline bool guest_is_packed(const struct guest *guest)
{
	return guest->conf.features & FEATURE(VIRTIO_F_RING_PACKED);
}

static inline struct virtq_desc *guest_desc(const struct guest *guest, unsigned i)
{
	return (struct virtq_desc *)(void *)guest->desc_area + i;
}

static inline struct virtq_packed_desc *guest_packed(const struct guest *guest, unsigned i)
{
	return (struct virtq_packed_desc *)(void *)guest->desc_area + i;
}

/* Packed: what the driver waits for, and what we do. */
static inline struct virtq_event *guest_driver_event(const struct guest *guest)
{
	return (struct virtq_event *)(void *)guest->driver_area;
}

static inline struct virtq_event *guest_device_event(const struct guest *guest)
{
	return (struct virtq_event *)(void *)guest->device_area;
}

static inline struct virtq_avail *guest_avail(const struct guest *guest)
{
	return (struct virtq_avail *)(void *)guest->driver_area;
}

static inline struct virtq_used *guest_used(const struct guest *guest)
{
	return (struct virtq_used *)(void *)guest->device_area;
}

/* Takes len bytes of guest memory that nothing else uses; a test takes less than there is. */
uint64_t guest_take(struct guest *guest, uint32_t len);
void guest_write(struct guest *guest, uint64_t gpa, const void *buf, uint32_t len);
void guest_read(const struct guest *guest, uint64_t gpa, void *buf, uint32_t len);

/* The free descriptors of the ring. */
unsigned guest_room(const struct guest *guest);
/* Makes a chain available; returns its id. Split: the number of its first descriptor. */
uint16_t guest_post(struct guest *guest, const struct guest_chain *chain);
/* The same for one direct descriptor of new memory. */
struct guest_piece guest_post_one(struct guest *guest, uint32_t len, bool write);
/* Takes one used buffer back; false: there is none, or it is not the one that has to come next. */
bool guest_collect(struct guest *guest, struct guest_used *used);
/* Takes back all; returns how many. */
unsigned guest_collect_all(struct guest *guest);
/* A place in a packed ring moved on by n descriptors, by the slow and sure way. */
uint16_t guest_place_after(const struct guest *guest, uint16_t place, unsigned n);
/* Notifications since the last call. */
unsigned guest_notified(struct guest *guest);

/* Remembers all guest memory, and asks whether it is the same now but for the n pieces. */
void guest_remember(struct guest *guest);
bool guest_unchanged_but(const struct guest *guest, const struct guest_piece *pieces, unsigned n);

#endif
