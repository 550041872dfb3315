/* load.h - all ports together: teach the switch, warm up, measure, drain.
 *
 * Threads:   one drives all ports.
 * Ownership: keeps ports and flows.
 * Failure:   0 or -1 after a line on stderr. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "flow.h"
#include "histogram.h"
#include "port.h"

struct load {
	const struct options *options;
	struct port *ports;
	unsigned n_open;    /* ports that were opened */
	struct flow *flows; /* [sender * n_ports + receiver] */
	unsigned char *payload;
	double hz;
	uint64_t next_check; /* TSC */
	bool sending;
	uint64_t start;	  /* TSC, of the measurement and of a fixed rate */
	uint64_t elapsed; /* TSC cycles of the measurement, without draining */
	struct histogram round_trips;
	uint64_t n_lost_round_trips;
	uint64_t n_preempted; /* involuntary context switches during the measurement */
	uint64_t n_unsent;    /* posted, but never returned by the back-end */
};

int load_open(struct load *load, const struct options *options);
void load_close(struct load *load);

/* Connects, teaches the switch, warms up. */
int load_start(struct load *load);
/* One measurement with its pauses; as many as one likes. */
int load_measure(struct load *load);
int load_stop(struct load *load);

/* Receives and, while `sending`, sends on all ports once. Returns the number of frames and buffers
 * moved, -1 on failure. */
int load_sweep(struct load *load);
/* Asks for calls and sleeps until one arrives or the time (TSC) has come. */
int load_sleep(struct load *load, uint64_t until);

/* Frames that each frame of a port becomes. */
static inline unsigned load_n_copies(const struct options *options)
{
	return options->pattern == PATTERN_FLOOD ? options->n_ports - 1 : 1;
}

static inline bool load_is_sender(const struct options *options, unsigned port)
{
	return port < options->n_senders && !(options->one_way && port % 2);
}

#endif
