#include "transmit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "frame.h"

enum { STAMP_PERIOD = 1 << 14 };

/* A small generator, so that a seed gives the same frames everywhere. */
static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 33);
}

static unsigned pick_dst(const struct options *options, unsigned src, uint64_t *random)
{
	unsigned dst;

	switch (options->pattern) {
	case PATTERN_FLOOD:
		return FRAME_TO_ALL;
	case PATTERN_RANDOM:
		dst = next_random(random) % (options->n_ports - 1);
		return dst < src ? dst : dst + 1;
	default:
		return src ^ 1u;
	}
}

static int open_flows(struct load *load, const struct port *port, const uint32_t *n_frames)
{
	const struct options *options = load->options;
	unsigned i;

	for (i = 0; i < options->n_ports; i++) {
		struct flow *flow = &load->flows[port->idx * options->n_ports + i];
		uint32_t n = options->pattern == PATTERN_FLOOD ? n_frames[options->n_ports]
							       : n_frames[i];

		flow_close(flow);
		if (i == port->idx || !load_is_sender(options, port->idx))
			n = 0;
		if (n > 0 && options->stamp)
			n = STAMP_PERIOD;
		if (flow_open(flow, n) < 0)
			return -ENOMEM;
	}
	return 0;
}

int transmit_build(struct load *load, struct port *port)
{
	const struct options *options = load->options;
	uint64_t random = options->seed * 1000003ull + port->idx;
	struct txq *tx = &port->tx;
	uint32_t *n_frames = calloc(options->n_ports + 1, sizeof(*n_frames));
	uint32_t i;
	int ret;

	if (!n_frames)
		return -ENOMEM;
	for (i = 0; i < tx->n_buffers; i++) {
		unsigned char *buf = tx->buffers + (size_t)i * tx->stride;
		unsigned dst = pick_dst(options, port->idx, &random);
		uint32_t *n = &n_frames[dst == FRAME_TO_ALL ? options->n_ports : dst];
		const struct frame_spec spec = {
			.src = port->idx,
			.dst = dst,
			.src_address = next_random(&random) % options->n_addresses,
			.dst_address = next_random(&random) % options->n_addresses,
			.number = *n,
			.len = options->size,
			.tso = options->tso,
		};

		++*n;
		frame_build(buf, &spec);
		frame_fill_payload(buf + FRAME_VNET_LEN, options->size);
	}
	ret = open_flows(load, port, n_frames);
	free(n_frames);
	return ret;
}

void transmit_build_learning(struct load *load, struct port *port, unsigned address, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		const struct frame_spec spec = {
			.src = port->idx,
			.dst = FRAME_TO_ALL,
			.src_address = address + i,
			.number = FRAME_LEARN,
			.len = load->options->size,
			.tso = load->options->tso,
		};

		frame_build(txq_buffer(&port->tx, i), &spec);
	}
}

static void stamp(struct load *load, struct port *port, unsigned n)
{
	const struct options *options = load->options;
	struct frame_tag tag;
	uint32_t *next;
	unsigned i;

	for (i = 0; i < n; i++) {
		unsigned char *frame = txq_buffer(&port->tx, i) + FRAME_VNET_LEN;

		memcpy(&tag, frame + FRAME_TAG_OFFSET, sizeof(tag));
		next = &port->stamps[tag.dst == FRAME_TO_ALL ? options->n_ports : tag.dst];
		tag.number = *next;
		*next = (*next + 1) % STAMP_PERIOD;
		memcpy(frame + FRAME_TAG_OFFSET, &tag, sizeof(tag));
		if (options->touch)
			memcpy(frame + FRAME_FIXED_LEN, load->payload + FRAME_FIXED_LEN,
			       options->size - FRAME_FIXED_LEN);
	}
}

void transmit_post(struct load *load, struct port *port, unsigned n)
{
	if (load->options->stamp)
		stamp(load, port, n);
	txq_post(&port->tx, n);
}

/* How many frames the window leaves. */
static uint64_t window_left(const struct load *load, const struct port *port)
{
	const unsigned n_copies = load_n_copies(load->options);
	uint64_t sent = (port->tx.posted - port->posted_at_start) * n_copies;
	uint64_t arrived = port->delivered + port->given_up;
	uint64_t limit = (uint64_t)load->options->window * n_copies;
	uint64_t under_way = sent > arrived ? sent - arrived : 0;

	return under_way < limit ? (limit - under_way) / n_copies : 0;
}

/* How many frames are due; what the ring could not take for a whole turn of it is given up and
 * counted. */
static uint64_t due(struct load *load, struct port *port)
{
	double seconds = (double)(clock_tsc() - load->start) / load->hz;
	uint64_t offered = (uint64_t)(seconds * load->options->rate);
	uint64_t sent = port->tx.posted - port->posted_at_start + port->counts.skipped;
	uint64_t n = offered > sent ? offered - sent : 0;

	if (n > port->tx.n_slots) {
		port->counts.skipped += n - port->tx.n_slots;
		n = port->tx.n_slots;
	}
	return n;
}

unsigned transmit_poll(struct load *load, struct port *port)
{
	const struct options *options = load->options;
	unsigned least = options->mode == MODE_RATE ? 1 : options->batch;
	uint64_t start = clock_tsc(), n;
	struct txq *tx = &port->tx;
	unsigned room = (unsigned)(tx->n_slots - (tx->posted - tx->done));

	/* The back-end's index is its cache line: it is fetched only when there is need. */
	if (room < least || options->mode == MODE_RATE)
		room = txq_reclaim(tx);
	n = room;
	if (options->mode == MODE_RATE) {
		uint64_t n_due = due(load, port);

		if (n > n_due)
			n = n_due;
	}
	if (options->window) {
		uint64_t left = window_left(load, port);

		if (n > left)
			n = left;
	}
	if (n < least)
		return 0;
	if (options->mode != MODE_RATE)
		n -= n % options->batch;
	transmit_post(load, port, (unsigned)n);
	port->counts.tx_cycles += clock_tsc() - start;
	port->counts.tx_frames += n;
	return (unsigned)n;
}
