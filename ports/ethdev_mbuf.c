#include "ports/ethdev_mbuf.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

/* Where the headers of a frame are that a device is to complete. */
struct headers {
	uint32_t l3;
	uint32_t l4;
	bool ipv6;
	uint8_t proto;
};

/* Describes the packet as the next frame of the burst, whose arena has room for it. */
static void describe(const struct rte_mbuf *at, struct burst *burst)
{
	struct frame *frame = &burst->frames[burst->n];
	uint32_t skip;

	frame->vnet = (struct virtio_net_hdr){.num_buffers = 1};
	frame->needs = 0;
	frame->len = at->pkt_len;
	frame->head_len = (uint16_t)RTE_MIN(at->pkt_len, (uint32_t)FRAME_HEAD_LEN);
	skip = frame->head_len;
	frame->segments = &burst->segments[burst->n_segments];
	frame->n_segments = 0;
	for (uint32_t n = 0; at; at = at->next) {
		uint32_t here = RTE_MIN((uint32_t)at->data_len, skip);

		memcpy(frame->head + n, rte_pktmbuf_mtod(at, uint8_t *), here);
		n += here;
		skip -= here;
		if (at->data_len == here)
			continue;
		burst->segments[burst->n_segments++] = (struct segment){
			.addr = rte_pktmbuf_mtod(at, uint8_t *) + here, .len = at->data_len - here};
		frame->n_segments++;
	}
}

void ethdev_mbuf_see(struct rte_mbuf **mbuf, struct burst *burst)
{
	uint32_t len;

	/* A device that takes the tag out of the frame leaves it beside. */
	if (((*mbuf)->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) && rte_vlan_insert(mbuf) < 0) {
		burst_refuse(burst, DROP_VLAN);
		return;
	}
	if (burst->n_segments + (*mbuf)->nb_segs > BURST_SEGMENTS) {
		burst_refuse(burst, DROP_OVERSIZE);
		return;
	}
	describe(*mbuf, burst);
	len = (*mbuf)->pkt_len;
	if (len < FRAME_LEN_MIN || len > FRAME_LEN_MAX)
		burst_refuse_and_keep(burst, len < FRAME_LEN_MIN ? DROP_RUNT : DROP_OVERSIZE);
	else
		burst->n++;
}

/* Appends bytes to the packet that begins with first and ends with *last, in as many mbufs as it
 * takes. */
static bool append(const struct ethdev_device *device, struct rte_mbuf *first,
		   struct rte_mbuf **last, const uint8_t *bytes, uint32_t len)
{
	while (len > 0) {
		uint32_t here = RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(*last));

		if (here == 0) {
			struct rte_mbuf *next = rte_pktmbuf_alloc(device->pool);

			if (!next)
				return false;
			(*last)->next = next;
			*last = next;
			first->nb_segs++;
			continue;
		}
		memcpy(rte_pktmbuf_mtod_offset(*last, uint8_t *, (*last)->data_len), bytes, here);
		(*last)->data_len = (uint16_t)((*last)->data_len + here);
		first->pkt_len += here;
		bytes += here;
		len -= here;
	}
	return true;
}

static bool find_headers(const struct frame *frame, const struct rte_mbuf *mbuf,
			 struct headers *headers)
{
	const uint8_t *bytes = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint32_t at = 2 * RTE_ETHER_ADDR_LEN;
	uint32_t l3_len;
	uint16_t type = 0;

	for (unsigned tags = 0; tags <= 2; tags++, at += RTE_VLAN_HLEN) {
		if (at + 2 + sizeof(struct rte_ipv6_hdr) > mbuf->data_len)
			return false;
		type = (uint16_t)(bytes[at] << 8 | bytes[at + 1]);
		if (type != RTE_ETHER_TYPE_VLAN && type != RTE_ETHER_TYPE_QINQ)
			break;
	}
	headers->l3 = at + 2;
	headers->l4 = frame->vnet.csum_start;
	headers->ipv6 = type == RTE_ETHER_TYPE_IPV6;
	if (headers->ipv6) {
		headers->proto = bytes[headers->l3 + offsetof(struct rte_ipv6_hdr, proto)];
		return headers->l4 == headers->l3 + sizeof(struct rte_ipv6_hdr);
	}
	headers->proto = bytes[headers->l3 + offsetof(struct rte_ipv4_hdr, next_proto_id)];
	l3_len = (bytes[headers->l3] & RTE_IPV4_HDR_IHL_MASK) * RTE_IPV4_IHL_MULTIPLIER;
	return type == RTE_ETHER_TYPE_IPV4 && l3_len >= sizeof(struct rte_ipv4_hdr) &&
	       headers->l4 == headers->l3 + l3_len;
}

/* Tells the device what the frame needs. False: it is none of the protocols that devices know. */
static bool ask_device(const struct frame *frame, struct rte_mbuf *mbuf)
{
	bool cut = frame->needs & (FRAME_NEEDS_TSO4 | FRAME_NEEDS_TSO6);
	const uint8_t *bytes = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	struct headers headers;

	if (!find_headers(frame, mbuf, &headers))
		return false;
	mbuf->l2_len = headers.l3 & 0x7f;
	mbuf->l3_len = (headers.l4 - headers.l3) & 0x1ff;
	mbuf->ol_flags |= headers.ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
	if (headers.proto == IPPROTO_UDP && !cut &&
	    frame->vnet.csum_offset == offsetof(struct rte_udp_hdr, dgram_cksum)) {
		mbuf->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
		return true;
	}
	if (headers.proto != IPPROTO_TCP ||
	    frame->vnet.csum_offset != offsetof(struct rte_tcp_hdr, cksum) ||
	    headers.l4 + sizeof(struct rte_tcp_hdr) > mbuf->data_len)
		return false;
	mbuf->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
	if (!cut)
		return true;
	mbuf->l4_len = (bytes[headers.l4 + offsetof(struct rte_tcp_hdr, data_off)] >> 4) * 4u;
	mbuf->tso_segsz = frame->vnet.gso_size;
	mbuf->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	if (!headers.ipv6)
		mbuf->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
	return mbuf->l4_len >= sizeof(struct rte_tcp_hdr) &&
	       headers.l4 + mbuf->l4_len < mbuf->pkt_len;
}

/* The checksum of any other protocol, by ourselves. */
static bool fill_checksum(const struct frame *frame, struct rte_mbuf *mbuf)
{
	uint32_t start = frame->vnet.csum_start;
	uint32_t place = start + frame->vnet.csum_offset;
	uint16_t sum;

	mbuf->ol_flags &= ~(RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6);
	if (place + sizeof(sum) > mbuf->data_len ||
	    rte_raw_cksum_mbuf(mbuf, start, mbuf->pkt_len - start, &sum) < 0)
		return false;
	sum = (uint16_t)~sum;
	/* Zero means "none" to UDP, and its complement is the same number (RFC 768). */
	if (sum == 0 && frame->vnet.csum_offset == offsetof(struct rte_udp_hdr, dgram_cksum))
		sum = 0xffff;
	memcpy(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, place), &sum, sizeof(sum));
	return true;
}

struct rte_mbuf *ethdev_mbuf_make(const struct ethdev_device *device, const struct frame *frame,
				  enum drop_reason *why)
{
	bool cut = frame->needs & (FRAME_NEEDS_TSO4 | FRAME_NEEDS_TSO6);
	struct rte_mbuf *mbuf, *last;
	bool whole;

	*why = DROP_TOO_BIG;
	if (frame->len > device->data_len && !device->scatters)
		return NULL;
	*why = DROP_TX_FULL;
	mbuf = rte_pktmbuf_alloc(device->pool);
	if (!mbuf)
		return NULL;
	last = mbuf;
	whole = append(device, mbuf, &last, frame->head, frame->head_len);
	for (unsigned i = 0; whole && i < frame->n_segments; i++)
		whole = append(device, mbuf, &last, frame->segments[i].addr,
			       frame->segments[i].len);
	if (whole) {
		*why = DROP_NO_OFFLOAD;
		if (!frame->needs || ask_device(frame, mbuf) ||
		    (!cut && fill_checksum(frame, mbuf)))
			return mbuf;
	}
	rte_pktmbuf_free(mbuf);
	return NULL;
}
