/* attacker.h - a front-end and driver that can be made to break any rule: it says what it is told
 * to say, and writes what it is told to write into its rings.
 *
 * Its memory: 4 MiB of a memfd, of which the switch sees the first 2 MiB and, right behind them by
 * guest-physical address, the last one. Rings and frames lie in the first part.
 *
 * Threads:   one, but for attacks that change memory under the switch's eyes.
 * Ownership: keeps all it opens.
 * Failure:   -1, and a sentence in the struct; an attacker that cannot attack fails its test. */
#ifndef HOSTILE_ATTACKER_H
#define HOSTILE_ATTACKER_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/guest_ring.h"
#include "vmm/vhost_user.h"

enum {
	ATTACKER_RING = 256,
	ATTACKER_MEMORY = 4 << 20,
	ATTACKER_LOW = 2 << 20,	 /* bytes of the first region */
	ATTACKER_HIGH = 1 << 20, /* bytes of the second */
	ATTACKER_FRAME = 100,
	ATTACKER_RX = 0, /* queues */
	ATTACKER_TX = 1,
	ATTACKER_WAIT_MS = 8000, /* only a guard against hanging */
};

/* Features: VIRTIO 1.2 section 6, as bits. */
#define ATTACKER_SPLIT	  (1ull << 32 | 1ull << 15)
#define ATTACKER_PACKED	  (ATTACKER_SPLIT | 1ull << 34)
#define ATTACKER_INDIRECT (1ull << 28)
#define ATTACKER_EVENTS	  (1ull << 29)

struct attacker {
	const char *path;
	uint64_t features;
	struct guest_memory memory;
	struct vhost_user vu;
	struct vhost_user_queue queues[2];
	struct vhost_user_device dev;
	struct guest_ring rings[2];
	unsigned char *data;  /* the rest of the first region */
	uint16_t n_posted[2]; /* chains */
	uint16_t position[2]; /* of the next descriptor, free-running */
	uint16_t taken[2];    /* packed: position of the next to be given back, free-running */
	uint16_t n_used[2];   /* packed: chains given back */
	uint16_t lens[2][ATTACKER_RING]; /* packed: descriptors of a chain, by its first */
	const char *error;
};

struct piece {
	uint64_t addr;
	uint32_t len;
	uint16_t flags; /* of VIRTIO; NEXT comes by itself */
};

/* Memory and rings, no connection. Anything may be changed before it starts. */
int attacker_open(struct attacker *a, const char *path, uint64_t features);
void attacker_close(struct attacker *a);
/* Connects; join also waits until the switch has let it in, shake also shakes hands, start also
 * sets up all that a switch needs. */
int attacker_connect(struct attacker *a);
int attacker_join(struct attacker *a);
int attacker_shake(struct attacker *a);
int attacker_start(struct attacker *a);
/* As a driver resets its device: the rings begin anew, empty. */
int attacker_reset(struct attacker *a);

/* One message as it is given, but for the size if that is said to be SIZE_OF_PAYLOAD. */
struct message {
	uint32_t request, flags, size;
	const void *payload;
	uint32_t payload_len;
	const int *fds;
	unsigned n_fds;
};
#define SIZE_OF_PAYLOAD 0xfffffffeu
int attacker_say(struct attacker *a, const struct message *message);
int attacker_say_u64(struct attacker *a, uint32_t request, uint64_t value, int fd);
int attacker_say_state(struct attacker *a, uint32_t request, uint32_t index, uint32_t num);
/* Returns when all that was said has been done. */
int attacker_sync(struct attacker *a);
/* Whether the switch ends the connection, sooner or later. */
bool attacker_hung_up(struct attacker *a);

/* Guest-physical address of a place in the data. */
uint64_t attacker_gpa(const struct attacker *a, uint32_t offset);
/* Writes a good frame, its virtio header first, to that place. */
void attacker_write_frame(struct attacker *a, uint32_t offset);
/* A chain of descriptors, made available; the switch is told. */
void attacker_post(struct attacker *a, unsigned queue, const struct piece *pieces, unsigned n);
/* The same for one good frame of ATTACKER_FRAME bytes. */
void attacker_post_frame(struct attacker *a);
/* n receive buffers. */
void attacker_post_buffers(struct attacker *a, unsigned n);
/* Publishes that number of available chains (split), and kicks. */
void attacker_publish(struct attacker *a, unsigned queue, uint16_t idx);
void attacker_kick(struct attacker *a, unsigned queue);
/* Chains that the switch gave back since the start. */
uint16_t attacker_n_used(struct attacker *a, unsigned queue);
/* Waits until all that was posted has been given back. */
bool attacker_drained(struct attacker *a, unsigned queue);

#endif
