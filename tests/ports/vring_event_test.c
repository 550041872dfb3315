/* When the guest is notified, and when it is asked to notify us: a notification too few hangs a
 * guest. */
#include "tests/ports/frames.h"
#include "tests/ports/guest.h"
#include "tests/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODERN	  FEATURE(VIRTIO_F_VERSION_1)
#define EVENT_IDX FEATURE(VIRTIO_F_EVENT_IDX)

static uint16_t *used_event(const struct guest *guest)
{
	return &guest_avail(guest)->ring[guest->conf.size];
}

static uint16_t avail_event(const struct guest *guest)
{
	uint16_t event;

	memcpy(&event, &guest_used(guest)->ring[guest->conf.size], sizeof(event));
	return event;
}

/* Sends n frames of 60 bytes through and gives their buffers back, but notifies only once. */
static unsigned complete(struct guest *guest, struct burst *burst, unsigned n)
{
	uint8_t zeros[72] = {0};
	struct guest_piece piece = {.gpa = GUEST_BASE, .len = sizeof(zeros)};

	guest_write(guest, GUEST_BASE, zeros, sizeof(zeros));
	for (unsigned i = 0; i < n; i++)
		guest_post(guest, &(struct guest_chain){.pieces = &piece, .n = 1, .n_direct = 1});
	burst_reset(burst);
	CU_ASSERT_EQUAL(vring_rx(&guest->vr, burst), n);
	return vring_rx_release(&guest->vr);
}

/* VQS-06 */
static void vring_notifies_unless_the_guest_says_not_to(void)
{
	struct burst *burst = burst_new();
	struct guest guest;

	guest_open(&guest, &(struct guest_conf){.features = MODERN, .size = BURST_MAX});
	for (unsigned n = 1; n <= BURST_MAX; n++) {
		guest_avail(&guest)->flags = 0;
		CU_ASSERT_EQUAL(complete(&guest, burst, n), 1);
		CU_ASSERT_EQUAL(guest_notified(&guest), 1);
		CU_ASSERT_EQUAL(guest_collect_all(&guest), n);
		guest_avail(&guest)->flags = VIRTQ_AVAIL_F_NO_INTERRUPT;
		CU_ASSERT_EQUAL(complete(&guest, burst, n), 0);
		CU_ASSERT_EQUAL(guest_notified(&guest), 0);
		CU_ASSERT_EQUAL(guest_collect_all(&guest), n);
	}
	guest_close(&guest);
	free(burst);
}

static void vring_does_not_notify_of_nothing(void)
{
	struct burst *burst = burst_new();
	struct guest guest;

	guest_open(&guest, &(struct guest_conf){.features = MODERN, .size = 32});
	CU_ASSERT_EQUAL(vring_rx(&guest.vr, burst), 0);
	CU_ASSERT_EQUAL(vring_rx_release(&guest.vr), 0);
	CU_ASSERT_EQUAL(vring_notify(&guest.vr), 0);
	CU_ASSERT_EQUAL(complete(&guest, burst, 1), 1);
	CU_ASSERT_EQUAL(vring_notify(&guest.vr), 0);
	CU_ASSERT_EQUAL(guest_notified(&guest), 1);
	guest_close(&guest);
	free(burst);
}

/* VQS-07: exactly when used_event is one of the entries that were just written, whatever the
 * indices are. */
static void vring_notifies_when_the_used_event_is_passed(void)
{
	static const uint16_t starts[] = {0, 100, 32760, 65503, 65530, 65535};
	struct burst *burst = burst_new();

	for (unsigned s = 0; s < sizeof(starts) / sizeof(starts[0]); s++)
		for (unsigned n = 1; n <= BURST_MAX; n += n < 4 ? 1 : 7)
			for (int distance = -40; distance <= 40; distance++) {
				struct guest guest;
				bool wanted = distance >= 0 && distance < (int)n;

				guest_open(&guest,
					   &(struct guest_conf){.features = MODERN | EVENT_IDX,
								.size = 64,
								.start = starts[s]});
				*used_event(&guest) = (uint16_t)(starts[s] + distance);
				CU_ASSERT_EQUAL(complete(&guest, burst, n), wanted);
				CU_ASSERT_EQUAL(guest_notified(&guest), wanted);
				guest_close(&guest);
			}
	free(burst);
}

/* A driver that asks for the next buffer, always, is told each time, three times around. */
static void vring_never_forgets_a_driver_that_waits(void)
{
	struct burst *burst = burst_new();
	struct guest guest;
	unsigned n_bad = 0;

	guest_open(&guest, &(struct guest_conf){.features = MODERN | EVENT_IDX, .size = 256});
	for (unsigned i = 0; i < 3 * 65536 / 8; i++) {
		unsigned n = 1 + i % 15;

		*used_event(&guest) = guest.next_used;
		n_bad += complete(&guest, burst, n) != 1;
		n_bad += guest_notified(&guest) != 1;
		n_bad += guest_collect_all(&guest) != n;
	}
	CU_ASSERT_EQUAL(n_bad, 0);
	guest_close(&guest);
	free(burst);
}

/* VQS-08, without EVENT_IDX */
static void vring_asks_for_notifications_only_while_armed(void)
{
	struct burst *burst = burst_new();
	struct guest guest;

	guest_open(&guest, &(struct guest_conf){.features = MODERN, .size = 32});
	CU_ASSERT_EQUAL(guest_used(&guest)->flags, VIRTQ_USED_F_NO_NOTIFY);
	CU_ASSERT_FALSE(vring_arm(&guest.vr));
	CU_ASSERT_EQUAL(guest_used(&guest)->flags, 0);
	vring_disarm(&guest.vr);
	CU_ASSERT_EQUAL(guest_used(&guest)->flags, VIRTQ_USED_F_NO_NOTIFY);
	guest_post_one(&guest, 72, false);
	CU_ASSERT(vring_arm(&guest.vr));
	guest_close(&guest);
	free(burst);
}

/* VQS-08, with it: the flags stay 0 and avail_event is the next entry that we have not seen. */
static void vring_asks_for_the_next_buffer_by_its_index(void)
{
	static const uint16_t starts[] = {0, 17, 65530, 65535};
	struct burst *burst = burst_new();

	for (unsigned s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
		struct guest guest;

		guest_open(&guest, &(struct guest_conf){.features = MODERN | EVENT_IDX,
							.size = 32,
							.start = starts[s]});
		for (unsigned n = 1; n < 10; n++) {
			CU_ASSERT_FALSE(vring_arm(&guest.vr));
			CU_ASSERT_EQUAL(avail_event(&guest), guest.next_avail);
			vring_disarm(&guest.vr);
			complete(&guest, burst, n);
			guest_collect_all(&guest);
			CU_ASSERT_EQUAL(guest_used(&guest)->flags, 0);
		}
		guest_post_one(&guest, 72, false);
		CU_ASSERT(vring_arm(&guest.vr));
		guest_close(&guest);
	}
	free(burst);
}

/* A guest that polls has no descriptor; a full one must not block us. */
static void vring_lives_with_any_call_descriptor(void)
{
	struct burst *burst = burst_new();
	struct guest guest;

	guest_open(&guest, &(struct guest_conf){.features = MODERN, .size = 32});
	guest.vr.call_fd = -1;
	CU_ASSERT_EQUAL(complete(&guest, burst, 3), 0);
	vring_call(&guest.vr);
	guest.vr.call_fd = guest.call_fd;
	CU_ASSERT_EQUAL(guest_notified(&guest), 0);
	vring_call(&guest.vr);
	CU_ASSERT_EQUAL(guest_notified(&guest), 1);
	CU_ASSERT_EQUAL(write(guest.call_fd, &(uint64_t){UINT64_MAX - 1}, 8), 8);
	CU_ASSERT_EQUAL(complete(&guest, burst, 3), 1);
	guest_close(&guest);
	free(burst);
}

/* EVL-08: a guest that refills faster than we read gets a burst a call and no more. */
static void vring_rx_takes_at_most_a_burst(void)
{
	struct burst *burst = burst_new();
	struct guest guest;

	guest_open(&guest, &(struct guest_conf){.features = MODERN, .size = 256});
	for (unsigned i = 0; i < 200; i++)
		guest_post_one(&guest, 100, false);
	CU_ASSERT_EQUAL(vring_rx(&guest.vr, burst), BURST_MAX);
	vring_rx_release(&guest.vr);
	CU_ASSERT_EQUAL(guest_collect_all(&guest), BURST_MAX);
	guest_close(&guest);
	free(burst);
}

static void vring_init_refuses_sizes_that_no_ring_has(void)
{
	static const uint16_t sizes[] = {0, 3, 6, 255, 257, 1000, 32767, 32769, 65535};
	struct vring vr;

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		CU_ASSERT_EQUAL(vring_init(&vr, &(struct vring_conf){.size = sizes[i]}), -EINVAL);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"vring_notifies_unless_the_guest_says_not_to",
		 vring_notifies_unless_the_guest_says_not_to},
		{"vring_does_not_notify_of_nothing", vring_does_not_notify_of_nothing},
		{"vring_notifies_when_the_used_event_is_passed",
		 vring_notifies_when_the_used_event_is_passed},
		{"vring_never_forgets_a_driver_that_waits",
		 vring_never_forgets_a_driver_that_waits},
		{"vring_asks_for_notifications_only_while_armed",
		 vring_asks_for_notifications_only_while_armed},
		{"vring_asks_for_the_next_buffer_by_its_index",
		 vring_asks_for_the_next_buffer_by_its_index},
		{"vring_lives_with_any_call_descriptor", vring_lives_with_any_call_descriptor},
		{"vring_rx_takes_at_most_a_burst", vring_rx_takes_at_most_a_burst},
		{"vring_init_refuses_sizes_that_no_ring_has",
		 vring_init_refuses_sizes_that_no_ring_has},
		CU_TEST_INFO_NULL,
	};

	return suite_run("vring_event", tests);
}
