#include "flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_BITS = 64 };

static size_t n_words(const struct flow *flow)
{
	return (flow->period + WORD_BITS - 1) / WORD_BITS;
}

int flow_open(struct flow *flow, uint32_t period)
{
	*flow = (struct flow){.period = period};
	if (period == 0)
		return 0;
	flow->open = calloc(n_words(flow), sizeof(*flow->open));
	return flow->open ? 0 : -ENOMEM;
}

void flow_close(struct flow *flow)
{
	free(flow->open);
	flow->open = NULL;
}

void flow_restart(struct flow *flow)
{
	flow->n_open = 0;
	flow->begun = false;
	flow->n_late = flow->n_duplicates = flow->n_gaps = flow->n_bad = 0;
	if (flow->open)
		memset(flow->open, 0, n_words(flow) * sizeof(*flow->open));
}

static bool is_open(const struct flow *flow, uint32_t number)
{
	return flow->open[number / WORD_BITS] >> number % WORD_BITS & 1;
}

static void set_open(struct flow *flow, uint32_t number, bool on)
{
	uint64_t bit = 1ull << number % WORD_BITS;

	if (is_open(flow, number) == on)
		return;
	flow->open[number / WORD_BITS] ^= bit;
	flow->n_open += on ? 1u : -1u;
}

/* Number becomes the newest; what lies between it and the expected one is missing for now. */
static void advance_to(struct flow *flow, uint32_t number)
{
	while (flow->expected != number) {
		set_open(flow, flow->expected, true);
		flow->n_gaps++;
		flow->expected = flow->expected + 1 == flow->period ? 0 : flow->expected + 1;
	}
	/* An open gap of the turn before is lost for good. */
	set_open(flow, number, false);
	flow->expected = number + 1 == flow->period ? 0 : number + 1;
}

bool flow_note_jump(struct flow *flow, uint32_t number)
{
	uint32_t ahead;

	if (number >= flow->period) {
		flow->n_bad++;
		return true;
	}
	if (!flow->begun) {
		flow->begun = true;
		flow->expected = number;
	}
	ahead = number >= flow->expected ? number - flow->expected
					 : number + flow->period - flow->expected;
	if (ahead <= flow->period / 2) {
		advance_to(flow, number);
		return true;
	}
	if (is_open(flow, number)) {
		set_open(flow, number, false);
		flow->n_late++;
		return true;
	}
	flow->n_duplicates++;
	return false;
}
