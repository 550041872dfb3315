/* macs.h - a list of station addresses as one writes it: "52:54:00:00:00:01, 52:54:00:00:00:02".
 *
 * Threads:   none of its own.
 * Failure:   -EINVAL with a sentence in why; the list is then unchanged. */
#ifndef CONFIG_MACS_H
#define CONFIG_MACS_H

#include <stdio.h>

#include "config/topology.h"
#include "config/value.h"

int macs_parse(struct mac_list *list, const char *text, struct value_why *why);
void macs_print(const struct mac_list *list, FILE *out);

#endif
