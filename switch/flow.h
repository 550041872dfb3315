/* flow.h - which of a destination's receive queues a frame goes to, when it has several: frames of
 * one conversation stay on one queue and so in order.
 *
 * Threads:   none of its own. */
#ifndef SWITCH_FLOW_H
#define SWITCH_FLOW_H

#include "switch/outbox.h"

/* A number that depends on the conversation alone: on addresses and ports of TCP and UDP, on the
 * addresses of other IP and of every fragment, else on the MAC addresses. What does not lie in the
 * first FRAME_HEAD_LEN bytes does not count. */
uint32_t flow_hash(const struct frame *frame);

/* One of n queues, for a hash of flow_hash(). */
static inline unsigned flow_queue(uint32_t hash, unsigned n)
{
	return (unsigned)((uint64_t)hash * n >> 32);
}

/* Sorts the list by queue, of which there are n; each queue's frames keep their order. */
void flow_spread(struct outbox_list *list, unsigned n);

#endif
