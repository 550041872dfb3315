/* port.h - one guest: its memory, its two queues, its connection to the switch under test.
 *
 * Threads:   one.
 * Ownership: keeps all of it; borrows the options.
 * Failure:   0 or -1, and a line on stderr that says which port and what to do. */
#ifndef BENCH_PORT_H
#define BENCH_PORT_H

#include "options.h"
#include "rxq.h"
#include "txq.h"
#include "vmm/vhost_user.h"

enum { PORT_BURST_BINS = 17 }; /* 1, 2-3, 4-7, ... 65536 */

struct port_counts {
	uint64_t received;  /* frames for this port, duplicates once */
	uint64_t learned;   /* frames that only showed an address */
	uint64_t strays;    /* frames for another port: flooded, or forwarded wrongly */
	uint64_t foreign;   /* frames that this generator did not send */
	uint64_t misshapen; /* of another length than sent */
	uint64_t corrupt;   /* with another payload than sent */
	uint64_t unmarked;  /* sent for segmentation, arrived without the mark that says so */
	uint64_t skipped;   /* not offered at the fixed rate, because the ring was full */
	uint64_t rx_polls, rx_entries, rx_cycles, rx_frames;
	uint64_t tx_cycles, tx_frames;
	uint64_t bursts[PORT_BURST_BINS];
};

struct port {
	unsigned idx;
	const struct options *options;
	struct guest_memory memory;
	struct txq tx;
	struct rxq rx;
	struct vhost_user vu;
	struct vhost_user_queue queues[2];
	struct vhost_user_device dev;
	int listen_fd;
	struct port_counts counts;

	/* Of the frame being received. */
	unsigned n_pieces_left;
	uint32_t len_so_far;
	bool compares;
	/* Frames of this port that arrived somewhere, and those given up: for the window. */
	uint64_t delivered, given_up;
	uint64_t posted_at_start, done_at_start;
	uint32_t *stamps; /* next number for each destination, and for all */
};

int port_open(struct port *port, unsigned idx, const struct options *options);
void port_close(struct port *port);
/* Memory of the frames to be sent: as many as slots, or as addresses if those are more. */
unsigned port_n_buffers(const struct options *options);

/* Connects, shakes hands, starts. The back-end may appear within the connect timeout. */
int port_start(struct port *port);
/* The back-end lets go of the rings. */
int port_stop(struct port *port);
/* -1 if the back-end went away or a ring is broken. */
int port_check(struct port *port);

#endif
