#include "vmm/refusal.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

int refuse(struct refusal *why, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return -error;
}

void say(const char *format, ...)
{
	char line[512] = "ringway-vmm: ";
	size_t len = sizeof("ringway-vmm: ") - 1;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	va_end(args);
	if (n < 0)
		return;
	len += (size_t)n < sizeof(line) - len - 1 ? (size_t)n : sizeof(line) - len - 2;
	/* On a terminal in raw mode a bare newline would make a staircase. */
	if (isatty(STDERR_FILENO))
		line[len++] = '\r';
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}
