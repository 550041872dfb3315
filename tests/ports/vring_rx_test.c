/* What comes out of a guest's transmit queue: every arrangement of descriptors that the
 * specification allows. */
#include "tests/ports/frames.h"
#include "tests/ports/guest.h"
#include "tests/suite.h"

#include <stdlib.h>
#include <string.h>

enum { HDR = VIRTIO_NET_HDR_LEN, PIECES_MAX = 2100 };

#define MODERN	 FEATURE(VIRTIO_F_VERSION_1)
#define INDIRECT FEATURE(VIRTIO_F_INDIRECT_DESC)

static const uint64_t layouts[] = {0, FEATURE(VIRTIO_F_IN_ORDER), FEATURE(VIRTIO_F_RING_PACKED),
				   FEATURE(VIRTIO_F_RING_PACKED) | FEATURE(VIRTIO_F_IN_ORDER)};
enum { N_LAYOUTS = sizeof(layouts) / sizeof(layouts[0]) };

/* A guest that sends and the burst that its frames come in. */
struct sender {
	struct guest guest;
	struct burst *burst;
	uint8_t sent[FRAME_LEN_MAX + 64 + HDR]; /* a header that asks for nothing, then the frame */
};

static struct sender *sender_open(const struct guest_conf *conf)
{
	struct sender *s = malloc(sizeof(*s));

	if (!s)
		exit(EXIT_FAILURE);
	guest_open(&s->guest, conf);
	s->burst = burst_new();
	return s;
}

static void sender_close(struct sender *s)
{
	guest_close(&s->guest);
	free(s->burst);
	free(s);
}

/* Makes a frame of len bytes with its header and puts it into new guest memory, cut into pieces of
 * the n lengths (the last takes the rest). */
static unsigned cut(struct sender *s, uint32_t len, const uint32_t *lens, unsigned n,
		    struct guest_piece *pieces)
{
	uint32_t total = HDR + len;
	uint64_t gpa = guest_take(&s->guest, total);

	memset(s->sent, 0, HDR);
	bytes_make(s->sent + HDR, len, len + n);
	guest_write(&s->guest, gpa, s->sent, total);
	for (unsigned i = 0; i < n; i++) {
		/* cppcheck-suppress nullPointer ; NULL goes with one piece */
		pieces[i] = (struct guest_piece){.gpa = gpa, .len = i + 1 < n ? lens[i] : total};
		gpa += pieces[i].len;
		total -= pieces[i].len;
	}
	return n;
}

/* What was sent last comes out as one frame, and its buffer goes back with length 0. */
static void expect_frame(struct sender *s, uint32_t len)
{
	struct guest_used used = {.len = 1};

	burst_reset(s->burst);
	CU_ASSERT_EQUAL(vring_rx(&s->guest.vr, s->burst), 1);
	CU_ASSERT_EQUAL(s->burst->n, 1);
	CU_ASSERT(frame_is(&s->burst->frames[0], s->sent + HDR, len));
	CU_ASSERT_FALSE(guest_collect(&s->guest, &used));
	vring_rx_release(&s->guest.vr);
	CU_ASSERT(guest_collect(&s->guest, &used));
	CU_ASSERT_EQUAL(used.len, 0);
	CU_ASSERT_EQUAL(s->guest.vr.fault, VRING_OK);
}

static void send_direct(struct sender *s, const struct guest_piece *pieces, unsigned n)
{
	guest_post(&s->guest, &(struct guest_chain){.pieces = pieces, .n = n, .n_direct = n});
}

/* VQS-01 */
static void vring_rx_takes_a_header_cut_anywhere(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++) {
		struct sender *s = sender_open(&(struct guest_conf){
			.features = MODERN | layouts[l], .size = 64, .shuffled = true});
		struct guest_piece pieces[64];
		uint32_t lens[64];

		for (uint32_t first = 1; first <= HDR; first++) {
			send_direct(s, pieces, cut(s, 100, (uint32_t[]){first}, 2, pieces));
			expect_frame(s, 100);
		}
		for (unsigned n = 1; n <= 14; n++) {
			for (unsigned i = 0; i < n; i++)
				lens[i] = 1;
			send_direct(s, pieces, cut(s, 300, lens, n, pieces));
			expect_frame(s, 300);
		}
		/* Every byte that a 64-entry ring can hold a descriptor for. */
		for (unsigned i = 0; i < 64; i++)
			lens[i] = 1;
		send_direct(s, pieces, cut(s, 64 - HDR, lens, 64, pieces));
		expect_frame(s, 64 - HDR);
		sender_close(s);
	}
}

/* VQS-01, FRM-03, FRM-10: around every length at which the code takes another path. */
static void vring_rx_takes_every_length_whole_or_in_two(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++) {
		struct sender *s = sender_open(
			&(struct guest_conf){.features = MODERN | layouts[l], .size = 4});
		struct guest_piece pieces[2];

		for (uint32_t len = FRAME_LEN_MIN; len < 200; len++) {
			send_direct(s, pieces, cut(s, len, NULL, 1, pieces));
			expect_frame(s, len);
			for (uint32_t first = HDR; first < HDR + len; first += 13) {
				s->guest.next_gpa = GUEST_BASE;
				send_direct(s, pieces, cut(s, len, &first, 2, pieces));
				expect_frame(s, len);
			}
		}
		sender_close(s);
	}
}

/* VQS-02: as long as the queue is fine. */
static void vring_rx_takes_a_chain_as_long_as_the_queue(void)
{
	static const uint16_t sizes[] = {2, 4, 256, 512, 1024};
	static struct guest_piece pieces[1024];
	static uint32_t lens[1024];

	for (unsigned l = 0; l < N_LAYOUTS; l++)
		for (unsigned i = 0; i < 5; i++) {
			struct sender *s = sender_open(&(struct guest_conf){
				.features = MODERN | layouts[l], .size = sizes[i]});

			for (unsigned k = 0; k < sizes[i]; k++)
				lens[k] = 3;
			send_direct(s, pieces, cut(s, 3 * sizes[i] + 60, lens, sizes[i], pieces));
			expect_frame(s, 3 * sizes[i] + 60);
			sender_close(s);
		}
}

/* VQS-03, VQS-05: the indices run through 65535 to 0 three times. */
static void vring_rx_goes_on_where_indices_wrap(void)
{
	static const uint16_t sizes[] = {1, 2, 32, 256, 32768};

	for (unsigned l = 0; l < N_LAYOUTS; l++)
		for (unsigned i = 0; i < 5; i++) {
			struct sender *s =
				sender_open(&(struct guest_conf){.features = MODERN | layouts[l],
								 .size = sizes[i],
								 .shuffled = true});
			struct guest_piece piece;
			unsigned n_bad = 0;
			unsigned n_sent = 0;

			cut(s, 60, NULL, 1, &piece);
			while (n_sent < 3 * 65536 + 5 && n_bad == 0) {
				unsigned n = 0;

				for (; n < 1 + n_sent % 31 && guest_room(&s->guest) > 0; n++)
					send_direct(s, &piece, 1);
				burst_reset(s->burst);
				n_bad += vring_rx(&s->guest.vr, s->burst) != n || s->burst->n != n;
				vring_rx_release(&s->guest.vr);
				n_bad += guest_collect_all(&s->guest) != n;
				n_sent += n;
			}
			CU_ASSERT_EQUAL(n_bad, 0);
			CU_ASSERT_EQUAL(s->guest.n_out, 0);
			sender_close(s);
		}
}

/* VQS-12 */
static void vring_rx_tolerates_empty_descriptors(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++) {
		struct sender *s = sender_open(
			&(struct guest_conf){.features = MODERN | layouts[l], .size = 8});
		struct guest_piece pieces[6];

		cut(s, 90, (uint32_t[]){0, HDR, 0, 30, 0}, 6, pieces);
		/* Where nothing is read an address need not be good. */
		pieces[0].gpa = pieces[2].gpa = 7;
		send_direct(s, pieces, 6);
		expect_frame(s, 90);
		sender_close(s);
	}
}

/* CVE-2018-1059: a buffer that goes on in another region, where we see no continuation. */
static void vring_rx_follows_a_buffer_over_the_border_of_regions(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++)
		for (uint32_t before = 1; before < 150; before++) {
			struct sender *s = sender_open(&(struct guest_conf){
				.features = MODERN | layouts[l], .size = 8, .n_regions = 3});
			struct guest_piece piece;

			s->guest.next_gpa = GUEST_BASE + 2 * GUEST_REGION_LEN - before;
			cut(s, 140, NULL, 1, &piece);
			send_direct(s, &piece, 1);
			expect_frame(s, 140);
			sender_close(s);
		}
}

/* IND-01, IND-04, IND-05, IND-09 */
static void vring_rx_takes_indirect_tables_wherever_they_lie(void)
{
	static const uint64_t places[] = {
		GUEST_BASE + 4096,			    /* aligned */
		GUEST_BASE + 4097,			    /* not */
		GUEST_BASE + GUEST_REGION_LEN - 16 * 3,	    /* between two of its descriptors */
		GUEST_BASE + GUEST_REGION_LEN - 16 * 3 + 5, /* within one of them */
	};
	struct guest_piece pieces[32];
	uint32_t lens[32];

	for (unsigned i = 0; i < 32; i++)
		lens[i] = 5;
	for (unsigned l = 0; l < N_LAYOUTS; l++)
		for (unsigned place = 0; place < 4; place++)
			for (unsigned n = 1; n <= 32; n++) {
				struct sender *s = sender_open(&(struct guest_conf){
					.features = MODERN | INDIRECT | layouts[l],
					.size = 32,
					.n_regions = 2});

				cut(s, 400, lens, n, pieces);
				guest_post(&s->guest,
					   &(struct guest_chain){.pieces = pieces,
								 .n = n,
								 .table_gpa = places[place]});
				/* "MUST ignore the write-only flag" of the reference (2.7.5.3.2) */
				if (guest_is_packed(&s->guest))
					guest_packed(&s->guest, 0)->flags |= VIRTQ_DESC_F_WRITE;
				else
					guest_desc(&s->guest, 0)->flags |= VIRTQ_DESC_F_WRITE;
				expect_frame(s, 400);
				sender_close(s);
			}
}

/* IND-07 */
static void vring_rx_takes_direct_descriptors_before_a_table(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++) {
		struct sender *s = sender_open(&(struct guest_conf){
			.features = MODERN | INDIRECT | layouts[l], .size = 16});
		struct guest_piece pieces[6];

		for (unsigned n_direct = 1; n_direct < 6; n_direct++) {
			cut(s, 200, (uint32_t[]){4, 8, 20, 70, 1}, 6, pieces);
			guest_post(&s->guest,
				   &(struct guest_chain){.pieces = pieces,
							 .n = 6,
							 .n_direct = n_direct,
							 .table_gpa = guest_take(&s->guest, 96)});
			expect_frame(s, 200);
		}
		sender_close(s);
	}
}

/* VQS-18: ten bytes of header, and its neighbour is the frame. */
static void vring_rx_takes_the_header_of_old_drivers(void)
{
	struct sender *s = sender_open(&(struct guest_conf){.size = 8});
	struct guest_piece pieces[2];

	CU_ASSERT_EQUAL(s->guest.vr.hdr_len, VIRTIO_NET_HDR_LEGACY_LEN);
	for (uint32_t len = FRAME_LEN_MIN; len < 150; len += 17)
		for (unsigned n = 1; n <= 2; n++) {
			cut(s, len, (uint32_t[]){HDR + 3}, n, pieces);
			pieces[0].gpa += HDR - VIRTIO_NET_HDR_LEGACY_LEN;
			pieces[0].len -= HDR - VIRTIO_NET_HDR_LEGACY_LEN;
			send_direct(s, pieces, n);
			expect_frame(s, len);
			CU_ASSERT_EQUAL(s->burst->frames[0].vnet.num_buffers, 1);
		}
	sender_close(s);
}

/* FRM-01, FRM-02, CVE-2022-2132 */
static void vring_rx_drops_what_is_no_frame(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++) {
		struct sender *s = sender_open(
			&(struct guest_conf){.features = MODERN | layouts[l], .size = 8});
		struct guest_piece piece;
		struct guest_used used;

		cut(s, 60, NULL, 1, &piece);
		for (uint32_t len = 0; len < HDR + FRAME_LEN_MIN; len++)
			for (unsigned n = 1; n <= 2; n++) {
				struct guest_piece pieces[] = {
					{.gpa = piece.gpa, .len = len / 2},
					{.gpa = piece.gpa, .len = len - len / 2}};

				send_direct(
					s,
					n == 1 ? &(struct guest_piece){.gpa = piece.gpa, .len = len}
					       : pieces,
					n);
				burst_reset(s->burst);
				CU_ASSERT_EQUAL(vring_rx(&s->guest.vr, s->burst), 1);
				CU_ASSERT_EQUAL(s->burst->n, 0);
				CU_ASSERT_EQUAL(s->burst->n_refused, 1);
				CU_ASSERT_EQUAL(s->burst->n_dropped[DROP_RUNT], 1);
				CU_ASSERT_EQUAL_FATAL(s->burst->n_kept, 1);
				CU_ASSERT_EQUAL(s->burst->kept_why[0], DROP_RUNT);
				CU_ASSERT(burst_kept(s->burst, 0)->len < FRAME_LEN_MIN);
				vring_rx_release(&s->guest.vr);
				CU_ASSERT(guest_collect(&s->guest, &used));
			}
		CU_ASSERT_EQUAL(s->guest.vr.fault, VRING_OK);
		sender_close(s);
	}
}

static void vring_rx_takes_the_longest_frame_and_drops_a_longer_one(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++)
		for (unsigned n = 1; n <= 2; n++) {
			struct sender *s = sender_open(&(struct guest_conf){
				.features = MODERN | layouts[l], .size = 8, .n_regions = 2});
			struct guest_piece pieces[2];

			send_direct(s, pieces,
				    cut(s, FRAME_LEN_MAX, (uint32_t[]){1000}, n, pieces));
			expect_frame(s, FRAME_LEN_MAX);
			send_direct(s, pieces,
				    cut(s, FRAME_LEN_MAX + 1, (uint32_t[]){1000}, n, pieces));
			burst_reset(s->burst);
			CU_ASSERT_EQUAL(vring_rx(&s->guest.vr, s->burst), 1);
			CU_ASSERT_EQUAL(s->burst->n_dropped[DROP_OVERSIZE], 1);
			CU_ASSERT_EQUAL_FATAL(s->burst->n_kept, 1);
			CU_ASSERT_EQUAL(s->burst->kept_why[0], DROP_OVERSIZE);
			CU_ASSERT_EQUAL(burst_kept(s->burst, 0)->len, FRAME_LEN_MAX + 1);
			CU_ASSERT(burst_kept(s->burst, 0)->n_segments >= n);
			sender_close(s);
		}
}

/* The arena of a burst holds 2048 pieces: what does not fit comes with the next burst. */
static void vring_rx_leaves_for_the_next_burst_what_the_arena_cannot_hold(void)
{
	enum { N_CHAINS = 7, N_PIECES = 500 };
	static struct guest_piece pieces[N_PIECES];
	static uint32_t lens[N_PIECES];

	for (unsigned i = 0; i < N_PIECES; i++)
		lens[i] = 3;
	for (unsigned l = 0; l < N_LAYOUTS; l++) {
		struct sender *s = sender_open(
			&(struct guest_conf){.features = MODERN | layouts[l], .size = 4096});
		unsigned n = 0;

		for (unsigned i = 0; i < N_CHAINS; i++)
			send_direct(s, pieces, cut(s, 1600, lens, N_PIECES, pieces));
		while (n < N_CHAINS) {
			unsigned here;

			burst_reset(s->burst);
			here = vring_rx(&s->guest.vr, s->burst);
			CU_ASSERT_EQUAL_FATAL(here, n == 4 ? 3 : 4);
			CU_ASSERT_EQUAL(s->burst->n, here);
			for (unsigned i = 0; i < here; i++)
				CU_ASSERT(frame_is(&s->burst->frames[i], s->sent + HDR, 1600));
			vring_rx_release(&s->guest.vr);
			n += here;
		}
		CU_ASSERT_EQUAL(guest_collect_all(&s->guest), N_CHAINS);
		sender_close(s);
	}
}

/* Chains fill all of the arena but four pieces; ten frames of one piece follow. */
static void vring_rx_counts_single_pieces_against_the_arena_too(void)
{
	enum { N_PIECES = 511, N_CHAINS = 4, N_SINGLES = 10, LEN = 1600 };
	static struct guest_piece pieces[N_PIECES];
	static uint32_t lens[N_PIECES];

	for (unsigned i = 0; i < N_PIECES; i++)
		lens[i] = 3;
	for (unsigned l = 0; l < N_LAYOUTS; l++) {
		struct sender *s = sender_open(
			&(struct guest_conf){.features = MODERN | layouts[l], .size = 4096});

		for (unsigned i = 0; i < N_CHAINS; i++)
			send_direct(s, pieces, cut(s, LEN, lens, N_PIECES, pieces));
		for (unsigned i = 0; i < N_SINGLES; i++)
			send_direct(s, pieces, cut(s, 100, NULL, 1, pieces));
		burst_reset(s->burst);
		CU_ASSERT_EQUAL(vring_rx(&s->guest.vr, s->burst), N_CHAINS + 4);
		CU_ASSERT_EQUAL(s->burst->n_segments, BURST_SEGMENTS);
		vring_rx_release(&s->guest.vr);
		burst_reset(s->burst);
		CU_ASSERT_EQUAL(vring_rx(&s->guest.vr, s->burst), N_SINGLES - 4);
		CU_ASSERT(frame_is(&s->burst->frames[0], s->sent + HDR, 100));
		vring_rx_release(&s->guest.vr);
		CU_ASSERT_EQUAL(guest_collect_all(&s->guest), N_CHAINS + N_SINGLES);
		CU_ASSERT_EQUAL(s->guest.vr.fault, VRING_OK);
		sender_close(s);
	}
}

static void vring_rx_drops_a_frame_of_more_pieces_than_the_arena(void)
{
	static struct guest_piece pieces[PIECES_MAX];
	static uint32_t lens[PIECES_MAX];

	for (unsigned i = 0; i < PIECES_MAX; i++)
		lens[i] = 2;
	for (unsigned l = 0; l < N_LAYOUTS; l++) {
		struct sender *s = sender_open(
			&(struct guest_conf){.features = MODERN | layouts[l], .size = 4096});

		send_direct(s, pieces, cut(s, 5000, lens, PIECES_MAX, pieces));
		burst_reset(s->burst);
		CU_ASSERT_EQUAL(vring_rx(&s->guest.vr, s->burst), 1);
		CU_ASSERT_EQUAL(s->burst->n_dropped[DROP_OVERSIZE], 1);
		vring_rx_release(&s->guest.vr);
		CU_ASSERT_EQUAL(guest_collect_all(&s->guest), 1);
		send_direct(s, pieces, cut(s, 100, NULL, 1, pieces));
		expect_frame(s, 100);
		sender_close(s);
	}
}

/* "Decisions are made on head and head is what is delivered." */
static void vring_rx_keeps_its_copy_when_the_guest_rewrites_its_buffer(void)
{
	for (unsigned l = 0; l < N_LAYOUTS; l++) {
		struct sender *s = sender_open(
			&(struct guest_conf){.features = MODERN | layouts[l], .size = 8});
		struct guest_piece pieces[2];

		for (unsigned n = 1; n <= 2; n++) {
			send_direct(s, pieces, cut(s, FRAME_HEAD_LEN, (uint32_t[]){20}, n, pieces));
			burst_reset(s->burst);
			CU_ASSERT_EQUAL(vring_rx(&s->guest.vr, s->burst), 1);
			for (uint32_t i = 0; i < FRAME_HEAD_LEN + HDR; i++)
				guest_write(&s->guest, pieces[0].gpa + i, "\xff", 1);
			CU_ASSERT(frame_is(&s->burst->frames[0], s->sent + HDR, FRAME_HEAD_LEN));
			CU_ASSERT_EQUAL(s->burst->frames[0].vnet.flags, 0);
			vring_rx_release(&s->guest.vr);
		}
		sender_close(s);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		SUITE_TEST(vring_rx_takes_a_header_cut_anywhere),
		SUITE_TEST(vring_rx_takes_every_length_whole_or_in_two),
		SUITE_TEST(vring_rx_takes_a_chain_as_long_as_the_queue),
		SUITE_TEST(vring_rx_goes_on_where_indices_wrap),
		SUITE_TEST(vring_rx_tolerates_empty_descriptors),
		SUITE_TEST(vring_rx_follows_a_buffer_over_the_border_of_regions),
		SUITE_TEST(vring_rx_takes_indirect_tables_wherever_they_lie),
		SUITE_TEST(vring_rx_takes_direct_descriptors_before_a_table),
		SUITE_TEST(vring_rx_takes_the_header_of_old_drivers),
		SUITE_TEST(vring_rx_drops_what_is_no_frame),
		SUITE_TEST(vring_rx_takes_the_longest_frame_and_drops_a_longer_one),
		SUITE_TEST(vring_rx_leaves_for_the_next_burst_what_the_arena_cannot_hold),
		SUITE_TEST(vring_rx_counts_single_pieces_against_the_arena_too),
		SUITE_TEST(vring_rx_drops_a_frame_of_more_pieces_than_the_arena),
		SUITE_TEST(vring_rx_keeps_its_copy_when_the_guest_rewrites_its_buffer),
		CU_TEST_INFO_NULL,
	};

	return suite_run("vring_rx", tests);
}
