/* fake_events.h - a KVM that only notes what it was asked for.
 *
 * Threads:   that of the test.
 * Ownership: fake_events_fini() frees the routing table.
 * Failure:   aborts when there is no memory, or at a GSI that does not exist. */
#ifndef TESTS_VMM_FAKE_EVENTS_H
#define TESTS_VMM_FAKE_EVENTS_H

#include "vmm/kvm.h"

enum {
	FAKE_MAX_GSIS = 64,
	FAKE_MAX_DOORBELLS = 40,
	FAKE_FIRST_GSI = 24,
};

struct fake_doorbell {
	uint64_t addr;
	int fd;
};

struct fake_events {
	struct kvm base; /* first: the fake casts back */
	struct msi_message route[FAKE_MAX_GSIS];
	bool routed[FAKE_MAX_GSIS];
	int attached_fd[FAKE_MAX_GSIS]; /* 0: none */
	bool attached_without_route;
	unsigned n_routes, n_attaches, n_detaches, n_sent, n_pins;
	struct msi_message last_sent;
	unsigned n_doorbells;
	struct fake_doorbell doorbell[FAKE_MAX_DOORBELLS];
};

void fake_events_init(struct fake_events *fake);
void fake_events_fini(struct fake_events *fake);

#endif
