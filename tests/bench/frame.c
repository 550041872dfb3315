#include "frame.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <string.h>

static_assert(sizeof(struct virtio_net_hdr_mrg_rxbuf) == FRAME_VNET_LEN, "virtio header");

static uint32_t sum16(const void *data, unsigned len)
{
	const unsigned char *bytes = data;
	uint32_t sum = 0;
	unsigned i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)sum);
}

static void set_mac(unsigned char *mac, unsigned port, unsigned address)
{
	const unsigned char bytes[ETH_ALEN] = {
		0x02,
		(unsigned char)(port >> 8),
		(unsigned char)port,
		(unsigned char)(address >> 16),
		(unsigned char)(address >> 8),
		(unsigned char)address,
	};

	memcpy(mac, bytes, ETH_ALEN);
}

static uint32_t ip_of(unsigned port, unsigned address)
{
	return htonl(10u << 24 | (port & 0xff) << 16 | ((address + 1) & 0xffff));
}

/* For segmentation offload the checksum field holds the sum of the pseudo header without the length
 * of each segment's own; whoever segments or forwards completes it (VIRTIO 1.2 section 5.1.6.2). */
static void build_tcp(unsigned char *frame, const struct iphdr *ip, unsigned len)
{
	unsigned tcp_len = len - ETH_HLEN - (unsigned)sizeof(*ip);
	struct tcphdr tcp = {.source = htons(1024), .dest = htons(5001), .doff = 5, .ack = 1};
	uint32_t sum = sum16(&ip->saddr, 8) + IPPROTO_TCP + tcp_len;

	tcp.window = htons(0xffff);
	tcp.check = fold(sum);
	memcpy(frame + ETH_HLEN + sizeof(*ip), &tcp, sizeof(tcp));
}

static void build_udp(unsigned char *frame, unsigned len)
{
	unsigned udp_len = len - ETH_HLEN - (unsigned)sizeof(struct iphdr);
	struct udphdr udp = {.source = htons(1024), .dest = htons(5001)};

	udp.len = htons((uint16_t)udp_len); /* the checksum 0 says that there is none */
	memcpy(frame + ETH_HLEN + sizeof(struct iphdr), &udp, sizeof(udp));
}

static void build_vnet(unsigned char *buf, const struct frame_spec *spec)
{
	struct virtio_net_hdr_mrg_rxbuf vnet = {.num_buffers = 0};

	if (spec->tso) {
		vnet.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		vnet.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		vnet.hdr.gso_size = (uint16_t)spec->tso;
		vnet.hdr.hdr_len = FRAME_TAG_OFFSET;
		vnet.hdr.csum_start = ETH_HLEN + sizeof(struct iphdr);
		vnet.hdr.csum_offset = offsetof(struct tcphdr, check);
	}
	memcpy(buf, &vnet, sizeof(vnet));
}

void frame_build(unsigned char *buf, const struct frame_spec *spec)
{
	unsigned char *frame = buf + FRAME_VNET_LEN;
	const struct frame_tag tag = {FRAME_MAGIC, (uint16_t)spec->src, (uint16_t)spec->dst,
				      spec->number};
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)(spec->len - ETH_HLEN)),
		.ttl = 64,
		.protocol = spec->tso ? IPPROTO_TCP : IPPROTO_UDP,
		.saddr = ip_of(spec->src, spec->src_address),
		.daddr = ip_of(spec->dst, spec->dst_address),
	};

	build_vnet(buf, spec);
	if (spec->dst == FRAME_TO_ALL)
		memset(frame, 0xff, ETH_ALEN);
	else
		set_mac(frame, spec->dst, spec->dst_address);
	set_mac(frame + ETH_ALEN, spec->src, spec->src_address);
	frame[12] = ETH_P_IP >> 8;
	frame[13] = ETH_P_IP & 0xff;
	ip.check = (uint16_t)~fold(sum16(&ip, sizeof(ip)));
	memcpy(frame + ETH_HLEN, &ip, sizeof(ip));
	memset(frame + ETH_HLEN + sizeof(ip), 0, FRAME_TAG_OFFSET - ETH_HLEN - sizeof(ip));
	if (spec->tso)
		build_tcp(frame, &ip, spec->len);
	else
		build_udp(frame, spec->len);
	memcpy(frame + FRAME_TAG_OFFSET, &tag, sizeof(tag));
}

void frame_fill_payload(unsigned char *frame, unsigned len)
{
	unsigned i;

	for (i = FRAME_FIXED_LEN; i < len; i++)
		frame[i] = (unsigned char)(i * 31 + (i >> 8) + 7);
}
