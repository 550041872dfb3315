/* outbox.h - where the frames of one burst go: for every port the list of frames it is to get, in
 * order, and the frames that nobody gets with the reason why.
 *
 * Threads:   an outbox belongs to one worker.
 * Ownership: outbox_new() gives, outbox_free() takes back; it borrows the frames until
 * outbox_reset(). */
#ifndef SWITCH_OUTBOX_H
#define SWITCH_OUTBOX_H

#include "ports/frame.h"

#include <stdbool.h>
#include <stdlib.h>

enum { OUTBOX_FORMS_MAX = 2 * BURST_MAX }; /* a frame has three forms, one of which it came in */

struct outbox_list {
	const struct frame *frames[BURST_MAX];
	unsigned n;
	unsigned n_done; /* from the first: delivered or dropped */
	bool spread;	 /* frames[] is sorted by the queue of the port that each belongs to */
	uint8_t queue[BURST_MAX]; /* when spread: that queue, of each frame */
};

struct outbox {
	struct outbox_list dropped[DROP_N];
	unsigned n_dropped; /* frames in all of dropped[] */
	unsigned n_copies;  /* (frame, destination) pairs in the lists of ports */
	unsigned n_touched;
	uint16_t *touched; /* the ports that have frames, in the order they got their first */
	/* Frames in another form than they came in, with another tag; n_made of the burst's. */
	struct frame *made;
	unsigned n_made;
	struct outbox_list to[]; /* by port id */
};

/* NULL with errno when there is no memory. */
struct outbox *outbox_new(unsigned n_ports);
void outbox_free(struct outbox *out);

/* n frames that lie in a row. */
static inline void outbox_add_row(struct outbox *out, uint16_t port, const struct frame *first,
				  unsigned n)
{
	struct outbox_list *list = &out->to[port];
	unsigned at = list->n;

	if (at == 0)
		out->touched[out->n_touched++] = port;
	list->n = at + n;
	out->n_copies += n;
	for (unsigned i = 0; i < n; i++)
		list->frames[at + i] = first + i;
}

static inline void outbox_add(struct outbox *out, uint16_t port, const struct frame *frame)
{
	outbox_add_row(out, port, frame, 1);
}

static inline void outbox_drop(struct outbox *out, const struct frame *frame, enum drop_reason why)
{
	struct outbox_list *list = &out->dropped[why];

	list->frames[list->n++] = frame;
	out->n_dropped++;
}

/* Forgets every frame; for the next burst. */
static inline void outbox_reset(struct outbox *out)
{
	for (unsigned i = 0; i < out->n_touched; i++) {
		out->to[out->touched[i]].n = 0;
		out->to[out->touched[i]].n_done = 0;
	}
	out->n_touched = 0;
	out->n_copies = 0;
	out->n_made = 0;
	if (out->n_dropped) {
		for (unsigned why = 0; why < DROP_N; why++)
			out->dropped[why].n = 0;
		out->n_dropped = 0;
	}
}

#endif
