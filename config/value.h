/* value.h - reads, prints and describes one value of each type that the schema knows.
 *
 * Threads:   none of its own.
 * Ownership: writes into the caller's field.
 * Failure:   -EINVAL with a sentence in why: what is wrong and what would be right. The field is
 * then unchanged. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/schema.h"

enum {
	VALUE_WHY_LEN = 256,
};

/* The fault of a value, and a printf into it that returns -EINVAL. */
struct value_why {
	char text[VALUE_WHY_LEN];
};
__attribute__((format(printf, 2, 3))) int value_fault(struct value_why *why, const char *format,
						      ...);

/* VALUE_REF is not stored here: it is only checked to be a name. */
int value_parse(const struct key_def *key, const char *text, void *field, struct value_why *why);

/* Makes field what it is when nothing is written and there is no fallback. */
void value_unset(const struct key_def *key, void *field);

/* Whether field has something to print. */
bool value_is_set(const struct key_def *key, const void *field);

/* Prints field as value_parse() reads it. VALUE_REF is the caller's. */
void value_print(const struct key_def *key, const void *field, FILE *out);

/* Prints what may be written: "1..8", "switch | hub | wire". */
void value_describe(const struct key_def *key, FILE *out);

/* Only digits, no sign, no leading zero. -EINVAL: not that; -ERANGE: more than 64 bits. */
int value_decimal(const char *text, size_t len, uint64_t *number);

/* Letters, digits, - _ . and no - or . in front, shorter than TOPOLOGY_NAME_LEN. */
int value_check_name(const char *text, struct value_why *why);

#endif
