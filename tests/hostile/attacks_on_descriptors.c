#include "scene.h"

#include <linux/virtio_ring.h>
#include <string.h>

#include "tests/bench/frame.h"

enum {
	WHOLE = FRAME_VNET_LEN + ATTACKER_FRAME,
	MAX_PIECES = ATTACKER_RING,
	TABLE = 64 << 10, /* where indirect tables lie in the data */
	HOLE_GPA = GUEST_MEMORY_GPA - (1 << 20),
	WRITE = VRING_DESC_F_WRITE,
	NEXT = VRING_DESC_F_NEXT,
	INDIRECT = VRING_DESC_F_INDIRECT,
};

static const char bad_address[] = "address outside of the shared memory";
static const char bad_chain[] = "descriptor chain loops or is longer than the queue";
static const char bad_head[] = "descriptor index past the table";
static const char bad_indirect[] = "malformed indirect descriptor";
static const char bad_direction[] = "descriptor of the wrong direction";
static const char bad_avail[] = "available index jumps past the ring";

/* What happens to a chain that is sent. */
enum fate { STOPS, DROPPED, DELIVERED };

struct chain_case {
	unsigned (*build)(struct attacker *a, struct piece *pieces); /* how many */
	enum fate fate;
	const char *what; /* why the queue stops, or the reason of the drop */
	uint64_t features;
};

static uint64_t high_end(void)
{
	return GUEST_MEMORY_GPA + ATTACKER_LOW + ATTACKER_HIGH;
}

static unsigned one(struct piece *pieces, uint64_t addr, uint32_t len, uint16_t flags)
{
	pieces[0] = (struct piece){addr, len, flags};
	return 1;
}

static unsigned in_a_hole(struct attacker *a, struct piece *p)
{
	(void)a;
	return one(p, HOLE_GPA, WHOLE, 0);
}

static unsigned at_the_last_byte_of_all(struct attacker *a, struct piece *p)
{
	(void)a;
	return one(p, UINT64_MAX, WHOLE, 0);
}

static unsigned wrapping(struct attacker *a, struct piece *p)
{
	(void)a;
	return one(p, UINT64_MAX - 7, 0xffffffff, 0);
}

static unsigned one_byte_too_long(struct attacker *a, struct piece *p)
{
	(void)a;
	return one(p, high_end() - WHOLE + 1, WHOLE, 0);
}

static unsigned of_four_gigabytes(struct attacker *a, struct piece *p)
{
	return one(p, attacker_gpa(a, 0), 0xffffffff, 0);
}

static unsigned astride_two_regions(struct attacker *a, struct piece *p)
{
	unsigned char *low_end = a->memory.va + ATTACKER_LOW;
	const unsigned char *high = a->memory.va + ATTACKER_MEMORY - ATTACKER_HIGH;

	memcpy(low_end - 40, a->data, 40);
	memcpy(a->memory.va + (high - a->memory.va), a->data + 40, WHOLE - 40);
	return one(p, GUEST_MEMORY_GPA + ATTACKER_LOW - 40, WHOLE, 0);
}

static unsigned write_only(struct attacker *a, struct piece *p)
{
	return one(p, attacker_gpa(a, 0), WHOLE, WRITE);
}

static unsigned write_only_at_its_end(struct attacker *a, struct piece *p)
{
	p[0] = (struct piece){attacker_gpa(a, 0), 50, 0};
	p[1] = (struct piece){attacker_gpa(a, 50), WHOLE - 50, WRITE};
	return 2;
}

static unsigned in_one_byte_pieces(struct attacker *a, struct piece *p)
{
	for (unsigned i = 0; i < WHOLE; i++)
		p[i] = (struct piece){attacker_gpa(a, i), 1, 0};
	return WHOLE;
}

static unsigned as_long_as_the_queue(struct attacker *a, struct piece *p)
{
	for (unsigned i = 0; i < ATTACKER_RING; i++)
		p[i] = (struct piece){attacker_gpa(a, i), 1, 0};
	return ATTACKER_RING;
}

static unsigned of_nothing(struct attacker *a, struct piece *p)
{
	return one(p, attacker_gpa(a, 0), 0, 0);
}

static unsigned of_a_header_only(struct attacker *a, struct piece *p)
{
	return one(p, attacker_gpa(a, 0), FRAME_VNET_LEN, 0);
}

static unsigned of_half_a_header(struct attacker *a, struct piece *p)
{
	return one(p, attacker_gpa(a, 0), 5, 0);
}

static unsigned of_a_runt(struct attacker *a, struct piece *p)
{
	return one(p, attacker_gpa(a, 0), FRAME_VNET_LEN + 13, 0);
}

static unsigned of_a_megabyte(struct attacker *a, struct piece *p)
{
	return one(p, attacker_gpa(a, 0), 1 << 20, 0);
}

static unsigned with_a_segment_size_of_nothing(struct attacker *a, struct piece *p)
{
	a->data[0] = 1; /* NEEDS_CSUM */
	a->data[1] = 1; /* TCPv4, with a segment size of 0 */
	return one(p, attacker_gpa(a, 0), WHOLE, 0);
}

static unsigned with_a_checksum_past_its_end(struct attacker *a, struct piece *p)
{
	a->data[0] = 1;
	a->data[6] = a->data[7] = 0xff; /* csum_start */
	a->data[8] = 0xff;
	return one(p, attacker_gpa(a, 0), WHOLE, 0);
}

static unsigned with_an_unknown_type(struct attacker *a, struct piece *p)
{
	a->data[1] = 0x77;
	return one(p, attacker_gpa(a, 0), WHOLE, 0);
}

/* Fills a table in the data and refers to it. */
static unsigned table(struct attacker *a, struct piece *p, unsigned n, const struct piece *entries,
		      uint32_t len, uint16_t flags)
{
	for (unsigned i = 0; i < n; i++) {
		bool more = i + 1 < n || entries[i].flags & NEXT;
		const uint16_t all = (uint16_t)(entries[i].flags | (more ? NEXT : 0));
		unsigned char *at = a->data + TABLE + 16 * i;

		if (a->rings[0].packed)
			memcpy(at,
			       &(struct vring_packed_desc){entries[i].addr, entries[i].len, 0,
							   entries[i].flags},
			       16);
		else
			memcpy(at,
			       &(struct vring_desc){entries[i].addr, entries[i].len, all,
						    (uint16_t)(i + 1)},
			       16);
	}
	return one(p, attacker_gpa(a, TABLE), len, (uint16_t)(INDIRECT | flags));
}

static unsigned whole_table(struct attacker *a, struct piece *p, uint32_t len, uint16_t flags)
{
	const struct piece entries[] = {{attacker_gpa(a, 0), 12, 0},
					{attacker_gpa(a, 12), WHOLE - 12, 0}};

	return table(a, p, 2, entries, len, flags);
}

static unsigned good_table(struct attacker *a, struct piece *p)
{
	return whole_table(a, p, 32, WRITE); /* of which WRITE is to be ignored */
}

static unsigned table_of_no_length(struct attacker *a, struct piece *p)
{
	return whole_table(a, p, 0, 0);
}

static unsigned table_of_15_bytes(struct attacker *a, struct piece *p)
{
	return whole_table(a, p, 15, 0);
}

static unsigned table_of_33_bytes(struct attacker *a, struct piece *p)
{
	return whole_table(a, p, 33, 0);
}

static unsigned table_of_65536_entries(struct attacker *a, struct piece *p)
{
	return whole_table(a, p, 16 << 16, 0);
}

static unsigned table_of_four_gigabytes(struct attacker *a, struct piece *p)
{
	return whole_table(a, p, 0xfffffff0, 0);
}

static unsigned table_in_a_table(struct attacker *a, struct piece *p)
{
	const struct piece entries[] = {{attacker_gpa(a, TABLE), 16, INDIRECT}};

	return table(a, p, 1, entries, 16, 0);
}

static unsigned table_in_a_hole(struct attacker *a, struct piece *p)
{
	(void)a;
	return one(p, HOLE_GPA, 32, INDIRECT);
}

static unsigned table_past_the_end(struct attacker *a, struct piece *p)
{
	memcpy(a->memory.va + ATTACKER_MEMORY - 16,
	       &(struct vring_desc){attacker_gpa(a, 0), 12, NEXT, 1}, 16);
	return one(p, high_end() - 16, 32, INDIRECT);
}

static unsigned table_then_more(struct attacker *a, struct piece *p)
{
	whole_table(a, p, 32, 0);
	p[1] = (struct piece){attacker_gpa(a, 0), WHOLE, 0};
	return 2;
}

static const char *started(struct scene *scene, struct attacker *a, uint64_t features)
{
	return attacker_open(a, scene->socket, features) < 0 || attacker_start(a) < 0
		       ? scene_says(scene, "cannot attack: %s", a->error)
		       : NULL;
}

/* EVL-17, VQS-14, RCN-14: a queue that was stopped goes on when its driver resets it. */
static const char *recovers(struct scene *scene, struct attacker *a)
{
	if (attacker_reset(a) < 0)
		return scene_says(scene, "cannot be reset: %s", a->error);
	attacker_post_frame(a);
	return attacker_drained(a, ATTACKER_TX) ? NULL : "takes no frame after a reset";
}

/* RCN-10: the next front-end of this port will have negotiated something else. */
static const char *chain(struct scene *scene, const void *arg)
{
	const struct chain_case *given = arg;
	struct piece pieces[MAX_PIECES];
	struct attacker a;
	const char *why = started(scene, &a, given->features);
	const char *counter = given->fate == DROPPED ? given->what : "rx_frames";
	int64_t before = scene_count(scene, counter);

	if (!why) {
		attacker_write_frame(&a, 0);
		attacker_post(&a, ATTACKER_TX, pieces, given->build(&a, pieces));
		/* What follows may take the descriptors of a chain that was given back. */
		if (given->fate != STOPS && !attacker_drained(&a, ATTACKER_TX))
			why = "a dropped or delivered chain is not given back";
	}
	if (!why) {
		attacker_post_frame(&a);
		why = given->fate == STOPS
			      ? scene_wait_stopped(scene, ATTACKER_TX, given->what)
			      : scene_wait_count(scene, counter,
						 before + (given->fate == DELIVERED ? 2 : 1));
	}
	if (!why && given->fate == STOPS && attacker_n_used(&a, ATTACKER_TX) > 0)
		why = "a stopped queue gives chains back";
	if (!why)
		why = recovers(scene, &a);
	attacker_close(&a);
	return why;
}

/* Split rings only: written into the descriptor table as it is, head 0 made available. */
struct raw_case {
	struct vring_desc desc[3];
	uint16_t head;
	const char *why;
};

static const char *raw_chain(struct scene *scene, const void *arg)
{
	const struct raw_case *given = arg;
	struct attacker a;
	const char *why = started(scene, &a, ATTACKER_SPLIT);

	if (!why) {
		struct guest_ring *ring = &a.rings[ATTACKER_TX];

		attacker_write_frame(&a, 0);
		for (unsigned i = 0; i < 3; i++) {
			ring->desc[i] = given->desc[i];
			ring->desc[i].addr += attacker_gpa(&a, 0);
		}
		ring->avail->ring[0] = given->head;
		attacker_publish(&a, ATTACKER_TX, 1);
		why = scene_wait_stopped(scene, ATTACKER_TX, given->why);
	}
	if (!why)
		why = recovers(scene, &a);
	attacker_close(&a);
	return why;
}

/* VQS-11: through the whole table, and without a byte to show for it. */
static const char *whole_table_loop(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, ATTACKER_SPLIT);

	if (!why) {
		struct guest_ring *ring = &a.rings[ATTACKER_TX];

		for (unsigned i = 0; i < ATTACKER_RING; i++)
			ring->desc[i] =
				(struct vring_desc){attacker_gpa(&a, 0), *(const uint32_t *)arg,
						    NEXT, (uint16_t)((i + 1) % ATTACKER_RING)};
		attacker_publish(&a, ATTACKER_TX, 1);
		why = scene_wait_stopped(scene, ATTACKER_TX, bad_chain);
	}
	if (!why)
		why = recovers(scene, &a);
	attacker_close(&a);
	return why;
}

/* VQP-03: every descriptor of a packed ring says that another one follows. */
static const char *packed_without_end(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, ATTACKER_PACKED);

	(void)arg;
	if (!why) {
		struct guest_ring *ring = &a.rings[ATTACKER_TX];

		for (unsigned i = ATTACKER_RING; i-- > 0;)
			ring->packed_desc[i] = (struct vring_packed_desc){
				attacker_gpa(&a, 0), 1, 0, NEXT | 1 << VRING_PACKED_DESC_F_AVAIL};
		attacker_kick(&a, ATTACKER_TX);
		why = scene_wait_stopped(scene, ATTACKER_TX, bad_chain);
	}
	if (!why)
		why = recovers(scene, &a);
	attacker_close(&a);
	return why;
}

/* VQS-09: how far the available index jumps. */
static const char *index_jump(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, ATTACKER_SPLIT);

	if (!why) {
		attacker_post_frame(&a);
		if (!attacker_drained(&a, ATTACKER_TX))
			why = "a good frame is not taken";
		attacker_publish(&a, ATTACKER_TX, (uint16_t)(1 + *(const int *)arg));
	}
	if (!why)
		why = scene_wait_stopped(scene, ATTACKER_TX, bad_avail);
	if (!why)
		why = recovers(scene, &a);
	attacker_close(&a);
	return why;
}

#define SPLIT(...)                                                                                 \
	&(const struct chain_case)                                                                 \
	{                                                                                          \
		__VA_ARGS__, ATTACKER_SPLIT | ATTACKER_INDIRECT                                    \
	}
#define PACKED(...)                                                                                \
	&(const struct chain_case)                                                                 \
	{                                                                                          \
		__VA_ARGS__, ATTACKER_PACKED | ATTACKER_INDIRECT                                   \
	}
#define BOTH(name, ...)                                                                            \
	{"split: " name, chain, SPLIT(__VA_ARGS__)},                                               \
	{                                                                                          \
		"packed: " name, chain, PACKED(__VA_ARGS__)                                        \
	}

const struct attack attacks_on_descriptors[] = {
	/* VQS-10, EVL-10, VQP-06 */
	BOTH("an address in no region", in_a_hole, STOPS, bad_address),
	BOTH("the last address of all", at_the_last_byte_of_all, STOPS, bad_address),
	BOTH("an address that wraps", wrapping, STOPS, bad_address),
	BOTH("one byte past the end of memory", one_byte_too_long, STOPS, bad_address),
	BOTH("a length that lies", of_four_gigabytes, STOPS, bad_address),
	/* MEM-07 */
	BOTH("a frame astride two regions", astride_two_regions, DELIVERED, NULL),
	/* VQS-13 */
	BOTH("a write-only frame to send", write_only, STOPS, bad_direction),
	BOTH("a frame to send that ends write-only", write_only_at_its_end, STOPS, bad_direction),
	/* VQS-01, VQS-02 */
	BOTH("a frame in pieces of one byte", in_one_byte_pieces, DELIVERED, NULL),
	BOTH("a chain as long as the queue", as_long_as_the_queue, DELIVERED, NULL),
	/* VQS-12 */
	BOTH("a descriptor of no length", of_nothing, DROPPED, "runt"),
	BOTH("a header without a frame", of_a_header_only, DROPPED, "runt"),
	BOTH("half a header", of_half_a_header, DROPPED, "runt"),
	BOTH("a runt", of_a_runt, DROPPED, "runt"),
	BOTH("a frame of a megabyte", of_a_megabyte, DROPPED, "oversize"),
	/* EVL-06, EVL-07 */
	BOTH("segments of no size", with_a_segment_size_of_nothing, DROPPED, "bad_vnet_hdr"),
	BOTH("a checksum past the end", with_a_checksum_past_its_end, DROPPED, "bad_vnet_hdr"),
	BOTH("a segmentation of no known type", with_an_unknown_type, DROPPED, "bad_vnet_hdr"),
	/* IND-01, IND-02, IND-03, IND-05, IND-07, IND-08, IND-09 */
	BOTH("an indirect table with WRITE set", good_table, DELIVERED, NULL),
	BOTH("a table of no length", table_of_no_length, STOPS, bad_indirect),
	BOTH("a table of 15 bytes", table_of_15_bytes, STOPS, bad_indirect),
	BOTH("a table of 33 bytes", table_of_33_bytes, STOPS, bad_indirect),
	BOTH("a table of 65536 entries", table_of_65536_entries, STOPS, bad_indirect),
	BOTH("a table of 4 GiB", table_of_four_gigabytes, STOPS, bad_indirect),
	BOTH("a table in a table", table_in_a_table, STOPS, bad_indirect),
	BOTH("a table in no region", table_in_a_hole, STOPS, bad_address),
	BOTH("a table past the end of memory", table_past_the_end, STOPS, bad_address),
	BOTH("a table with more after it", table_then_more, STOPS, bad_indirect),
	{"a table that was not negotiated", chain,
	 &(const struct chain_case){good_table, STOPS, bad_indirect, ATTACKER_SPLIT}},
	/* VQS-10, VQS-11 */
	{"a chain that is its own next", raw_chain,
	 &(const struct raw_case){{{0, 12, NEXT, 0}}, 0, bad_chain}},
	{"a chain of two that loops", raw_chain,
	 &(const struct raw_case){{{0, 12, NEXT, 1}, {12, 0x30, NEXT, 0}}, 0, bad_chain}},
	{"a next past the table", raw_chain,
	 &(const struct raw_case){{{0, 12, NEXT, ATTACKER_RING}}, 0, bad_head}},
	{"a head past the table", raw_chain,
	 &(const struct raw_case){{{0, 12, 0, 0}}, ATTACKER_RING, bad_head}},
	{"the largest head", raw_chain, &(const struct raw_case){{{0, 12, 0, 0}}, 65535, bad_head}},
	{"a loop through the whole table", whole_table_loop, &(const uint32_t){1}},
	{"a packed chain without an end", packed_without_end, NULL},
	{"an index that jumps back", index_jump, &(const int){-1}},
	{"an index far ahead", index_jump, &(const int){ATTACKER_RING + 1}},
	{"an index half the way round", index_jump, &(const int){32768}},
	{NULL, NULL, NULL},
};
