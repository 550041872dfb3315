/* log.h - one line per event on standard error: "ringway: port guest0: link up".
 *
 * Threads:   any but a worker: it may block. Lines of several threads do not mix.
 * Failure:   none that a caller could mend. */
#ifndef PORTS_LOG_H
#define PORTS_LOG_H

#include <stdatomic.h>
#include <stdint.h>

enum log_level {
	LOG_ERROR,   /* needs a human */
	LOG_WARNING, /* degraded */
	LOG_INFO,    /* a change of state */
	LOG_LEVEL_N
};

/* Object, action, reason; without a newline. */
void log_event(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum { LOG_LINES_A_SECOND = 10 };

/* How much has been said this second about something whose peer can make us talk. All zero:
 * nothing.
 */
struct log_limit {
	_Atomic uint64_t second;
	atomic_uint n_lines;
};

/* Not more than LOG_LINES_A_SECOND; the line after a gap says how many are missing before it. */
void log_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
