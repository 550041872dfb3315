/* address.h - the address of an interface with its prefix length: "192.168.50.1/24".
 *
 * Threads:   none of its own.
 * Failure:   -EINVAL with a sentence in why; the address is then unchanged. */
#ifndef CONFIG_ADDRESS_H
#define CONFIG_ADDRESS_H

#include <stdio.h>

#include "config/topology.h"
#include "config/value.h"

int address_parse(struct ip_prefix *address, const char *text, struct value_why *why);
void address_print(const struct ip_prefix *address, FILE *out);

#endif
