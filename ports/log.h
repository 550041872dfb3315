/* log.h - one line per event on standard error: "ringway: port guest0: link up".
 *
 * Threads:   any but a worker: it may block. Lines of several threads do not mix.
 * Failure:   none that a caller could mend. */
#ifndef PORTS_LOG_H
#define PORTS_LOG_H

enum log_level {
	LOG_ERROR,   /* needs a human */
	LOG_WARNING, /* degraded */
	LOG_INFO,    /* a change of state */
	LOG_LEVEL_N
};

/* Object, action, reason; without a newline. */
void log_event(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
