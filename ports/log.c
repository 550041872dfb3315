#include "ports/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const char *const prefixes[LOG_LEVEL_N] = {
	[LOG_ERROR] = "ringway: error: ",
	[LOG_WARNING] = "ringway: warning: ",
	[LOG_INFO] = "ringway: ",
};

/* n_missing: lines that were left out before this one. */
static void log_line(enum log_level level, unsigned n_missing, const char *format, va_list args)
{
	char line[1024];
	int len = snprintf(line, sizeof(line), "%s", prefixes[level]);

	len += vsnprintf(line + len, sizeof(line) - (size_t)len, format, args);
	if (n_missing && len < (int)sizeof(line))
		len += snprintf(line + len, sizeof(line) - (size_t)len,
				" (and %u lines before this one)", n_missing);
	if (len > (int)sizeof(line) - 1)
		len = (int)sizeof(line) - 1;
	line[len++] = '\n';
	/* One write a line, so that lines of several threads do not mix. A reader that went away
	 * loses its lines. */
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return;
}

void log_event(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(level, 0, format, args);
	va_end(args);
}

void log_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
{
	unsigned n_missing = 0;
	struct timespec now;
	va_list args;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (atomic_exchange(&limit->second, (uint64_t)now.tv_sec) != (uint64_t)now.tv_sec) {
		unsigned n_said = atomic_exchange(&limit->n_lines, 0);

		n_missing = n_said > LOG_LINES_A_SECOND ? n_said - LOG_LINES_A_SECOND : 0;
	}
	if (atomic_fetch_add(&limit->n_lines, 1) >= LOG_LINES_A_SECOND)
		return;
	va_start(args, format);
	log_line(level, n_missing, format, args);
	va_end(args);
}
