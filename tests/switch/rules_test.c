/* A bridge whose ports have rules: VLANs, bound addresses, isolation, limits. What each kind of
 * VLAN port does with each tag is vlan_table_test's. */
#include "switch/bridge.h"
#include "switch/vlan.h"
#include "tests/suite.h"

#include <string.h>

enum { N_PORTS = 4 };

/* One bridge with ports 0 .. 3, all linked, and the frames of one burst. */
struct rig {
	struct bridge_conf conf;
	struct port_conf ports[N_PORTS];
	struct bridge *bridge;
	uint16_t members[N_PORTS];
	struct bridge_view view;
	struct outbox *out;
	struct burst burst;
};

static struct rig *rig_new(enum bridge_mode mode)
{
	struct rig *rig = aligned_alloc(64, (sizeof(*rig) + 63) / 64 * 64);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	memset(rig, 0, sizeof(*rig));
	rig->conf = (struct bridge_conf){.mode = mode, .ageing_s = 300, .max_macs = 64};
	rig->bridge = bridge_new(&rig->conf, N_PORTS, 1);
	rig->out = outbox_new(N_PORTS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->bridge);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->out);
	for (uint16_t i = 0; i < N_PORTS; i++)
		rig->members[i] = i;
	rig->view = (struct bridge_view){
		.bridge = rig->bridge, .members = rig->members, .n_members = N_PORTS};
	return rig;
}

/* After rig->ports say what they want. */
static void begin(struct rig *rig)
{
	CU_ASSERT_EQUAL_FATAL(bridge_set_rules(rig->bridge, rig->ports, N_PORTS, 0), 0);
}

static void rig_free(struct rig *rig)
{
	outbox_free(rig->out);
	bridge_free(rig->bridge);
	free(rig);
}

static void allow(struct port_conf *port, unsigned vlan)
{
	port->trunk.words[vlan / 64] |= UINT64_C(1) << vlan % 64;
}

/* A frame that begins with these bytes (in hexadecimal, spaces allowed), 100 bytes long. */
static struct frame *add(struct rig *rig, const char *hex)
{
	struct frame *frame = &rig->burst.frames[rig->burst.n++];
	unsigned n = 0, nibble = 0;

	memset(frame, 0, sizeof(*frame));
	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		frame->head[n] = (uint8_t)(frame->head[n] << 4 |
					   (*hex <= '9' ? *hex - '0' : *hex - 'a' + 10));
		n += nibble;
		nibble ^= 1;
	}
	frame->len = 100;
	frame->head_len = FRAME_HEAD_LEN;
	return frame;
}

/* Forwards what was added; the next frame begins a new burst. */
static void forward(struct rig *rig, uint16_t src, uint32_t now_s)
{
	outbox_reset(rig->out);
	bridge_forward(&rig->view, src, &rig->burst, now_s, rig->out);
	rig->burst.n = 0;
}

/* Forwards one frame; the ports it went to, a bit each. */
static unsigned send(struct rig *rig, uint16_t src, const char *hex)
{
	unsigned ports = 0;

	add(rig, hex);
	forward(rig, src, 0);
	for (unsigned i = 0; i < N_PORTS; i++)
		ports |= rig->out->to[i].n << i;
	return ports;
}

static unsigned dropped(const struct rig *rig, enum drop_reason why)
{
	return rig->out->dropped[why].n;
}

static bool looks_like(const struct rig *rig, unsigned port, const char *hex)
{
	struct rig expected = {.burst.n = 0};
	const struct frame *frame = rig->out->to[port].frames[0];
	size_t n = 0;

	for (const char *at = hex; *at; at++)
		n += *at != ' ';
	return rig->out->to[port].n == 1 &&
	       memcmp(frame->head, add(&expected, hex)->head, n / 2) == 0;
}

#define A	  "525400 00000a"
#define B	  "525400 00000b"
#define BROADCAST "ffffffffffff"

/* VLN-10 */
static void an_inner_tag_carries_nobody_into_its_vlan(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	allow(&rig->ports[0], 10);
	rig->ports[0].native = 1;
	rig->ports[1].vlan = 1;
	allow(&rig->ports[2], 20);
	rig->ports[2].native = 1;
	rig->ports[3].vlan = 20;
	begin(rig);
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST A "8100 0001 8100 0014 0800"), 1 << 2);
	CU_ASSERT_TRUE(looks_like(rig, 2, BROADCAST A "8100 0001 8100 0014 0800"));
	/* An 802.1ad tag is payload. */
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST A "88a8 0014 8100 0014 0800"), 1 << 1 | 1 << 2);
	CU_ASSERT_TRUE(looks_like(rig, 1, BROADCAST A "88a8 0014 8100 0014 0800"));
	rig_free(rig);
}

/* VLN-05, VLN-06 */
static void a_frame_that_may_not_enter_teaches_nothing(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	allow(&rig->ports[0], 10);
	allow(&rig->ports[1], 10);
	allow(&rig->ports[1], 20);
	allow(&rig->ports[2], 20);
	begin(rig);
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST A "8100 0014 0800"), 0);
	CU_ASSERT_EQUAL(dropped(rig, DROP_VLAN), 1);
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST A "8100 0fff 0800"), 0);
	CU_ASSERT_EQUAL(dropped(rig, DROP_VLAN), 1);
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST A "0800"), 0);
	CU_ASSERT_EQUAL(dropped(rig, DROP_VLAN), 1);
	CU_ASSERT_EQUAL(fdb_count(rig->bridge->fdb), 0);
	CU_ASSERT_EQUAL(send(rig, 1, A B "8100 0014 0800"), 1 << 2 | 1 << 3);
	rig_free(rig);
}

static void a_tag_cut_off_is_a_runt(void) /* VLN-12 */
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	rig->ports[0].vlan = 10;
	begin(rig);
	for (uint16_t len = 14; len < 18; len++) {
		struct frame *frame = add(rig, BROADCAST A "8100 0000 0800");

		frame->len = frame->head_len = len;
	}
	forward(rig, 0, 0);
	CU_ASSERT_EQUAL(dropped(rig, DROP_RUNT), 4);
	rig_free(rig);
}

/* VLN-09, and a known address is reached in the form of its port. */
static void an_address_is_known_in_its_vlan_only(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	rig->ports[0].vlan = 10;
	allow(&rig->ports[1], 10);
	allow(&rig->ports[1], 20);
	rig->ports[2].vlan = 20;
	rig->ports[3].vlan = 10;
	begin(rig);
	send(rig, 0, BROADCAST A "0800");
	CU_ASSERT_EQUAL(send(rig, 1, A B "8100 e00a 0800"), 1 << 0);
	CU_ASSERT_TRUE(looks_like(rig, 0, A B "0800"));
	CU_ASSERT_EQUAL(rig->out->to[0].frames[0]->len, 96);
	CU_ASSERT_EQUAL(send(rig, 1, A B "8100 0014 0800"), 1 << 2);
	rig_free(rig);
}

/* VLN-11: neither the frame nor any of its forms is changed by making another. */
static void forms_of_a_frame_do_not_disturb_each_other(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	rig->ports[0].vlan = 10;
	rig->ports[1].vlan = 10;
	rig->ports[1].priority_tags = PRIORITY_TAGS_IF_NONZERO;
	rig->ports[2].vlan = 10;
	begin(rig);
	for (unsigned i = 0; i < BURST_MAX; i++)
		add(rig, BROADCAST A "8100 a000 0800 1234");
	forward(rig, 0, 0);
	CU_ASSERT_EQUAL(rig->out->to[1].n, BURST_MAX);
	CU_ASSERT_EQUAL(rig->out->to[2].n, BURST_MAX);
	CU_ASSERT_EQUAL(rig->out->to[3].n, BURST_MAX);
	for (unsigned i = 0; i < BURST_MAX; i++) {
		CU_ASSERT_PTR_EQUAL(rig->out->to[1].frames[i], &rig->burst.frames[i]);
		CU_ASSERT_EQUAL(memcmp(rig->burst.frames[i].head + 12, "\x81\0\xa0\0\x08\0", 6), 0);
		CU_ASSERT_EQUAL(memcmp(rig->out->to[2].frames[i]->head + 12, "\x08\0\x12\x34", 4),
				0);
		CU_ASSERT_EQUAL(
			memcmp(rig->out->to[3].frames[i]->head + 12, "\x81\0\xa0\x0a\x08\0", 6), 0);
	}
	rig_free(rig);
}

/* OFL-08 */
static void offsets_move_with_the_tag(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);
	struct frame *frame;

	rig->ports[0].vlan = 10;
	allow(&rig->ports[1], 10);
	rig->ports[2].vlan = 20;
	rig->ports[3].vlan = 10;
	begin(rig);
	frame = add(rig, BROADCAST A "0800");
	frame->needs = FRAME_NEEDS_CSUM | FRAME_NEEDS_TSO4;
	frame->vnet = (struct virtio_net_hdr){
		.hdr_len = 54, .gso_size = 1460, .csum_start = 34, .csum_offset = 16};
	forward(rig, 0, 0);
	CU_ASSERT_EQUAL(rig->out->to[1].frames[0]->vnet.csum_start, 38);
	CU_ASSERT_EQUAL(rig->out->to[1].frames[0]->vnet.csum_offset, 16);
	CU_ASSERT_EQUAL(rig->out->to[1].frames[0]->vnet.hdr_len, 58);
	CU_ASSERT_EQUAL(rig->out->to[1].frames[0]->vnet.gso_size, 1460);
	CU_ASSERT_EQUAL(rig->out->to[1].frames[0]->len, 104);
	CU_ASSERT_EQUAL(rig->out->to[1].frames[0]->head_len, FRAME_HEAD_LEN + 4);
	CU_ASSERT_EQUAL(rig->out->to[3].frames[0]->vnet.csum_start, 34);

	frame = add(rig, BROADCAST B "8100 000a 0800");
	frame->needs = FRAME_NEEDS_CSUM;
	frame->vnet = (struct virtio_net_hdr){.csum_start = 38, .csum_offset = 6};
	forward(rig, 1, 0);
	CU_ASSERT_EQUAL(rig->out->to[0].frames[0]->vnet.csum_start, 34);
	CU_ASSERT_EQUAL(rig->out->to[0].frames[0]->vnet.hdr_len, 0);
	CU_ASSERT_EQUAL(rig->out->to[0].frames[0]->len, 96);
	rig_free(rig);
}

static void offsets_that_cannot_move_are_refused(void)
{
	static const uint16_t starts[] = {0, 13, 17, UINT16_MAX - 3};
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	allow(&rig->ports[0], 10);
	rig->ports[1].vlan = 10;
	begin(rig);
	for (unsigned i = 0; i < 4; i++) {
		struct frame *frame = add(rig, BROADCAST A "8100 000a 0800");

		frame->needs = FRAME_NEEDS_CSUM;
		frame->vnet.csum_start = starts[i];
		frame->len = FRAME_LEN_MAX;
	}
	forward(rig, 0, 0);
	CU_ASSERT_EQUAL(dropped(rig, DROP_BAD_VNET), 4);
	/* Right behind the tag, and right behind where there is none, they can. */
	add(rig, BROADCAST A "8100 000a 0800")->vnet.csum_start = 18;
	rig->burst.frames[0].needs = FRAME_NEEDS_CSUM;
	forward(rig, 0, 0);
	CU_ASSERT_EQUAL(rig->out->to[1].frames[0]->vnet.csum_start, 14);
	add(rig, BROADCAST B "0800")->vnet.csum_start = 14;
	rig->burst.frames[0].needs = FRAME_NEEDS_CSUM;
	forward(rig, 1, 0);
	CU_ASSERT_EQUAL(rig->out->to[0].frames[0]->vnet.csum_start, 18);
	rig_free(rig);
}

static void isolated_ports_reach_the_others_only(void) /* FDB-29 */
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	rig->ports[0].isolated = rig->ports[1].isolated = YES;
	begin(rig);
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST A "0800"), 1 << 2 | 1 << 3);
	CU_ASSERT_EQUAL(send(rig, 2, A B "0800"), 1 << 0);
	CU_ASSERT_EQUAL(send(rig, 1, A "52540000000c 0800"), 0);
	CU_ASSERT_EQUAL(dropped(rig, DROP_ISOLATED), 1);
	CU_ASSERT_EQUAL(send(rig, 2, BROADCAST B "0800"), 1 << 0 | 1 << 1 | 1 << 3);
	rig_free(rig);
}

static void a_spoofed_address_is_dropped_and_not_learned(void) /* FDB-21 */
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	rig->ports[0].mac = (struct mac_list){
		.macs = {{0x52, 0x54, 0, 0, 0, 0x0a}, {0x52, 0x54, 0, 0, 0, 0x0c}}, .n = 2};
	begin(rig);
	CU_ASSERT_EQUAL(send(rig, 1, BROADCAST B "0800"), 0xd);
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST B "0800"), 0);
	CU_ASSERT_EQUAL(dropped(rig, DROP_SPOOFED), 1);
	CU_ASSERT_EQUAL(send(rig, 2, B "52540000000d 0800"), 1 << 1);
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST A "0800"), 0xe);
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST "52540000000c 0800"), 0xe);
	rig_free(rig);
}

static void a_port_uses_so_many_addresses_and_no_more(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	rig->ports[0].max_macs = 2;
	begin(rig);
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST A "0800"), 0xe);
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST B "0800"), 0xe);
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST "52540000000c 0800"), 0);
	CU_ASSERT_EQUAL(dropped(rig, DROP_MAX_MACS), 1);
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST A "0800"), 0xe);
	/* One of them moves away, and makes room. */
	send(rig, 1, BROADCAST B "0800");
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST "52540000000c 0800"), 0xe);
	CU_ASSERT_EQUAL(send(rig, 0, BROADCAST B "0800"), 0);
	CU_ASSERT_EQUAL(dropped(rig, DROP_MAX_MACS), 1);
	rig_free(rig);
}

static void addresses_that_are_too_old_make_room(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	rig->ports[0].max_macs = 1;
	begin(rig);
	send(rig, 0, BROADCAST A "0800");
	add(rig, BROADCAST B "0800");
	forward(rig, 0, 299);
	CU_ASSERT_EQUAL(dropped(rig, DROP_MAX_MACS), 1);
	add(rig, BROADCAST B "0800");
	forward(rig, 0, 300);
	CU_ASSERT_EQUAL(dropped(rig, DROP_MAX_MACS), 0);
	/* Its own entry is too old, and is made anew. */
	add(rig, BROADCAST B "0800");
	forward(rig, 0, 700);
	CU_ASSERT_EQUAL(dropped(rig, DROP_MAX_MACS), 0);
	CU_ASSERT_EQUAL(fdb_count(rig->bridge->fdb), 1);
	rig_free(rig);
}

static void a_port_floods_so_many_frames_a_second(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	rig->ports[0].storm = 3;
	begin(rig);
	send(rig, 1, BROADCAST B "0800");
	for (uint32_t second = 7; second < 9; second++) {
		for (unsigned i = 0; i < 2; i++) {
			add(rig, BROADCAST A "0800");
			add(rig, "01005e000001" A "0800");
			add(rig, "52540000000d" A "0800");
			add(rig, B A "0800");
		}
		forward(rig, 0, second);
		/* What is known is not flooded. */
		CU_ASSERT_EQUAL(rig->out->to[1].n, 3 + 2);
		CU_ASSERT_EQUAL(rig->out->to[2].n, 3);
		CU_ASSERT_EQUAL(dropped(rig, DROP_STORM), 3);
	}
	rig_free(rig);
}

static void a_hub_keeps_its_vlans_apart(void)
{
	struct rig *rig = rig_new(BRIDGE_HUB);

	rig->ports[0].vlan = rig->ports[1].vlan = 10;
	rig->ports[2].vlan = rig->ports[3].vlan = 20;
	begin(rig);
	CU_ASSERT_EQUAL(send(rig, 0, A B "0800"), 1 << 1);
	CU_ASSERT_EQUAL(send(rig, 3, B A "0800"), 1 << 2);
	rig_free(rig);
}

static void ports_without_rules_cost_nothing(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	rig->ports[0].bridge = 1;
	rig->ports[0].vlan = 10; /* a port of another bridge */
	begin(rig);
	CU_ASSERT_PTR_NULL(rig->bridge->rules);
	rig_free(rig);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"an_inner_tag_carries_nobody_into_its_vlan",
		 an_inner_tag_carries_nobody_into_its_vlan},
		{"a_frame_that_may_not_enter_teaches_nothing",
		 a_frame_that_may_not_enter_teaches_nothing},
		{"a_tag_cut_off_is_a_runt", a_tag_cut_off_is_a_runt},
		{"an_address_is_known_in_its_vlan_only", an_address_is_known_in_its_vlan_only},
		{"forms_of_a_frame_do_not_disturb_each_other",
		 forms_of_a_frame_do_not_disturb_each_other},
		{"offsets_move_with_the_tag", offsets_move_with_the_tag},
		{"offsets_that_cannot_move_are_refused", offsets_that_cannot_move_are_refused},
		{"isolated_ports_reach_the_others_only", isolated_ports_reach_the_others_only},
		{"a_spoofed_address_is_dropped_and_not_learned",
		 a_spoofed_address_is_dropped_and_not_learned},
		{"a_port_uses_so_many_addresses_and_no_more",
		 a_port_uses_so_many_addresses_and_no_more},
		{"addresses_that_are_too_old_make_room", addresses_that_are_too_old_make_room},
		{"a_port_floods_so_many_frames_a_second", a_port_floods_so_many_frames_a_second},
		{"a_hub_keeps_its_vlans_apart", a_hub_keeps_its_vlans_apart},
		{"ports_without_rules_cost_nothing", ports_without_rules_cost_nothing},
		CU_TEST_INFO_NULL,
	};

	return suite_run("rules", tests);
}
