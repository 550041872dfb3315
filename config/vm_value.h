/* vm_value.h - values that only VMs have: their ports, files that must be there, text, memory.
 *
 * Threads:   none of its own.
 * Ownership: writes into the caller's field.
 * Failure:   as value.h: -EINVAL with a sentence in why, the field unchanged. */
#ifndef CONFIG_VM_VALUE_H
#define CONFIG_VM_VALUE_H

#include "config/schema.h"
#include "config/value.h"

/* Names are checked to be names; whose they are is vms_check()'s. Stored as "a, b". */
int vm_value_parse_ports(const struct key_def *key, const char *text, void *field,
			 struct value_why *why);
/* Any printable text. */
int vm_value_parse_text(const struct key_def *key, const char *text, void *field,
			struct value_why *why);
/* A size of whole MiB with its unit, M or G; the field is a uint32_t of MiB. */
int vm_value_parse_memory(const struct key_def *key, const char *text, void *field,
			  struct value_why *why);
void vm_value_print_memory(const struct key_def *key, const void *field, FILE *out);

#endif
