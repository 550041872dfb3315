/* capture_writer.h - the one thread that takes copies of frames out of the workers' rings and gives
 * them to the files of the captures that want them.
 *
 * Threads:   its own; the others are for the control thread. A slot's state says whose it is: the
 * control thread's when EMPTY or DONE, else the writer's.
 * Ownership: capture_writer_new() gives, capture_writer_free() takes back and ends the thread. It
 * borrows lanes, jobs and the counters function.
 * Failure:   capture_writer_new(): NULL with errno. What cannot be written is counted as missed.
 *
 * seen = captured + missed, for every job, once it is done: seen counts what passed the filter. */
#ifndef SWITCH_CAPTURE_WRITER_H
#define SWITCH_CAPTURE_WRITER_H

#include "switch/capture.h"
#include "switch/capture_output.h"
#include "switch/counters.h"
#include "switch/tsc_clock.h"

enum capture_state {
	CAPTURE_EMPTY,
	CAPTURE_ACTIVE,
	CAPTURE_STOPPING, /* no worker looks at it any more: what is in the rings is all there is */
	CAPTURE_DONE,	  /* the file is closed */
};

/* What the writer knows of one port in one job. */
struct capture_tally {
	uint64_t n_captured;
	uint64_t n_lost; /* by the file */
	uint64_t n_told; /* losses that the file knows of */
	uint64_t last_ns;
	struct port_counters start;
};

/* One capture, as the writer sees it. */
struct capture_job {
	struct capture_watch watch;
	struct capture_output output;
	uint64_t max_frames; /* 0: no end */
	uint64_t start_ns;
	struct capture_tally *tallies; /* by port id */
	uint64_t n_captured;	       /* atomic, relaxed; the control thread looks at them */
	uint64_t n_lost;
	uint64_t n_surplus; /* seen after max_frames */
	int error;	    /* errno of the last loss, 0: none */
	bool over;	    /* atomic: it has all it wants, or nobody reads it any more */
	uint64_t give_up_ns;
};

struct capture_writer;

struct capture_writer_conf {
	unsigned n_workers;
	unsigned n_ports;
	struct capture_lane *lanes; /* by worker */
	struct tsc_clock clock;
	/* What the switch counted for a port so far; called by the writer. */
	void (*count)(void *ctx, unsigned port, struct port_counters *counters);
	void *ctx;
};

struct capture_writer *capture_writer_new(const struct capture_writer_conf *conf);
void capture_writer_free(struct capture_writer *writer);

/* Readable when a job is over or done. */
int capture_writer_fd(const struct capture_writer *writer);

/* slot is empty. Before a worker can know of the job. */
void capture_writer_start(struct capture_writer *writer, unsigned slot, struct capture_job *job);
/* After no worker can know of the job any more. */
void capture_writer_stop(struct capture_writer *writer, unsigned slot);
/* The slot is done: its job is the control thread's again. */
void capture_writer_reap(struct capture_writer *writer, unsigned slot);
enum capture_state capture_writer_state(const struct capture_writer *writer, unsigned slot);

/* What job has counted so far. */
struct capture_totals {
	uint64_t n_seen;
	uint64_t n_captured;
	uint64_t n_missed;
};
struct capture_totals capture_job_totals(const struct capture_job *job, unsigned n_workers,
					 unsigned n_ports);

/* The time-stamp counter and the real-time clock at the same moment. */
void capture_writer_look_at_clocks(uint64_t *tsc, uint64_t *ns);

#endif
