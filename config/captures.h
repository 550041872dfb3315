/* captures.h - what must be right about the captures of a topology beyond each single value: ports
 * that exist, files that differ.
 *
 * Threads:   none of its own.
 * Failure:   complains. */
#ifndef CONFIG_CAPTURES_H
#define CONFIG_CAPTURES_H

#include "config/entries.h"

/* After every section is known. Fills in each capture's default file and its set of ports. */
void captures_check(struct entries *entries);

#endif
