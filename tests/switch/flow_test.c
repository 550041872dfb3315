#include "switch/flow.h"
#include "tests/suite.h"

#include <string.h>

enum { N_FLOWS = 4096, IP_LEN = 20, IPV6_LEN = 40, TCP = 6, UDP = 17, ICMP = 1 };

/* A TCP frame between two addresses of which only the last byte varies. */
struct packet {
	uint8_t vlan;
	uint8_t version;
	uint8_t proto;
	uint8_t src, dst;
	uint16_t src_port, dst_port;
	uint16_t fragment;
	uint8_t options; /* words */
};

static const struct packet usual = {
	.version = 4, .proto = TCP, .src = 1, .dst = 2, .src_port = 40000, .dst_port = 80};

static struct frame frame_of(const struct packet *packet)
{
	struct frame frame = {.len = 200, .head_len = FRAME_HEAD_LEN};
	uint8_t *at = frame.head + 12;

	if (packet->vlan) {
		memcpy(at, (uint8_t[]){0x81, 0, 0, packet->vlan}, 4);
		at += 4;
	}
	memcpy(at, packet->version == 4 ? "\x08\x00" : "\x86\xdd", 2);
	at += 2;
	if (packet->version == 4) {
		at[0] = (uint8_t)(0x45 + packet->options);
		at[6] = (uint8_t)(packet->fragment >> 8);
		at[7] = (uint8_t)packet->fragment;
		at[9] = packet->proto;
		at[15] = packet->src;
		at[19] = packet->dst;
		at += IP_LEN + 4 * packet->options;
	} else {
		at[6] = packet->proto;
		at[23] = packet->src;
		at[39] = packet->dst;
		at += IPV6_LEN;
	}
	if (at + 4 <= frame.head + FRAME_HEAD_LEN)
		memcpy(at,
		       (uint8_t[]){(uint8_t)(packet->src_port >> 8), (uint8_t)packet->src_port,
				   (uint8_t)(packet->dst_port >> 8), (uint8_t)packet->dst_port},
		       4);
	return frame;
}

static uint32_t hash_of(const struct packet *packet)
{
	struct frame frame = frame_of(packet);

	return flow_hash(&frame);
}

/* MQ-04 */
static void flow_is_the_same_for_all_frames_of_a_conversation(void)
{
	struct frame a = frame_of(&usual);
	struct frame b = a;

	/* What changes from frame to frame: length, id, ttl, checksum, sequence, the rest. */
	b.len = 60;
	b.vnet.gso_size = 1448;
	b.head[14 + 2] = 5;
	b.head[14 + 5] = 77;
	b.head[14 + 8] = 63;
	b.head[14 + 11] = 99;
	memset(b.head + 14 + IP_LEN + 4, 0xee, FRAME_HEAD_LEN - 14 - IP_LEN - 4);
	CU_ASSERT_EQUAL(flow_hash(&a), flow_hash(&b));
}

static void flow_tells_conversations_apart(void)
{
	struct packet packet = usual;
	uint32_t before = hash_of(&usual);

	packet.src_port++;
	CU_ASSERT_NOT_EQUAL(hash_of(&packet), before);
	packet = usual;
	packet.dst_port++;
	CU_ASSERT_NOT_EQUAL(hash_of(&packet), before);
	packet = usual;
	packet.src++;
	CU_ASSERT_NOT_EQUAL(hash_of(&packet), before);
	packet = usual;
	packet.version = 6;
	before = hash_of(&packet);
	packet.dst_port++;
	CU_ASSERT_NOT_EQUAL(hash_of(&packet), before);
	packet.vlan = 7;
	before = hash_of(&packet);
	packet.dst_port++;
	CU_ASSERT_NOT_EQUAL(hash_of(&packet), before);
}

static void flow_keeps_fragments_together(void)
{
	static const uint16_t fragments[] = {0x2000, 0x2001, 0x00b9, 0x1fff};
	struct packet first = usual;

	first.fragment = 0x2000;
	for (unsigned i = 0; i < 4; i++) {
		struct packet other = usual;

		other.fragment = fragments[i];
		other.src_port = (uint16_t)(i * 77);
		CU_ASSERT_EQUAL(hash_of(&other), hash_of(&first));
	}
}

static void flow_does_not_take_for_ports_what_is_none(void)
{
	struct packet a = usual;
	struct packet b = usual;

	a.proto = b.proto = ICMP;
	b.src_port++;
	CU_ASSERT_EQUAL(hash_of(&a), hash_of(&b));
	/* Behind options; and so far behind that they lie outside of the head. */
	a = b = usual;
	a.options = b.options = 3;
	b.src_port++;
	CU_ASSERT_NOT_EQUAL(hash_of(&a), hash_of(&b));
	a.options = b.options = 10;
	CU_ASSERT_EQUAL(hash_of(&a), hash_of(&b));
}

/* What lies behind head_len is left over from another frame. */
static void flow_looks_at_nothing_behind_a_short_head(void)
{
	for (uint16_t len = FRAME_LEN_MIN; len < FRAME_HEAD_LEN; len++)
		for (uint8_t version = 4; version <= 6; version += 2)
			for (uint8_t vlan = 0; vlan < 2; vlan++) {
				struct packet packet = usual;
				struct frame a, b;

				packet.version = version;
				packet.vlan = vlan;
				a = frame_of(&packet);
				a.head_len = len;
				b = a;
				memset(b.head + len, 0xee, FRAME_HEAD_LEN - len);
				CU_ASSERT_EQUAL(flow_hash(&a), flow_hash(&b));
			}
}

static void flow_spreads_conversations_evenly(void)
{
	for (unsigned n = 2; n <= 8; n++) {
		unsigned count[8] = {0};

		for (unsigned i = 0; i < N_FLOWS; i++) {
			struct packet packet = usual;

			packet.src_port = (uint16_t)(40000 + i);
			count[flow_queue(hash_of(&packet), n)]++;
		}
		for (unsigned q = 0; q < n; q++)
			CU_ASSERT(count[q] > N_FLOWS / n * 3 / 4 && count[q] < N_FLOWS / n * 5 / 4);
	}
	CU_ASSERT_EQUAL(flow_queue(UINT32_MAX, 8), 7);
	CU_ASSERT_EQUAL(flow_queue(UINT32_MAX, 1), 0);
}

static void flow_spread_sorts_by_queue_and_keeps_order(void)
{
	struct frame frames[BURST_MAX];

	for (unsigned n = 1; n <= 8; n++)
		for (unsigned len = 0; len <= BURST_MAX; len++) {
			struct outbox_list list = {.n = len};
			bool seen[BURST_MAX] = {false};

			for (unsigned i = 0; i < len; i++) {
				struct packet packet = usual;

				packet.src_port = (uint16_t)(i % 11);
				frames[i] = frame_of(&packet);
				list.frames[i] = &frames[i];
			}
			flow_spread(&list, n);
			CU_ASSERT(list.spread);
			for (unsigned i = 0; i < len; i++) {
				seen[list.frames[i] - frames] = true;
				CU_ASSERT_EQUAL(list.queue[i],
						flow_queue(flow_hash(list.frames[i]), n));
				if (i > 0) {
					CU_ASSERT(list.queue[i] >= list.queue[i - 1]);
					CU_ASSERT(list.queue[i] > list.queue[i - 1] ||
						  list.frames[i] > list.frames[i - 1]);
				}
			}
			for (unsigned i = 0; i < len; i++)
				CU_ASSERT(seen[i]);
		}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"flow_is_the_same_for_all_frames_of_a_conversation",
		 flow_is_the_same_for_all_frames_of_a_conversation},
		{"flow_tells_conversations_apart", flow_tells_conversations_apart},
		{"flow_keeps_fragments_together", flow_keeps_fragments_together},
		{"flow_does_not_take_for_ports_what_is_none",
		 flow_does_not_take_for_ports_what_is_none},
		{"flow_looks_at_nothing_behind_a_short_head",
		 flow_looks_at_nothing_behind_a_short_head},
		{"flow_spreads_conversations_evenly", flow_spreads_conversations_evenly},
		{"flow_spread_sorts_by_queue_and_keeps_order",
		 flow_spread_sorts_by_queue_and_keeps_order},
		CU_TEST_INFO_NULL,
	};

	return suite_run("flow", tests);
}
