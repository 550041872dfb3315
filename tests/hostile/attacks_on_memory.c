#include "scene.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/frame.h"

enum { N_TABLES = 100, WHOLE = FRAME_VNET_LEN + ATTACKER_FRAME };

static const char taken_back[] = "memory was taken back";
static const char outside[] = "address outside of the shared memory";

static const char *started(struct scene *scene, struct attacker *a, uint64_t features)
{
	return attacker_open(a, scene->socket, features) < 0 || attacker_start(a) < 0
		       ? scene_says(scene, "cannot attack: %s", a->error)
		       : NULL;
}

/* MEM-06, MEM-11: regions of one file, the second of them not at its beginning; or both from the
 * same place of it. */
static int say_table(struct attacker *a, unsigned n_regions, uint64_t cut, bool same_place)
{
	struct vhost_user_memory table = a->dev.memory;

	table.n_regions = n_regions;
	for (unsigned i = 0; i < n_regions; i++) {
		table.regions[i].size -= cut;
		table.regions[i].offset *= !same_place;
	}
	return attacker_say(a, &(struct message){.request = VHOST_USER_SET_MEM_TABLE,
						 .flags = VHOST_USER_VERSION,
						 .size = SIZE_OF_PAYLOAD,
						 .payload = &table,
						 .payload_len = 8 + 32 * n_regions,
						 .fds = a->dev.memory_fds,
						 .n_fds = n_regions});
}

/* MEM-01, VUP-20: another table each time, while frames are under way. */
static const char *other_tables(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, *(const uint64_t *)arg);

	for (unsigned i = 0; i < N_TABLES && !why; i++) {
		attacker_post_frame(&a);
		if (say_table(&a, 1 + i % 2, 4096 * (i % 3), i % 7 == 0) < 0)
			why = "it is refused";
		/* The same once more. */
		if (!why && i % 5 == 0)
			say_table(&a, 1 + i % 2, 4096 * (i % 3), i % 7 == 0);
		if (!why && !attacker_drained(&a, ATTACKER_TX))
			why = scene_says(scene, "no frame is taken after table %u", i);
	}
	attacker_close(&a);
	return why;
}

/* MEM-02: without the region that the rings lie in; then with it. */
static const char *table_without_rings(struct scene *scene, const void *arg)
{
	struct vhost_user_memory table = {.n_regions = 1};
	struct attacker a;
	const char *why = started(scene, &a, *(const uint64_t *)arg);

	if (!why) {
		table.regions[0] = a.dev.memory.regions[1];
		attacker_say(&a, &(struct message){.request = VHOST_USER_SET_MEM_TABLE,
						   .flags = VHOST_USER_VERSION,
						   .size = SIZE_OF_PAYLOAD,
						   .payload = &table,
						   .payload_len = 8 + 32,
						   .fds = &a.memory.fd,
						   .n_fds = 1});
		if (attacker_sync(&a) < 0)
			why = a.error;
		attacker_post_frame(&a);
		usleep(50000);
		if (!why && attacker_n_used(&a, ATTACKER_TX) > 0)
			why = "a frame of a ring that is not shared any more is taken";
	}
	attacker_close(&a);
	if (!why)
		why = started(scene, &a, *(const uint64_t *)arg);
	if (!why) {
		attacker_post_frame(&a);
		why = attacker_drained(&a, ATTACKER_TX) ? NULL
							: "a good one after it is not served";
		attacker_close(&a);
	}
	return why;
}

/* MEM-03, MEM-04: the file is cut short under the switch; how much is left of it. */
static const char *cut_short(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, ATTACKER_SPLIT);

	if (!why) {
		attacker_post_frame(&a);
		if (!attacker_drained(&a, ATTACKER_TX) ||
		    ftruncate(a.memory.fd, *(const off_t *)arg) < 0)
			why = "cannot be cut short";
		attacker_kick(&a, ATTACKER_TX);
		if (!why)
			why = scene_wait_stopped(scene, ATTACKER_TX, taken_back);
	}
	/* Nothing that it says about that memory may hurt, either. */
	if (!why) {
		attacker_say_state(&a, VHOST_USER_SET_VRING_ENABLE, ATTACKER_TX, 0);
		attacker_say_state(&a, VHOST_USER_SET_VRING_ENABLE, ATTACKER_TX, 1);
		attacker_say_state(&a, VHOST_USER_GET_VRING_BASE, ATTACKER_TX, 0);
		attacker_say_u64(&a, VHOST_USER_SET_VRING_CALL, ATTACKER_TX,
				 a.rings[ATTACKER_TX].callfd);
		attacker_say_u64(&a, VHOST_USER_SET_VRING_KICK, ATTACKER_TX,
				 a.rings[ATTACKER_TX].kickfd);
		say_table(&a, 2, 0, false);
	}
	attacker_close(&a);
	if (!why)
		why = started(scene, &a, ATTACKER_SPLIT);
	if (!why) {
		attacker_post_frame(&a);
		why = attacker_drained(&a, ATTACKER_TX) ? NULL
							: "a good one after it is not served";
		attacker_close(&a);
	}
	return why;
}

/* The rings stay; the frame that is to be sent does not. */
static const char *frames_cut_off(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, *(const uint64_t *)arg);

	if (!why && ftruncate(a.memory.fd, ATTACKER_LOW) < 0)
		why = "cannot be cut short";
	if (!why) {
		attacker_post(&a, ATTACKER_TX,
			      &(struct piece){GUEST_MEMORY_GPA + ATTACKER_LOW + 4096, WHOLE, 0}, 1);
		why = scene_wait_stopped(scene, ATTACKER_TX, taken_back);
	}
	attacker_close(&a);
	return why;
}

/* MEM-03: cut short again and again, at every moment of the setting up. */
static const char *cut_short_at_any_time(struct scene *scene, const void *arg)
{
	const char *why = NULL;

	(void)arg;
	for (unsigned us = 0; us < 2000 && !why; us += 40) {
		struct attacker a;

		if (attacker_open(&a, scene->socket, ATTACKER_SPLIT) < 0 || attacker_shake(&a) < 0)
			why = scene_says(scene, "cannot attack: %s", a.error);
		for (unsigned i = 0; i < 3 && !why; i++) {
			if (say_table(&a, 2, 4096 * i, false) < 0)
				break;
			usleep(us / 10);
			if (ftruncate(a.memory.fd, i ? ATTACKER_MEMORY : 0) < 0)
				why = "cannot be cut short";
		}
		attacker_close(&a);
	}
	return why;
}

/* MEM-05: zeros are read there. */
static const char *holes(struct scene *scene, const void *arg)
{
	struct attacker a;
	const char *why = started(scene, &a, ATTACKER_SPLIT);
	int64_t before = scene_count(scene, "bad_source");

	(void)arg;
	if (!why) {
		attacker_write_frame(&a, 0);
		if (fallocate(a.memory.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1 << 20,
			      1 << 19) < 0)
			why = "no hole can be punched";
	}
	if (!why) {
		attacker_post(&a, ATTACKER_TX,
			      &(struct piece){GUEST_MEMORY_GPA + (1 << 20), WHOLE, 0}, 1);
		if (!attacker_drained(&a, ATTACKER_TX))
			why = "a frame of zeros is not taken";
	}
	if (!why)
		why = scene_wait_count(scene, "bad_source", before + 1);
	attacker_close(&a);
	return why;
}

/* MEM-08: a guest with a hole below 4 GiB and memory far above, of a sparse file. A number cut to
 * 32 bits would lead into the first region or the hole, where no such frame lies. */
static const char *memory_above_4_gib(struct scene *scene, const void *arg)
{
	const uint64_t gpa = UINT64_C(4) << 30, len = UINT64_C(6) << 30;
	const uint64_t places[] = {GUEST_MEMORY_GPA + ATTACKER_LOW - 4096, len - WHOLE};
	int64_t n_copies = scene_count(scene, "copies");
	struct attacker a;
	const char *why = NULL;

	if (attacker_open(&a, scene->socket, *(const uint64_t *)arg) < 0)
		return "no memory";
	a.dev.memory.regions[1].gpa = gpa;
	a.dev.memory.regions[1].size = len;
	a.dev.memory.regions[1].offset = ATTACKER_MEMORY;
	if (ftruncate(a.memory.fd, (off_t)(ATTACKER_MEMORY + len)) < 0)
		why = "the file cannot be so long";
	else if (attacker_start(&a) < 0)
		why = scene_says(scene, "cannot attack: %s", a.error);
	for (unsigned i = 0; i < 2 && !why; i++) {
		attacker_write_frame(&a, 0);
		if (pwrite(a.memory.fd, a.data, WHOLE, (off_t)(ATTACKER_MEMORY + places[i])) !=
		    WHOLE)
			why = "no frame can be written";
		memset(a.data, 0, WHOLE);
		attacker_post(&a, ATTACKER_TX, &(struct piece){gpa + places[i], WHOLE, 0}, 1);
		if (!why && !attacker_drained(&a, ATTACKER_TX))
			why = "a frame above 4 GiB is not taken";
	}
	/* Each goes to both bystanders. */
	if (!why)
		why = scene_wait_count(scene, "copies", n_copies + 2 * 2);
	if (!why) {
		attacker_post(&a, ATTACKER_TX, &(struct piece){gpa - WHOLE / 2, WHOLE, 0}, 1);
		why = scene_wait_stopped(scene, ATTACKER_TX, outside);
	}
	attacker_close(&a);
	return why;
}

static const uint64_t split = ATTACKER_SPLIT, packed = ATTACKER_PACKED;

const struct attack attacks_on_memory[] = {
	{"split: another memory table under traffic", other_tables, &split},
	{"packed: another memory table under traffic", other_tables, &packed},
	{"split: a table without the rings", table_without_rings, &split},
	{"packed: a table without the rings", table_without_rings, &packed},
	{"a file that is cut to nothing", cut_short, &(const off_t){0}},
	{"a file that is cut inside the rings", cut_short, &(const off_t){4096}},
	{"split: frames that are cut off", frames_cut_off, &split},
	{"packed: frames that are cut off", frames_cut_off, &packed},
	{"a file that is cut at any time", cut_short_at_any_time, NULL},
	{"a file with a hole", holes, NULL},
	{"split: memory above 4 GiB", memory_above_4_gib, &split},
	{"packed: memory above 4 GiB", memory_above_4_gib, &packed},
	{NULL, NULL, NULL},
};
