/* schema_vm.h - the keys of a [vm NAME] section, a part of the table of schema.h.
 *
 * Threads:   constant data.
 * Ownership: static; nothing to free. */
#ifndef CONFIG_SCHEMA_VM_H
#define CONFIG_SCHEMA_VM_H

#include "config/schema.h"

enum { SCHEMA_VM_N_KEYS = 11 };

extern const struct key_def schema_vm_keys[SCHEMA_VM_N_KEYS];

#endif
