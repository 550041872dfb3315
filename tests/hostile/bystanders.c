#include "bystanders.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/frame.h"
#include "tests/bench/port.h"

enum {
	RING = 1024,
	FRAME_LEN = 200,
	TICK_US = 1000,
	A_TICK = 8,		/* frames that each sends: far below what the switch can do */
	PATIENCE_TICKS = 20000, /* without a frame, while one is waited for */
};

struct bystanders {
	struct options options;
	struct port ports[2];
	pthread_t thread;
	atomic_bool stopping;
	uint32_t next[2];     /* number of the next frame that it sends */
	uint32_t expected[2]; /* number of the next frame that it gets */
	bool begun[2];	      /* it has got one: before, the other's link may have been down */
	_Atomic uint64_t due, skipped, received, lost, wrong;
	_Atomic(const char *) broken;
};

/* One writer. */
static void count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static void send_some(struct bystanders *by, unsigned side, unsigned n)
{
	struct port *port = &by->ports[side];
	unsigned room = txq_reclaim(&port->tx);

	if (room < n) {
		count(&by->skipped, n - room);
		n = room;
	}
	for (unsigned i = 0; i < n; i++)
		frame_build(txq_buffer(&port->tx, i),
			    &(struct frame_spec){.src = side,
						 .dst = side ^ 1,
						 .number = by->next[side]++,
						 .len = FRAME_LEN});
	if (n)
		txq_post(&port->tx, n);
}

static void note(struct bystanders *by, unsigned side, const struct rxq_piece *piece)
{
	struct frame_tag tag;
	uint32_t ahead;

	if (piece->len < FRAME_VNET_LEN + FRAME_FIXED_LEN)
		return; /* flooded by somebody else */
	memcpy(&tag, piece->data + FRAME_VNET_LEN + FRAME_TAG_OFFSET, sizeof(tag));
	if (tag.magic != FRAME_MAGIC || tag.src != (side ^ 1))
		return;
	if (!by->begun[side])
		by->expected[side] = tag.number;
	by->begun[side] = true;
	ahead = tag.number - by->expected[side];
	if (tag.dst != side || piece->len != FRAME_VNET_LEN + FRAME_LEN || ahead > UINT32_MAX / 2) {
		count(&by->wrong, 1);
		return;
	}
	count(&by->lost, ahead);
	count(&by->received, 1);
	by->expected[side] = tag.number + 1;
}

static void receive_some(struct bystanders *by, unsigned side)
{
	struct port *port = &by->ports[side];
	struct rxq_piece pieces[RXQ_BURST];
	unsigned n, n_waiting;

	while ((n = rxq_take(&port->rx, pieces, &n_waiting)) > 0) {
		for (unsigned i = 0; i < n; i++)
			note(by, side, &pieces[i]);
		rxq_give_back(&port->rx);
	}
}

static void *run(void *arg)
{
	struct bystanders *by = arg;
	unsigned rest = PATIENCE_TICKS;
	uint64_t before = 0;

	while (!atomic_load(&by->stopping) ||
	       (by->expected[0] != by->next[1] || by->expected[1] != by->next[0])) {
		for (unsigned side = 0; side < 2; side++) {
			receive_some(by, side);
			if (atomic_load(&by->stopping))
				continue;
			count(&by->due, A_TICK);
			send_some(by, side, A_TICK);
			if (port_check(&by->ports[side]) < 0)
				by->broken = "a bystander's port is broken";
		}
		if (by->received != before)
			rest = PATIENCE_TICKS;
		before = by->received;
		if (by->broken || (atomic_load(&by->stopping) && --rest == 0))
			break;
		usleep(TICK_US);
	}
	if (rest == 0)
		count(&by->lost, by->next[0] + by->next[1] - by->expected[0] - by->expected[1]);
	return NULL;
}

struct bystanders *bystanders_start(const char *left, const char *right)
{
	struct bystanders *by = calloc(1, sizeof(*by));

	if (!by)
		return NULL;
	by->options = (struct options){.sockets = {left, right},
				       .n_ports = 2,
				       .n_senders = 2,
				       .n_addresses = 1,
				       .mergeable = true,
				       .event_idx = true,
				       .ring_size = RING,
				       .size = FRAME_LEN,
				       .segments = 1,
				       .rx_buffer = 2048,
				       .connect_timeout = 20};
	for (unsigned side = 0; side < 2; side++)
		if (port_open(&by->ports[side], side, &by->options) < 0 ||
		    port_start(&by->ports[side]) < 0)
			return NULL;
	if (pthread_create(&by->thread, NULL, run, by))
		return NULL;
	return by;
}

void bystanders_stop(struct bystanders *by)
{
	atomic_store(&by->stopping, true);
	pthread_join(by->thread, NULL);
	for (unsigned side = 0; side < 2; side++) {
		port_stop(&by->ports[side]);
		port_close(&by->ports[side]);
	}
}

struct bystanders_books bystanders_look(const struct bystanders *by)
{
	return (struct bystanders_books){.due = by->due,
					 .skipped = by->skipped,
					 .received = by->received,
					 .lost = by->lost,
					 .wrong = by->wrong,
					 .broken = by->broken};
}

int bystanders_wait(const struct bystanders *by, uint64_t n)
{
	uint64_t until = by->received + n;

	for (unsigned tick = 0; tick < PATIENCE_TICKS; tick++) {
		if (by->received >= until)
			return 0;
		if (by->broken)
			return -1;
		usleep(TICK_US);
	}
	return -1;
}
