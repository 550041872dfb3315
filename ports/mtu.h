/* mtu.h - which frames a port's mtu lets through.
 *
 * Threads:   any worker; the mtu may change beside them. */
#ifndef PORTS_MTU_H
#define PORTS_MTU_H

#include "ports/port.h"

enum { MTU_TCP_HEADER_LEN = 20, MTU_TAG_LEN = 4 };

/* Bytes of the VLAN tags in front: they do not count (IEEE 802.1Q G.2.3). */
static inline uint32_t mtu_tags_len(const struct frame *frame)
{
	uint32_t len = 0;

	while (len <= MTU_TAG_LEN) {
		const uint8_t *type = frame->head + 12 + len;

		if (!(type[0] == 0x81 && type[1] == 0x00) && !(type[0] == 0x88 && type[1] == 0xa8))
			break;
		len += MTU_TAG_LEN;
	}
	return len;
}

/* The length on the wire of the longest frame that this one becomes. A frame to be segmented: by
 * its TCP header's least length. */
static inline uint32_t mtu_frame_len(const struct frame *frame)
{
	uint32_t len = (uint32_t)frame->vnet.csum_start + MTU_TCP_HEADER_LEN + frame->vnet.gso_size;

	if (!(frame->needs & (FRAME_NEEDS_TSO4 | FRAME_NEEDS_TSO6)) || frame->len < len)
		return frame->len;
	return len;
}

/* How many of the frames, from the first, the port's mtu lets through. */
static inline unsigned mtu_n_within(const struct port *port, const struct frame *const *frames,
				    unsigned n)
{
	uint32_t max = __atomic_load_n(&port->frame_max, __ATOMIC_RELAXED);

	if (max >= FRAME_LEN_MAX)
		return n;
	for (unsigned i = 0; i < n; i++)
		if (frames[i]->len > max &&
		    mtu_frame_len(frames[i]) > max + mtu_tags_len(frames[i]))
			return i;
	return n;
}

#endif
