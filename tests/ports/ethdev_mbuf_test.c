/* Frames that come from a device and go to one. OFL-02, OFL-08, VLN-16. */
#include "ports/ethdev_mbuf.h"
#include "tests/ports/mbuf_pool.h"
#include "tests/suite.h"

#include <netinet/in.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <string.h>

enum { ROOM = 2048, N_MBUFS = 64, MSS = 1448, TCP4_LEN = 14 + 20 + 20, TCP6_LEN = 14 + 40 + 20 };

static struct burst burst;

static void fill(uint8_t *bytes, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
}

static void gather(const struct frame *frame, uint8_t *to)
{
	memcpy(to, frame->head, frame->head_len);
	to += frame->head_len;
	for (unsigned i = 0; i < frame->n_segments; i++) {
		CU_ASSERT_NOT_EQUAL(frame->segments[i].len, 0);
		memcpy(to, frame->segments[i].addr, frame->segments[i].len);
		to += frame->segments[i].len;
	}
}

static void a_packet_is_seen_whole_however_it_is_cut(void)
{
	static const unsigned cuts[][6] = {{60},
					   {64},
					   {65},
					   {1514},
					   {14, 50},
					   {14, 51, 3},
					   {1, 1, 1, 61, 200},
					   {64, 1450},
					   {2000, 2000, 2000}};
	struct rte_mempool *pool = mbuf_pool_new(N_MBUFS, ROOM);
	uint8_t sent[8192], seen[8192];

	fill(sent, sizeof(sent));
	for (unsigned i = 0; i < RTE_DIM(cuts); i++) {
		struct rte_mbuf *mbuf = mbuf_packet(pool, cuts[i], sent);
		const struct frame *frame = &burst.frames[0];

		burst_reset(&burst);
		ethdev_mbuf_see(&mbuf, &burst);
		CU_ASSERT_EQUAL_FATAL(burst.n, 1);
		CU_ASSERT_EQUAL(frame->len, mbuf->pkt_len);
		CU_ASSERT_EQUAL(frame->needs, 0);
		gather(frame, seen);
		CU_ASSERT_EQUAL(memcmp(seen, sent, frame->len), 0);
		rte_pktmbuf_free(mbuf);
	}
	mbuf_pool_free(pool);
}

static void lengths_that_no_frame_has_are_refused_and_kept_for_captures(void)
{
	static const unsigned too_short[] = {13, 0}, too_long[] = {40000, 25554, 0},
			      longest[] = {40000, 25553, 0};
	struct rte_mempool *pool = mbuf_pool_new(2, 40000);
	static uint8_t bytes[65554], seen[65554];
	struct rte_mbuf *mbuf;

	fill(bytes, sizeof(bytes));
	burst_reset(&burst);
	mbuf = mbuf_packet(pool, too_short, bytes);
	ethdev_mbuf_see(&mbuf, &burst);
	CU_ASSERT_EQUAL(burst.n_dropped[DROP_RUNT], 1);
	CU_ASSERT_EQUAL_FATAL(burst.n_kept, 1);
	gather(burst_kept(&burst, 0), seen);
	CU_ASSERT_EQUAL(burst_kept(&burst, 0)->len, 13);
	CU_ASSERT_EQUAL(memcmp(seen, bytes, 13), 0);
	rte_pktmbuf_free(mbuf);

	mbuf = mbuf_packet(pool, too_long, bytes);
	ethdev_mbuf_see(&mbuf, &burst);
	CU_ASSERT_EQUAL(burst.n_dropped[DROP_OVERSIZE], 1);
	CU_ASSERT_EQUAL_FATAL(burst.n_kept, 2);
	gather(burst_kept(&burst, 1), seen);
	CU_ASSERT_EQUAL(memcmp(seen, bytes, sizeof(bytes)), 0);
	CU_ASSERT_EQUAL(burst.n, 0);
	rte_pktmbuf_free(mbuf);

	mbuf = mbuf_packet(pool, longest, bytes);
	ethdev_mbuf_see(&mbuf, &burst);
	CU_ASSERT_EQUAL(burst.n, 1);
	rte_pktmbuf_free(mbuf);
	mbuf_pool_free(pool);
}

static void a_packet_of_more_pieces_than_the_arena_has_left_is_refused(void)
{
	static const unsigned cut[] = {64, 1, 1, 0};
	struct rte_mempool *pool = mbuf_pool_new(3, ROOM);
	uint8_t bytes[66];
	struct rte_mbuf *mbuf;

	fill(bytes, sizeof(bytes));
	mbuf = mbuf_packet(pool, cut, bytes);
	burst_reset(&burst);
	burst.n_segments = BURST_SEGMENTS - 2;
	ethdev_mbuf_see(&mbuf, &burst);
	CU_ASSERT_EQUAL(burst.n, 0);
	CU_ASSERT_EQUAL(burst.n_dropped[DROP_OVERSIZE], 1);
	burst.n_segments = BURST_SEGMENTS - 3;
	ethdev_mbuf_see(&mbuf, &burst);
	CU_ASSERT_EQUAL(burst.n, 1);
	rte_pktmbuf_free(mbuf);
	mbuf_pool_free(pool);
}

static void a_tag_that_the_device_took_out_is_put_back_once(void)
{
	static const unsigned cut[] = {60, 0};
	struct rte_mempool *pool = mbuf_pool_new(1, ROOM);
	const uint8_t *head = burst.frames[0].head;
	uint8_t bytes[60];
	struct rte_mbuf *mbuf;

	fill(bytes, sizeof(bytes));
	mbuf = mbuf_packet(pool, cut, bytes);
	mbuf->vlan_tci = 0x600a;
	mbuf->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	for (unsigned round = 0; round < 2; round++) {
		burst_reset(&burst);
		ethdev_mbuf_see(&mbuf, &burst);
		CU_ASSERT_EQUAL_FATAL(burst.n, 1);
		CU_ASSERT_EQUAL(burst.frames[0].len, 64);
		CU_ASSERT_EQUAL(memcmp(head, bytes, 12), 0);
		CU_ASSERT_EQUAL(memcmp(head + 12, "\x81\x00\x60\x0a", 4), 0);
		CU_ASSERT_EQUAL(memcmp(head + 16, bytes + 12, 48), 0);
	}
	/* Of a packet that somebody else holds too it cannot be. */
	mbuf->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	rte_mbuf_refcnt_set(mbuf, 2);
	burst_reset(&burst);
	ethdev_mbuf_see(&mbuf, &burst);
	CU_ASSERT_EQUAL(burst.n, 0);
	CU_ASSERT_EQUAL(burst.n_dropped[DROP_VLAN], 1);
	rte_mbuf_refcnt_set(mbuf, 1);
	rte_pktmbuf_free(mbuf);
	mbuf_pool_free(pool);
}

/* A frame whose bytes behind the head lie in two segments. */
struct outgoing {
	struct frame frame;
	struct segment segments[2];
	uint8_t bytes[70000];
};

static void lay_out(struct outgoing *out, uint32_t len)
{
	struct frame *frame = &out->frame;
	uint32_t rest;

	frame->len = len;
	frame->head_len = (uint16_t)RTE_MIN(len, (uint32_t)FRAME_HEAD_LEN);
	memcpy(frame->head, out->bytes, frame->head_len);
	rest = len - frame->head_len;
	out->segments[0] = (struct segment){out->bytes + frame->head_len, rest - rest / 3};
	out->segments[1] = (struct segment){out->bytes + len - rest / 3, rest / 3};
	frame->segments = out->segments;
	frame->n_segments = rest / 3 ? 2 : rest ? 1 : 0;
}

static void set_be16(uint8_t *to, unsigned number)
{
	to[0] = (uint8_t)(number >> 8);
	to[1] = (uint8_t)number;
}

/* A frame whose checksum is to be completed, as a guest sends it: with the pseudo-header's sum in
 * its field. l4_len is how long the header of the transport says to be. */
static struct outgoing *transport_frame(unsigned version, unsigned n_tags, uint8_t proto,
					uint32_t len)
{
	static struct outgoing out;
	unsigned l3 = 14 + 4 * n_tags, l4 = l3 + (version == 4 ? 20 : 40);
	uint8_t *ip = out.bytes + l3;
	unsigned csum_offset = proto == IPPROTO_TCP ? 16 : proto == IPPROTO_UDP ? 6 : 2;

	fill(out.bytes, sizeof(out.bytes));
	for (unsigned i = 0; i < n_tags; i++)
		set_be16(out.bytes + 12 + 4 * i,
			 i + 1 < n_tags ? RTE_ETHER_TYPE_QINQ : RTE_ETHER_TYPE_VLAN);
	set_be16(out.bytes + l3 - 2, version == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	memset(ip, 0, l4 - l3);
	ip[0] = version == 4 ? 0x45 : 0x60;
	ip[version == 4 ? 9 : 6] = proto;
	set_be16(ip + (version == 4 ? 2 : 4), version == 4 ? len - l3 : len - l4);
	if (proto == IPPROTO_TCP)
		out.bytes[l4 + 12] = 5 << 4;
	set_be16(out.bytes + l4 + csum_offset, 0x1234);
	out.frame = (struct frame){.needs = FRAME_NEEDS_CSUM,
				   .vnet = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					    .csum_start = (uint16_t)l4,
					    .csum_offset = (uint16_t)csum_offset,
					    .num_buffers = 1}};
	lay_out(&out, len);
	return &out;
}

static struct outgoing *tso_frame(unsigned version, unsigned n_tags)
{
	struct outgoing *out = transport_frame(version, n_tags, IPPROTO_TCP, 20000);

	out->frame.needs |= version == 4 ? FRAME_NEEDS_TSO4 : FRAME_NEEDS_TSO6;
	out->frame.vnet.gso_type =
		version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	out->frame.vnet.gso_size = MSS;
	return out;
}

static struct ethdev_device device_of(struct rte_mempool *pool, bool scatters)
{
	return (struct ethdev_device){.pool = pool, .data_len = ROOM, .scatters = scatters};
}

static void expect_bytes(const struct rte_mbuf *mbuf, const uint8_t *bytes, uint32_t len)
{
	static uint8_t seen[70000];
	const void *at;

	CU_ASSERT_EQUAL_FATAL(mbuf->pkt_len, len);
	at = rte_pktmbuf_read(mbuf, 0, len, seen);
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	CU_ASSERT_EQUAL(memcmp(at, bytes, len), 0);
}

static void a_frame_becomes_as_many_mbufs_as_it_takes(void)
{
	static const uint32_t lens[] = {14, 60, 64, 65, 67, 1514, ROOM, ROOM + 1, 9014, 65553};
	struct rte_mempool *pool = mbuf_pool_new(N_MBUFS, ROOM);
	struct ethdev_device device = device_of(pool, true);
	static struct outgoing out;
	enum drop_reason why;

	fill(out.bytes, sizeof(out.bytes));
	for (unsigned i = 0; i < RTE_DIM(lens); i++) {
		struct rte_mbuf *mbuf;

		lay_out(&out, lens[i]);
		mbuf = ethdev_mbuf_make(&device, &out.frame, &why);
		CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
		CU_ASSERT_EQUAL(mbuf->nb_segs, (lens[i] + ROOM - 1) / ROOM);
		CU_ASSERT_EQUAL(mbuf->ol_flags, 0);
		rte_mbuf_sanity_check(mbuf, 1);
		expect_bytes(mbuf, out.bytes, lens[i]);
		rte_pktmbuf_free(mbuf);
	}
	CU_ASSERT_EQUAL(mbuf_pool_left(pool), N_MBUFS);
	mbuf_pool_free(pool);
}

/* RES-03 */
static void what_cannot_be_held_says_why_and_leaves_no_mbuf_behind(void)
{
	struct rte_mempool *pool = mbuf_pool_new(3, ROOM);
	struct ethdev_device device = device_of(pool, false);
	static struct outgoing out;
	enum drop_reason why;

	lay_out(&out, ROOM + 1);
	CU_ASSERT_PTR_NULL(ethdev_mbuf_make(&device, &out.frame, &why));
	CU_ASSERT_EQUAL(why, DROP_TOO_BIG);
	device.scatters = true;
	lay_out(&out, 3 * ROOM + 1);
	CU_ASSERT_PTR_NULL(ethdev_mbuf_make(&device, &out.frame, &why));
	CU_ASSERT_EQUAL(why, DROP_TX_FULL);
	CU_ASSERT_EQUAL(mbuf_pool_left(pool), 3);
	mbuf_pool_free(pool);

	pool = device.pool = mbuf_pool_new(0, ROOM);
	lay_out(&out, 60);
	CU_ASSERT_PTR_NULL(ethdev_mbuf_make(&device, &out.frame, &why));
	CU_ASSERT_EQUAL(why, DROP_TX_FULL);
	mbuf_pool_free(pool);
}

static void a_device_is_told_which_checksum_and_where(void)
{
	struct rte_mempool *pool = mbuf_pool_new(N_MBUFS, ROOM);
	struct ethdev_device device = device_of(pool, true);
	enum drop_reason why;

	for (unsigned i = 0; i < 12; i++) {
		unsigned version = i & 1 ? 6 : 4, n_tags = i / 4;
		bool tcp = i & 2;
		const struct outgoing *out =
			transport_frame(version, n_tags, tcp ? IPPROTO_TCP : IPPROTO_UDP, 1000);
		struct rte_mbuf *mbuf = ethdev_mbuf_make(&device, &out->frame, &why);

		CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
		CU_ASSERT_EQUAL(mbuf->ol_flags,
				(version == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6) |
					(tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM));
		CU_ASSERT_EQUAL(mbuf->l2_len, 14 + 4 * n_tags);
		CU_ASSERT_EQUAL(mbuf->l3_len, version == 4 ? 20 : 40);
		expect_bytes(mbuf, out->bytes, 1000);
		rte_pktmbuf_free(mbuf);
	}
	mbuf_pool_free(pool);
}

static void a_device_is_told_how_to_segment(void)
{
	struct rte_mempool *pool = mbuf_pool_new(N_MBUFS, ROOM);
	struct ethdev_device device = device_of(pool, true);
	enum drop_reason why;

	for (unsigned i = 0; i < 6; i++) {
		unsigned version = i & 1 ? 6 : 4, n_tags = i / 2;
		const struct outgoing *out = tso_frame(version, n_tags);
		struct rte_mbuf *mbuf = ethdev_mbuf_make(&device, &out->frame, &why);

		CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
		CU_ASSERT_EQUAL(mbuf->ol_flags,
				RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
					(version == 4 ? RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM
						      : RTE_MBUF_F_TX_IPV6));
		CU_ASSERT_EQUAL(mbuf->l2_len, 14 + 4 * n_tags);
		CU_ASSERT_EQUAL(mbuf->l3_len, version == 4 ? 20 : 40);
		CU_ASSERT_EQUAL(mbuf->l4_len, 20);
		CU_ASSERT_EQUAL(mbuf->tso_segsz, MSS);
		rte_pktmbuf_free(mbuf);
	}
	mbuf_pool_free(pool);
}

/* The sum over everything behind start. */
static uint16_t sum_from(const struct rte_mbuf *mbuf, uint32_t start)
{
	uint16_t sum = 0;

	CU_ASSERT_EQUAL(rte_raw_cksum_mbuf(mbuf, start, mbuf->pkt_len - start, &sum), 0);
	return sum;
}

static void a_checksum_that_devices_do_not_know_is_filled_in(void)
{
	struct rte_mempool *pool = mbuf_pool_new(N_MBUFS, ROOM);
	struct ethdev_device device = device_of(pool, true);
	enum drop_reason why;

	/* A protocol of its own kind; TCP behind a third tag; a datagram in a frame too short for
	 * our search. */
	for (unsigned i = 0; i < 3; i++) {
		struct outgoing *out = i == 0	? transport_frame(4, 0, IPPROTO_ICMP, 3000)
				       : i == 1 ? transport_frame(4, 3, IPPROTO_TCP, 777)
						: transport_frame(4, 0, IPPROTO_UDP, 44);
		uint32_t l4 = out->frame.vnet.csum_start, place = l4 + out->frame.vnet.csum_offset;
		uint8_t zero[2] = {0};
		struct rte_mbuf *mbuf;
		uint16_t pseudo;

		memcpy(&pseudo, out->bytes + place, sizeof(pseudo));
		mbuf = ethdev_mbuf_make(&device, &out->frame, &why);
		CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
		CU_ASSERT_EQUAL(mbuf->ol_flags, 0);
		/* What the pseudo-header brought is in the sum no more, so it has to be added. */
		CU_ASSERT_EQUAL(
			(uint16_t)~__rte_raw_cksum_reduce((uint32_t)sum_from(mbuf, l4) + pseudo),
			0);
		CU_ASSERT_NOT_EQUAL(
			memcmp(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, place), zero, 2), 0);
		rte_pktmbuf_free(mbuf);
	}
	mbuf_pool_free(pool);
}

static void a_checksum_of_zero_is_sent_as_its_complement_over_udp(void)
{
	struct rte_mempool *pool = mbuf_pool_new(1, ROOM);
	struct ethdev_device device = device_of(pool, true);
	/* Behind three tags, where no device looks. */
	struct outgoing *out = transport_frame(4, 3, IPPROTO_UDP, 60);
	uint32_t l4 = out->frame.vnet.csum_start;
	enum drop_reason why;
	struct rte_mbuf *mbuf;

	memset(out->bytes + l4, 0, 60 - l4);
	memset(out->bytes + l4 + 8, 0xff, 2); /* sums up to all ones: the checksum is zero */
	lay_out(out, 60);
	mbuf = ethdev_mbuf_make(&device, &out->frame, &why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
	CU_ASSERT_EQUAL(memcmp(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, l4 + 6), "\xff\xff", 2), 0);
	rte_pktmbuf_free(mbuf);
	mbuf_pool_free(pool);
}

/* Headers that are not what they say would make a device read or write where nothing is. */
static void headers_that_lie_never_reach_the_device(void)
{
	struct rte_mempool *pool = mbuf_pool_new(N_MBUFS, ROOM);
	struct ethdev_device device = device_of(pool, true);
	enum drop_reason why;

	for (unsigned i = 0; i < 8; i++) {
		struct outgoing *out = tso_frame(i == 3 ? 6 : 4, 0);
		uint16_t *csum_start = &out->frame.vnet.csum_start;
		uint32_t len = out->frame.len;

		switch (i) {
		case 0: /* an IP header shorter than one can be */
			out->bytes[14] = 0x44;
			*csum_start = 14 + 16;
			out->bytes[14 + 16 + 12] = 5 << 4;
			break;
		case 1: /* none at all */
			out->bytes[14] = 0x40;
			*csum_start = 14;
			out->bytes[14 + 12] = 5 << 4;
			break;
		case 2: /* a TCP header shorter than one can be */
			out->bytes[34 + 12] = 4 << 4;
			break;
		case 3: /* an extension header in between */
			*csum_start += 8;
			break;
		case 4: /* a TCP header as long as the frame: nothing to segment */
			len = TCP4_LEN;
			break;
		case 5: /* longer than the frame */
			out->bytes[34 + 12] = 15 << 4;
			len = TCP4_LEN + 10;
			break;
		case 6: /* another protocol */
			out->bytes[14 + 9] = IPPROTO_UDP;
			break;
		case 7: /* another field */
			out->frame.vnet.csum_offset = 14;
			break;
		}
		lay_out(out, len);
		CU_ASSERT_PTR_NULL(ethdev_mbuf_make(&device, &out->frame, &why));
		CU_ASSERT_EQUAL(why, DROP_NO_OFFLOAD);
	}
	CU_ASSERT_EQUAL(mbuf_pool_left(pool), N_MBUFS);
	mbuf_pool_free(pool);
}

static void a_checksum_field_outside_the_first_mbuf_is_refused(void)
{
	struct rte_mempool *pool = mbuf_pool_new(N_MBUFS, ROOM);
	struct ethdev_device device = device_of(pool, true);
	struct outgoing *out = transport_frame(4, 0, IPPROTO_ICMP, 5000);
	enum drop_reason why;

	out->frame.vnet.csum_start = ROOM - 1;
	out->frame.vnet.csum_offset = 0;
	CU_ASSERT_PTR_NULL(ethdev_mbuf_make(&device, &out->frame, &why));
	CU_ASSERT_EQUAL(why, DROP_NO_OFFLOAD);
	CU_ASSERT_EQUAL(mbuf_pool_left(pool), N_MBUFS);
	mbuf_pool_free(pool);
}

int main(void)
{
	CU_TestInfo tests[] = {
		SUITE_TEST(a_packet_is_seen_whole_however_it_is_cut),
		SUITE_TEST(lengths_that_no_frame_has_are_refused_and_kept_for_captures),
		SUITE_TEST(a_packet_of_more_pieces_than_the_arena_has_left_is_refused),
		SUITE_TEST(a_tag_that_the_device_took_out_is_put_back_once),
		SUITE_TEST(a_frame_becomes_as_many_mbufs_as_it_takes),
		SUITE_TEST(what_cannot_be_held_says_why_and_leaves_no_mbuf_behind),
		SUITE_TEST(a_device_is_told_which_checksum_and_where),
		SUITE_TEST(a_device_is_told_how_to_segment),
		SUITE_TEST(a_checksum_that_devices_do_not_know_is_filled_in),
		SUITE_TEST(a_checksum_of_zero_is_sent_as_its_complement_over_udp),
		SUITE_TEST(headers_that_lie_never_reach_the_device),
		SUITE_TEST(a_checksum_field_outside_the_first_mbuf_is_refused),
		CU_TEST_INFO_NULL,
	};

	return suite_run("ethdev_mbuf", tests);
}
