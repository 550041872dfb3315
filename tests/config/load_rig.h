/* load_rig.h - loads INI text in a test and keeps what was told.
 *
 * Threads:   none of its own.
 * Ownership: a struct told keeps its text; told_fini() frees it.
 * Failure:   stops the test program when memory fails. */
#ifndef TESTS_CONFIG_LOAD_RIG_H
#define TESTS_CONFIG_LOAD_RIG_H

#include <stddef.h>

#include "config/topology.h"

/* All lines told so far, each with its newline. */
struct told {
	char *text;
	size_t len;
};

void told_line(void *ctx, const char *line);
/* "" when nothing was told. */
const char *told_text(const struct told *told);

void told_fini(struct told *told);

/* Loads text as a file called t.ini. */
int rig_load(struct topology *topo, const char *text, struct told *told);

/* Fails the test when the text is refused; the caller ends the topology. */
void rig_load_sound(struct topology *topo, const char *text);

/* The dump of a topology, to be freed. */
char *rig_dump(const struct topology *topo);

/* Makes a directory of its own under /tmp; the caller removes it. */
void rig_make_dir(char path[32]);

#endif
