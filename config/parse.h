/* parse.h - from the text of an INI file to a topology.
 *
 * Threads:   none of its own; two texts may be parsed at once.
 * Ownership: borrows the text; the topology is the caller's.
 * Failure:   as topology_load(). */
#ifndef CONFIG_PARSE_H
#define CONFIG_PARSE_H

#include <stddef.h>

#include "config/topology.h"

/* topology_load() on a text in memory (no NUL at its end needed). filename stands in messages and
 * names the switch when the text does not. */
int topology_load_text(struct topology *topo, const char *text, size_t len, const char *filename,
		       topology_error *report, void *ctx);

#endif
