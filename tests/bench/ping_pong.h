/* ping_pong.h - one frame at a time, there and back: round trip times.
 *
 * Threads:   that of the load.
 * Ownership: borrows.
 * Failure:   0 or -1 after a line on stderr. */
#ifndef BENCH_PING_PONG_H
#define BENCH_PING_PONG_H

#include "load.h"

/* Between port 0 and port 1, until this time (TSC). */
int ping_pong_run(struct load *load, uint64_t end);

#endif
