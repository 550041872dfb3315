#include "scene.h"

#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/bench/frame.h"

enum {
	WHOLE = FRAME_VNET_LEN + ATTACKER_FRAME,
	TABLE = 64 << 10,
	N_TURNS = 4000, /* of the ring, filled anew each */
	CHAINS = 32,	/* in the ring, of two descriptors each */
	SEND = CHAINS * 2,
};

/* What the other thread writes, over and over, wherever it hits. */
enum target { LENGTHS, FLAGS, NEXTS, ADDRESSES, HEADERS, TABLES, INDEXES, TARGET_N };

struct race {
	struct attacker *a;
	enum target target;
	atomic_bool over;
};

struct race_case {
	uint64_t features;
	enum target target;
};

static void hit_descriptor(struct attacker *a, enum target target, unsigned i, uint32_t random)
{
	struct guest_ring *ring = &a->rings[ATTACKER_TX];
	const uint64_t addrs[] = {attacker_gpa(a, 0), GUEST_MEMORY_GPA + ATTACKER_LOW - 50, 0,
				  GUEST_MEMORY_GPA + ATTACKER_LOW + ATTACKER_HIGH - 60};
	const uint32_t lens[] = {WHOLE / 2, 0xffffffff, 0, 70000};

	switch (target) {
	case LENGTHS:
		*(volatile uint32_t *)(ring->packed ? &ring->packed_desc[i].len
						    : &ring->desc[i].len) = lens[random % 4];
		break;
	case ADDRESSES:
		*(volatile uint64_t *)(ring->packed ? &ring->packed_desc[i].addr
						    : &ring->desc[i].addr) = addrs[random % 4];
		break;
	case FLAGS:
		if (ring->packed)
			*(volatile uint16_t *)&ring->packed_desc[i].flags ^= (uint16_t)(random % 8);
		else
			*(volatile uint16_t *)&ring->desc[i].flags = (uint16_t)(random % 8);
		break;
	default: /* NEXTS; a packed ring has none */
		if (ring->packed)
			*(volatile uint16_t *)&ring->packed_desc[i].id = (uint16_t)random;
		else
			*(volatile uint16_t *)&ring->desc[i].next = (uint16_t)(random % 300);
		break;
	}
}

/* len, flags, next and addr of the entries of tables. */
static void hit_table(struct attacker *a, unsigned i, uint32_t random)
{
	volatile struct vring_desc *entry =
		(volatile struct vring_desc *)(void *)(a->data + TABLE) + i % 8;

	entry->len = random & 1 ? WHOLE / 4 : 0x7fffffff;
	entry->flags = (uint16_t)(random >> 1 & 7);
	entry->next = (uint16_t)(random >> 4 & 15);
}

static void hit_index(struct attacker *a, unsigned i, uint32_t random)
{
	struct guest_ring *ring = &a->rings[ATTACKER_TX];

	if (ring->packed)
		*(volatile uint16_t *)&ring->driver->off_wrap = (uint16_t)random;
	else if (random & 1)
		*(volatile uint16_t *)&ring->avail->ring[i] = (uint16_t)(random >> 1 & 511);
	else
		*(volatile uint16_t *)&ring->avail->idx = (uint16_t)(random >> 1);
}

static void *mutate(void *arg)
{
	struct race *race = arg;
	uint32_t random = 4711;

	while (!atomic_load_explicit(&race->over, memory_order_relaxed)) {
		unsigned i;

		random = random * 1664525 + 1013904223;
		i = (random >> 8) % SEND;
		switch (race->target) {
		case HEADERS:
			((volatile unsigned char *)race->a->data)[random % 12] =
				(unsigned char)(random >> 16);
			break;
		case TABLES:
			hit_table(race->a, i, random >> 16);
			break;
		case INDEXES:
			hit_index(race->a, i % CHAINS, random >> 16);
			break;
		default:
			hit_descriptor(race->a, race->target, i, random >> 16);
			break;
		}
	}
	return NULL;
}

/* Entries for the eight quarters of two frames; the mutator writes over them. */
static void write_table(struct attacker *a)
{
	for (unsigned i = 0; i < 8; i++) {
		const uint64_t addr = attacker_gpa(a, WHOLE / 4 * (i % 4));
		const uint16_t flags = i % 4 < 3 ? VRING_DESC_F_NEXT : 0;

		if (a->rings[0].packed)
			memcpy(a->data + TABLE + 16 * i,
			       &(struct vring_packed_desc){addr, WHOLE / 4, 0, flags}, 16);
		else
			memcpy(a->data + TABLE + 16 * i,
			       &(struct vring_desc){addr, WHOLE / 4, flags, (uint16_t)(i + 1)}, 16);
	}
}

static void post_some(struct attacker *a, enum target target)
{
	const struct piece table = {attacker_gpa(a, TABLE), 64, VRING_DESC_F_INDIRECT};
	const struct piece halves[] = {{attacker_gpa(a, 0), WHOLE / 2, 0},
				       {attacker_gpa(a, WHOLE / 2), WHOLE - WHOLE / 2, 0}};

	for (unsigned i = 0; i < CHAINS; i++)
		attacker_post(a, ATTACKER_TX, target == TABLES ? &table : halves,
			      target == TABLES ? 1 : 2);
}

/* Whatever came of it: the ring begins anew when it does not get on. */
static const char *race_on(struct scene *scene, struct attacker *a, enum target target,
			   unsigned *n_resets)
{
	uint16_t before = attacker_n_used(a, ATTACKER_TX);

	post_some(a, target);
	for (unsigned spin = 0; spin < 20000; spin++)
		if (attacker_n_used(a, ATTACKER_TX) != before)
			return NULL;
	++*n_resets;
	return attacker_reset(a) < 0 ? scene_says(scene, "cannot be reset: %s", a->error) : NULL;
}

/* EVL-01, EVL-02, EVL-03, EVL-04, EVL-05, IND-06 */
static const char *toctou(struct scene *scene, const void *arg)
{
	const struct race_case *given = arg;
	struct attacker a;
	struct race race = {.a = &a, .target = given->target};
	const char *why = NULL;
	unsigned n_resets = 0;
	pthread_t thread;

	if (attacker_open(&a, scene->socket, given->features) < 0 || attacker_start(&a) < 0)
		why = scene_says(scene, "cannot attack: %s", a.error);
	if (!why && pthread_create(&thread, NULL, mutate, &race) == 0) {
		for (unsigned turn = 0; turn < N_TURNS && n_resets < 200 && !why; turn++) {
			attacker_write_frame(&a, 0);
			write_table(&a);
			why = race_on(scene, &a, given->target, &n_resets);
		}
		atomic_store(&race.over, true);
		pthread_join(thread, NULL);
	}
	attacker_close(&a);
	return why;
}

/* VQS-14, EVL-17: whatever it did, the port serves a good guest again. */
static const char *serves_after_all(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = NULL;

	(void)arg;
	if (attacker_open(&a, scene->socket, ATTACKER_SPLIT) < 0 || attacker_start(&a) < 0)
		why = scene_says(scene, "a good front-end is refused: %s", a.error);
	if (!why)
		attacker_post_frame(&a);
	if (!why && !attacker_drained(&a, ATTACKER_TX))
		why = "its frame is not taken";
	attacker_close(&a);
	return why;
}

#define RACE(name, target)                                                                         \
	{"split: " name, toctou,                                                                   \
	 &(const struct race_case){ATTACKER_SPLIT | ATTACKER_INDIRECT, target}},                   \
	{                                                                                          \
		"packed: " name, toctou, &(const struct race_case)                                 \
		{                                                                                  \
			ATTACKER_PACKED | ATTACKER_INDIRECT, target                                \
		}                                                                                  \
	}

const struct attack attacks_by_races[] = {
	RACE("lengths that change", LENGTHS),
	RACE("flags that change", FLAGS),
	RACE("nexts that change", NEXTS),
	RACE("addresses that change", ADDRESSES),
	RACE("virtio headers that change", HEADERS),
	RACE("indirect tables that change", TABLES),
	RACE("indexes that change", INDEXES),
	{"a good guest after them", serves_after_all, NULL},
	{NULL, NULL, NULL},
};
