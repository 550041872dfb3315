/* entries.h - the sections of one file as they stand there: names, lines, and what is still open
 * about them.
 *
 * Threads:   none of its own.
 * Ownership: borrows the complaints and the topology, whose arrays it grows; entries_fini() frees
 *            the rest.
 * Failure:   -ENOMEM or NULL without memory; no_memory is then set as well. */
#ifndef CONFIG_ENTRIES_H
#define CONFIG_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>

#include "config/complaints.h"
#include "config/schema.h"
#include "config/topology.h"

/* One section. The first one is always [switch], written (line > 0) or not. */
struct entry {
	const struct section_def *def;
	unsigned item; /* its struct: schema_item() */
	char name[TOPOLOGY_NAME_LEN];
	int line;
	bool misnamed;	   /* without a name of its own: what follows from the name is not judged */
	bool unclear;	   /* has a line that is not understood, so a key may be missing */
	uint32_t bad_keys; /* bits of the keys whose value is refused */
	int key_line[SCHEMA_MAX_KEYS]; /* 0: not written */
};

/* A VALUE_REF that waits until all sections are known. */
struct entry_ref {
	unsigned entry;
	unsigned key;
	char name[TOPOLOGY_NAME_LEN];
};

struct entries {
	struct topology *topo;
	struct complaints *complaints;
	struct entry *items;
	unsigned n_items;
	struct entry_ref *refs;
	unsigned n_refs;
	uint32_t missed_kinds; /* bits of the kinds that a header which was not understood may have
				  meant */
	bool no_memory;
};

enum {
	ENTRY_WHERE_LEN = 96,
};

/* Begins with an unwritten [switch]. */
int entries_init(struct entries *entries, struct topology *topo, struct complaints *complaints);
void entries_fini(struct entries *entries);

/* Adds a section of this kind to the topology with every default in place. Older struct entry
 * pointers are void then. */
struct entry *entries_add(struct entries *entries, const struct section_def *def, const char *name,
			  int line);

/* The first section of this kind and name. */
struct entry *entries_find(const struct entries *entries, const struct section_def *def,
			   const char *name);

/* Notes which section a VALUE_REF names; the last note for a key counts. */
int entries_set_ref(struct entries *entries, unsigned entry, unsigned key, const char *name);

/* Notes that a header which was not understood may have meant this kind; NULL: any. */
void entries_miss(struct entries *entries, const struct section_def *def);

/* Whether a header that was not understood may be one of this kind: what seems absent is then a
 * slip of the pen. */
bool entries_may_miss(const struct entries *entries, const struct section_def *def);

/* "[port a] mtu", or "[port a]" when key is NULL. Returns buf. */
const char *entry_where(const struct entry *entry, const char *key, char buf[ENTRY_WHERE_LEN]);

/* The line of key when there is one and it is written, else that of its section, else 1. */
int entry_line_of(const struct entry *entry, const char *key);

/* Complains of a key of this section, or of the section itself when key is NULL. */
__attribute__((format(printf, 4, 5))) void entries_complain(struct entries *entries,
							    const struct entry *entry,
							    const char *key, const char *format,
							    ...);

/* Whether the value of key was refused. */
bool entry_is_bad(const struct entry *entry, const char *key);

#endif
