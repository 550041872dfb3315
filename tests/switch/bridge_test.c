#include "switch/bridge.h"
#include "tests/suite.h"

#include <string.h>

enum { N_PORTS = 4 };

/* One bridge with ports 0 .. 3, all linked, and the frames of one burst from port 0 unless said
 * otherwise. */
struct rig {
	struct bridge_conf conf;
	struct bridge *bridge;
	uint16_t members[N_PORTS];
	struct bridge_view view;
	struct outbox *out;
	struct burst burst;
};

static struct rig *rig_new(enum bridge_mode mode, enum l2cp_mode l2cp)
{
	struct rig *rig = aligned_alloc(64, (sizeof(*rig) + 63) / 64 * 64);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	memset(rig, 0, sizeof(*rig));
	rig->conf =
		(struct bridge_conf){.mode = mode, .l2cp = l2cp, .ageing_s = 300, .max_macs = 64};
	rig->bridge = bridge_new(&rig->conf, N_PORTS, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->bridge);
	for (uint16_t i = 0; i < N_PORTS; i++)
		rig->members[i] = i;
	rig->view = (struct bridge_view){.bridge = rig->bridge,
					 .members = rig->members,
					 .n_members = mode == BRIDGE_WIRE ? 2 : N_PORTS};
	rig->out = outbox_new(N_PORTS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->out);
	return rig;
}

static void rig_free(struct rig *rig)
{
	outbox_free(rig->out);
	bridge_free(rig->bridge);
	free(rig);
}

/* Adds a frame that begins with these bytes (in hexadecimal, spaces allowed) and is len bytes long.
 */
static void add(struct rig *rig, const char *hex, uint32_t len)
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
	frame->len = len;
	frame->head_len = len < FRAME_HEAD_LEN ? (uint16_t)len : FRAME_HEAD_LEN;
}

/* Which ports frame i went to, a bit each; nothing went anywhere twice. */
static unsigned ports_of(const struct rig *rig, unsigned i)
{
	unsigned ports = 0;

	for (unsigned t = 0; t < rig->out->n_touched; t++) {
		const struct outbox_list *list = &rig->out->to[rig->out->touched[t]];

		for (unsigned k = 0; k < list->n; k++)
			if (list->frames[k] == &rig->burst.frames[i]) {
				CU_ASSERT_EQUAL(ports & 1u << rig->out->touched[t], 0);
				ports |= 1u << rig->out->touched[t];
			}
	}
	return ports;
}

static void forward(struct rig *rig, uint16_t src, uint32_t now_s)
{
	outbox_reset(rig->out);
	bridge_forward(&rig->view, src, &rig->burst, now_s, rig->out);
}

static void next_burst(struct rig *rig)
{
	rig->burst.n = 0;
}

#define A	  "525400 00000a"
#define B	  "525400 00000b"
#define BROADCAST "ffffffffffff"

static void vlans_have_their_own_addresses(void) /* VLN-08, VLN-09 */
{
	struct rig *rig = rig_new(BRIDGE_SWITCH, L2CP_DROP);

	add(rig, BROADCAST A "8100 000a 0800", 64);
	forward(rig, 1, 0);
	next_burst(rig);
	add(rig, BROADCAST A "8100 0014 0800", 64);
	forward(rig, 2, 0);
	next_burst(rig);
	add(rig, A B "8100 000a 0800", 64);
	add(rig, A B "8100 0014 0800", 64);
	add(rig, A B "8100 001e 0800", 64);
	add(rig, A B "0800", 64);
	forward(rig, 0, 0);
	CU_ASSERT_EQUAL(ports_of(rig, 0), 1 << 1);
	CU_ASSERT_EQUAL(ports_of(rig, 1), 1 << 2);
	CU_ASSERT_EQUAL(ports_of(rig, 2), 0xe);
	CU_ASSERT_EQUAL(ports_of(rig, 3), 0xe);
	rig_free(rig);
}

static void a_frame_too_short_for_its_tag_is_untagged(void) /* VLN-12 */
{
	struct rig *rig = rig_new(BRIDGE_SWITCH, L2CP_DROP);

	add(rig, BROADCAST A "0800", 64);
	forward(rig, 1, 0);
	next_burst(rig);
	/* Bytes 14 and 15 of the private copy are not the frame's. */
	add(rig, A B "8100 000a", 15);
	forward(rig, 0, 0);
	CU_ASSERT_EQUAL(ports_of(rig, 0), 1 << 1);
	/* Nor do they make it one with its neighbours, which have that tag. */
	next_burst(rig);
	add(rig, A B "8100 000a", 16);
	add(rig, A B "8100 000a", 15);
	add(rig, A B "8100 000a", 16);
	forward(rig, 0, 0);
	CU_ASSERT_EQUAL(ports_of(rig, 0), 0xe);
	CU_ASSERT_EQUAL(ports_of(rig, 1), 1 << 1);
	CU_ASSERT_EQUAL(ports_of(rig, 2), 0xe);
	rig_free(rig);
}

static void the_priority_bits_are_no_part_of_the_vlan(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH, L2CP_DROP);

	add(rig, BROADCAST A "8100 e00a 0800", 64);
	forward(rig, 1, 0);
	next_burst(rig);
	add(rig, A B "8100 100a 0800", 64);
	forward(rig, 0, 0);
	CU_ASSERT_EQUAL(ports_of(rig, 0), 1 << 1);
	rig_free(rig);
}

static void bad_sources_are_dropped_and_not_learned(void) /* FDB-07 */
{
	static const char *const sources[] = {"010000000001", "ffffffffffff", "000000000000",
					      "030000000000"};
	struct rig *rig = rig_new(BRIDGE_SWITCH, L2CP_DROP);

	for (unsigned i = 0; i < 4; i++) {
		char hex[64];

		snprintf(hex, sizeof(hex), A "%s0800", sources[i]);
		add(rig, hex, 64);
	}
	forward(rig, 0, 0);
	CU_ASSERT_EQUAL(rig->out->dropped[DROP_BAD_SOURCE].n, 4);
	CU_ASSERT_EQUAL(rig->out->n_copies, 0);
	CU_ASSERT_EQUAL(fdb_count(rig->bridge->fdb), 0);
	rig_free(rig);
}

static void reserved_addresses_stay_here_unless_told_otherwise(void) /* FRM-05, FRM-06 */
{
	for (unsigned mode = 0; mode < L2CP_N; mode++) {
		struct rig *rig = rig_new(BRIDGE_SWITCH, mode);
		char hex[64];

		for (unsigned i = 0; i < 0x20; i++) {
			snprintf(hex, sizeof(hex), "0180c20000%02x" A "88cc", i);
			add(rig, hex, 64);
		}
		forward(rig, 0, 0);
		for (unsigned i = 0; i < 0x20; i++)
			CU_ASSERT_EQUAL(ports_of(rig, i), i < 0x10 && mode == L2CP_DROP ? 0 : 0xe);
		CU_ASSERT_EQUAL(rig->out->dropped[DROP_L2CP].n, mode == L2CP_DROP ? 0x10 : 0);
		/* Who sent it is known all the same. */
		CU_ASSERT_EQUAL(fdb_count(rig->bridge->fdb), 1);
		rig_free(rig);
	}
}

static void a_frame_for_its_own_port_goes_nowhere(void) /* FDB-05 */
{
	struct rig *rig = rig_new(BRIDGE_SWITCH, L2CP_DROP);

	add(rig, BROADCAST A "0800", 64);
	/* Learned a frame earlier, in the same burst. */
	add(rig, A B "0800", 64);
	forward(rig, 0, 0);
	CU_ASSERT_EQUAL(rig->out->dropped[DROP_SAME_PORT].n, 1);
	CU_ASSERT_EQUAL(ports_of(rig, 1), 0);
	rig_free(rig);
}

static void what_a_burst_teaches_counts_within_the_burst(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH, L2CP_DROP);

	add(rig, A B "0800", 64); /* A is unknown: flooded */
	add(rig, A A "0800", 64); /* now A is known to live here */
	add(rig, A B "0800", 64);
	forward(rig, 0, 0);
	CU_ASSERT_EQUAL(ports_of(rig, 0), 0xe);
	CU_ASSERT_EQUAL(rig->out->dropped[DROP_SAME_PORT].n, 2);
	rig_free(rig);
}

static void an_address_that_moves_is_followed_at_once(void) /* FDB-06 */
{
	struct rig *rig = rig_new(BRIDGE_SWITCH, L2CP_DROP);

	add(rig, BROADCAST A "0800", 64);
	forward(rig, 1, 0);
	forward(rig, 2, 0);
	next_burst(rig);
	add(rig, A B "0800", 64);
	forward(rig, 0, 0);
	CU_ASSERT_EQUAL(ports_of(rig, 0), 1 << 2);
	rig_free(rig);
}

static void an_address_is_flooded_again_after_the_ageing_time(void) /* FDB-08 */
{
	struct rig *rig = rig_new(BRIDGE_SWITCH, L2CP_DROP);

	add(rig, BROADCAST A "0800", 64);
	forward(rig, 1, 1000);
	next_burst(rig);
	add(rig, A B "0800", 64);
	forward(rig, 0, 1299);
	CU_ASSERT_EQUAL(ports_of(rig, 0), 1 << 1);
	forward(rig, 0, 1300);
	CU_ASSERT_EQUAL(ports_of(rig, 0), 0xe);
	rig_free(rig);
}

static void a_hub_gives_everything_to_everybody(void)
{
	struct rig *rig = rig_new(BRIDGE_HUB, L2CP_DROP);

	add(rig, A B "0800", 64);
	forward(rig, 1, 0);
	next_burst(rig);
	add(rig, B A "0800", 64);
	add(rig, "0180c2000000" A "0027", 64);
	add(rig,
	    A "ffffffffffff"
	      "0800",
	    64);
	forward(rig, 0, 0);
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(ports_of(rig, i), 0xe);
	CU_ASSERT_EQUAL(rig->out->n_dropped, 0);
	rig_free(rig);
}

static void a_wire_passes_everything_to_its_other_end(void)
{
	struct rig *rig = rig_new(BRIDGE_WIRE, L2CP_DROP);

	add(rig, "0180c200000e" A "88cc", 64);
	add(rig, A A "8100 0fff 0800", 64);
	add(rig,
	    B "000000000000"
	      "0800",
	    14);
	forward(rig, 0, 0);
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(ports_of(rig, i), 1 << 1);
	forward(rig, 1, 0);
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(ports_of(rig, i), 1 << 0);
	rig_free(rig);
}

static void an_outbox_that_was_reset_is_empty(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH, L2CP_DROP);

	add(rig, BROADCAST A "0800", 64);
	add(rig,
	    BROADCAST "ffffffffffff"
		      "0800",
	    64);
	forward(rig, 0, 0);
	CU_ASSERT_EQUAL(rig->out->n_copies, 3);
	CU_ASSERT_EQUAL(rig->out->n_dropped, 1);
	outbox_reset(rig->out);
	CU_ASSERT_EQUAL(rig->out->n_copies + rig->out->n_dropped + rig->out->n_touched, 0);
	for (unsigned i = 0; i < N_PORTS; i++)
		CU_ASSERT_EQUAL(rig->out->to[i].n, 0);
	for (unsigned why = 0; why < DROP_N; why++)
		CU_ASSERT_EQUAL(rig->out->dropped[why].n, 0);
	rig_free(rig);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"vlans_have_their_own_addresses", vlans_have_their_own_addresses},
		{"a_frame_too_short_for_its_tag_is_untagged",
		 a_frame_too_short_for_its_tag_is_untagged},
		{"the_priority_bits_are_no_part_of_the_vlan",
		 the_priority_bits_are_no_part_of_the_vlan},
		{"bad_sources_are_dropped_and_not_learned",
		 bad_sources_are_dropped_and_not_learned},
		{"reserved_addresses_stay_here_unless_told_otherwise",
		 reserved_addresses_stay_here_unless_told_otherwise},
		{"a_frame_for_its_own_port_goes_nowhere", a_frame_for_its_own_port_goes_nowhere},
		{"what_a_burst_teaches_counts_within_the_burst",
		 what_a_burst_teaches_counts_within_the_burst},
		{"an_address_that_moves_is_followed_at_once",
		 an_address_that_moves_is_followed_at_once},
		{"an_address_is_flooded_again_after_the_ageing_time",
		 an_address_is_flooded_again_after_the_ageing_time},
		{"a_hub_gives_everything_to_everybody", a_hub_gives_everything_to_everybody},
		{"a_wire_passes_everything_to_its_other_end",
		 a_wire_passes_everything_to_its_other_end},
		{"an_outbox_that_was_reset_is_empty", an_outbox_that_was_reset_is_empty},
		CU_TEST_INFO_NULL,
	};

	return suite_run("bridge", tests);
}
