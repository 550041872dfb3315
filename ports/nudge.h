/* nudge.h - ends system calls of a thread that wait although they must not.
 *
 * A call eventfd belongs to the front-end as well, and so do its flags: it can be made to block at
 * any moment. A timer sends the thread a signal that does nothing, again and again; a call that
 * waits returns EINTR, one that does not never sees it.
 *
 * Threads:   start and stop are called by the thread that it is for.
 * Ownership: the caller keeps the struct.
 * Failure:   -errno; stop accepts a struct that was not started, all zero. */
#ifndef PORTS_NUDGE_H
#define PORTS_NUDGE_H

#include <signal.h>
#include <stdbool.h>
#include <time.h>

enum {
	NUDGE_MS = 10, /* that a call can wait */
	NUDGE_SIGNAL = SIGALRM,
};

struct nudge {
	timer_t timer;
	bool started;
};

int nudge_start(struct nudge *nudge);
void nudge_stop(struct nudge *nudge);

#endif
