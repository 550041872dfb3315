/* scripted_backend.h - a vhost-user back-end that does as it is told, and misbehaves once.
 *
 * Threads:   runs in one of its own between start and join; members are read after join only.
 * Ownership: keeps its end of a socketpair and every descriptor that it is sent.
 * Failure:   the tests assert. */
#ifndef TESTS_VMM_SCRIPTED_BACKEND_H
#define TESTS_VMM_SCRIPTED_BACKEND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "ports/vhost_wire.h"

enum scripted_fault {
	FAULT_NONE,
	FAULT_CLOSE,	       /* instead of an answer */
	FAULT_CLOSE_IN_HEADER, /* after six bytes of the answer */
	FAULT_CLOSE_IN_PAYLOAD,
	FAULT_SILENCE,	       /* until the front-end goes away */
	FAULT_HALF_THEN_QUIET, /* six bytes, then silence */
	FAULT_WRONG_ID,
	FAULT_SHORT, /* a payload of 4 bytes */
	FAULT_LONG,  /* one of 64 */
	FAULT_HUGE,  /* says 4 GiB - 1 */
	FAULT_NOT_A_REPLY,
	FAULT_VERSION,
	FAULT_EXTRA_FD,
	FAULT_MANY_FDS, /* more than any message may bring */
	FAULT_FD_IN_PAYLOAD,
	FAULT_NACK, /* answers 1 to an acknowledged request */
	FAULT_N
};

enum { SCRIPT_MAX = 256 };

struct scripted_message {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	unsigned n_fds;
	union vhost_user_payload payload;
};

struct scripted_backend {
	uint64_t features;
	uint64_t protocol_features;
	uint64_t n_queues;
	uint64_t status_mask; /* status bits that survive in GET_STATUS */
	bool wrong_vring;     /* GET_VRING_BASE answers for another queue */
	bool byte_by_byte;    /* answers trickle */
	pthread_t signal_to;  /* gets SIGUSR1 before each answer if signals is set */
	bool signals;
	enum scripted_fault fault;
	unsigned fault_at; /* index of the message */

	int fd;
	pthread_t thread;
	uint64_t status;
	struct scripted_message messages[SCRIPT_MAX];
	unsigned n_messages;
};

/* A back-end that can do everything. */
void scripted_backend_init(struct scripted_backend *backend);
/* Returns the front-end's end of the connection. The messages of an earlier run are forgotten. */
int scripted_backend_start(struct scripted_backend *backend);
/* The same on a connection that the test has made; takes fd. */
void scripted_backend_serve(struct scripted_backend *backend, int fd);
/* The front-end has closed its end, or closes it because of the fault. */
void scripted_backend_join(struct scripted_backend *backend);

#endif
