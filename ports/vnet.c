#include "ports/vnet.h"
#include "ports/frame.h"

static const uint8_t needs_of_gso[256] = {
	[VIRTIO_NET_HDR_GSO_TCPV4] = FRAME_NEEDS_TSO4,
	[VIRTIO_NET_HDR_GSO_TCPV6] = FRAME_NEEDS_TSO6,
};

int vnet_check_slow(struct virtio_net_hdr *hdr, uint32_t len, uint8_t allowed)
{
	uint8_t needs = FRAME_NEEDS_CSUM;

	/* A checksum to fill in is the base of every other offload; and it has to lie in the frame.
	 */
	if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return -1;
	if ((uint32_t)hdr->csum_start + hdr->csum_offset + 2 > len)
		return -1;
	/* Who completes it writes: not to the addresses, by which the frame has been judged. */
	if (hdr->csum_start < FRAME_LEN_MIN)
		return -1;
	if (hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		needs |= needs_of_gso[hdr->gso_type];
		if (needs == FRAME_NEEDS_CSUM || hdr->gso_size == 0)
			return -1;
	} else {
		hdr->gso_size = 0;
	}
	if (needs & ~allowed)
		return -1;
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->num_buffers = 1;
	/* Only a hint (5.1.6.2), but a receiver may size its linear part by it. */
	if (hdr->hdr_len > len)
		hdr->hdr_len = (uint16_t)len;
	return needs;
}
