/* What a guest may do to its ring that no driver does: it loses its queue, and nothing else
 * happens. Under AddressSanitizer, and between pages that fault, a read or write too far stops the
 * test. */
#include "tests/ports/frames.h"
#include "tests/ports/guest.h"
#include "tests/suite.h"

#include <stdlib.h>
#include <string.h>

enum { SIZE = 16, N_REGIONS = 2 };

#define MODERN	 (FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_NET_F_MRG_RXBUF))
#define INDIRECT FEATURE(VIRTIO_F_INDIRECT_DESC)
#define END	 (GUEST_BASE + N_REGIONS * (uint64_t)GUEST_REGION_LEN)
#define TABLE	 (GUEST_BASE + 8192)

/* A chain of three descriptors, in which a test breaks something. */
struct victim {
	struct guest guest;
	struct guest_piece pieces[3];
	struct virtq_desc *desc; /* the ring's */
	struct virtq_desc *table;
};

/* Breaks it; write: the chain is one that we are to write to. */
typedef void corrupt(struct victim *v, bool write);

static void open_victim(struct victim *v, bool write, bool indirect)
{
	struct guest *guest = &v->guest;

	guest_open(guest, &(struct guest_conf){.features = MODERN | (indirect ? INDIRECT : 0),
					       .size = SIZE,
					       .n_regions = N_REGIONS});
	for (unsigned i = 0; i < 3; i++)
		v->pieces[i] = (struct guest_piece){
			.gpa = guest_take(guest, 400), .len = 400, .write = write};
	guest_post(guest, &(struct guest_chain){.pieces = v->pieces,
						.n = 3,
						.n_direct = indirect ? 0 : 3,
						.table_gpa = TABLE});
	v->desc = guest_desc(guest, 0);
	v->table = (void *)(guest->mem.regions[0].hva + (TABLE - GUEST_BASE));
}

/* A frame that needs all of the chain. */
static unsigned transmit(struct vring *vr, enum drop_reason *why)
{
	static uint8_t bytes[1100];
	struct segment segments[1];
	struct frame frame;
	const struct frame *list[] = {&frame};

	frame_make(&frame, bytes, sizeof(bytes), segments, 1);
	return vring_tx(vr, list, 1, why);
}

/* The queue stops with the fault, nothing was written or given back, and nothing ever will be. */
static void expect_fault(struct victim *v, bool write, enum vring_fault fault)
{
	struct burst *burst = burst_new();
	struct guest *guest = &v->guest;

	guest_remember(guest);
	for (unsigned i = 0; i < 3; i++) {
		enum drop_reason why = DROP_N;

		burst_reset(burst);
		if (write) {
			CU_ASSERT_EQUAL(transmit(&guest->vr, &why), 0);
			CU_ASSERT_EQUAL(why, DROP_QUEUE_BROKEN);
			CU_ASSERT_EQUAL(vring_notify(&guest->vr), 0);
		} else {
			CU_ASSERT_EQUAL(vring_rx(&guest->vr, burst), 0);
			CU_ASSERT_EQUAL(vring_rx_release(&guest->vr), 0);
		}
		CU_ASSERT_EQUAL(burst->n + burst->n_refused, 0);
		CU_ASSERT_EQUAL(guest->vr.fault, fault);
		CU_ASSERT_FALSE(vring_arm(&guest->vr));
	}
	CU_ASSERT(guest_unchanged_but(guest, NULL, 0));
	CU_ASSERT_EQUAL(guest_collect_all(guest), 0);
	CU_ASSERT_EQUAL(guest_notified(guest), 0);
	free(burst);
}

static void expect_fault_of(corrupt *break_it, bool indirect, enum vring_fault fault)
{
	for (unsigned write = 0; write < 2; write++) {
		struct victim v;

		open_victim(&v, write, indirect);
		break_it(&v, write);
		expect_fault(&v, write, fault);
		guest_close(&v.guest);
	}
}

/* VQS-09 */
static void vring_stops_when_the_available_index_jumps(void)
{
	static const int jumps[] = {SIZE + 1, SIZE + 2, 1000, 32767, 65535 /* back by one */};

	for (unsigned i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++)
		for (unsigned write = 0; write < 2; write++) {
			struct victim v;

			open_victim(&v, write, false);
			guest_avail(&v.guest)->idx = (uint16_t)jumps[i];
			expect_fault(&v, write, VRING_BAD_AVAIL_IDX);
			guest_close(&v.guest);
		}
}

static void head_past_the_table(struct victim *v, bool write)
{
	guest_avail(&v->guest)->ring[0] = write ? SIZE : 0xffff;
}

static void next_past_the_table(struct victim *v, bool write)
{
	v->desc[1].next = write ? 0xffff : SIZE;
}

static void next_past_the_indirect_table(struct victim *v, bool write)
{
	v->table[1].next = write ? 0xffff : 3;
}

/* VQS-10 */
static void vring_stops_at_an_index_past_its_table(void)
{
	expect_fault_of(head_past_the_table, false, VRING_BAD_HEAD);
	expect_fault_of(next_past_the_table, false, VRING_BAD_HEAD);
	expect_fault_of(next_past_the_indirect_table, true, VRING_BAD_HEAD);
}

static void next_is_itself(struct victim *v, bool write)
{
	v->desc[write].next = write;
	v->desc[write].len = 1;
}

static void next_goes_back(struct victim *v, bool write)
{
	(void)write;
	v->desc[2].flags |= VIRTQ_DESC_F_NEXT;
	v->desc[2].next = 0;
}

static void loop_of_nothing(struct victim *v, bool write)
{
	next_goes_back(v, write);
	for (unsigned i = 0; i < 3; i++)
		v->desc[i].len = 0;
}

static void loop_over_the_whole_table(struct victim *v, bool write)
{
	for (unsigned i = 0; i < SIZE; i++) {
		v->desc[i] = v->desc[i % 3];
		v->desc[i].flags |= VIRTQ_DESC_F_NEXT;
		v->desc[i].next = (uint16_t)((i + (write ? 1 : 5)) % SIZE);
	}
}

static void loop_in_the_indirect_table(struct victim *v, bool write)
{
	v->table[2].flags |= VIRTQ_DESC_F_NEXT;
	v->table[2].next = write;
}

/* VQS-02, VQS-11, IND-02: also a table with more entries than the queue has, all of them used. */
static void table_longer_than_the_queue(struct victim *v, bool write)
{
	v->desc[0].len = (SIZE + 1) * sizeof(struct virtq_desc);
	for (unsigned i = 0; i <= SIZE; i++) {
		v->table[i] = v->table[i % 3];
		v->table[i].len = write ? 1 : 10;
		v->table[i].flags = (uint16_t)((write ? VIRTQ_DESC_F_WRITE : 0) |
					       (i < SIZE ? VIRTQ_DESC_F_NEXT : 0));
		v->table[i].next = (uint16_t)(i + 1);
	}
}

static void vring_stops_at_a_chain_that_loops_or_is_too_long(void)
{
	expect_fault_of(next_is_itself, false, VRING_BAD_CHAIN);
	expect_fault_of(next_goes_back, false, VRING_BAD_CHAIN);
	expect_fault_of(loop_of_nothing, false, VRING_BAD_CHAIN);
	expect_fault_of(loop_over_the_whole_table, false, VRING_BAD_CHAIN);
	expect_fault_of(loop_in_the_indirect_table, true, VRING_BAD_CHAIN);
	expect_fault_of(table_longer_than_the_queue, true, VRING_BAD_CHAIN);
}

static void other_direction(struct victim *v, bool write)
{
	(void)write;
	v->desc[1].flags ^= VIRTQ_DESC_F_WRITE;
}

static void other_direction_at_the_head(struct victim *v, bool write)
{
	(void)write;
	v->desc[0].flags ^= VIRTQ_DESC_F_WRITE;
}

static void other_direction_in_the_table(struct victim *v, bool write)
{
	(void)write;
	v->table[2].flags ^= VIRTQ_DESC_F_WRITE;
}

/* VQS-13 */
static void vring_stops_at_a_descriptor_of_the_wrong_direction(void)
{
	expect_fault_of(other_direction, false, VRING_BAD_DIRECTION);
	expect_fault_of(other_direction_at_the_head, false, VRING_BAD_DIRECTION);
	expect_fault_of(other_direction_in_the_table, true, VRING_BAD_DIRECTION);
}

/* EVL-10 */
static void vring_stops_at_an_address_outside_of_the_memory(void)
{
	static const struct {
		uint64_t gpa;
		uint32_t len;
	} bad[] = {
		{0, 100},
		{GUEST_BASE - 1, 100},
		{GUEST_BASE - 1, 1},
		{END, 1},
		{END - 1, 2},
		{END - 99, 100},
		{END - 1, UINT32_MAX},
		{GUEST_BASE, UINT32_MAX},
		{UINT64_MAX, 1},
		{UINT64_MAX, 2},
		{UINT64_MAX - 50, 100},
		{UINT64_MAX - GUEST_BASE, 4096},
		{UINT64_MAX - 1, UINT32_MAX},
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (unsigned n = 0; n < 12; n++) {
			bool write = n & 1;
			bool indirect = n & 2;
			struct victim v;
			struct virtq_desc *desc;

			open_victim(&v, write, indirect);
			desc = (indirect ? v.table : v.desc) + n / 4;
			desc->addr = bad[i].gpa;
			desc->len = bad[i].len;
			expect_fault(&v, write, VRING_BAD_ADDRESS);
			guest_close(&v.guest);
		}
}

/* The same where the buffer is one descriptor, and so takes the short way. */
static void vring_stops_at_one_descriptor_that_leaves_the_memory(void)
{
	for (unsigned write = 0; write < 2; write++)
		for (uint64_t gpa = END - 1200; gpa < END + 20; gpa += 7) {
			struct victim v;
			struct burst *burst = burst_new();
			enum drop_reason why;

			open_victim(&v, write, false);
			v.desc[0].addr = gpa;
			v.desc[0].len = 1200;
			v.desc[0].flags &= VIRTQ_DESC_F_WRITE;
			if (gpa > END - 1200) {
				expect_fault(&v, write, VRING_BAD_ADDRESS);
			} else if (write) {
				CU_ASSERT_EQUAL(transmit(&v.guest.vr, &why), 1);
			} else {
				memset(v.guest.mem.regions[1].hva + GUEST_REGION_LEN - 1200, 0, 12);
				CU_ASSERT_EQUAL(vring_rx(&v.guest.vr, burst), 1);
				CU_ASSERT_EQUAL(burst->n, 1);
			}
			guest_close(&v.guest);
			free(burst);
		}
}

static void not_negotiated(struct victim *v, bool write)
{
	(void)write;
	v->guest.vr.indirect = false;
}

static void with_next(struct victim *v, bool write)
{
	(void)write;
	v->desc[0].flags |= VIRTQ_DESC_F_NEXT;
}

static void nested(struct victim *v, bool write)
{
	v->table[write] = v->desc[0];
}

/* IND-03, IND-08 */
static void vring_stops_at_a_table_where_none_may_be(void)
{
	expect_fault_of(not_negotiated, true, VRING_BAD_INDIRECT);
	expect_fault_of(with_next, true, VRING_BAD_INDIRECT);
	expect_fault_of(nested, true, VRING_BAD_INDIRECT);
}

/* IND-02 */
static void vring_stops_at_a_table_of_no_whole_descriptors(void)
{
	static const uint32_t lens[] = {0,	     1,		  15,	      17, 33,
					16 * 32769u, 65536u * 16, UINT32_MAX, 47, UINT32_MAX - 15};

	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		for (unsigned write = 0; write < 2; write++) {
			struct victim v;

			open_victim(&v, write, true);
			v.desc[0].len = lens[i];
			expect_fault(&v, write, VRING_BAD_INDIRECT);
			guest_close(&v.guest);
		}
}

static void table_behind_the_memory(struct victim *v, bool write)
{
	v->desc[0].addr = write ? END : END - 8;
}

static void table_before_the_memory(struct victim *v, bool write)
{
	v->desc[0].addr = write ? GUEST_BASE - 4 : 0;
}

static void vring_stops_at_a_table_outside_of_the_memory(void)
{
	expect_fault_of(table_behind_the_memory, true, VRING_BAD_ADDRESS);
	expect_fault_of(table_before_the_memory, true, VRING_BAD_ADDRESS);
}

/* VQS-14: what came before the bad chain has been sent and comes back. */
static void vring_rx_gives_what_came_before_a_bad_chain(void)
{
	for (unsigned n_good = 1; n_good < SIZE - 1; n_good++) {
		struct guest guest;
		struct burst *burst = burst_new();
		struct guest_piece bad = {.gpa = END, .len = 100};

		guest_open(&guest, &(struct guest_conf){.features = MODERN, .size = SIZE});
		memset(guest.mem.regions[0].hva, 0, SIZE * 100);
		for (unsigned i = 0; i < n_good; i++)
			guest_post_one(&guest, 100, false);
		guest_post(&guest, &(struct guest_chain){.pieces = &bad, .n = 1, .n_direct = 1});
		guest_post_one(&guest, 100, false);
		CU_ASSERT_EQUAL(vring_rx(&guest.vr, burst), n_good);
		CU_ASSERT_EQUAL(burst->n, n_good);
		CU_ASSERT_EQUAL(guest.vr.fault, VRING_BAD_ADDRESS);
		vring_rx_release(&guest.vr);
		CU_ASSERT_EQUAL(guest_collect_all(&guest), n_good);
		guest_close(&guest);
		free(burst);
	}
}

static void vring_tx_delivers_what_came_before_a_bad_chain(void)
{
	static uint8_t bytes[60];

	for (unsigned n_good = 0; n_good < SIZE; n_good++) {
		struct guest_piece bad = {.gpa = END, .len = 100, .write = true};
		const struct frame *list[SIZE];
		struct segment segment;
		enum drop_reason why;
		struct frame frame;
		struct guest guest;

		frame_make(&frame, bytes, sizeof(bytes), &segment, 1);
		guest_open(&guest, &(struct guest_conf){.features = MODERN, .size = SIZE});
		for (unsigned i = 0; i < n_good; i++)
			guest_post_one(&guest, 100, true);
		guest_post(&guest, &(struct guest_chain){.pieces = &bad, .n = 1, .n_direct = 1});
		for (unsigned i = 0; i < SIZE; i++)
			list[i] = &frame;
		CU_ASSERT_EQUAL(vring_tx(&guest.vr, list, SIZE, &why), n_good);
		CU_ASSERT_EQUAL(why, DROP_QUEUE_BROKEN);
		vring_notify(&guest.vr);
		CU_ASSERT_EQUAL(guest_collect_all(&guest), n_good);
		guest_close(&guest);
	}
}

/* EVL-09: a guest whose buffers are its own rings breaks its own rings. */
static void vring_tx_into_the_ring_itself_hurts_only_the_ring(void)
{
	for (unsigned area = 0; area < 3; area++) {
		struct guest guest;
		enum drop_reason why;
		uint8_t *areas[3];
		uint32_t lens[] = {SIZE * 16, 6 + 2 * SIZE, 6 + 8 * SIZE};

		guest_open(&guest, &(struct guest_conf){.features = MODERN, .size = SIZE});
		areas[0] = guest.desc_area;
		areas[1] = guest.driver_area;
		areas[2] = guest.device_area;
		guest.mem.regions[guest.mem.n_regions++] =
			(struct guest_region){.gpa = 0, .size = lens[area], .hva = areas[area]};
		for (unsigned i = 0; i < SIZE; i++) {
			struct guest_piece piece = {.len = lens[area], .write = true};

			guest_post(&guest,
				   &(struct guest_chain){.pieces = &piece, .n = 1, .n_direct = 1});
		}
		for (unsigned i = 0; i < 100; i++) {
			transmit(&guest.vr, &why);
			vring_notify(&guest.vr);
		}
		CU_PASS("alive");
		guest.mem.n_regions--;
		guest_close(&guest);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"vring_stops_when_the_available_index_jumps",
		 vring_stops_when_the_available_index_jumps},
		{"vring_stops_at_an_index_past_its_table", vring_stops_at_an_index_past_its_table},
		{"vring_stops_at_a_chain_that_loops_or_is_too_long",
		 vring_stops_at_a_chain_that_loops_or_is_too_long},
		{"vring_stops_at_a_descriptor_of_the_wrong_direction",
		 vring_stops_at_a_descriptor_of_the_wrong_direction},
		{"vring_stops_at_an_address_outside_of_the_memory",
		 vring_stops_at_an_address_outside_of_the_memory},
		{"vring_stops_at_one_descriptor_that_leaves_the_memory",
		 vring_stops_at_one_descriptor_that_leaves_the_memory},
		{"vring_stops_at_a_table_where_none_may_be",
		 vring_stops_at_a_table_where_none_may_be},
		{"vring_stops_at_a_table_of_no_whole_descriptors",
		 vring_stops_at_a_table_of_no_whole_descriptors},
		{"vring_stops_at_a_table_outside_of_the_memory",
		 vring_stops_at_a_table_outside_of_the_memory},
		{"vring_rx_gives_what_came_before_a_bad_chain",
		 vring_rx_gives_what_came_before_a_bad_chain},
		{"vring_tx_delivers_what_came_before_a_bad_chain",
		 vring_tx_delivers_what_came_before_a_bad_chain},
		{"vring_tx_into_the_ring_itself_hurts_only_the_ring",
		 vring_tx_into_the_ring_itself_hurts_only_the_ring},
		CU_TEST_INFO_NULL,
	};

	return suite_run("vring_malformed", tests);
}
