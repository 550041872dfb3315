/* What a guest may do to a packed ring that no driver does; as in vring_malformed_test.c. */
#include "tests/ports/frames.h"
#include "tests/ports/guest.h"
#include "tests/suite.h"

#include <string.h>

enum { SIZE = 13, N_REGIONS = 2, N_PIECES = 3 };

#define PACKED                                                                                     \
	(FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_F_RING_PACKED) |                             \
	 FEATURE(VIRTIO_NET_F_MRG_RXBUF))
#define INDIRECT FEATURE(VIRTIO_F_INDIRECT_DESC)
#define END	 (GUEST_BASE + N_REGIONS * (uint64_t)GUEST_REGION_LEN)
#define TABLE	 (GUEST_BASE + 8192)

/* A chain of three descriptors at a place in the ring. */
struct victim {
	struct guest guest;
	struct virtq_packed_desc *desc[SIZE]; /* from the chain's first on, over the ring's end */
	struct virtq_packed_desc *table;
};

typedef void corrupt(struct victim *v);

static void open_victim(struct victim *v, bool write, bool indirect, unsigned begin)
{
	struct guest *guest = &v->guest;
	struct guest_piece pieces[N_PIECES];

	guest_open(guest, &(struct guest_conf){.features = PACKED | (indirect ? INDIRECT : 0),
					       .size = SIZE,
					       .start = (uint16_t)(VIRTQ_WRAP + begin),
					       .n_regions = N_REGIONS});
	for (unsigned i = 0; i < N_PIECES; i++)
		pieces[i] = (struct guest_piece){
			.gpa = guest_take(guest, 400), .len = 400, .write = write};
	guest_post(guest, &(struct guest_chain){.pieces = pieces,
						.n = N_PIECES,
						.n_direct = indirect ? 0 : N_PIECES,
						.table_gpa = TABLE});
	for (unsigned i = 0; i < SIZE; i++)
		v->desc[i] = guest_packed(guest, (begin + i) % SIZE);
	v->table = (void *)(guest->mem.regions[0].hva + (TABLE - GUEST_BASE));
}

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
	struct virtq_packed_desc before[SIZE];

	guest_remember(guest);
	memcpy(before, guest->desc_area, sizeof(before));
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
	CU_ASSERT_EQUAL(memcmp(before, guest->desc_area, sizeof(before)), 0);
	CU_ASSERT_EQUAL(guest_notified(guest), 0);
	free(burst);
}

static void expect_fault_of(corrupt *break_it, bool indirect, enum vring_fault fault)
{
	for (unsigned write = 0; write < 2; write++)
		for (unsigned begin = 0; begin < SIZE; begin += 3) {
			struct victim v;

			open_victim(&v, write, indirect, begin);
			break_it(&v);
			expect_fault(&v, write, fault);
			guest_close(&v.guest);
		}
}

static void without_end(struct victim *v)
{
	for (unsigned i = 0; i < SIZE; i++) {
		*v->desc[i] = *v->desc[0];
		v->desc[i]->flags |= VIRTQ_DESC_F_NEXT;
	}
}

static void without_end_or_length(struct victim *v)
{
	without_end(v);
	for (unsigned i = 0; i < SIZE; i++)
		v->desc[i]->len = 0;
}

static void table_longer_than_the_queue(struct victim *v)
{
	v->desc[0]->len = (SIZE + 1) * sizeof(struct virtq_packed_desc);
	for (unsigned i = 0; i <= SIZE; i++)
		v->table[i] = v->table[0];
}

/* VQP-03, IND-02 */
static void vring_packed_stops_at_a_chain_without_end(void)
{
	expect_fault_of(without_end, false, VRING_BAD_CHAIN);
	expect_fault_of(without_end_or_length, false, VRING_BAD_CHAIN);
	expect_fault_of(table_longer_than_the_queue, true, VRING_BAD_CHAIN);
}

static void other_direction_first(struct victim *v)
{
	v->desc[0]->flags ^= VIRTQ_DESC_F_WRITE;
}

static void other_direction_last(struct victim *v)
{
	v->desc[2]->flags ^= VIRTQ_DESC_F_WRITE;
}

static void other_direction_in_the_table(struct victim *v)
{
	v->table[1].flags ^= VIRTQ_DESC_F_WRITE;
}

/* VQS-13 */
static void vring_packed_stops_at_the_wrong_direction(void)
{
	expect_fault_of(other_direction_first, false, VRING_BAD_DIRECTION);
	expect_fault_of(other_direction_last, false, VRING_BAD_DIRECTION);
	expect_fault_of(other_direction_in_the_table, true, VRING_BAD_DIRECTION);
}

/* EVL-10, VQP-06 */
static void vring_packed_stops_at_an_address_outside_of_the_memory(void)
{
	static const struct {
		uint64_t gpa;
		uint32_t len;
	} bad[] = {{0, 100},
		   {GUEST_BASE - 1, 1},
		   {END, 1},
		   {END - 1, 2},
		   {END - 99, 100},
		   {GUEST_BASE, UINT32_MAX},
		   {UINT64_MAX, 1},
		   {UINT64_MAX, 2},
		   {UINT64_MAX - GUEST_BASE, 4096},
		   {UINT64_MAX - 1, UINT32_MAX}};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (unsigned n = 0; n < 4 * N_PIECES; n++) {
			bool indirect = n & 2;
			struct victim v;
			struct virtq_packed_desc *desc;

			open_victim(&v, n & 1, indirect, i);
			desc = indirect ? &v.table[n / 4] : v.desc[n / 4];
			desc->addr = bad[i].gpa;
			desc->len = bad[i].len;
			expect_fault(&v, n & 1, VRING_BAD_ADDRESS);
			guest_close(&v.guest);
		}
}

static void alone_and_outside(struct victim *v)
{
	v->desc[0]->addr = END - 1199;
	v->desc[0]->len = 1200;
	v->desc[0]->flags &= (uint16_t)~VIRTQ_DESC_F_NEXT;
}

static void not_negotiated(struct victim *v)
{
	v->guest.vr.indirect = false;
}

static void with_next(struct victim *v)
{
	v->desc[0]->flags |= VIRTQ_DESC_F_NEXT;
}

static void nested(struct victim *v)
{
	v->table[1] = *v->desc[0];
}

static void table_behind_the_memory(struct victim *v)
{
	v->desc[0]->addr = END - 8;
}

/* IND-03, IND-08 */
static void vring_packed_stops_at_a_table_where_none_may_be(void)
{
	expect_fault_of(alone_and_outside, false, VRING_BAD_ADDRESS);
	expect_fault_of(not_negotiated, true, VRING_BAD_INDIRECT);
	expect_fault_of(with_next, true, VRING_BAD_INDIRECT);
	expect_fault_of(nested, true, VRING_BAD_INDIRECT);
	expect_fault_of(table_behind_the_memory, true, VRING_BAD_ADDRESS);
}

/* IND-02 */
static void vring_packed_stops_at_a_table_of_no_whole_descriptors(void)
{
	static const uint32_t lens[] = {0, 1, 15, 17, 47, 16 * 32769u, UINT32_MAX, UINT32_MAX - 15};

	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		for (unsigned write = 0; write < 2; write++) {
			struct victim v;

			open_victim(&v, write, true, i);
			v.desc[0]->len = lens[i];
			expect_fault(&v, write, VRING_BAD_INDIRECT);
			guest_close(&v.guest);
		}
}

/* VQS-14: what came before has been sent and comes back. */
static void vring_packed_gives_what_came_before_a_bad_chain(void)
{
	for (unsigned n_good = 1; n_good < SIZE; n_good++) {
		struct guest guest;
		struct burst *burst = burst_new();
		struct guest_piece bad = {.gpa = END, .len = 100};

		guest_open(&guest, &(struct guest_conf){.features = PACKED, .size = SIZE});
		memset(guest.mem.regions[0].hva, 0, SIZE * 100);
		for (unsigned i = 0; i < n_good; i++)
			guest_post_one(&guest, 100, false);
		guest_post(&guest, &(struct guest_chain){.pieces = &bad, .n = 1, .n_direct = 1});
		CU_ASSERT_EQUAL(vring_rx(&guest.vr, burst), n_good);
		CU_ASSERT_EQUAL(burst->n, n_good);
		CU_ASSERT_EQUAL(guest.vr.fault, VRING_BAD_ADDRESS);
		vring_rx_release(&guest.vr);
		CU_ASSERT_EQUAL(guest_collect_all(&guest), n_good);
		guest_close(&guest);
		free(burst);
	}
}

/* EVL-09, EVL-03: rings that overwrite themselves, and a ring in which everything is always
 * available: only our place in the ring has to stay in the ring. */
static void vring_packed_survives_a_ring_that_changes_under_it(void)
{
	static const uint16_t few[] = {1, 2, 3, SIZE};

	for (unsigned s = 0; s < 4; s++)
		for (unsigned seed = 0; seed < 200; seed++) {
			struct burst *burst = burst_new();
			struct guest guest;
			unsigned random = seed;
			enum drop_reason why;
			uint64_t features = PACKED | (seed & 1 ? FEATURE(VIRTIO_F_IN_ORDER) : 0);

			guest_open(&guest,
				   &(struct guest_conf){.features = features, .size = few[s]});
			memset(guest.mem.regions[0].hva, 0, 4096);
			for (unsigned i = 0; i < 200; i++) {
				for (unsigned k = 0; k < few[s]; k++) {
					random = random * 1103515245 + 12345;
					*guest_packed(&guest, k) = (struct virtq_packed_desc){
						.addr = GUEST_BASE,
						.len = 300,
						.id = (uint16_t)(random >> 8),
						.flags = (uint16_t)((random >> 16) & 0x8080) |
							 (seed & 2 ? VIRTQ_DESC_F_WRITE : 0) |
							 (random >> 26 == 0 ? VIRTQ_DESC_F_NEXT
									    : 0)};
				}
				burst_reset(burst);
				if (seed & 2) {
					transmit(&guest.vr, &why);
					vring_notify(&guest.vr);
				} else {
					vring_rx(&guest.vr, burst);
					vring_rx_release(&guest.vr);
				}
				CU_ASSERT((guest.vr.last_avail & 0x7fff) < few[s]);
				CU_ASSERT((guest.vr.last_used & 0x7fff) < few[s]);
			}
			guest_close(&guest);
			free(burst);
		}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"vring_packed_stops_at_a_chain_without_end",
		 vring_packed_stops_at_a_chain_without_end},
		{"vring_packed_stops_at_the_wrong_direction",
		 vring_packed_stops_at_the_wrong_direction},
		{"vring_packed_stops_at_an_address_outside_of_the_memory",
		 vring_packed_stops_at_an_address_outside_of_the_memory},
		{"vring_packed_stops_at_a_table_where_none_may_be",
		 vring_packed_stops_at_a_table_where_none_may_be},
		{"vring_packed_stops_at_a_table_of_no_whole_descriptors",
		 vring_packed_stops_at_a_table_of_no_whole_descriptors},
		{"vring_packed_gives_what_came_before_a_bad_chain",
		 vring_packed_gives_what_came_before_a_bad_chain},
		{"vring_packed_survives_a_ring_that_changes_under_it",
		 vring_packed_survives_a_ring_that_changes_under_it},
		CU_TEST_INFO_NULL,
	};

	return suite_run("vring_packed_malformed", tests);
}
