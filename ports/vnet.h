/* vnet.h - the virtio_net_hdr in front of a frame: what a guest may say there, and what we tell the
 * next guest.
 *
 * Threads:   none of its own. */
#ifndef PORTS_VNET_H
#define PORTS_VNET_H

#include "ports/frame.h"

#include <stdbool.h>

/* Checks a header that a guest wrote before a frame of len bytes (VIRTIO 1.2 section 5.1.6.2),
 * allowed being the frame_needs that the guest negotiated, and normalises it: unknown flags gone,
 * num_buffers 1, hdr_len within the frame, all zero but num_buffers when it asks for nothing.
 * Returns the frame's needs, or -1 when the header lies. */
int vnet_check_slow(struct virtio_net_hdr *hdr, uint32_t len, uint8_t allowed);

/* What a header that asks for nothing looks like to us. */
static inline int vnet_check(struct virtio_net_hdr *hdr, uint32_t len, uint8_t allowed)
{
	if (__builtin_expect(((hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) | hdr->gso_type) != 0, 0))
		return vnet_check_slow(hdr, len, allowed);
	*hdr = (struct virtio_net_hdr){.num_buffers = 1};
	return 0;
}

#endif
