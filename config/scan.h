/* scan.h - the raw lines of an INI file, checked for what inih would pass over in silence.
 *
 * inih 55 cuts long lines and section names, folds an indented line into the key before it and goes
 * on after a broken header. So each line is looked at here first, and inih is given only lines that
 * it cannot misread. Accepted: LF or CR LF, a UTF-8 byte order mark, no newline at the end,
 * comments of any length and indent.
 *
 * Threads:   none of its own.
 * Ownership: borrows the text.
 * Failure:   a fault is described in the line; scanning goes on behind it, except behind a NUL
 * byte. */
#ifndef CONFIG_SCAN_H
#define CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

enum {
	SCAN_MAX_LINE = 197, /* bytes that inih 55 takes with a newline and a NUL in its buffer of
				200, one to spare */
};

enum scan_kind {
	SCAN_BLANK,  /* nothing, a comment, or too faulty to be used */
	SCAN_HEADER, /* text: what stands between the brackets */
	SCAN_ENTRY,  /* text: the line without indent */
	SCAN_KIND_N,
};

struct scan {
	const char *text;
	size_t len, pos;
	int line; /* the line returned last; 1 is the first */
};

struct scan_line {
	int number;
	enum scan_kind kind;
	char text[SCAN_MAX_LINE + 1];
	char fault[128]; /* what is wrong and what would be right; "": nothing */
};

void scan_init(struct scan *scan, const char *text, size_t len);

/* Returns false at the end of the text. */
bool scan_next(struct scan *scan, struct scan_line *line);

#endif
