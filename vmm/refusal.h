/* refusal.h - one line that says why something was refused and what to do about it.
 *
 * Threads:   a refusal belongs to its caller; no sharing.
 * Ownership: plain storage of the caller.
 * Failure:   text that is too long is cut. */
#ifndef RINGWAY_VMM_REFUSAL_H
#define RINGWAY_VMM_REFUSAL_H

struct refusal {
	char text[320];
};

/* Writes the line and returns -error, so that a caller can say `return refuse(why, EINVAL, ...)`.
 * Steps that may be refused are chained with `?:`, as in `return first(why) ?: second(why)`: the
 * first that does not return 0 is the last that is tried. %m in a format is errno in words. */
int refuse(struct refusal *why, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Prints "ringway-vmm: " and the line to standard error in one write. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
