/* The driver side of the load generator against a device written down from the specification, in
 * order and slow. */
#include "rxq.h"
#include "tests/suite.h"
#include "txq.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { STRIDE = 192, FRAME_LEN = 100, RX_LEN = 64, N_FRAMES = 500 };

/* What a device knows of a ring. */
struct device {
	struct guest_ring *ring;
	struct guest_memory *memory;
	uint16_t position; /* split: avail and used index; packed: place */
	bool wrap;
};

static unsigned char *at_gpa(const struct device *device, uint64_t gpa)
{
	return device->memory->va + (gpa - GUEST_MEMORY_GPA);
}

static bool is_available(const struct device *device)
{
	if (device->ring->packed) {
		uint16_t flags = device->ring->packed_desc[device->position].flags;

		return !!(flags & 1 << VRING_PACKED_DESC_F_AVAIL) == device->wrap &&
		       !!(flags & 1 << VRING_PACKED_DESC_F_USED) != device->wrap;
	}
	return device->ring->avail->idx != device->position;
}

static void advance_packed(struct device *device, unsigned n)
{
	device->position = (uint16_t)(device->position + n);
	if (device->position >= device->ring->size) {
		device->position = (uint16_t)(device->position - device->ring->size);
		device->wrap = !device->wrap;
	}
}

/* Copies what the next chain holds, or fills it, and returns it as used. Returns the bytes of the
 * chain. */
static uint32_t serve_packed(struct device *device, unsigned char *copy, uint32_t used_len)
{
	struct vring_packed_desc *first = &device->ring->packed_desc[device->position];
	uint16_t id = first->id;
	uint32_t len = 0;
	unsigned n = 0;
	bool more;

	do {
		const struct vring_packed_desc *desc =
			&device->ring->packed_desc[(device->position + n) % device->ring->size];

		id = desc->id;
		more = desc->flags & VRING_DESC_F_NEXT;
		if (copy)
			memcpy(copy + len, at_gpa(device, desc->addr), desc->len);
		else
			memset(at_gpa(device, desc->addr), (int)used_len, used_len);
		len += desc->len;
		n++;
	} while (more);
	first->id = id;
	first->len = used_len;
	first->flags =
		device->wrap ? 1 << VRING_PACKED_DESC_F_AVAIL | 1 << VRING_PACKED_DESC_F_USED : 0;
	advance_packed(device, n);
	return len;
}

static uint32_t serve_split(struct device *device, unsigned char *copy, uint32_t used_len)
{
	struct guest_ring *ring = device->ring;
	uint16_t mask = (uint16_t)(ring->size - 1);
	uint16_t head = ring->avail->ring[device->position & mask], i = head;
	uint32_t len = 0;

	for (;;) {
		const struct vring_desc *desc = &ring->desc[i];

		if (copy)
			memcpy(copy + len, at_gpa(device, desc->addr), desc->len);
		else
			memset(at_gpa(device, desc->addr), (int)used_len, used_len);
		len += desc->len;
		if (!(desc->flags & VRING_DESC_F_NEXT))
			break;
		i = desc->next;
	}
	ring->used->ring[device->position & mask] = (struct vring_used_elem){head, used_len};
	ring->used->idx = ++device->position;
	return len;
}

static uint32_t serve(struct device *device, unsigned char *copy, uint32_t used_len)
{
	return device->ring->packed ? serve_packed(device, copy, used_len)
				    : serve_split(device, copy, used_len);
}

static void open_memory(struct guest_memory *memory)
{
	CU_ASSERT_EQUAL_FATAL(guest_memory_open(memory, 1 << 20, false), 0);
}

static void transmit_all(bool packed, uint16_t size, uint16_t segments, uint32_t n_buffers)
{
	const struct txq_shape shape = {.packed = packed,
					.ring_size = size,
					.segments = segments,
					.n_buffers = n_buffers,
					.stride = STRIDE,
					.frame_len = FRAME_LEN};
	unsigned char copy[FRAME_LEN];
	struct guest_memory memory;
	unsigned sent = 0, seen = 0, n;
	struct device device;
	struct txq q;

	open_memory(&memory);
	CU_ASSERT_EQUAL_FATAL(txq_open(&q, &memory, &shape), 0);
	device = (struct device){&q.ring, &memory, 0, true};
	for (n = 0; n < n_buffers; n++)
		memset(q.buffers + n * STRIDE, (int)n, FRAME_LEN);
	while (seen < N_FRAMES) {
		n = txq_reclaim(&q);
		CU_ASSERT_PTR_NULL_FATAL(q.broken);
		CU_ASSERT_EQUAL(n, q.n_slots - (sent - seen));
		CU_ASSERT_EQUAL(*txq_buffer(&q, 1), (sent + 1) % n_buffers);
		n = n < 3 ? n : 3;
		txq_post(&q, n);
		sent += n;
		for (n = sent - seen > 1 ? 2 : 1; n > 0; n--, seen++) {
			CU_ASSERT_TRUE_FATAL(is_available(&device));
			CU_ASSERT_EQUAL(serve(&device, copy, 0), FRAME_LEN);
			CU_ASSERT_EQUAL(copy[0], seen % n_buffers);
			CU_ASSERT_EQUAL(copy[FRAME_LEN - 1], seen % n_buffers);
		}
	}
	txq_close(&q);
	guest_memory_close(&memory);
}

static void every_frame_sent_arrives_as_built(void)
{
	transmit_all(false, 8, 1, 8);
	transmit_all(false, 8, 1, 21);
	transmit_all(false, 16, 4, 4);
	transmit_all(true, 8, 1, 8);
	transmit_all(true, 7, 1, 7);
	transmit_all(true, 12, 4, 5);
}

static void receive_all(bool packed, uint16_t size)
{
	const struct rxq_shape shape = {
		.packed = packed, .ring_size = size, .stride = STRIDE, .buffer_len = RX_LEN};
	struct rxq_piece pieces[RXQ_BURST];
	struct guest_memory memory;
	unsigned given = 0, got = 0, i, n, n_waiting;
	struct device device;
	struct rxq q;

	open_memory(&memory);
	CU_ASSERT_EQUAL_FATAL(rxq_open(&q, &memory, &shape), 0);
	rxq_fill(&q);
	device = (struct device){&q.ring, &memory, 0, true};
	while (got < N_FRAMES) {
		for (i = 0; i < 1 + got % size && is_available(&device); i++, given++)
			CU_ASSERT_EQUAL(serve(&device, NULL, 1 + given % RX_LEN), RX_LEN);
		CU_ASSERT_TRUE_FATAL(i > 0);
		n = rxq_take(&q, pieces, &n_waiting);
		CU_ASSERT_EQUAL(n, i);
		CU_ASSERT_EQUAL(n_waiting, i);
		for (i = 0; i < n; i++, got++) {
			CU_ASSERT_EQUAL(pieces[i].len, 1 + got % RX_LEN);
			CU_ASSERT_EQUAL(pieces[i].data[0], 1 + got % RX_LEN);
		}
		rxq_give_back(&q);
	}
	CU_ASSERT_PTR_NULL(q.broken);
	rxq_close(&q);
	guest_memory_close(&memory);
}

static void every_buffer_received_is_posted_again(void)
{
	receive_all(false, 8);
	receive_all(false, 64);
	receive_all(true, 8);
	receive_all(true, 7);
	receive_all(true, 1);
}

/* A ring in which the device has the first frame or buffer, to be spoiled. */
static void open_tx(struct txq *q, struct guest_memory *memory, bool packed)
{
	const struct txq_shape shape = {.packed = packed,
					.ring_size = 8,
					.segments = 1,
					.n_buffers = 8,
					.stride = STRIDE,
					.frame_len = FRAME_LEN};

	open_memory(memory);
	CU_ASSERT_EQUAL_FATAL(txq_open(q, memory, &shape), 0);
	txq_post(q, 2);
}

static void frames_returned_out_of_order_break_the_queue(void)
{
	struct guest_memory memory;
	struct txq q;

	open_tx(&q, &memory, false);
	q.ring.used->ring[0] = (struct vring_used_elem){1, 0};
	q.ring.used->idx = 1;
	CU_ASSERT_EQUAL(txq_reclaim(&q), 0);
	CU_ASSERT_PTR_NOT_NULL(q.broken);
	txq_close(&q);
	guest_memory_close(&memory);
	open_tx(&q, &memory, true);
	q.ring.packed_desc[0].id = 1;
	q.ring.packed_desc[0].flags =
		1 << VRING_PACKED_DESC_F_AVAIL | 1 << VRING_PACKED_DESC_F_USED;
	CU_ASSERT_EQUAL(txq_reclaim(&q), 0);
	CU_ASSERT_PTR_NOT_NULL(q.broken);
	txq_close(&q);
	guest_memory_close(&memory);
}

static void frames_never_sent_cannot_return(void)
{
	struct guest_memory memory;
	struct txq q;

	open_tx(&q, &memory, false);
	q.ring.used->ring[2].id = 2;
	q.ring.used->idx = 3;
	txq_reclaim(&q);
	CU_ASSERT_PTR_NOT_NULL(q.broken);
	txq_close(&q);
	guest_memory_close(&memory);
}

static void used_entries_that_cannot_be_break_the_queue(void)
{
	static const struct {
		uint16_t idx;
		struct vring_used_elem elem;
	} cases[] = {{1, {8, 1}}, {1, {UINT32_MAX, 1}}, {1, {0, RX_LEN + 1}}, {9, {0, 1}}};
	const struct rxq_shape shape = {.ring_size = 8, .stride = STRIDE, .buffer_len = RX_LEN};
	struct rxq_piece pieces[RXQ_BURST];
	struct guest_memory memory;
	unsigned i, n_waiting;
	struct rxq q;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_memory(&memory);
		CU_ASSERT_EQUAL_FATAL(rxq_open(&q, &memory, &shape), 0);
		rxq_fill(&q);
		q.ring.used->ring[0] = cases[i].elem;
		q.ring.used->idx = cases[i].idx;
		CU_ASSERT_EQUAL(rxq_take(&q, pieces, &n_waiting), 0);
		CU_ASSERT_PTR_NOT_NULL(q.broken);
		rxq_close(&q);
		guest_memory_close(&memory);
	}
}

static bool was_kicked(const struct guest_ring *ring)
{
	struct pollfd pollfd = {.fd = ring->kickfd, .events = POLLIN};
	uint64_t n;

	if (poll(&pollfd, 1, 0) == 0)
		return false;
	return read(ring->kickfd, &n, sizeof(n)) == sizeof(n);
}

static void split_kicks_follow_the_wish_of_the_device(void)
{
	struct guest_memory memory;
	struct guest_ring ring;

	open_memory(&memory);
	CU_ASSERT_EQUAL_FATAL(guest_ring_open(&ring, &memory, false, 8), 0);
	guest_ring_kick(&ring, 0, 1);
	CU_ASSERT_TRUE(was_kicked(&ring));
	ring.used->flags = VRING_USED_F_NO_NOTIFY;
	guest_ring_kick(&ring, 1, 2);
	CU_ASSERT_FALSE(was_kicked(&ring));
	ring.event_idx = true;
	memcpy(&ring.used->ring[8], &(uint16_t){5}, 2);
	guest_ring_kick(&ring, 2, 5);
	CU_ASSERT_FALSE(was_kicked(&ring));
	guest_ring_kick(&ring, 5, 6);
	CU_ASSERT_TRUE(was_kicked(&ring));
	guest_ring_close(&ring);
	guest_memory_close(&memory);
}

static void packed_kicks_follow_the_wish_of_the_device(void)
{
	struct guest_memory memory;
	struct guest_ring ring;

	open_memory(&memory);
	CU_ASSERT_EQUAL_FATAL(guest_ring_open(&ring, &memory, true, 7), 0);
	guest_ring_kick(&ring, 0, 1);
	CU_ASSERT_TRUE(was_kicked(&ring));
	ring.device->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	guest_ring_kick(&ring, 1, 2);
	CU_ASSERT_FALSE(was_kicked(&ring));
	/* The device waits for place 2 of the second lap, whose wrap bit is 0: descriptor number 9.
	 */
	ring.device->flags = VRING_PACKED_EVENT_FLAG_DESC;
	ring.device->off_wrap = 2;
	guest_ring_kick(&ring, 2, 9);
	CU_ASSERT_FALSE(was_kicked(&ring));
	guest_ring_kick(&ring, 6, 10);
	CU_ASSERT_TRUE(was_kicked(&ring));
	guest_ring_kick(&ring, 10, 12);
	CU_ASSERT_FALSE(was_kicked(&ring));
	/* For place 2 of the first lap, while the second begins. */
	ring.device->off_wrap = 2 | 1 << 15;
	guest_ring_kick(&ring, 2, 9);
	CU_ASSERT_TRUE(was_kicked(&ring));
	guest_ring_close(&ring);
	guest_memory_close(&memory);
}

int main(void)
{
	CU_TestInfo tests[] = {
		SUITE_TEST(every_frame_sent_arrives_as_built),
		SUITE_TEST(every_buffer_received_is_posted_again),
		SUITE_TEST(frames_returned_out_of_order_break_the_queue),
		SUITE_TEST(frames_never_sent_cannot_return),
		SUITE_TEST(used_entries_that_cannot_be_break_the_queue),
		SUITE_TEST(split_kicks_follow_the_wish_of_the_device),
		SUITE_TEST(packed_kicks_follow_the_wish_of_the_device),
		CU_TEST_INFO_NULL,
	};

	return suite_run("queues of the load generator", tests);
}
