/* scene.h - where attacks happen: a running switch with two bystanders, some ports to attack, and
 * what can be seen from outside.
 *
 * Threads:   one.
 * Ownership: as said where it is kept.
 * Failure:   NULL is success; otherwise a sentence says what did not hold. */
#ifndef HOSTILE_SCENE_H
#define HOSTILE_SCENE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "attacker.h"
#include "bystanders.h"

enum { SCENE_PATH_LEN = 108, SCENE_N_VICTIMS = 4, SCENE_MAX_DROPS = 32 };

struct scene {
	const char *ringway; /* the program */
	const char *run_dir; /* of the switch */
	pid_t switch_pid;
	struct bystanders *bystanders;
	unsigned victim; /* which port is being attacked */
	char socket[SCENE_PATH_LEN];
	char why[512]; /* where a sentence is put together */
};

/* Takes the next port, so that one that has just been left can recover. */
void scene_next(struct scene *scene);
/* "mallory0" */
const char *scene_port(const struct scene *scene);

/* A number of the port under attack: "rx_frames", or a reason of drops. */
int64_t scene_count(const struct scene *scene, const char *counter);
/* Waits until it is at least that. */
const char *scene_wait_count(struct scene *scene, const char *counter, int64_t at_least);
/* Waits until the queue is shown as stopped for that reason. */
const char *scene_wait_stopped(struct scene *scene, unsigned queue, const char *why);
/* Waits until the link is "up" or "down". */
const char *scene_wait_link(struct scene *scene, const char *link);

const char *scene_says(struct scene *scene, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

typedef const char *attack_function(struct scene *scene, const void *arg);

struct attack {
	const char *name; /* a sentence */
	attack_function *run;
	const void *arg;
};

/* Ends with an attack without a name. */
extern const struct attack attacks_on_messages[], attacks_on_handshakes[], attacks_on_descriptors[],
	attacks_on_rings[], attacks_on_memory[], attacks_by_races[];

#endif
