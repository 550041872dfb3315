/* capture.h - captures as workers see them: which port is watched by whom, and the copy of a frame
 * into the worker's ring.
 *
 * Threads:   a capture_set is immutable; workers read it as part of a snapshot. A lane belongs to
 * one worker, its ring's other end to the writer. Counters are written by one worker, read by any.
 * Ownership: a set borrows lanes and watches, which outlive it by a grace period.
 * Failure:   a full ring loses the copy, counted as missed; the frame is not touched. Refused
 * frames of which nothing is known are in no capture, only counted: in more pieces than the arena
 * of a burst (oversize), longer than a TAP hands over (oversize), shorter than a header from a TAP
 * (runt), and those of a device whose tag cannot be put back (vlan).
 *
 * What is copied at rx is what was judged: the private head, and the rest as it is in the guest's
 * memory at that moment. At tx it is copied after delivery, from the same source. */
#ifndef SWITCH_CAPTURE_H
#define SWITCH_CAPTURE_H

#include "ports/frame.h"
#include "switch/capture_ring.h"

struct capture_filter;

enum { CAPTURE_MAX = 32 }; /* at a time */

enum capture_point {
	CAPTURE_RX,   /* came from the port */
	CAPTURE_TX,   /* was delivered to it */
	CAPTURE_DROP, /* was dropped and charged to it */
	CAPTURE_POINT_N
};

/* Frames of one port that a capture wanted, as one worker counts them. */
struct capture_count {
	uint64_t n_seen;   /* passed the filter */
	uint64_t n_missed; /* of these: no room in the ring */
};

/* What one capture wants. */
struct capture_watch {
	const struct capture_filter *filter;
	uint32_t snaplen;
	struct capture_count *counts; /* [worker * n_ports + port] */
};

/* What one worker copies with. */
struct capture_lane {
	struct capture_ring *ring;
	uint8_t *scratch; /* FRAME_LEN_MAX bytes, for filters that look behind the head */
};

struct capture_set {
	unsigned n_ports;
	struct capture_lane *lanes; /* by worker */
	const struct capture_watch *watches[CAPTURE_MAX];
	/* [point], by port id: bits of the watches that want its frames. */
	uint32_t *wanted[CAPTURE_POINT_N];
};

struct capture_where {
	uint16_t worker;
	uint16_t port;
	uint16_t queue;
	enum capture_point point;
	enum drop_reason why; /* at CAPTURE_DROP */
};

void capture_frames(const struct capture_set *set, const struct capture_where *where,
		    const struct frame *const *frames, unsigned n);

#endif
