/* vlans.h - a set of VLANs as one writes it: "10,20-29".
 *
 * Threads:   none of its own.
 * Failure:   -EINVAL with a sentence in why; the set is then unchanged. */
#ifndef CONFIG_VLANS_H
#define CONFIG_VLANS_H

#include <stdio.h>

#include "config/topology.h"
#include "config/value.h"

int vlans_parse(struct vlan_set *set, const char *text, struct value_why *why);

/* Ranges where they can be, ascending: the shortest way to write the set. */
void vlans_print(const struct vlan_set *set, FILE *out);

#endif
