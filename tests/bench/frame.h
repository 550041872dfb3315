/* frame.h - what the generator sends: IPv4 frames that say who sent them to whom and which one they
 * are.
 *
 * Threads:   none, pure functions.
 * Ownership: borrows buffers.
 * Failure:   none. */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <assert.h>
#include <stdint.h>

enum {
	FRAME_VNET_LEN = 12,
	FRAME_TAG_OFFSET = 54, /* behind Ethernet, IPv4 and TCP; a 64-byte frame ends with it */
	FRAME_FIXED_LEN = 64,  /* from here on the payload is the same in all frames */
	FRAME_MAGIC = 0x5247,
	FRAME_TO_ALL = 0xffff,
};
#define FRAME_LEARN 0xffffffffu /* number of a frame that only shows its source address */

struct frame_tag {
	uint16_t magic;
	uint16_t src, dst; /* ports */
	uint32_t number;
} __attribute__((packed));
static_assert(FRAME_TAG_OFFSET + sizeof(struct frame_tag) == FRAME_FIXED_LEN, "tag ends the frame");

struct frame_spec {
	unsigned src, dst; /* ports; dst may be FRAME_TO_ALL */
	unsigned src_address, dst_address;
	uint32_t number;
	unsigned len; /* without virtio header */
	unsigned tso; /* segment size or 0 */
};

/* Writes virtio header, frame headers and tag; FRAME_VNET_LEN + FRAME_FIXED_LEN bytes. */
void frame_build(unsigned char *buf, const struct frame_spec *spec);
/* The payload of a whole frame as all frames have it; [0, FRAME_FIXED_LEN) is not meaningful. */
void frame_fill_payload(unsigned char *frame, unsigned len);

#endif
