/* capture_ring.h - a ring of bytes that carries copies of frames from one worker to the writer of
 * captures.
 *
 * Threads:   one producer (reserve, commit) and one consumer (end, next, consume), without locks.
 * Ownership: capture_ring_new() gives, capture_ring_free() takes back. Records lie in the ring.
 * Failure:   a full ring refuses; nobody waits. */
#ifndef SWITCH_CAPTURE_RING_H
#define SWITCH_CAPTURE_RING_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { CAPTURE_RECORD_ALIGN = 32 };

struct capture_record {
	uint64_t tsc;
	uint32_t size;	 /* of the whole record, a multiple of CAPTURE_RECORD_ALIGN */
	uint32_t takers; /* captures that want it, as bits; 0: only fills the end of the ring */
	uint32_t len;	 /* of the frame */
	uint32_t cap_len;
	uint16_t port;
	uint16_t queue;
	uint8_t point; /* enum capture_point */
	uint8_t why;   /* enum drop_reason */
	uint8_t needs; /* enum frame_needs */
	uint8_t unused;
	uint8_t data[];
};
static_assert(sizeof(struct capture_record) == CAPTURE_RECORD_ALIGN, "a header fits at any end");

struct capture_ring {
	uint8_t *bytes;
	uint64_t size; /* a power of 2 */
	/* The producer's; released by commit, acquired by the consumer. */
	_Alignas(64) _Atomic uint64_t head;
	uint64_t tail_seen;
	uint64_t pending; /* bytes that reserve() took, padding included */
	/* The consumer's; released by consume, acquired by the producer. */
	_Alignas(64) _Atomic uint64_t tail;
};

/* size is a power of 2. All pages are touched, so that no worker has to. NULL with errno. */
struct capture_ring *capture_ring_new(uint64_t size);
void capture_ring_free(struct capture_ring *ring);

/* Room for a record with cap_len bytes of data, its size and cap_len filled in; NULL: the ring is
 * full. */
struct capture_record *capture_ring_reserve(struct capture_ring *ring, uint32_t cap_len);
/* Shows the consumer the record that was reserved last. */
void capture_ring_commit(struct capture_ring *ring);

/* Where the ring ends now. */
uint64_t capture_ring_end(const struct capture_ring *ring);
/* The oldest record before end, or NULL. */
const struct capture_record *capture_ring_next(struct capture_ring *ring, uint64_t end);
/* Gives back the record that next() returned. */
void capture_ring_consume(struct capture_ring *ring, const struct capture_record *record);

#endif
