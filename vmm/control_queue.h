/* control_queue.h - the control virtqueue of a network device, served in the launcher.
 *
 * Threads:   the caller holds the machine's lock.
 * Ownership: borrows RAM; its positions are its own, never read back from the guest.
 * Failure:   a chain that is malformed is given back with the answer VIRTIO_NET_ERR where there is
 * room for one; a ring that makes no sense is left alone until reset (broken).
 *
 * Source: VIRTIO 1.2 sections 2.7 (split virtqueues) and 5.1.6.5 (control virtqueue). */
#ifndef RINGWAY_VMM_CONTROL_QUEUE_H
#define RINGWAY_VMM_CONTROL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/guest_ram.h"

enum {
	CONTROL_MAX_COMMAND = 4096, /* a MAC table of several hundred entries */
};

/* Obeys one command, and whether it could. data is a private copy. */
typedef bool (*control_command)(void *ctx, uint8_t command_class, uint8_t command,
				const uint8_t *data, size_t len);

struct control_queue {
	const struct guest_ram *ram;
	uint16_t size;		       /* 0: there is none */
	uint64_t desc, driver, device; /* guest-physical, already checked to lie in RAM */
	bool event_idx;
	bool indirect;
	bool broken;
	uint16_t next_avail, next_used;
	uint64_t n_commands;
	control_command command;
	void *ctx;
};

/* Serves all that is available. Whether the driver wants an interrupt for it. */
bool control_queue_serve(struct control_queue *queue);

#endif
