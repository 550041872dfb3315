/* capture_value.h - values that only captures have: lists of ports, filters, sizes.
 *
 * Threads:   none of its own.
 * Ownership: writes into the caller's field.
 * Failure:   as value.h: -EINVAL with a sentence in why, the field unchanged. */
#ifndef CONFIG_CAPTURE_VALUE_H
#define CONFIG_CAPTURE_VALUE_H

#include "config/schema.h"
#include "config/value.h"

/* Names are checked to be names; whose they are is topology_find_ports()'s. Stored without blanks.
 */
int capture_value_parse_ports(const struct key_def *key, const char *text, void *field,
			      struct value_why *why);

/* libpcap compiles it. A name in it is looked up now. */
int capture_value_parse_filter(const struct key_def *key, const char *text, void *field,
			       struct value_why *why);

/* The field is a uint64_t. */
int capture_value_parse_size(const struct key_def *key, const char *text, void *field,
			     struct value_why *why);
void capture_value_print_size(const struct key_def *key, const void *field, FILE *out);

#endif
