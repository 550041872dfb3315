/* bystanders.h - two well-behaved guests that send each other numbered frames at a fixed rate, and
 * keep the books.
 *
 * The rate is so many frames a tick, and a tick is a turn of their thread, whatever the clock says:
 * a busy machine slows them down, and is no loss.
 *
 * Threads:   one of its own; the others only read the books.
 * Ownership: keeps both ports; borrows the paths.
 * Failure:   0 or -1, with a line on stderr; later ones are in the books. */
#ifndef HOSTILE_BYSTANDERS_H
#define HOSTILE_BYSTANDERS_H

#include <stdint.h>

struct bystanders;

struct bystanders_books {
	uint64_t due;	    /* frames that it was time for, both ways */
	uint64_t skipped;   /* not sent: the ring was still full a tick later */
	uint64_t received;  /* in order, once */
	uint64_t lost;	    /* numbers that never came */
	uint64_t wrong;	    /* twice, late, or of another shape */
	const char *broken; /* a port that no longer works; NULL */
};

struct bystanders *bystanders_start(const char *left, const char *right);
/* Waits until what is under way has arrived. */
void bystanders_stop(struct bystanders *by);
struct bystanders_books bystanders_look(const struct bystanders *by);
/* Waits for n more received frames; -1 when they do not come. */
int bystanders_wait(const struct bystanders *by, uint64_t n);

#endif
