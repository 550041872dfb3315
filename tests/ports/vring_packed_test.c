/* What only packed rings have: wrap counters, ids, sizes that are no power of two, events by place.
 * What they share with split rings is in vring_rx_test.c and vring_tx_test.c. */
#include "tests/ports/frames.h"
#include "tests/ports/guest.h"
#include "tests/suite.h"

#include <errno.h>
#include <string.h>

enum { HDR = VIRTIO_NET_HDR_LEN, LEN = 60 };

#define PACKED	  (FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_F_RING_PACKED))
#define EVENT_IDX FEATURE(VIRTIO_F_EVENT_IDX)
#define IN_ORDER  FEATURE(VIRTIO_F_IN_ORDER)

static const uint16_t sizes[] = {1, 2, 3, 31, 32, 33, 255, 256, 257, 1000, 32767, 32768};
enum { N_SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static uint8_t bytes[LEN];

/* A buffer of n descriptors at the start of guest memory. */
static void post(struct guest *guest, unsigned n, bool write)
{
	struct guest_piece pieces[8];

	for (unsigned i = 0; i < n; i++)
		pieces[i] = (struct guest_piece){
			.gpa = GUEST_BASE + 10 * i, .len = i + 1 < n ? 10 : 100, .write = write};
	guest_post(guest, &(struct guest_chain){.pieces = pieces, .n = n, .n_direct = n});
}

static void open_with_zeros(struct guest *guest, const struct guest_conf *conf)
{
	guest_open(guest, conf);
	memset(guest->mem.regions[0].hva, 0, 4096);
}

static unsigned transmit(struct guest *guest, unsigned n)
{
	struct segment segment;
	struct frame frame;
	const struct frame *list[BURST_MAX];
	enum drop_reason why;

	frame_make(&frame, bytes, LEN, &segment, 1);
	for (unsigned i = 0; i < n; i++)
		list[i] = &frame;
	return vring_tx(&guest->vr, list, n, &why);
}

static unsigned receive(struct guest *guest)
{
	static struct burst burst;
	unsigned n;

	burst_reset(&burst);
	n = vring_rx(&guest->vr, &burst);
	CU_ASSERT_EQUAL(burst.n, n);
	vring_rx_release(&guest->vr);
	return n;
}

/* VQP-01, VQP-03: bursts and chains of every length, at every place of the ring, many turns. */
static void vring_packed_goes_round_and_round(void)
{
	for (unsigned s = 0; s < N_SIZES; s++)
		for (unsigned kind = 0; kind < 4; kind++) {
			bool write = kind & 1;
			struct guest guest;
			unsigned n_bad = 0;
			unsigned seed = 1;
			unsigned n_slots = 0;

			open_with_zeros(
				&guest,
				&(struct guest_conf){.features = PACKED | (kind & 2 ? IN_ORDER : 0),
						     .size = sizes[s]});
			while (n_slots < 5u * sizes[s] + 100 && n_bad == 0) {
				unsigned n_wanted =
					1 + (seed = seed * 1103515245 + 12345) / 65536 % 31;
				unsigned n = 0;

				for (; n < n_wanted; n++) {
					unsigned len = 1 + (seed >> 20) % 5;

					seed = seed * 1103515245 + 12345;
					if (guest_room(&guest) < len)
						break;
					post(&guest, len, write);
					n_slots += len;
				}
				if (n == 0 && guest_room(&guest) == sizes[s]) {
					post(&guest, 1, write);
					n_slots += n = 1;
				}
				n_bad += (write ? transmit(&guest, n) : receive(&guest)) != n;
				vring_notify(&guest.vr);
				n_bad += guest_collect_all(&guest) != n || guest.n_out != 0;
				n_bad += (write ? transmit(&guest, 1) : receive(&guest)) != 0;
			}
			CU_ASSERT_EQUAL(n_bad, 0);
			CU_ASSERT_EQUAL(guest.vr.fault, VRING_OK);
			guest_close(&guest);
		}
}

/* VQP-02 */
static void vring_packed_takes_only_what_is_marked_available(void)
{
	for (unsigned wrap = 0; wrap < 2; wrap++)
		for (unsigned flags = 0; flags < 4; flags++)
			for (unsigned write = 0; write < 2; write++) {
				bool avail = flags & 1;
				bool used = flags & 2;
				bool available = avail == wrap && used != wrap;
				struct virtq_packed_desc desc = {
					.addr = GUEST_BASE,
					.len = 100,
					.flags = (uint16_t)((avail ? VIRTQ_DESC_F_AVAIL : 0) |
							    (used ? VIRTQ_DESC_F_USED : 0) |
							    (write ? VIRTQ_DESC_F_WRITE : 0))};
				struct guest guest;

				open_with_zeros(&guest, &(struct guest_conf){.features = PACKED,
									     .size = 4});
				guest.vr.last_avail = guest.vr.last_used =
					(uint16_t)(wrap ? VIRTQ_WRAP : 0);
				*guest_packed(&guest, 0) = desc;
				CU_ASSERT_EQUAL(vring_arm(&guest.vr), available);
				CU_ASSERT_EQUAL(write ? transmit(&guest, 1) : receive(&guest),
						available);
				CU_ASSERT_EQUAL(guest.vr.fault, VRING_OK);
				guest_close(&guest);
			}
}

/* VQP-04 */
static void vring_packed_gives_back_whatever_id_it_got(void)
{
	static const uint16_t ids[] = {0xffff, 0, 7, 7, 0x8000, 0xffff, 0x7fff, 3};

	for (unsigned write = 0; write < 2; write++) {
		struct guest guest;
		struct guest_used used;

		open_with_zeros(&guest, &(struct guest_conf){.features = PACKED, .size = 8});
		for (unsigned i = 0; i < 8; i++) {
			guest.next_id = ids[i];
			post(&guest, 1, write);
		}
		CU_ASSERT_EQUAL(write ? transmit(&guest, 8) : receive(&guest), 8);
		vring_notify(&guest.vr);
		for (unsigned i = 0; i < 8; i++) {
			CU_ASSERT(guest_collect(&guest, &used));
			CU_ASSERT_EQUAL(used.id, ids[i]);
			CU_ASSERT_EQUAL(used.len, write ? HDR + LEN : 0);
		}
		guest_close(&guest);
	}
}

/* The guest sees all that was written since the last time at once, or nothing. */
static void vring_packed_publishes_a_burst_at_once(void)
{
	struct guest guest;

	open_with_zeros(&guest, &(struct guest_conf){.features = PACKED, .size = 64});
	for (unsigned i = 0; i < 40; i++)
		post(&guest, 1, true);
	CU_ASSERT_EQUAL(transmit(&guest, 5), 5);
	CU_ASSERT_EQUAL(transmit(&guest, 7), 7);
	CU_ASSERT_EQUAL(guest_collect_all(&guest), 0);
	CU_ASSERT_EQUAL(vring_notify(&guest.vr), 1);
	CU_ASSERT_EQUAL(guest_collect_all(&guest), 12);
	CU_ASSERT_EQUAL(vring_notify(&guest.vr), 0);
	guest_close(&guest);
}

/* VQP-07: one entry, with the id of the last buffer, for the whole burst; but what was received has
 * to be told one by one. */
static void vring_packed_in_order_gives_a_burst_back_by_one_entry(void)
{
	struct guest guest;
	unsigned n_entries = 0;

	open_with_zeros(&guest, &(struct guest_conf){.features = PACKED | IN_ORDER, .size = 256});
	for (unsigned i = 0; i < 32; i++)
		post(&guest, 1 + i % 3, false);
	CU_ASSERT_EQUAL(receive(&guest), 32);
	for (unsigned i = 0; i < 256; i++)
		n_entries += !!(guest_packed(&guest, i)->flags & VIRTQ_DESC_F_USED);
	CU_ASSERT_EQUAL(n_entries, 1);
	CU_ASSERT_EQUAL(guest_packed(&guest, 0)->id, 31);
	CU_ASSERT_EQUAL(guest_collect_all(&guest), 32);
	for (unsigned i = 0; i < 32; i++)
		post(&guest, 1, true);
	CU_ASSERT_EQUAL(transmit(&guest, 32), 32);
	vring_notify(&guest.vr);
	for (unsigned i = 0; i < 32; i++) {
		struct guest_used used;

		CU_ASSERT(guest_collect(&guest, &used));
		CU_ASSERT_EQUAL(used.len, HDR + LEN);
		CU_ASSERT_EQUAL(guest.n_batch, 0);
	}
	guest_close(&guest);
}

/* VQP-05: ENABLE, DISABLE, and what was not negotiated or nobody defines, which must not hang a
 * guest. */
static void vring_packed_notifies_as_the_driver_event_says(void)
{
	for (unsigned event_idx = 0; event_idx < 2; event_idx++)
		for (uint16_t flags = 0; flags < 4; flags++) {
			struct guest guest;
			bool wanted = flags == VIRTQ_EVENT_DESC ? !event_idx
								: flags != VIRTQ_EVENT_DISABLE;

			open_with_zeros(&guest,
					&(struct guest_conf){
						.features = PACKED | (event_idx ? EVENT_IDX : 0),
						.size = 16});
			*guest_driver_event(&guest) =
				(struct virtq_event){/* Far from here. */
						     .off_wrap = VIRTQ_WRAP + 9,
						     .flags = flags};
			post(&guest, 1, false);
			post(&guest, 1, false);
			CU_ASSERT_EQUAL(receive(&guest), 2);
			CU_ASSERT_EQUAL(guest_notified(&guest), wanted);
			guest_close(&guest);
		}
}

/* VQP-05: exactly when the place waited for is among those just written, at every distance and
 * every place, over the end of the ring. */
static void vring_packed_notifies_when_the_place_is_passed(void)
{
	static const uint16_t few[] = {1, 2, 3, 7, 64, 1000};

	for (unsigned s = 0; s < sizeof(few) / sizeof(few[0]); s++)
		for (unsigned n = 1; n <= 7 && n <= few[s]; n += 2)
			for (unsigned begin = 0; begin < 2u * few[s]; begin += 1 + few[s] / 15)
				for (unsigned ahead = 0; ahead < few[s]; ahead += 1 + ahead / 5) {
					struct guest guest;
					uint16_t start, event;

					open_with_zeros(
						&guest,
						&(struct guest_conf){.features = PACKED | EVENT_IDX,
								     .size = few[s]});
					start = guest_place_after(&guest, VIRTQ_WRAP, begin);
					event = guest_place_after(&guest, start, ahead);
					guest.vr.last_avail = guest.vr.last_used = start;
					guest.next_avail = guest.next_used = start;
					*guest_driver_event(&guest) = (struct virtq_event){
						.off_wrap = event, .flags = VIRTQ_EVENT_DESC};
					for (unsigned i = 0; i < n; i++)
						post(&guest, 1, false);
					CU_ASSERT_EQUAL(receive(&guest), n);
					CU_ASSERT_EQUAL(guest_notified(&guest), ahead < n);
					/* What lay behind is not waited for again. */
					CU_ASSERT_EQUAL(guest_collect_all(&guest), n);
					for (unsigned i = 0; ahead >= n && i + n <= ahead; i++)
						post(&guest, 1, false);
					while (receive(&guest) > 0)
						guest_collect_all(&guest);
					CU_ASSERT_EQUAL(guest_notified(&guest), ahead >= n);
					guest_close(&guest);
				}
}

static void vring_packed_never_forgets_a_driver_that_waits(void)
{
	static const uint16_t few[] = {1, 3, 256, 257};

	for (unsigned s = 0; s < 4; s++) {
		struct guest guest;
		unsigned n_bad = 0;

		open_with_zeros(&guest, &(struct guest_conf){.features = PACKED | EVENT_IDX,
							     .size = few[s]});
		for (unsigned i = 0; i < 10000; i++) {
			unsigned n = 1 + i % 15 % few[s];

			*guest_driver_event(&guest) = (struct virtq_event){
				.off_wrap = guest.next_used, .flags = VIRTQ_EVENT_DESC};
			for (unsigned k = 0; k < n; k++)
				post(&guest, 1, false);
			n_bad += receive(&guest) != n;
			n_bad += guest_notified(&guest) != 1;
			n_bad += guest_collect_all(&guest) != n;
		}
		CU_ASSERT_EQUAL(n_bad, 0);
		guest_close(&guest);
	}
}

/* VQS-08 */
static void vring_packed_asks_for_notifications_only_while_armed(void)
{
	for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
		struct guest guest;

		open_with_zeros(&guest, &(struct guest_conf){
						.features = PACKED | (event_idx ? EVENT_IDX : 0),
						.size = 7});
		CU_ASSERT_EQUAL(guest_device_event(&guest)->flags, VIRTQ_EVENT_DISABLE);
		for (unsigned i = 0; i < 30; i++) {
			struct virtq_event told;

			CU_ASSERT_FALSE(vring_arm(&guest.vr));
			told = *guest_device_event(&guest);
			CU_ASSERT_EQUAL(told.flags,
					event_idx ? VIRTQ_EVENT_DESC : VIRTQ_EVENT_ENABLE);
			if (event_idx)
				CU_ASSERT_EQUAL(told.off_wrap, guest.next_avail);
			post(&guest, 1, false);
			CU_ASSERT(vring_arm(&guest.vr));
			vring_disarm(&guest.vr);
			CU_ASSERT_EQUAL(guest_device_event(&guest)->flags, VIRTQ_EVENT_DISABLE);
			receive(&guest);
			guest_collect_all(&guest);
		}
		guest_close(&guest);
	}
}

/* VQP-09, VQS-15: stopped anywhere and started again where it stood, nothing is lost or done twice.
 */
static void vring_packed_goes_on_where_it_was_stopped(void)
{
	struct guest guest;
	unsigned n_bad = 0;

	open_with_zeros(&guest, &(struct guest_conf){.features = PACKED, .size = 33});
	for (unsigned i = 0; i < 500; i++) {
		struct vring_conf again = {.desc_area = guest.desc_area,
					   .driver_area = guest.driver_area,
					   .device_area = guest.device_area,
					   .mem = &guest.mem,
					   .features = PACKED,
					   .size = 33,
					   .call_fd = guest.call_fd};
		unsigned n = 1 + i % 29;

		for (unsigned k = 0; k < n; k++)
			post(&guest, 1, true);
		n_bad += transmit(&guest, n / 2) != n / 2;
		vring_notify(&guest.vr);
		again.last_avail = guest.vr.last_avail;
		again.last_used = guest.vr.last_used;
		vring_fini(&guest.vr);
		n_bad += vring_init(&guest.vr, &again) != 0;
		n_bad += transmit(&guest, n - n / 2) != n - n / 2;
		vring_notify(&guest.vr);
		n_bad += guest_collect_all(&guest) != n;
	}
	CU_ASSERT_EQUAL(n_bad, 0);
	guest_close(&guest);
}

static void vring_packed_knows_a_ring_whose_place_is_lost(void)
{
	struct guest guest;
	uint16_t place;

	open_with_zeros(&guest, &(struct guest_conf){.features = PACKED, .size = 5});
	CU_ASSERT_FALSE(vring_place_is_lost(&guest.vr));
	post(&guest, 1, false);
	CU_ASSERT_FALSE(vring_place_is_lost(&guest.vr));
	receive(&guest);
	CU_ASSERT_FALSE(vring_place_is_lost(&guest.vr));
	place = guest.vr.last_avail;
	guest.vr.last_avail = guest.vr.last_used = VIRTQ_WRAP;
	CU_ASSERT(vring_place_is_lost(&guest.vr));
	guest.vr.last_avail = guest.vr.last_used = place;
	/* One turn later the descriptors look different. */
	guest_collect_all(&guest);
	for (unsigned i = 0; i < 7; i++) {
		post(&guest, 1, false);
		receive(&guest);
		guest_collect_all(&guest);
	}
	guest.vr.last_avail = guest.vr.last_used = VIRTQ_WRAP;
	CU_ASSERT(vring_place_is_lost(&guest.vr));
	guest_close(&guest);
}

static void vring_packed_init_refuses_what_is_not_in_the_ring(void)
{
	static const struct {
		uint16_t size, last_avail, last_used;
	} bad[] = {{0, 0, 0},
		   {32769, 0, 0},
		   {5, 5, 0},
		   {5, 0, 5},
		   {5, VIRTQ_WRAP + 5, 0},
		   {5, 0, VIRTQ_WRAP + 6},
		   {32767, 0x7fff, 0},
		   {1, 1, 1}};
	struct vring vr;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(
			vring_init(&vr, &(struct vring_conf){.features = PACKED,
							     .size = bad[i].size,
							     .last_avail = bad[i].last_avail,
							     .last_used = bad[i].last_used}),
			-EINVAL);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"vring_packed_goes_round_and_round", vring_packed_goes_round_and_round},
		{"vring_packed_takes_only_what_is_marked_available",
		 vring_packed_takes_only_what_is_marked_available},
		{"vring_packed_gives_back_whatever_id_it_got",
		 vring_packed_gives_back_whatever_id_it_got},
		{"vring_packed_publishes_a_burst_at_once", vring_packed_publishes_a_burst_at_once},
		{"vring_packed_in_order_gives_a_burst_back_by_one_entry",
		 vring_packed_in_order_gives_a_burst_back_by_one_entry},
		{"vring_packed_notifies_as_the_driver_event_says",
		 vring_packed_notifies_as_the_driver_event_says},
		{"vring_packed_notifies_when_the_place_is_passed",
		 vring_packed_notifies_when_the_place_is_passed},
		{"vring_packed_never_forgets_a_driver_that_waits",
		 vring_packed_never_forgets_a_driver_that_waits},
		{"vring_packed_asks_for_notifications_only_while_armed",
		 vring_packed_asks_for_notifications_only_while_armed},
		{"vring_packed_goes_on_where_it_was_stopped",
		 vring_packed_goes_on_where_it_was_stopped},
		{"vring_packed_knows_a_ring_whose_place_is_lost",
		 vring_packed_knows_a_ring_whose_place_is_lost},
		{"vring_packed_init_refuses_what_is_not_in_the_ring",
		 vring_packed_init_refuses_what_is_not_in_the_ring},
		CU_TEST_INFO_NULL,
	};

	return suite_run("vring_packed", tests);
}
