#include "scene.h"

#include <fcntl.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/frame.h"

enum {
	BUFFER = 2048,
	N_FLOOD = 200,
	N_STORM = 300000,
	N_RESTARTS = 50,
	WHOLE = FRAME_VNET_LEN + ATTACKER_FRAME,
};

static const char cannot_start[] = "the ring cannot be started";

static const char *started(struct scene *scene, struct attacker *a, const char *path,
			   uint64_t features)
{
	return attacker_open(a, path, features) < 0 || attacker_start(a) < 0
		       ? scene_says(scene, "cannot attack: %s", a->error)
		       : NULL;
}

/* A well-behaved neighbour on the next port sends frames to everybody. */
static const char *flood(struct scene *scene, unsigned n)
{
	struct scene neighbour = *scene;
	struct attacker a;
	const char *why;

	scene_next(&neighbour);
	why = started(scene, &a, neighbour.socket, ATTACKER_SPLIT);
	for (unsigned i = 0; i < n && !why; i++) {
		attacker_write_frame(&a, 0);
		memset(a.data + FRAME_VNET_LEN, 0xff, 6);
		attacker_post(&a, ATTACKER_TX, &(struct piece){attacker_gpa(&a, 0), WHOLE, 0}, 1);
		if (!attacker_drained(&a, ATTACKER_TX))
			why = "a neighbour's frame is not taken";
	}
	attacker_close(&a);
	return why;
}

/* A receive buffer that cannot be written to. */
struct buffer_case {
	uint64_t features;
	uint64_t gpa; /* 0: in the data */
	uint32_t len;
	uint16_t flags;
	const char *why;     /* the queue stops; NULL: */
	const char *counter; /* the frame is dropped */
};

/* VQS-13, VQS-14, MRG-03 and the EVL group, on the way to the guest. */
static const char *bad_buffer(struct scene *scene, const void *arg)
{
	const struct buffer_case *given = arg;
	struct attacker a;
	const char *why = started(scene, &a, scene->socket, given->features);
	int64_t before = scene_count(scene, given->why ? "queue_broken" : given->counter);

	if (!why) {
		attacker_post(&a, ATTACKER_RX,
			      &(struct piece){given->gpa ? given->gpa : attacker_gpa(&a, 0),
					      given->len, given->flags},
			      1);
		why = flood(scene, 2);
	}
	if (!why && given->why)
		why = scene_wait_stopped(scene, ATTACKER_RX, given->why);
	if (!why)
		why = scene_wait_count(scene, given->why ? "queue_broken" : given->counter,
				       before + 1);
	if (!why && attacker_n_used(&a, ATTACKER_RX) > 0)
		why = "a buffer that cannot be written to is given back";
	/* What it sends is served all the same. */
	if (!why) {
		attacker_post_frame(&a);
		if (!attacker_drained(&a, ATTACKER_TX))
			why = "its other queue stopped as well";
	}
	attacker_close(&a);
	return why;
}

/* EVL-09: frames are written over the rings that say where they are to be written. */
static const char *buffers_over_rings(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, scene->socket, *(const uint64_t *)arg);

	for (uint32_t at = 0; at < 64 && !why; at++)
		attacker_post(&a, ATTACKER_RX,
			      &(struct piece){GUEST_MEMORY_GPA + (uint64_t)at * 256, BUFFER,
					      VRING_DESC_F_WRITE},
			      1);
	if (!why)
		why = flood(scene, N_FLOOD);
	attacker_close(&a);
	return why;
}

/* Says of a running queue to send: this is your ring, and starts it anew. */
static void say_ring(struct attacker *a, const struct vhost_user_addr *addr, uint32_t size)
{
	attacker_say_state(a, VHOST_USER_GET_VRING_BASE, ATTACKER_TX, 0);
	attacker_say_state(a, VHOST_USER_SET_VRING_NUM, ATTACKER_TX, size);
	attacker_say(a, &(struct message){.request = VHOST_USER_SET_VRING_ADDR,
					  .flags = VHOST_USER_VERSION,
					  .size = SIZE_OF_PAYLOAD,
					  .payload = addr,
					  .payload_len = sizeof(*addr)});
	attacker_say_u64(a, VHOST_USER_SET_VRING_CALL, ATTACKER_TX, a->rings[ATTACKER_TX].callfd);
	attacker_say_u64(a, VHOST_USER_SET_VRING_KICK, ATTACKER_TX, a->rings[ATTACKER_TX].kickfd);
	attacker_say_state(a, VHOST_USER_SET_VRING_ENABLE, ATTACKER_TX, 1);
}

/* Bytes of each part of the ring that lie in the memory; all of it where nothing is said. */
struct place_case {
	uint64_t features;
	uint64_t desc, avail, used;
};

/* VUP-14: the library goes on when a part of a ring ends outside of the memory. */
static const char *ring_past_the_end(struct scene *scene, const void *arg)
{
	const struct place_case *given = arg;
	struct attacker a;
	const char *why = started(scene, &a, scene->socket, given->features);
	const uint64_t end = a.dev.memory.regions[1].va + a.dev.memory.regions[1].size;
	const struct vhost_user_queue *queue = &a.queues[ATTACKER_TX];

	if (!why) {
		say_ring(&a,
			 &(struct vhost_user_addr){
				 .index = ATTACKER_TX,
				 .desc = given->desc ? end - given->desc : queue->desc,
				 .avail = given->avail ? end - given->avail : queue->avail,
				 .used = given->used ? end - given->used : queue->used},
			 ATTACKER_RING);
		/* Of the other parts the library sees it, and never says that the ring is ready. */
		why = given->used ? scene_wait_stopped(scene, ATTACKER_TX, cannot_start) : NULL;
	}
	if (!why && attacker_sync(&a) < 0)
		why = a.error;
	if (!why) {
		attacker_post_frame(&a);
		poll(NULL, 0, 50);
		if (attacker_n_used(&a, ATTACKER_TX) > 0)
			why = "a frame of a ring past the end is taken";
	}
	attacker_close(&a);
	return why;
}

/* The ring was found for one size, and is used with another. */
static const char *ring_that_grows(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, scene->socket, *(const uint64_t *)arg);
	const uint64_t end = a.dev.memory.regions[1].va + a.dev.memory.regions[1].size;

	if (!why) {
		say_ring(&a,
			 &(struct vhost_user_addr){.index = ATTACKER_TX,
						   .desc = end - 4096,
						   .avail = end - 2048,
						   .used = end - 1024},
			 16);
		attacker_say_state(&a, VHOST_USER_SET_VRING_NUM, ATTACKER_TX, 32768);
		attacker_say_state(&a, VHOST_USER_SET_VRING_ENABLE, ATTACKER_TX, 0);
		attacker_say_state(&a, VHOST_USER_SET_VRING_ENABLE, ATTACKER_TX, 1);
		why = scene_wait_stopped(scene, ATTACKER_TX, cannot_start);
	}
	attacker_close(&a);
	return why;
}

/* VUP-14: it is nowhere; and the same front-end, with a good one, is served again. */
static const char *ring_in_no_region(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, scene->socket, ATTACKER_SPLIT);

	(void)arg;
	if (!why) {
		say_ring(&a,
			 &(struct vhost_user_addr){
				 .index = ATTACKER_TX, .desc = 16, .avail = 16, .used = 16},
			 ATTACKER_RING);
		if (attacker_sync(&a) < 0)
			why = a.error;
		attacker_post_frame(&a);
		poll(NULL, 0, 50);
		if (!why && attacker_n_used(&a, ATTACKER_TX) > 0)
			why = "a frame of a ring in no region is taken";
	}
	attacker_close(&a);
	if (!why && attacker_open(&a, scene->socket, ATTACKER_SPLIT) == 0) {
		if (attacker_start(&a) < 0)
			why = scene_says(scene, "a good ring after it is refused: %s", a.error);
		attacker_post_frame(&a);
		if (!why && !attacker_drained(&a, ATTACKER_TX))
			why = "a good ring after it is not served";
		attacker_close(&a);
	}
	return why;
}

/* VUP-17, VQS-17: a ring that is not enabled is left alone, and later served from where it stood.
 */
static const char *disabled_ring(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, scene->socket, *(const uint64_t *)arg);

	/* The library acknowledges it before it does it. */
	if (!why && (vhost_user_enable_pair(&a.vu, &a.dev, 0, false) < 0 || attacker_sync(&a) < 0))
		why = "cannot be disabled";
	if (!why) {
		attacker_post_frame(&a);
		poll(NULL, 0, 50);
		if (attacker_n_used(&a, ATTACKER_TX) > 0)
			why = "a frame of a disabled ring is taken";
	}
	if (!why && (vhost_user_enable_pair(&a.vu, &a.dev, 0, true) < 0 ||
		     !attacker_drained(&a, ATTACKER_TX)))
		why = "a frame of a ring that was enabled again is not taken";
	attacker_close(&a);
	return why;
}

/* VQS-15, VUP-16, VUP-35, EVL-16: stopped and started while frames come in; each is given back
 * once. */
static const char *restarts_under_load(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, scene->socket, *(const uint64_t *)arg);

	for (unsigned i = 0; i < N_RESTARTS && !why; i++) {
		for (unsigned n = 0; n < 16; n++)
			attacker_post_frame(&a);
		if (vhost_user_stop(&a.vu, &a.dev) < 0 || vhost_user_start(&a.vu, &a.dev) < 0)
			why = scene_says(scene, "restart: %s", a.vu.error);
		else if (!attacker_drained(&a, ATTACKER_TX))
			why = scene_says(scene, "%u of %u chains given back",
					 attacker_n_used(&a, ATTACKER_TX), a.n_posted[ATTACKER_TX]);
	}
	attacker_close(&a);
	return why;
}

/* VUP-15: the switch is told another place in its ring, again and again. */
static const char *any_base(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, scene->socket, *(const uint64_t *)arg);
	uint32_t random = 99;

	for (unsigned i = 0; i < 200 && !why; i++) {
		random = random * 1664525 + 1013904223;
		attacker_say_state(&a, VHOST_USER_SET_VRING_BASE, ATTACKER_TX, random);
		attacker_say_state(&a, VHOST_USER_SET_VRING_ENABLE, ATTACKER_TX, i & 1);
		attacker_post_frame(&a);
	}
	attacker_close(&a);
	return why;
}

/* VUP-31, VQS-08: no descriptors at all; the switch polls, and calls nobody. */
static const char *no_descriptors(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = NULL;

	if (attacker_open(&a, scene->socket, *(const uint64_t *)arg) < 0)
		why = "no memory";
	for (unsigned q = 0; q < 2; q++)
		a.queues[q].kickfd = a.queues[q].callfd = -1;
	if (!why && attacker_start(&a) < 0)
		why = scene_says(scene, "cannot start: %s", a.error);
	for (unsigned i = 0; i < 8 && !why; i++) {
		attacker_post_frame(&a);
		if (!attacker_drained(&a, ATTACKER_TX))
			why = "a frame without a kick is not taken";
	}
	attacker_close(&a);
	return why;
}

/* VUP-27: a call descriptor that is full, and whose flags the front-end takes back. */
static const char *call_that_blocks(struct scene *scene, const void *arg)
{
	const uint64_t full = UINT64_MAX - 1;
	struct attacker a;
	const char *why = started(scene, &a, scene->socket, *(const uint64_t *)arg);
	int fd = a.rings[ATTACKER_TX].callfd;
	uint64_t drained;

	/* Once it is served, the switch has set the flags that it wants. */
	if (!why) {
		attacker_post_frame(&a);
		why = attacker_drained(&a, ATTACKER_TX) ? NULL : "a good frame is not taken";
	}
	poll(NULL, 0, 20);
	if (!why && read(fd, &drained, sizeof(drained)) >= 0)
		why = NULL;
	if (!why && (write(fd, &full, sizeof(full)) < 0 || fcntl(fd, F_SETFL, 0) < 0))
		why = "cannot fill the call descriptor";
	if (!why) {
		attacker_post_frame(&a);
		why = scene_wait_stopped(scene, ATTACKER_TX, "call descriptor that blocks");
	}
	attacker_close(&a);
	return why;
}

/* EVL-11 */
static const char *kick_storm(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, scene->socket, ATTACKER_SPLIT);

	(void)arg;
	for (unsigned i = 0; i < N_STORM && !why; i++)
		attacker_kick(&a, i % 2);
	attacker_close(&a);
	return why;
}

/* EVL-08, EVL-12: a ring that is never empty. The bystanders have their turn all the same. */
static const char *never_empty(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, scene->socket, ATTACKER_SPLIT);
	const struct guest_ring *ring = &a.rings[ATTACKER_TX];
	struct bystanders_books before = bystanders_look(scene->bystanders);

	(void)arg;
	if (!why) {
		attacker_write_frame(&a, 0);
		/* To itself: known, so it is dropped and floods nobody. */
		memcpy(a.data + FRAME_VNET_LEN, a.data + FRAME_VNET_LEN + 6, 6);
	}
	for (unsigned i = 0; i < ATTACKER_RING && !why; i++) {
		ring->desc[i] = (struct vring_desc){attacker_gpa(&a, 0), WHOLE, 0, 0};
		ring->avail->ring[i] = (uint16_t)i;
	}
	/* Ends when the bystanders have got on, or have been starved for very long. */
	for (unsigned i = 0; i < 2000000 && !why; i++) {
		if (bystanders_look(scene->bystanders).received > before.received + 5000)
			break;
		attacker_publish(&a, ATTACKER_TX,
				 (uint16_t)(attacker_n_used(&a, ATTACKER_TX) + ATTACKER_RING));
	}
	if (!why && scene_count(scene, "same_port") <= 0)
		why = "not a frame was taken";
	attacker_close(&a);
	return why;
}

static const uint64_t split = ATTACKER_SPLIT, packed = ATTACKER_PACKED;
static const uint64_t split_events = ATTACKER_SPLIT | ATTACKER_EVENTS;

static const char bad_direction[] = "descriptor of the wrong direction";
static const char bad_address[] = "address outside of the shared memory";

#define BUFFER_CASE(...)                                                                           \
	bad_buffer, &(const struct buffer_case)                                                    \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define PLACE(...)                                                                                 \
	ring_past_the_end, &(const struct place_case)                                              \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

const struct attack attacks_on_rings[] = {
	{"split: a read-only buffer",
	 BUFFER_CASE(ATTACKER_SPLIT, 0, BUFFER, 0, bad_direction, NULL)},
	{"packed: a read-only buffer",
	 BUFFER_CASE(ATTACKER_PACKED, 0, BUFFER, 0, bad_direction, NULL)},
	{"split: a buffer in no region",
	 BUFFER_CASE(ATTACKER_SPLIT, 16, BUFFER, VRING_DESC_F_WRITE, bad_address, NULL)},
	{"packed: a buffer in no region",
	 BUFFER_CASE(ATTACKER_PACKED, 16, BUFFER, VRING_DESC_F_WRITE, bad_address, NULL)},
	{"split: a buffer of 4 GiB",
	 BUFFER_CASE(ATTACKER_SPLIT, 0, 0xffffffff, VRING_DESC_F_WRITE, bad_address, NULL)},
	{"packed: a buffer of 4 GiB",
	 BUFFER_CASE(ATTACKER_PACKED, 0, 0xffffffff, VRING_DESC_F_WRITE, bad_address, NULL)},
	{"split: a buffer that is too small",
	 BUFFER_CASE(ATTACKER_SPLIT, 0, 20, VRING_DESC_F_WRITE, NULL, "tx_full")},
	{"packed: a buffer that is too small",
	 BUFFER_CASE(ATTACKER_PACKED, 0, 20, VRING_DESC_F_WRITE, NULL, "tx_full")},
	{"split: buffers over the rings", buffers_over_rings, &split},
	{"packed: buffers over the rings", buffers_over_rings, &packed},
	{"descriptors past the end of memory", PLACE(ATTACKER_SPLIT, .desc = 4096 - 16)},
	{"an available ring past the end of memory", PLACE(ATTACKER_SPLIT, .avail = 4 + 2 * 255)},
	{"a used ring past the end of memory", PLACE(ATTACKER_SPLIT, .used = 8)},
	{"an event index past the end of memory",
	 PLACE(ATTACKER_SPLIT | ATTACKER_EVENTS, .used = 4 + 8 * 256)},
	{"packed descriptors past the end of memory", PLACE(ATTACKER_PACKED, .desc = 16)},
	{"a split ring that grows", ring_that_grows, &split},
	{"a packed ring that grows", ring_that_grows, &packed},
	{"a ring in no region", ring_in_no_region, NULL},
	{"split: a ring that is disabled", disabled_ring, &split},
	{"packed: a ring that is disabled", disabled_ring, &packed},
	{"split: restarts under load", restarts_under_load, &split},
	{"packed: restarts under load", restarts_under_load, &packed},
	{"split: any place in the ring", any_base, &split},
	{"packed: any place in the ring", any_base, &packed},
	{"split: no descriptors", no_descriptors, &split_events},
	{"packed: no descriptors", no_descriptors, &packed},
	{"split: a call that blocks", call_that_blocks, &split},
	{"packed: a call that blocks", call_that_blocks, &packed},
	{"a storm of kicks", kick_storm, NULL},
	{"a ring that is never empty", never_empty, NULL},
	{NULL, NULL, NULL},
};
