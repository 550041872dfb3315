#include "switch/offload.h"
#include "tests/suite.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <string.h>

enum { BYTES_MAX = 66000, L2_LEN = 14, TAG_LEN = 4, TCP_OPTIONS_LEN = 12 };

/* A TCP frame as a guest with TSO would send it. The whole lies in bytes; frame describes it as
 * head and one segment. */
struct sent {
	uint8_t bytes[BYTES_MAX];
	uint32_t len;
	uint32_t l3, l4, payload;
	bool ipv6;
	struct segment rest;
	struct frame frame;
};

static void describe(struct sent *sent)
{
	struct frame *frame = &sent->frame;

	frame->len = sent->len;
	frame->head_len = sent->len < FRAME_HEAD_LEN ? (uint16_t)sent->len : FRAME_HEAD_LEN;
	memcpy(frame->head, sent->bytes, frame->head_len);
	sent->rest = (struct segment){.addr = sent->bytes + frame->head_len,
				      .len = sent->len - frame->head_len};
	frame->segments = &sent->rest;
	frame->n_segments = sent->rest.len > 0;
}

static uint16_t pseudo_sum(const struct sent *sent)
{
	if (sent->ipv6)
		return rte_ipv6_phdr_cksum((const void *)(sent->bytes + sent->l3), 0);
	return rte_ipv4_phdr_cksum((const void *)(sent->bytes + sent->l3), 0);
}

static struct sent *tcp_frame(bool ipv6, unsigned n_tags, uint32_t n_payload, uint16_t mss)
{
	struct sent *sent = aligned_alloc(64, (sizeof(*sent) + 63) / 64 * 64);
	struct rte_tcp_hdr *tcp;

	CU_ASSERT_PTR_NOT_NULL_FATAL(sent);
	memset(sent, 0, sizeof(*sent));
	sent->ipv6 = ipv6;
	sent->l3 = L2_LEN + n_tags * TAG_LEN;
	sent->l4 = sent->l3 + (ipv6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr));
	sent->payload = sent->l4 + sizeof(*tcp) + TCP_OPTIONS_LEN;
	sent->len = sent->payload + n_payload;
	memset(sent->bytes, 0x52, 12);
	for (unsigned i = 0; i < n_tags; i++)
		memcpy(sent->bytes + 12 + i * TAG_LEN, "\x81\x00\x20\x0a", TAG_LEN);
	if (n_tags == 2)
		memcpy(sent->bytes + 12, "\x88\xa8", 2);
	memcpy(sent->bytes + sent->l3 - 2, ipv6 ? "\x86\xdd" : "\x08\x00", 2);
	if (ipv6) {
		struct rte_ipv6_hdr *ip = (void *)(sent->bytes + sent->l3);

		*ip = (struct rte_ipv6_hdr){
			.vtc_flow = RTE_BE32(0x60012345), .proto = IPPROTO_TCP, .hop_limits = 64};
		ip->payload_len = rte_cpu_to_be_16((uint16_t)(sent->len - sent->l4));
		ip->src_addr[15] = 1;
		ip->dst_addr[15] = 2;
	} else {
		struct rte_ipv4_hdr *ip = (void *)(sent->bytes + sent->l3);

		*ip = (struct rte_ipv4_hdr){
			.version_ihl = 0x45, .time_to_live = 64, .next_proto_id = IPPROTO_TCP};
		ip->packet_id = RTE_BE16(0xfffe);
		ip->total_length = rte_cpu_to_be_16((uint16_t)(sent->len - sent->l3));
		ip->src_addr = RTE_BE32(0x0a000001);
		ip->dst_addr = RTE_BE32(0x0a000002);
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
	tcp = (void *)(sent->bytes + sent->l4);
	*tcp = (struct rte_tcp_hdr){.sent_seq = RTE_BE32(0xffffff00),
				    .data_off = (sizeof(*tcp) + TCP_OPTIONS_LEN) / 4 << 4,
				    .tcp_flags = RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG |
						 RTE_TCP_FIN_FLAG | RTE_TCP_CWR_FLAG};
	memset(sent->bytes + sent->l4 + sizeof(*tcp), 1, TCP_OPTIONS_LEN);
	for (uint32_t i = 0; i < n_payload; i++)
		sent->bytes[sent->payload + i] = (uint8_t)(i * 7 + i / 251);
	tcp->cksum = pseudo_sum(sent);
	sent->frame.vnet = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = mss,
		.csum_start = (uint16_t)sent->l4,
		.csum_offset = offsetof(struct rte_tcp_hdr, cksum)};
	sent->frame.needs = FRAME_NEEDS_CSUM | (ipv6 ? FRAME_NEEDS_TSO6 : FRAME_NEEDS_TSO4);
	describe(sent);
	return sent;
}

static uint32_t flatten(const struct frame *frame, uint8_t *bytes)
{
	uint32_t at = frame->head_len;

	memcpy(bytes, frame->head, frame->head_len);
	for (unsigned i = 0; i < frame->n_segments; i++) {
		memcpy(bytes + at, frame->segments[i].addr, frame->segments[i].len);
		at += frame->segments[i].len;
	}
	CU_ASSERT_EQUAL(at, frame->len);
	return at;
}

/* The ones' complement sum of pseudo-header and segment, and that of an IPv4 header, is all ones
 * (RFC 1071). */
static bool checksums_hold(const uint8_t *bytes, uint32_t len, const struct sent *sent)
{
	const void *ip = bytes + sent->l3;
	uint32_t sum = rte_raw_cksum(bytes + sent->l4, len - sent->l4);

	sum += sent->ipv6 ? rte_ipv6_phdr_cksum(ip, 0) : rte_ipv4_phdr_cksum(ip, 0);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff &&
	       (sent->ipv6 || rte_raw_cksum(ip, sizeof(struct rte_ipv4_hdr)) == 0xffff);
}

/* Every byte of the payload arrives once, in order, under headers that are right by themselves. */
static void check_segments(const struct sent *sent, const struct frame *const *list, unsigned n,
			   uint32_t mss)
{
	uint32_t done = 0, n_payload = sent->len - sent->payload;
	static uint8_t bytes[BYTES_MAX];

	for (unsigned i = 0; i < n; i++) {
		uint32_t len = flatten(list[i], bytes), here = len - sent->payload;
		const struct rte_tcp_hdr *tcp = (const void *)(bytes + sent->l4);
		bool last = i + 1 == n;

		CU_ASSERT_EQUAL(here, last ? n_payload - done : mss);
		CU_ASSERT_EQUAL(
			memcmp(bytes + sent->payload, sent->bytes + sent->payload + done, here), 0);
		CU_ASSERT_EQUAL(memcmp(bytes, sent->bytes, sent->l3), 0);
		CU_ASSERT_EQUAL(rte_be_to_cpu_32(tcp->sent_seq), 0xffffff00 + done);
		CU_ASSERT_EQUAL(!!(tcp->tcp_flags & RTE_TCP_FIN_FLAG), last);
		CU_ASSERT_EQUAL(!!(tcp->tcp_flags & RTE_TCP_PSH_FLAG), last);
		CU_ASSERT_EQUAL(!!(tcp->tcp_flags & RTE_TCP_CWR_FLAG), i == 0);
		CU_ASSERT_TRUE(checksums_hold(bytes, len, sent));
		CU_ASSERT_EQUAL(list[i]->needs, 0);
		CU_ASSERT_EQUAL(list[i]->vnet.flags + list[i]->vnet.gso_type, 0);
		if (!sent->ipv6)
			CU_ASSERT_EQUAL(bytes[sent->l3 + 4] << 8 | bytes[sent->l3 + 5],
					(0xfffe + i) & 0xffff);
		done += here;
	}
	CU_ASSERT_EQUAL(done, n_payload);
}

static void tcp_is_segmented_whatever_is_around_it(void) /* OFL-03, OFL-08 */
{
	static const uint32_t lengths[] = {1, 1447, 1448, 1449, 2896, 10000, 65000};
	struct offload *offload = offload_new();

	CU_ASSERT_PTR_NOT_NULL_FATAL(offload);
	for (unsigned v6 = 0; v6 < 2; v6++)
		for (unsigned n_tags = 0; n_tags <= 2; n_tags++)
			for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
				struct sent *sent = tcp_frame(v6, n_tags, lengths[i], 1448);
				const struct frame *const *list;
				unsigned n = offload_complete(offload, &sent->frame,
							      FRAME_NEEDS_CSUM, &list);

				CU_ASSERT_EQUAL(n, (lengths[i] + 1447) / 1448);
				check_segments(sent, list, n, 1448);
				free(sent);
			}
	offload_free(offload);
}

static void a_checksum_is_filled_in(void) /* OFL-02 */
{
	struct offload *offload = offload_new();
	static uint8_t bytes[BYTES_MAX];

	for (unsigned v6 = 0; v6 < 2; v6++)
		for (uint32_t n_payload = 0; n_payload < 1400; n_payload += 33) {
			struct sent *sent = tcp_frame(v6, 0, n_payload, 0);
			const struct frame *const *list;

			sent->frame.needs = FRAME_NEEDS_CSUM;
			sent->frame.vnet.gso_type = VIRTIO_NET_HDR_GSO_NONE;
			CU_ASSERT_EQUAL_FATAL(offload_complete(offload, &sent->frame, 0, &list), 1);
			CU_ASSERT_EQUAL(flatten(list[0], bytes), sent->len);
			CU_ASSERT_TRUE(checksums_hold(bytes, sent->len, sent));
			CU_ASSERT_EQUAL(list[0]->needs, 0);
			free(sent);
		}
	offload_free(offload);
}

static void a_udp_checksum_is_never_zero(void) /* RFC 768 */
{
	struct offload *offload = offload_new();
	const struct frame *const *list;
	uint8_t bytes[64] = {0};
	struct frame frame = {
		.len = 50,
		.head_len = 50,
		.needs = FRAME_NEEDS_CSUM,
		.vnet = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6}};

	/* Everything sums up to 0xffff, whose complement is zero. */
	frame.head[34] = frame.head[35] = 0xff;
	CU_ASSERT_EQUAL_FATAL(offload_complete(offload, &frame, 0, &list), 1);
	flatten(list[0], bytes);
	CU_ASSERT_EQUAL(bytes[40], 0xff);
	CU_ASSERT_EQUAL(bytes[41], 0xff);
	/* The same for a protocol whose checksum lies elsewhere stays zero. */
	frame.vnet.csum_offset = 10;
	CU_ASSERT_EQUAL_FATAL(offload_complete(offload, &frame, 0, &list), 1);
	flatten(list[0], bytes);
	CU_ASSERT_EQUAL(bytes[44] | bytes[45], 0);
	offload_free(offload);
}

static void break_nothing(struct sent *sent)
{
	(void)sent;
}

static void break_ethertype(struct sent *sent)
{
	sent->bytes[12] = 0x12;
}

static void break_family(struct sent *sent)
{
	memcpy(sent->bytes + 12, "\x86\xdd", 2);
}

static void break_protocol(struct sent *sent)
{
	sent->bytes[sent->l3 + 9] = IPPROTO_UDP;
}

static void break_ip_length(struct sent *sent)
{
	sent->bytes[sent->l3] = 0x46;
}

static void break_csum_start(struct sent *sent)
{
	sent->frame.vnet.csum_start = 2;
}

static void break_csum_start_end(struct sent *sent)
{
	sent->frame.vnet.csum_start = (uint16_t)(sent->len - 18);
}

static void break_csum_offset(struct sent *sent)
{
	sent->frame.vnet.csum_offset = 6;
}

static void break_tcp_length_short(struct sent *sent)
{
	sent->bytes[sent->l4 + 12] = 0x40;
}

static void break_tcp_length_long(struct sent *sent)
{
	sent->len = sent->payload;
}

static void break_mss(struct sent *sent)
{
	sent->frame.vnet.gso_size = 1;
}

static void break_all_tags(struct sent *sent)
{
	for (unsigned i = 12; i < 60; i += 4)
		memcpy(sent->bytes + i, "\x81\x00\x00\x01", 4);
}

static void a_frame_that_contradicts_itself_is_not_segmented(void) /* EVL-07 */
{
	static const struct {
		const char *what;
		void (*do_it)(struct sent *sent);
		bool refused;
	} breaks[] = {
		{"nothing", break_nothing, false},
		{"ethertype", break_ethertype, true},
		{"family", break_family, true},
		{"protocol", break_protocol, true},
		{"ip length", break_ip_length, true},
		{"csum_start", break_csum_start, true},
		{"csum_start at the end", break_csum_start_end, true},
		{"csum_offset", break_csum_offset, true},
		{"tcp header too short", break_tcp_length_short, true},
		{"tcp header longer than the frame", break_tcp_length_long, true},
		{"mss", break_mss, true},
		{"tags only", break_all_tags, true},
	};
	struct offload *offload = offload_new();

	for (unsigned i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		struct sent *sent = tcp_frame(false, 0, 4000, 1448);
		const struct frame *const *list;

		breaks[i].do_it(sent);
		describe(sent);
		if ((offload_complete(offload, &sent->frame, FRAME_NEEDS_CSUM, &list) == 0) !=
		    breaks[i].refused)
			CU_FAIL(breaks[i].what);
		free(sent);
	}
	offload_free(offload);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"tcp_is_segmented_whatever_is_around_it", tcp_is_segmented_whatever_is_around_it},
		{"a_checksum_is_filled_in", a_checksum_is_filled_in},
		{"a_udp_checksum_is_never_zero", a_udp_checksum_is_never_zero},
		{"a_frame_that_contradicts_itself_is_not_segmented",
		 a_frame_that_contradicts_itself_is_not_segmented},
		CU_TEST_INFO_NULL,
	};

	return suite_run("offload", tests);
}
