/* options.h - what the command line of vgen asks for.
 *
 * Threads:   read only after options_parse().
 * Ownership: borrows strings from argv; keeps the array of sockets until the process ends.
 * Failure:   options_parse() says on stderr what is wrong and what to do. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum options_mode {
	MODE_SATURATE,
	MODE_RATE,
	MODE_PING_PONG,
	/* Of two cores, without a back-end: */
	MODE_PLACEMENT, /* how far a cache line travels */
	MODE_WAKE_UP,	/* how long one needs to wake up the other */
	MODE_N
};

enum options_pattern {
	PATTERN_PAIRS, /* port 0 with 1, 2 with 3, ... */
	PATTERN_RANDOM,
	PATTERN_FLOOD,
	PATTERN_N
};

enum {
	OPTIONS_MAX_PORTS = 256,
	OPTIONS_MIN_SIZE = 64,
	OPTIONS_MAX_SIZE = 65535,
};

struct options {
	const char *sockets[OPTIONS_MAX_PORTS];
	unsigned n_ports;
	unsigned n_senders; /* the first so many ports send */
	bool server;
	bool one_way;

	enum options_mode mode;
	enum options_pattern pattern;
	double rate; /* frames per second and sending port */
	double seconds, warm_up;
	unsigned n_slices;
	unsigned window; /* frames of one port under way at most; 0: no limit */
	unsigned batch;
	unsigned n_addresses; /* of each port */
	unsigned seed;

	bool packed, mergeable, event_idx, in_order, wait, hugepages;
	unsigned ring_size;

	unsigned size; /* of a frame, bytes, without FCS */
	unsigned tso;  /* segment size, 0: none */
	unsigned segments;
	unsigned rx_buffer; /* bytes behind one receive descriptor, with the virtio header */
	bool stamp, touch, verify;

	int core, core_peer; /* -1: wherever the scheduler likes */
	double connect_timeout;
	bool pause;
};

enum options_result { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_BAD, OPTIONS_RESULT_N };

/* Is it a mode of two cores? */
bool options_is_of_cores(const struct options *options);

enum options_result options_parse(struct options *options, int argc, char **argv);

extern const char *const options_mode_names[MODE_N];
extern const char *const options_pattern_names[PATTERN_N];

#endif
