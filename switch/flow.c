#include "switch/flow.h"

#include <netinet/in.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <string.h>

enum { PORTS_LEN = 4 };

static uint64_t mix(uint64_t hash, const uint8_t *bytes, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, bytes, len);
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint16_t u16_at(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

static uint64_t hash_ipv4(const uint8_t *ip, uint32_t len)
{
	uint64_t hash = mix(0, ip + offsetof(struct rte_ipv4_hdr, src_addr), 8);
	uint32_t ip_len = (ip[0] & RTE_IPV4_HDR_IHL_MASK) * RTE_IPV4_IHL_MULTIPLIER;
	uint16_t fragment = u16_at(ip + offsetof(struct rte_ipv4_hdr, fragment_offset));

	/* Only the first fragment has ports, and all of them are to stay together. */
	if (fragment & (RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK))
		return hash;
	if (has_ports(ip[offsetof(struct rte_ipv4_hdr, next_proto_id)]) &&
	    ip_len >= sizeof(struct rte_ipv4_hdr) && ip_len + PORTS_LEN <= len)
		hash = mix(hash, ip + ip_len, PORTS_LEN);
	return hash;
}

static uint64_t hash_ipv6(const uint8_t *ip, uint32_t len)
{
	uint64_t hash = 0;

	for (unsigned i = 0; i < 4; i++)
		hash = mix(hash, ip + offsetof(struct rte_ipv6_hdr, src_addr) + 8 * i, 8);
	if (has_ports(ip[offsetof(struct rte_ipv6_hdr, proto)]) &&
	    sizeof(struct rte_ipv6_hdr) + PORTS_LEN <= len)
		hash = mix(hash, ip + sizeof(struct rte_ipv6_hdr), PORTS_LEN);
	return hash;
}

uint32_t flow_hash(const struct frame *frame)
{
	uint32_t l3 = RTE_ETHER_HDR_LEN;
	uint16_t ethertype = u16_at(frame->head + l3 - 2);
	uint64_t hash;

	if (ethertype == RTE_ETHER_TYPE_VLAN && frame->head_len >= l3 + RTE_VLAN_HLEN) {
		l3 += RTE_VLAN_HLEN;
		ethertype = u16_at(frame->head + l3 - 2);
	}
	if (ethertype == RTE_ETHER_TYPE_IPV4 &&
	    frame->head_len >= l3 + sizeof(struct rte_ipv4_hdr)) {
		hash = hash_ipv4(frame->head + l3, frame->head_len - l3);
	} else if (ethertype == RTE_ETHER_TYPE_IPV6 &&
		   frame->head_len >= l3 + sizeof(struct rte_ipv6_hdr)) {
		hash = hash_ipv6(frame->head + l3, frame->head_len - l3);
	} else {
		hash = mix(0, frame->head, RTE_ETHER_ADDR_LEN);
		hash = mix(hash, frame->head + RTE_ETHER_ADDR_LEN, RTE_ETHER_ADDR_LEN);
	}
	return (uint32_t)(hash >> 32);
}

void flow_spread(struct outbox_list *list, unsigned n)
{
	const struct frame *frames[BURST_MAX];
	uint8_t queue[BURST_MAX];
	unsigned n_sorted = 0;

	for (unsigned i = 0; i < list->n; i++) {
		frames[i] = list->frames[i];
		queue[i] = (uint8_t)flow_queue(flow_hash(frames[i]), n);
	}
	for (unsigned q = 0; q < n; q++)
		for (unsigned i = 0; i < list->n; i++)
			if (queue[i] == q) {
				list->frames[n_sorted] = frames[i];
				list->queue[n_sorted++] = (uint8_t)q;
			}
	list->spread = true;
}
