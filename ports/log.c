#include "ports/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const char *const prefixes[LOG_LEVEL_N] = {
	[LOG_ERROR] = "ringway: error: ",
	[LOG_WARNING] = "ringway: warning: ",
	[LOG_INFO] = "ringway: ",
};

void log_event(enum log_level level, const char *format, ...)
{
	char line[1024];
	int len = snprintf(line, sizeof(line), "%s", prefixes[level]);
	va_list args;

	va_start(args, format);
	len += vsnprintf(line + len, sizeof(line) - (size_t)len, format, args);
	va_end(args);
	if (len > (int)sizeof(line) - 1)
		len = (int)sizeof(line) - 1;
	line[len++] = '\n';
	/* One write a line, so that lines of several threads do not mix. A reader that went away
	 * loses its lines. */
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return;
}
