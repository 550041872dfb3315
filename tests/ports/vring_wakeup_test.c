/* A driver and a device that both sleep whenever they can, each woken by nothing but the other's
 * notification: one lost wake-up and the test hangs until meson's time limit.
 *
 * VRING_WAKEUP_FRAMES in the environment says how many frames; without it, what CI has time for. */
#include "tests/ports/frames.h"
#include "tests/ports/guest.h"
#include "tests/suite.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { SIZE = 64, N_FRAMES = 10000000 };

struct lab {
	struct guest guest;
	int kick_fd;
	uint64_t n_frames;
	uint64_t n_seen;
	uint64_t n_device_sleeps, n_driver_sleeps;
};

static void sleep_on(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	eventfd_t n;

	poll(&poll_fd, 1, -1);
	eventfd_read(fd, &n);
}

static void *device(void *arg)
{
	struct lab *lab = arg;
	struct vring *vr = &lab->guest.vr;
	struct burst *burst = burst_new();

	while (lab->n_seen < lab->n_frames && vr->fault == VRING_OK) {
		unsigned n;

		burst_reset(burst);
		n = vring_rx(vr, burst);
		lab->n_seen += n;
		if (n > 0) {
			vring_rx_release(vr);
			continue;
		}
		if (!vring_arm(vr)) {
			lab->n_device_sleeps++;
			sleep_on(lab->kick_fd);
		}
		vring_disarm(vr);
	}
	free(burst);
	return NULL;
}

/* 2.7.10, 2.8.10: does the device want to hear of the n buffers before next_avail? */
static bool device_waits(const struct guest *guest, unsigned n)
{
	uint16_t new = guest->next_avail;
	uint16_t event;
	uint32_t word;

	atomic_thread_fence(memory_order_seq_cst);
	if (!guest_is_packed(guest)) {
		event = __atomic_load_n(
			(const uint16_t *)(const void *)&guest_used(guest)->ring[guest->conf.size],
			__ATOMIC_RELAXED);
		return (uint16_t)(new - event - 1) < n;
	}
	word = __atomic_load_n((const uint32_t *)(const void *)guest->device_area,
			       __ATOMIC_RELAXED);
	if (word >> 16 != VIRTQ_EVENT_DESC)
		return word >> 16 == VIRTQ_EVENT_ENABLE;
	for (unsigned i = 0; i < n; i++) {
		/* Back from the next place to each of those just filled. */
		unsigned back = i + 1;
		uint16_t place = guest_place_after(guest, new, 2u * guest->conf.size - back);

		if (place == (uint16_t)word)
			return true;
	}
	return false;
}

/* Wants to be told of the next used buffer; true when there is none yet. */
static bool wait_for_used(struct guest *guest)
{
	struct guest_used used;
	uint32_t word = guest->next_used | (uint32_t)VIRTQ_EVENT_DESC << 16;

	if (guest_is_packed(guest))
		__atomic_store_n((uint32_t *)(void *)guest->driver_area, word, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&guest_avail(guest)->ring[guest->conf.size], guest->next_used,
				 __ATOMIC_RELAXED);
	atomic_thread_fence(memory_order_seq_cst);
	return !guest_collect(guest, &used);
}

static void drive(struct lab *lab)
{
	static const struct guest_piece piece = {.gpa = GUEST_BASE, .len = 72};
	const struct guest_chain chain = {.pieces = &piece, .n = 1, .n_direct = 1};
	struct guest *guest = &lab->guest;
	uint64_t n_posted = 0;
	unsigned seed = 1;

	while (n_posted < lab->n_frames || guest->n_out > 0) {
		unsigned n = 0;

		seed = seed * 1103515245 + 12345;
		while (n_posted < lab->n_frames && guest_room(guest) > 0 &&
		       n < 1 + (seed >> 16) % 24) {
			guest_post(guest, &chain);
			n_posted++;
			n++;
		}
		if (n > 0 && device_waits(guest, n))
			eventfd_write(lab->kick_fd, 1);
		guest_collect_all(guest);
		/* Sometimes to be woken by a single buffer, sometimes by a full ring. */
		if ((guest_room(guest) == 0 || n_posted == lab->n_frames ||
		     (seed >> 24) % 4 == 0) &&
		    guest->n_out > 0 && wait_for_used(guest)) {
			lab->n_driver_sleeps++;
			sleep_on(guest->call_fd);
		}
	}
}

static void wakes_both(uint64_t features, uint64_t n_frames)
{
	struct lab lab = {.n_frames = n_frames, .kick_fd = eventfd(0, EFD_NONBLOCK)};
	pthread_t thread;

	guest_open(&lab.guest,
		   &(struct guest_conf){.features = features | FEATURE(VIRTIO_F_VERSION_1) |
						    FEATURE(VIRTIO_F_EVENT_IDX),
					.size = SIZE});
	memset(lab.guest.mem.regions[0].hva, 0, 4096);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, device, &lab), 0);
	drive(&lab);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(lab.n_seen, n_frames);
	CU_ASSERT_EQUAL(lab.guest.n_out, 0);
	/* Nothing was tested unless both slept. */
	CU_ASSERT(lab.n_device_sleeps > 0);
	CU_ASSERT(lab.n_driver_sleeps > 0);
	printf("measured: %s ring, %llu frames: device slept %llu times, driver %llu times\n",
	       features & FEATURE(VIRTIO_F_RING_PACKED) ? "packed" : "split",
	       (unsigned long long)n_frames, (unsigned long long)lab.n_device_sleeps,
	       (unsigned long long)lab.n_driver_sleeps);
	close(lab.kick_fd);
	guest_close(&lab.guest);
}

static uint64_t n_frames(void)
{
	const char *wanted = getenv("VRING_WAKEUP_FRAMES");

	return wanted ? strtoull(wanted, NULL, 10) : N_FRAMES;
}

static void no_wake_up_is_lost_on_a_split_ring(void)
{
	wakes_both(0, n_frames());
}

static void no_wake_up_is_lost_on_a_packed_ring(void)
{
	wakes_both(FEATURE(VIRTIO_F_RING_PACKED), n_frames());
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"no_wake_up_is_lost_on_a_split_ring", no_wake_up_is_lost_on_a_split_ring},
		{"no_wake_up_is_lost_on_a_packed_ring", no_wake_up_is_lost_on_a_packed_ring},
		CU_TEST_INFO_NULL,
	};

	return suite_run("vring_wakeup", tests);
}
