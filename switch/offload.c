#include "switch/offload.h"

#include <errno.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEADERS_MAX = 192, /* Ethernet, two tags, IP, TCP, with the longest options */
	OUT_LEN = FRAME_LEN_MAX + OFFLOAD_MAX_SEGMENTS * HEADERS_MAX,
};

struct offload {
	struct frame frames[OFFLOAD_MAX_SEGMENTS];
	struct segment segments[OFFLOAD_MAX_SEGMENTS];
	const struct frame *list[OFFLOAD_MAX_SEGMENTS];
	unsigned n;
	uint8_t whole[FRAME_LEN_MAX];
	uint8_t out[OUT_LEN];
};

struct offload *offload_new(void)
{
	struct offload *offload = aligned_alloc(64, (sizeof(*offload) + 63) / 64 * 64);

	if (!offload)
		return NULL;
	memset(offload, 0, sizeof(*offload));
	for (unsigned i = 0; i < OFFLOAD_MAX_SEGMENTS; i++)
		offload->list[i] = &offload->frames[i];
	return offload;
}

void offload_free(struct offload *offload)
{
	free(offload);
}

/* Appends the frame that lies in one piece at bytes. */
static void put(struct offload *offload, uint8_t *bytes, uint32_t len)
{
	struct frame *frame = &offload->frames[offload->n];

	frame->vnet = (struct virtio_net_hdr){.num_buffers = 1};
	frame->needs = 0;
	frame->len = len;
	frame->head_len = len < FRAME_HEAD_LEN ? (uint16_t)len : FRAME_HEAD_LEN;
	memcpy(frame->head, bytes, frame->head_len);
	offload->segments[offload->n] =
		(struct segment){.addr = bytes + frame->head_len, .len = len - frame->head_len};
	frame->segments = &offload->segments[offload->n];
	frame->n_segments = len > frame->head_len;
	offload->n++;
}

static void make_whole(struct offload *offload, const struct frame *frame)
{
	uint8_t *at = offload->whole;

	memcpy(at, frame->head, frame->head_len);
	at += frame->head_len;
	for (unsigned i = 0; i < frame->n_segments; i++) {
		memcpy(at, frame->segments[i].addr, frame->segments[i].len);
		at += frame->segments[i].len;
	}
}

/* The sender has put the pseudo-header's sum into the field (VIRTIO 1.2 section 5.1.6.2). */
static void fill_checksum(uint8_t *bytes, uint32_t len, const struct virtio_net_hdr *hdr)
{
	uint16_t sum = (uint16_t)~rte_raw_cksum(bytes + hdr->csum_start, len - hdr->csum_start);

	/* Zero means "none" to UDP, and its complement is the same number (RFC 768). */
	if (sum == 0 && hdr->csum_offset == offsetof(struct rte_udp_hdr, dgram_cksum))
		sum = 0xffff;
	memcpy(bytes + hdr->csum_start + hdr->csum_offset, &sum, sizeof(sum));
}

/* Where the headers of a TCP frame begin, in bytes from its start. */
struct headers {
	uint32_t l3;
	uint32_t l4;
	uint32_t payload;
	bool ipv6;
};

static bool find_l3(const uint8_t *bytes, uint32_t len, struct headers *headers)
{
	uint32_t at = offsetof(struct rte_ether_hdr, ether_type);

	for (unsigned tags = 0; tags <= 2 && at + 2 <= len; tags++, at += RTE_VLAN_HLEN) {
		uint16_t ethertype = (uint16_t)(bytes[at] << 8 | bytes[at + 1]);

		if (ethertype == RTE_ETHER_TYPE_VLAN || ethertype == RTE_ETHER_TYPE_QINQ)
			continue;
		headers->l3 = at + 2;
		headers->ipv6 = ethertype == RTE_ETHER_TYPE_IPV6;
		return ethertype == RTE_ETHER_TYPE_IPV4 || ethertype == RTE_ETHER_TYPE_IPV6;
	}
	return false;
}

/* True when what the virtio_net_hdr says and what the frame holds agree, down to the length of the
 * TCP header. IPv6 with extension headers is not segmented: no guest is known to ask for it. */
static bool find_headers(const uint8_t *bytes, const struct frame *frame, struct headers *headers)
{
	uint32_t l3_len = sizeof(struct rte_ipv6_hdr);
	uint8_t proto;

	if (!find_l3(bytes, frame->len, headers) ||
	    headers->ipv6 != !!(frame->needs & FRAME_NEEDS_TSO6))
		return false;
	headers->l4 = frame->vnet.csum_start;
	if (headers->l4 < headers->l3 + sizeof(struct rte_ipv4_hdr))
		return false;
	if (headers->ipv6) {
		proto = bytes[headers->l3 + offsetof(struct rte_ipv6_hdr, proto)];
	} else {
		l3_len = (bytes[headers->l3] & RTE_IPV4_HDR_IHL_MASK) * RTE_IPV4_IHL_MULTIPLIER;
		proto = bytes[headers->l3 + offsetof(struct rte_ipv4_hdr, next_proto_id)];
	}
	if (headers->l4 != headers->l3 + l3_len || proto != IPPROTO_TCP ||
	    frame->vnet.csum_offset != offsetof(struct rte_tcp_hdr, cksum) ||
	    headers->l4 + sizeof(struct rte_tcp_hdr) > frame->len)
		return false;
	headers->payload = headers->l4 +
			   (bytes[headers->l4 + offsetof(struct rte_tcp_hdr, data_off)] >> 4) * 4u;
	return headers->payload >= headers->l4 + sizeof(struct rte_tcp_hdr) &&
	       headers->payload < frame->len && headers->payload <= HEADERS_MAX;
}

/* Makes the headers at bytes those of the segment with number i, whose frame has len bytes. */
static void fix_headers(uint8_t *bytes, uint32_t len, const struct headers *headers, unsigned i,
			uint32_t offset, bool last)
{
	struct rte_tcp_hdr *tcp = (void *)(bytes + headers->l4);

	tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) + offset);
	if (!last)
		tcp->tcp_flags &= (uint8_t) ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
	if (i > 0)
		tcp->tcp_flags &= (uint8_t)~RTE_TCP_CWR_FLAG;
	tcp->cksum = 0;
	if (headers->ipv6) {
		struct rte_ipv6_hdr *ip = (void *)(bytes + headers->l3);

		ip->payload_len = rte_cpu_to_be_16((uint16_t)(len - headers->l4));
		tcp->cksum = rte_ipv6_udptcp_cksum(ip, tcp);
	} else {
		struct rte_ipv4_hdr *ip = (void *)(bytes + headers->l3);

		ip->total_length = rte_cpu_to_be_16((uint16_t)(len - headers->l3));
		ip->packet_id = rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(ip->packet_id) + i));
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
		tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	}
}

static unsigned segment_tcp(struct offload *offload, const struct frame *frame)
{
	uint32_t mss = frame->vnet.gso_size;
	uint8_t *out = offload->out;
	struct headers headers;
	uint32_t n_payload;

	if (!find_headers(offload->whole, frame, &headers))
		return 0;
	n_payload = frame->len - headers.payload;
	if ((n_payload + mss - 1) / mss > OFFLOAD_MAX_SEGMENTS)
		return 0;
	for (uint32_t offset = 0; offset < n_payload; offset += mss) {
		uint32_t here = n_payload - offset < mss ? n_payload - offset : mss;
		uint32_t len = headers.payload + here;

		memcpy(out, offload->whole, headers.payload);
		memcpy(out + headers.payload, offload->whole + headers.payload + offset, here);
		fix_headers(out, len, &headers, offload->n, offset, offset + here == n_payload);
		put(offload, out, len);
		out += len;
	}
	return offload->n;
}

unsigned offload_complete(struct offload *offload, const struct frame *frame, uint8_t offloads,
			  const struct frame *const **completed)
{
	*completed = offload->list;
	offload->n = 0;
	make_whole(offload, frame);
	if (frame->needs & ~offloads & (FRAME_NEEDS_TSO4 | FRAME_NEEDS_TSO6))
		return segment_tcp(offload, frame);
	fill_checksum(offload->whole, frame->len, &frame->vnet);
	put(offload, offload->whole, frame->len);
	/* Whoever takes GSO takes partial checksums (VIRTIO 1.2 section 5.1.3.1), so nothing else
	 * is left to need. */
	return frame->needs & (FRAME_NEEDS_TSO4 | FRAME_NEEDS_TSO6) ? 0 : offload->n;
}
