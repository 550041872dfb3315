/* cores.h - the value of workers: a count ("2"), or the cores on which one worker each is pinned
 * ("cores 2,4-6").
 *
 * Threads:   none of its own.
 * Ownership: writes into the caller's struct.
 * Failure:   as value_parse(): a core is refused when this process may not run on it
 * (sched_getaffinity(2)). */
#ifndef CONFIG_CORES_H
#define CONFIG_CORES_H

#include <stdio.h>

#include "config/topology.h"
#include "config/value.h"

int cores_parse(struct switch_conf *sw, const char *text, struct value_why *why);
void cores_print(const struct switch_conf *sw, FILE *out);

#endif
