/* complaints.h - the mistakes of one file, gathered in any order and told in the order of the file.
 *
 * Threads:   none of its own.
 * Ownership: keeps copies of all text except filename, which it borrows; complaints_fini() frees.
 * Failure:   a complaint that cannot be stored for want of memory still counts, so that the file is
 * not accepted. */
#ifndef CONFIG_COMPLAINTS_H
#define CONFIG_COMPLAINTS_H

#include <stddef.h>

#include "config/topology.h"

enum {
	COMPLAINTS_MAX = 1000, /* told; the rest is only counted */
};

struct complaint {
	int line;
	size_t seq; /* keeps the order of complaints about one line */
	char *text;
};

struct complaints {
	const char *filename;
	struct complaint *items;
	size_t n_items; /* stored */
	size_t n_total;
};

void complaints_init(struct complaints *complaints, const char *filename);
void complaints_fini(struct complaints *complaints);

/* Adds "FILE:LINE: where: ..." (line 0: without LINE; where NULL: without where). Control
 * characters of the file become
 * '?', so that a message cannot play tricks on a terminal. */
__attribute__((format(printf, 4, 5))) void
complaints_add(struct complaints *complaints, int line, const char *where, const char *format, ...);

void complaints_tell(struct complaints *complaints, topology_error *report, void *ctx);

#endif
