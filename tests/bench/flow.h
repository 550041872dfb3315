/* flow.h - what one receiver knows about the frames of one sender: lost, late or twice.
 *
 * The frames of a flow are numbered 0 .. period - 1, again and again. A number ahead of the
 * expected one opens a gap; one behind it either fills a gap (it was overtaken) or was seen before.
 * Half a period is the horizon: what is older is taken for new, so that only the totals, not these
 * counts, are exact when more than that is lost at once.
 *
 * Threads:   one.
 * Ownership: keeps its bitmap.
 * Failure:   flow_open() gives 0 or -ENOMEM. */
#ifndef BENCH_FLOW_H
#define BENCH_FLOW_H

#include <stdbool.h>
#include <stdint.h>

struct flow {
	uint32_t period; /* 0: this sender sends nothing to this receiver */
	uint32_t expected;
	uint32_t n_open; /* numbers in open gaps */
	uint64_t *open;	 /* one bit for each number */
	uint64_t n_late, n_duplicates, n_gaps, n_bad;
	bool begun;
};

int flow_open(struct flow *flow, uint32_t period);
void flow_close(struct flow *flow);
/* Forgets everything; the next frame says where the flow stands. */
void flow_restart(struct flow *flow);

/* Slow part of flow_note(). Returns false for a duplicate. */
bool flow_note_jump(struct flow *flow, uint32_t number);

/* A frame with this number came. Returns false for a duplicate. */
static inline bool flow_note(struct flow *flow, uint32_t number)
{
	if (__builtin_expect(number != flow->expected || flow->n_open || !flow->begun, 0))
		return flow_note_jump(flow, number);
	flow->expected = number + 1 == flow->period ? 0 : number + 1;
	return true;
}

#endif
