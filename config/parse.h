/* parse.h - from the text of an INI file to a topology, and what is known meanwhile.
 *
 * Threads:   none of its own; two texts may be parsed at once.
 * Ownership: the topology is the caller's; a struct parse lives only inside topology_load_text().
 * Failure:   as topology_load(). */
#ifndef CONFIG_PARSE_H
#define CONFIG_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/complaints.h"
#include "config/scan.h"
#include "config/schema.h"
#include "config/topology.h"

/* topology_load() on a text in memory (no NUL at its end needed). filename stands in messages and
 * names the switch when the text does not. */
int topology_load_text(struct topology *topo, const char *text, size_t len, const char *filename,
		       topology_error *report, void *ctx);

/* One section as it stands in the file. The first one is always [switch], written (line > 0) or
 * not. */
struct parse_entry {
	const struct section_def *def;
	unsigned item; /* its struct: schema_item() */
	char name[TOPOLOGY_NAME_LEN];
	int line;
	bool unclear;	   /* has a line that is not understood, or a name that is not its own */
	uint32_t bad_keys; /* bits of the keys whose value is refused */
	int key_line[SCHEMA_MAX_KEYS]; /* 0: not written */
};

/* A VALUE_REF that waits until all sections are known. */
struct parse_ref {
	unsigned entry;
	unsigned key;
	char name[TOPOLOGY_NAME_LEN];
};

struct parse {
	struct topology *topo;
	struct complaints complaints;
	struct scan scan;
	struct scan_line line; /* the one that inih has in hand */
	bool waiting;	       /* inih has an entry in hand and did not call back yet */
	bool lost; /* below a header that is not understood: its keys cannot be judged */
	struct parse_entry *entries;
	unsigned n_entries;
	int current; /* index of the entry that takes keys, -1: none */
	struct parse_ref *refs;
	unsigned n_refs;
	uint32_t missed_kinds; /* bits of the kinds that a header which was not understood may have
				  meant */
	bool no_memory;
};

enum {
	PARSE_WHERE_LEN = 96,
};

/* "[port a] mtu", or "[port a]" when key is NULL. Returns buf. */
const char *parse_where(const struct parse_entry *entry, const char *key,
			char buf[PARSE_WHERE_LEN]);

/* The line of key when there is one and it is written, else that of its section, else 1. */
int parse_line_of(const struct parse_entry *entry, const char *key);

/* Adds a section of this kind to the topology with every default in place. Returns its entry, NULL
 * without memory. */
struct parse_entry *parse_add_entry(struct parse *parse, const struct section_def *def,
				    const char *name, int line);

/* Whether a header that was not understood may be one of this kind: what seems absent is then a
 * slip of the pen. */
bool parse_may_miss(const struct parse *parse, const struct section_def *def);

/* Whether the value of key was refused. */
bool parse_is_bad(const struct parse_entry *entry, const char *key);

struct parse_entry *parse_find_entry(const struct parse *parse, const struct section_def *def,
				     const char *name);

#endif
