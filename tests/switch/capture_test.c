/* Copies of frames on their way into the ring: who wants them, how much of them, and what is
 * counted. */
#include "switch/capture.h"
#include "switch/capture_filter.h"
#include "tests/suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { N_PORTS = 3 };

/* Two captures of one worker. */
struct rig {
	struct capture_set set;
	struct capture_lane lane;
	struct capture_filter filters[2];
	struct capture_watch watches[2];
	struct capture_count counts[2][N_PORTS];
	uint32_t wanted[CAPTURE_POINT_N][N_PORTS];
};

static struct rig *rig_new(const char *first, const char *second, uint64_t ring_size)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	const char *const texts[] = {first, second};
	char why[CAPTURE_FILTER_WHY_LEN];

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	rig->lane.ring = capture_ring_new(ring_size);
	rig->lane.scratch = malloc(FRAME_LEN_MAX);
	rig->set = (struct capture_set){.n_ports = N_PORTS, .lanes = &rig->lane};
	for (unsigned i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL_FATAL(capture_filter_compile(&rig->filters[i], texts[i], why), 0);
		rig->watches[i] = (struct capture_watch){
			.filter = &rig->filters[i], .snaplen = 262144, .counts = rig->counts[i]};
		rig->set.watches[i] = &rig->watches[i];
	}
	for (unsigned p = 0; p < CAPTURE_POINT_N; p++)
		rig->set.wanted[p] = rig->wanted[p];
	return rig;
}

static void rig_free(struct rig *rig)
{
	capture_ring_free(rig->lane.ring);
	free(rig->lane.scratch);
	capture_filter_free(&rig->filters[0]);
	capture_filter_free(&rig->filters[1]);
	free(rig);
}

/* A frame of len bytes numbered 0, 1, 2, ..., in a head and two segments. */
struct scattered {
	struct frame frame;
	struct segment segments[2];
	uint8_t bytes[65536];
};

static struct scattered *scatter(uint32_t len)
{
	struct scattered *s = calloc(1, sizeof(*s));
	uint32_t rest = len > FRAME_HEAD_LEN ? len - FRAME_HEAD_LEN : 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	for (uint32_t i = 0; i < len; i++)
		s->bytes[i] = (uint8_t)(i * 7);
	s->frame.len = len;
	s->frame.head_len = (uint16_t)(len - rest);
	memcpy(s->frame.head, s->bytes, s->frame.head_len);
	s->segments[0] = (struct segment){.addr = s->bytes + FRAME_HEAD_LEN, .len = rest / 2};
	s->segments[1] = (struct segment){.addr = s->bytes + FRAME_HEAD_LEN + rest / 2,
					  .len = rest - rest / 2};
	s->frame.segments = s->segments;
	s->frame.n_segments = rest ? 2 : 0;
	return s;
}

static void show(struct rig *rig, enum capture_point point, uint16_t port,
		 const struct frame *frame)
{
	capture_frames(&rig->set,
		       &(struct capture_where){
			       .port = port, .queue = 3, .point = point, .why = DROP_TX_FULL},
		       &frame, 1);
}

/* The next record, NULL when there is none; consumed at once, which a test of one thread may do. */
static const struct capture_record *next(struct rig *rig)
{
	const struct capture_record *record =
		capture_ring_next(rig->lane.ring, capture_ring_end(rig->lane.ring));

	if (record)
		capture_ring_consume(rig->lane.ring, record);
	return record;
}

/* CAP-03 */
static void capture_takes_the_frames_of_the_points_that_are_wanted(void)
{
	struct rig *rig = rig_new("", "", 1 << 16);
	struct scattered *s = scatter(100);

	rig->wanted[CAPTURE_RX][1] = 1;
	rig->wanted[CAPTURE_DROP][2] = 2;
	for (unsigned point = 0; point < CAPTURE_POINT_N; point++)
		for (uint16_t port = 0; port < N_PORTS; port++) {
			const struct capture_record *record;

			show(rig, point, port, &s->frame);
			record = next(rig);
			CU_ASSERT_EQUAL(record != NULL,
					(point == CAPTURE_RX && port == 1) ||
						(point == CAPTURE_DROP && port == 2));
			if (!record)
				continue;
			CU_ASSERT_EQUAL(record->point, point);
			CU_ASSERT_EQUAL(record->port, port);
			CU_ASSERT_EQUAL(record->queue, 3);
			CU_ASSERT_EQUAL(record->why, DROP_TX_FULL);
			CU_ASSERT_EQUAL(record->takers, point == CAPTURE_RX ? 1 : 2);
		}
	CU_ASSERT_EQUAL(rig->counts[0][1].n_seen, 1);
	CU_ASSERT_EQUAL(rig->counts[1][2].n_seen, 1);
	CU_ASSERT_EQUAL(rig->counts[0][0].n_seen + rig->counts[1][1].n_seen, 0);
	free(s);
	rig_free(rig);
}

static void capture_copies_every_byte_of_a_frame_in_pieces(void)
{
	static const uint32_t lens[] = {0, 14, 63, 64, 65, 66, 1500, 65535};
	struct rig *rig = rig_new("", "", 1 << 18);

	rig->wanted[CAPTURE_TX][0] = 1;
	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct scattered *s = scatter(lens[i]);
		const struct capture_record *record;

		show(rig, CAPTURE_TX, 0, &s->frame);
		record = next(rig);
		CU_ASSERT_PTR_NOT_NULL_FATAL(record);
		CU_ASSERT_EQUAL(record->len, lens[i]);
		CU_ASSERT_EQUAL(record->cap_len, lens[i]);
		CU_ASSERT_EQUAL(memcmp(record->data, s->bytes, lens[i]), 0);
		free(s);
	}
	rig_free(rig);
}

/* CAP-02 */
static void capture_copies_as_much_as_the_longest_snaplen_asks_for(void)
{
	struct rig *rig = rig_new("", "greater 1000", 1 << 16);
	struct scattered *small = scatter(900), *large = scatter(1500);
	const struct capture_record *record;

	rig->watches[0].snaplen = 50;
	rig->watches[1].snaplen = 128;
	rig->wanted[CAPTURE_RX][0] = 3;
	show(rig, CAPTURE_RX, 0, &small->frame);
	record = next(rig);
	CU_ASSERT_EQUAL(record->takers, 1);
	CU_ASSERT_EQUAL(record->cap_len, 50);
	CU_ASSERT_EQUAL(record->len, 900);
	show(rig, CAPTURE_RX, 0, &large->frame);
	record = next(rig);
	CU_ASSERT_EQUAL(record->takers, 3);
	CU_ASSERT_EQUAL(record->cap_len, 128);
	CU_ASSERT_EQUAL(memcmp(record->data, large->bytes, 128), 0);
	rig->watches[0].snaplen = 200;
	show(rig, CAPTURE_RX, 0, &large->frame);
	CU_ASSERT_EQUAL(next(rig)->cap_len, 200);
	free(small);
	free(large);
	rig_free(rig);
}

/* A filter that looks far behind the head sees the same as over one piece of memory. */
static void capture_filters_look_behind_the_head(void)
{
	struct rig *rig = rig_new("ether[1000] = 0x58", "ether[1000] != 0x58", 1 << 16);
	struct scattered *s = scatter(1500);
	const struct capture_record *record;

	rig->wanted[CAPTURE_RX][0] = 3;
	CU_ASSERT_EQUAL(s->bytes[1000], 0x58);
	show(rig, CAPTURE_RX, 0, &s->frame);
	record = next(rig);
	CU_ASSERT_PTR_NOT_NULL_FATAL(record);
	CU_ASSERT_EQUAL(record->takers, 1);
	CU_ASSERT_EQUAL(rig->counts[1][0].n_seen, 0);
	/* A frame that ends before is not wanted, by either. */
	s->frame.len = FRAME_HEAD_LEN;
	s->frame.n_segments = 0;
	show(rig, CAPTURE_RX, 0, &s->frame);
	CU_ASSERT_PTR_NULL(next(rig));
	free(s);
	rig_free(rig);
}

/* seen = captured + missed */
static void capture_counts_what_a_full_ring_refuses(void)
{
	struct rig *rig = rig_new("", "", 4096);
	struct scattered *s = scatter(200);
	uint64_t n = 0;

	rig->wanted[CAPTURE_RX][0] = 3;
	for (unsigned i = 0; i < 100; i++)
		show(rig, CAPTURE_RX, 0, &s->frame);
	while (next(rig))
		n++;
	CU_ASSERT(n > 10 && n < 20);
	for (unsigned i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(rig->counts[i][0].n_seen, 100);
		CU_ASSERT_EQUAL(rig->counts[i][0].n_missed, 100 - n);
	}
	free(s);
	rig_free(rig);
}

enum { N_SHOWN = 20000 };

struct vandal {
	struct scattered *s;
	atomic_bool stop;
};

/* A guest that goes on writing what it has handed over; volatile, for the compiler to leave it at
 * that. */
static void *rewrite(void *arg)
{
	struct vandal *vandal = arg;
	volatile uint8_t *bytes = vandal->s->bytes;

	for (uint8_t n = 0; !atomic_load(&vandal->stop); n++)
		for (uint32_t i = FRAME_HEAD_LEN; i < vandal->s->frame.len; i++)
			bytes[i] = (uint8_t)(bytes[i] * 5 + n);
	return NULL;
}

/* Every frame passes exactly one of two opposite filters, because both look at the same copy; and
 * what is copied has the lengths and the head that were judged, whatever lies behind. */
static void capture_holds_while_the_guest_rewrites_what_it_sent(void)
{
	struct rig *rig = rig_new("ether[1000] & 1 = 0", "ether[1000] & 1 != 0", 1 << 16);
	struct vandal vandal = {.s = scatter(1500)};
	unsigned n_bad = 0;
	pthread_t guest;

	rig->wanted[CAPTURE_RX][0] = 3;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&guest, NULL, rewrite, &vandal), 0);
	for (unsigned i = 0; i < N_SHOWN; i++) {
		const struct capture_record *record;

		show(rig, CAPTURE_RX, 0, &vandal.s->frame);
		record = next(rig);
		n_bad += !record || record->len != 1500 || record->cap_len != 1500 ||
			 (record->takers != 1 && record->takers != 2) ||
			 memcmp(record->data, vandal.s->frame.head, FRAME_HEAD_LEN) != 0;
	}
	atomic_store(&vandal.stop, true);
	pthread_join(guest, NULL);
	CU_ASSERT_EQUAL(n_bad, 0);
	CU_ASSERT_EQUAL(rig->counts[0][0].n_seen + rig->counts[1][0].n_seen, N_SHOWN);
	free(vandal.s);
	rig_free(rig);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"capture_takes_the_frames_of_the_points_that_are_wanted",
		 capture_takes_the_frames_of_the_points_that_are_wanted},
		{"capture_copies_every_byte_of_a_frame_in_pieces",
		 capture_copies_every_byte_of_a_frame_in_pieces},
		{"capture_copies_as_much_as_the_longest_snaplen_asks_for",
		 capture_copies_as_much_as_the_longest_snaplen_asks_for},
		{"capture_filters_look_behind_the_head", capture_filters_look_behind_the_head},
		{"capture_counts_what_a_full_ring_refuses",
		 capture_counts_what_a_full_ring_refuses},
		SUITE_TEST(capture_holds_while_the_guest_rewrites_what_it_sent),
		CU_TEST_INFO_NULL,
	};

	return suite_run("capture", tests);
}
