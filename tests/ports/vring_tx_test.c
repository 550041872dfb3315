/* What goes into a guest's receive queue: buffers of every size and arrangement, one or several a
 * frame. */
#include "tests/ports/frames.h"
#include "tests/ports/guest.h"
#include "tests/suite.h"

#include <stdlib.h>
#include <string.h>

enum { HDR = VIRTIO_NET_HDR_LEN };

#define MODERN	  FEATURE(VIRTIO_F_VERSION_1)
#define MERGEABLE (MODERN | FEATURE(VIRTIO_NET_F_MRG_RXBUF))
#define INDIRECT  FEATURE(VIRTIO_F_INDIRECT_DESC)

static const uint64_t layouts[] = {0, FEATURE(VIRTIO_F_IN_ORDER), FEATURE(VIRTIO_F_RING_PACKED),
				   FEATURE(VIRTIO_F_RING_PACKED) | FEATURE(VIRTIO_F_IN_ORDER)};
enum { N_LAYOUTS = sizeof(layouts) / sizeof(layouts[0]) };

/* A guest that receives and the frames that are sent to it. */
struct receiver {
	struct guest guest;
	struct frame frames[BURST_MAX];
	const struct frame *list[BURST_MAX];
	struct segment segments[BURST_MAX][4];
	uint8_t bytes[BURST_MAX][2 * 9000];
	uint8_t *large;
};

static struct receiver *receiver_open(const struct guest_conf *conf)
{
	struct receiver *r = aligned_alloc(64, (sizeof(*r) + 63) / 64 * 64);

	if (!r || !(r->large = malloc(FRAME_LEN_MAX)))
		exit(EXIT_FAILURE);
	guest_open(&r->guest, conf);
	for (unsigned i = 0; i < BURST_MAX; i++) {
		bytes_make(r->bytes[i], sizeof(r->bytes[i]), i);
		r->list[i] = &r->frames[i];
	}
	return r;
}

static void receiver_close(struct receiver *r)
{
	guest_close(&r->guest);
	free(r->large);
	free(r);
}

static void make(struct receiver *r, unsigned i, uint32_t len)
{
	frame_make(&r->frames[i], r->bytes[i], len, r->segments[i], 1 + len % 4);
}

static unsigned send(struct receiver *r, unsigned n, enum drop_reason *why)
{
	unsigned n_sent;

	*why = DROP_N;
	n_sent = vring_tx(&r->guest.vr, r->list, n, why);
	CU_ASSERT_EQUAL(*why == DROP_N, n_sent == n);
	return n_sent;
}

/* The bytes of guest memory in the pieces, from the first on, are header and bytes of frame i. */
static bool arrived(const struct receiver *r, unsigned i, uint16_t num_buffers,
		    const struct guest_piece *pieces, unsigned n)
{
	static uint8_t got[HDR + FRAME_LEN_MAX];
	struct virtio_net_hdr expected = {.num_buffers = num_buffers};
	const uint8_t *bytes = r->frames[i].len > sizeof(r->bytes[i]) ? r->large : r->bytes[i];
	uint32_t left = HDR + r->frames[i].len;
	uint32_t at = 0;

	for (unsigned k = 0; k < n && left > 0; k++) {
		uint32_t here = pieces[k].len < left ? pieces[k].len : left;

		guest_read(&r->guest, pieces[k].gpa, got + at, here);
		at += here;
		left -= here;
	}
	return left == 0 && memcmp(got, &expected, HDR) == 0 &&
	       memcmp(got + HDR, bytes, r->frames[i].len) == 0;
}

/* VQS-04, VQS-05, EVL-15: and not a byte more. */
static void vring_tx_writes_header_and_frame_and_nothing_else(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++) {
		struct receiver *r = receiver_open(
			&(struct guest_conf){.features = MODERN | layouts[l], .size = 4});
		enum drop_reason why;
		struct guest_used used;

		for (uint32_t len = FRAME_LEN_MIN; len < 200; len++) {
			struct guest_piece piece;
			struct guest_piece changed;

			r->guest.next_gpa = GUEST_BASE + len;
			piece = guest_post_one(&r->guest, 1526, true);
			changed = (struct guest_piece){.gpa = piece.gpa, .len = HDR + len};
			guest_remember(&r->guest);
			make(r, 0, len);
			CU_ASSERT_EQUAL(send(r, 1, &why), 1);
			CU_ASSERT_FALSE(guest_collect(&r->guest, &used));
			vring_notify(&r->guest.vr);
			CU_ASSERT(guest_collect(&r->guest, &used));
			CU_ASSERT_EQUAL(used.len, HDR + len);
			CU_ASSERT(arrived(r, 0, 1, &piece, 1));
			CU_ASSERT(guest_unchanged_but(&r->guest, &changed, 1));
		}
		receiver_close(r);
	}
}

/* VQS-01 the other way: one buffer of many descriptors. */
static void vring_tx_fills_a_buffer_cut_anywhere(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++)
		for (unsigned n = 1; n <= 32; n++)
			for (unsigned indirect = 0; indirect < 2; indirect++) {
				struct receiver *r = receiver_open(&(struct guest_conf){
					.features = MODERN | INDIRECT | layouts[l],
					.size = 32,
					.n_regions = 2,
					.shuffled = true});
				uint64_t table =
					GUEST_BASE + GUEST_REGION_LEN - 16 * (n / 2) - 3 * (n & 1);
				struct guest_piece pieces[32];
				enum drop_reason why;
				struct guest_used used;

				for (unsigned i = 0; i < n; i++)
					pieces[i] = (struct guest_piece){
						.gpa = guest_take(&r->guest, 500),
						.len = i + 1 < n ? 1 + i % 5 : 300,
						.write = true};
				guest_post(&r->guest,
					   &(struct guest_chain){.pieces = pieces,
								 .n = n,
								 .n_direct = indirect ? 0 : n,
								 .table_gpa = table});
				guest_remember(&r->guest);
				make(r, 0, 222);
				CU_ASSERT_EQUAL(send(r, 1, &why), 1);
				vring_notify(&r->guest.vr);
				CU_ASSERT(guest_collect(&r->guest, &used));
				CU_ASSERT_EQUAL(used.len, HDR + 222);
				CU_ASSERT(arrived(r, 0, 1, pieces, n));
				CU_ASSERT(guest_unchanged_but(&r->guest, pieces, n));
				receiver_close(r);
			}
}

static void vring_tx_follows_a_buffer_over_the_border_of_regions(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++)
		for (uint32_t before = 1; before < 170; before++) {
			struct receiver *r = receiver_open(&(struct guest_conf){
				.features = MODERN | layouts[l], .size = 4, .n_regions = 2});
			struct guest_piece piece;
			enum drop_reason why;

			r->guest.next_gpa = GUEST_BASE + GUEST_REGION_LEN - before;
			piece = guest_post_one(&r->guest, HDR + 150, true);
			guest_remember(&r->guest);
			make(r, 0, 150);
			CU_ASSERT_EQUAL(send(r, 1, &why), 1);
			CU_ASSERT(arrived(r, 0, 1, &piece, 1));
			CU_ASSERT(guest_unchanged_but(&r->guest, &piece, 1));
			receiver_close(r);
		}
}

/* MRG-01, MRG-02, MRG-06 */
static void vring_tx_spreads_a_frame_over_n_buffers(void)
{
	static const uint32_t buf_lens[] = {HDR, 13, 60, 128, 256};

	for (unsigned l = 0; l < N_LAYOUTS; l++)
		for (unsigned k = 0; k < 5; k++)
			for (unsigned n = 1; n <= 64; n++) {
				struct receiver *r = receiver_open(&(struct guest_conf){
					.features = MERGEABLE | layouts[l], .size = 64});
				struct guest_piece pieces[64];
				uint32_t len = n * buf_lens[k] - HDR - n % 5;
				enum drop_reason why;

				for (unsigned i = 0; i < 64; i++)
					pieces[i] = guest_post_one(&r->guest, buf_lens[k], true);
				if (n * buf_lens[k] < HDR + n % 5 + FRAME_LEN_MIN) {
					receiver_close(r);
					continue;
				}
				guest_remember(&r->guest);
				make(r, 0, len);
				CU_ASSERT_EQUAL(send(r, 1, &why), 1);
				vring_notify(&r->guest.vr);
				for (unsigned i = 0; i < n; i++) {
					struct guest_used used;

					CU_ASSERT(guest_collect(&r->guest, &used));
					CU_ASSERT_EQUAL(used.len, i + 1 < n ? buf_lens[k]
									    : buf_lens[k] - n % 5);
				}
				CU_ASSERT_EQUAL(guest_collect_all(&r->guest), 0);
				CU_ASSERT(arrived(r, 0, (uint16_t)n, pieces, n));
				CU_ASSERT(guest_unchanged_but(&r->guest, pieces, n));
				receiver_close(r);
			}
}

/* MRG-06: buffers of several sizes, some behind tables, and more pieces than the ring has. */
static void vring_tx_merges_indirect_buffers(void)
{
	enum { N_BUFS = 64, N_PIECES = 16, PIECE = 64 };
	static struct guest_piece pieces[N_BUFS * N_PIECES];

	for (unsigned l = 0; l < N_LAYOUTS; l++) {
		struct receiver *r = receiver_open(&(struct guest_conf){
			.features = MERGEABLE | INDIRECT | layouts[l], .size = 64, .n_regions = 2});
		enum drop_reason why;

		for (unsigned i = 0; i < N_BUFS * N_PIECES; i++)
			pieces[i] = (struct guest_piece){
				.gpa = guest_take(&r->guest, PIECE), .len = PIECE, .write = true};
		for (unsigned i = 0; i < N_BUFS; i++)
			guest_post(&r->guest,
				   &(struct guest_chain){
					   .pieces = pieces + i * N_PIECES,
					   .n = N_PIECES,
					   .table_gpa = guest_take(&r->guest, 16 * N_PIECES)});
		bytes_make(r->large, 65000, 99);
		frame_make(&r->frames[0], r->large, 65000, r->segments[0], 3);
		CU_ASSERT_EQUAL(send(r, 1, &why), 1);
		CU_ASSERT_EQUAL(r->guest.vr.fault, VRING_OK);
		CU_ASSERT(arrived(r, 0, N_BUFS, pieces, N_BUFS * N_PIECES));
		receiver_close(r);
	}
}

/* MRG-03 */
static void vring_tx_waits_for_enough_buffers_and_uses_none_before(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++) {
		struct receiver *r = receiver_open(
			&(struct guest_conf){.features = MERGEABLE | layouts[l], .size = 64});
		struct guest_piece pieces[11];
		enum drop_reason why;

		for (unsigned i = 0; i < 10; i++)
			pieces[i] = guest_post_one(&r->guest, 100, true);
		guest_remember(&r->guest);
		make(r, 0, 1000);
		CU_ASSERT_EQUAL(send(r, 1, &why), 0);
		CU_ASSERT_EQUAL(why, DROP_TX_FULL);
		vring_notify(&r->guest.vr);
		CU_ASSERT_EQUAL(guest_collect_all(&r->guest), 0);
		CU_ASSERT(guest_unchanged_but(&r->guest, NULL, 0));
		make(r, 0, 60);
		CU_ASSERT_EQUAL(send(r, 1, &why), 1);
		CU_ASSERT(arrived(r, 0, 1, pieces, 1));
		pieces[10] = guest_post_one(&r->guest, 200, true);
		make(r, 0, 1000);
		CU_ASSERT_EQUAL(send(r, 1, &why), 1);
		CU_ASSERT(arrived(r, 0, 10, pieces + 1, 10));
		receiver_close(r);
	}
}

/* A frame that all buffers of the ring together cannot hold will not fit later either. */
static void vring_tx_calls_too_big_what_a_full_ring_cannot_hold(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++) {
		struct receiver *r = receiver_open(
			&(struct guest_conf){.features = MERGEABLE | layouts[l], .size = 8});
		enum drop_reason why;

		for (unsigned i = 0; i < 8; i++)
			guest_post_one(&r->guest, 100, true);
		make(r, 0, 800);
		make(r, 1, 80);
		CU_ASSERT_EQUAL(send(r, 2, &why), 0);
		CU_ASSERT_EQUAL(why, DROP_TOO_BIG);
		r->list[0] = r->list[1];
		CU_ASSERT_EQUAL(send(r, 1, &why), 1);
		receiver_close(r);
	}
}

/* MRG-04: the caller skips the one that is too big, and all others arrive. */
static void vring_tx_refuses_one_frame_too_big_for_a_buffer_and_no_other(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++) {
		struct receiver *r = receiver_open(
			&(struct guest_conf){.features = MODERN | layouts[l], .size = 64});
		struct guest_piece pieces[BURST_MAX];
		enum drop_reason why;
		struct guest_used used;

		for (unsigned i = 0; i < BURST_MAX; i++) {
			pieces[i] = guest_post_one(&r->guest, 1526, true);
			make(r, i, i == 1 ? 1500 : i == 2 ? 9000 : 64);
		}
		CU_ASSERT_EQUAL(send(r, BURST_MAX, &why), 2);
		CU_ASSERT_EQUAL(why, DROP_TOO_BIG);
		CU_ASSERT_EQUAL(vring_tx(&r->guest.vr, r->list + 3, BURST_MAX - 3, &why),
				BURST_MAX - 3);
		vring_notify(&r->guest.vr);
		for (unsigned i = 0; i < BURST_MAX; i++) {
			if (i == 2)
				continue;
			CU_ASSERT(guest_collect(&r->guest, &used));
			CU_ASSERT_EQUAL(used.len, HDR + r->frames[i].len);
			CU_ASSERT(arrived(r, i, 1, &pieces[i < 2 ? i : i - 1], 1));
		}
		CU_ASSERT_EQUAL(r->guest.n_out, 1);
		receiver_close(r);
	}
}

static void vring_tx_delivers_what_there_are_buffers_for(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++)
		for (unsigned n = 0; n <= BURST_MAX; n++) {
			struct receiver *r = receiver_open(
				&(struct guest_conf){.features = MODERN | layouts[l], .size = 64});
			enum drop_reason why;

			for (unsigned i = 0; i < BURST_MAX; i++)
				make(r, i, 60 + i);
			for (unsigned i = 0; i < n; i++)
				guest_post_one(&r->guest, 600, true);
			CU_ASSERT_EQUAL(send(r, BURST_MAX, &why), n);
			if (n < BURST_MAX)
				CU_ASSERT_EQUAL(why, DROP_TX_FULL);
			vring_notify(&r->guest.vr);
			CU_ASSERT_EQUAL(guest_collect_all(&r->guest), n);
			receiver_close(r);
		}
}

/* Small ones in one buffer, large ones over several, in any mixture and in order, round and round
 * the ring. */
static void vring_tx_keeps_order_in_a_mixture_of_sizes(void)
{
	static const uint16_t sizes[] = {32, 256, 1024};

	for (unsigned l = 0; l < N_LAYOUTS; l++)
		for (unsigned k = 0; k < 3; k++) {
			struct receiver *r = receiver_open(
				&(struct guest_conf){.features = MERGEABLE | layouts[l],
						     .size = sizes[k],
						     .shuffled = true});
			unsigned n_bad = 0;
			unsigned seed = 1;

			for (unsigned round = 0; round < 3000; round++) {
				struct guest_piece pieces[64];
				unsigned n = 0;
				unsigned n_sent;
				enum drop_reason why;

				r->guest.next_gpa = GUEST_BASE;
				while (guest_room(&r->guest) && n < 32 + round % 32)
					pieces[n++] = guest_post_one(&r->guest, 700, true);
				for (unsigned i = 0; i < 8; i++) {
					seed = seed * 1103515245 + 12345;
					make(r, i, 14 + (seed >> 16) % 2000);
				}
				n_sent = vring_tx(&r->guest.vr, r->list, 8, &why);
				vring_notify(&r->guest.vr);
				n = 0;
				for (unsigned i = 0; i < n_sent; i++) {
					unsigned n_bufs = (HDR + r->frames[i].len + 699) / 700;

					n_bad += !arrived(r, i, (uint16_t)n_bufs, pieces + n,
							  n_bufs);
					n += n_bufs;
				}
				n_bad += n_sent != 8 || guest_collect_all(&r->guest) != n;
				/* The rest of the buffers goes back with runts of the test's. */
				make(r, 0, 14);
				while (vring_tx(&r->guest.vr, r->list, 1, &why) == 1)
					;
				vring_notify(&r->guest.vr);
				guest_collect_all(&r->guest);
				n_bad += r->guest.n_out != 0;
			}
			CU_ASSERT_EQUAL(n_bad, 0);
			receiver_close(r);
		}
}

/* OFL-01: what the sender asked for is what the receiver is told. */
static void vring_tx_passes_offload_requests_on(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++)
		for (unsigned n = 1; n <= 2; n++) {
			struct receiver *r = receiver_open(&(struct guest_conf){
				.features = MERGEABLE | layouts[l], .size = 4});
			struct virtio_net_hdr asked = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
						       .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
						       .hdr_len = 54,
						       .gso_size = 1448,
						       .csum_start = 34,
						       .csum_offset = 16,
						       .num_buffers = 1};
			struct virtio_net_hdr told;
			struct guest_piece piece;
			enum drop_reason why;

			piece = guest_post_one(&r->guest, n == 1 ? 3000 : 1000, true);
			guest_post_one(&r->guest, 3000, true);
			make(r, 0, 2900);
			r->frames[0].vnet = asked;
			CU_ASSERT_EQUAL(send(r, 1, &why), 1);
			guest_read(&r->guest, piece.gpa, &told, HDR);
			CU_ASSERT_EQUAL(told.num_buffers, n);
			told.num_buffers = 1;
			CU_ASSERT_EQUAL(memcmp(&told, &asked, HDR), 0);
			receiver_close(r);
		}
}

/* VQS-18 */
static void vring_tx_writes_the_header_of_old_drivers(void)
{
	for (uint32_t cut = 1; cut < 40; cut++) {
		struct receiver *r = receiver_open(&(struct guest_conf){.size = 4});
		struct guest_piece pieces[2] = {
			{.gpa = GUEST_BASE, .len = cut, .write = true},
			{.gpa = GUEST_BASE + cut, .len = 200, .write = true}};
		struct guest_piece whole = {.gpa = GUEST_BASE - 2, .len = 1000};
		uint8_t got[10 + 100];
		enum drop_reason why;

		whole.gpa = GUEST_BASE;
		guest_post(&r->guest,
			   &(struct guest_chain){.pieces = pieces, .n = 2, .n_direct = 2});
		make(r, 0, 100);
		CU_ASSERT_EQUAL(send(r, 1, &why), 1);
		guest_read(&r->guest, whole.gpa, got, sizeof(got));
		for (unsigned i = 0; i < VIRTIO_NET_HDR_LEGACY_LEN; i++)
			CU_ASSERT_EQUAL(got[i], 0);
		CU_ASSERT_EQUAL(memcmp(got + VIRTIO_NET_HDR_LEGACY_LEN, r->bytes[0], 100), 0);
		receiver_close(r);
	}
}

/* A frame with a VLAN tag pushed has a head that is longer than what rx copies. */
static void vring_tx_takes_a_head_of_any_length(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++)
		for (uint16_t head_len = FRAME_LEN_MIN;
		     head_len <= sizeof(((struct frame *)0)->head); head_len++) {
			struct receiver *r = receiver_open(
				&(struct guest_conf){.features = MODERN | layouts[l], .size = 4});
			struct guest_piece piece = guest_post_one(&r->guest, 400, true);
			enum drop_reason why;

			make(r, 0, 300);
			memcpy(r->frames[0].head, r->bytes[0], head_len);
			r->frames[0].head_len = head_len;
			r->segments[0][0] = (struct segment){.addr = r->bytes[0] + head_len,
							     .len = 300u - head_len};
			r->frames[0].n_segments = 1;
			CU_ASSERT_EQUAL(send(r, 1, &why), 1);
			CU_ASSERT(arrived(r, 0, 1, &piece, 1));
			receiver_close(r);
		}
}

int main(void)
{
	CU_TestInfo tests[] = {
		SUITE_TEST(vring_tx_writes_header_and_frame_and_nothing_else),
		SUITE_TEST(vring_tx_fills_a_buffer_cut_anywhere),
		SUITE_TEST(vring_tx_follows_a_buffer_over_the_border_of_regions),
		SUITE_TEST(vring_tx_spreads_a_frame_over_n_buffers),
		SUITE_TEST(vring_tx_merges_indirect_buffers),
		SUITE_TEST(vring_tx_waits_for_enough_buffers_and_uses_none_before),
		SUITE_TEST(vring_tx_calls_too_big_what_a_full_ring_cannot_hold),
		SUITE_TEST(vring_tx_refuses_one_frame_too_big_for_a_buffer_and_no_other),
		SUITE_TEST(vring_tx_delivers_what_there_are_buffers_for),
		SUITE_TEST(vring_tx_keeps_order_in_a_mixture_of_sizes),
		SUITE_TEST(vring_tx_passes_offload_requests_on),
		SUITE_TEST(vring_tx_writes_the_header_of_old_drivers),
		SUITE_TEST(vring_tx_takes_a_head_of_any_length),
		CU_TEST_INFO_NULL,
	};

	return suite_run("vring_tx", tests);
}
