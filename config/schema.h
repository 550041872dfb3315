/* schema.h - the one table of all that an INI file may say: sections, keys, types, ranges, defaults
 * and help.
 *
 * Parsing, checking, dumping and the printed reference read this table and nothing else, so a new
 * section or key is a few lines in schema.c and a member in topology.h.
 *
 * Threads:   constant data.
 * Ownership: static; nothing to free.
 * Failure:   look-ups return NULL when there is no such section or key. */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct topology;

enum {
	SCHEMA_MAX_KEYS = 32, /* of one section */
};

enum value_type {
	VALUE_UINT,    /* canonical decimal, min..max */
	VALUE_ENUM,    /* one of words; stored as its index */
	VALUE_NAME,    /* letters, digits, - _ . and shorter than size */
	VALUE_REF,     /* name of a section of kind refers_to; stored as its index, -1 when unset */
	VALUE_DIR,     /* absolute path of at most max bytes */
	VALUE_SOCKET,  /* path of at most max bytes; a relative one starts at the run-dir */
	VALUE_MODE,    /* octal permission bits */
	VALUE_USER,    /* user name or number; (uid_t)-1 when unset */
	VALUE_GROUP,   /* group name or number; (gid_t)-1 when unset */
	VALUE_ADDRESS, /* IPv4 or IPv6 address with the length of its prefix: struct ip_prefix */
	VALUE_DEVICE,  /* PCI address or virtual device of DPDK */
	VALUE_VLANS,   /* VLAN ids and ranges of them: struct vlan_set */
	VALUE_MACS,    /* station addresses: struct mac_list */
	VALUE_WORKERS, /* count of min..max, or "cores LIST" */
	VALUE_PORTS,   /* names with commas between, or * */
	VALUE_FILTER,  /* pcap-filter(7) */
	VALUE_FILE,    /* path of at most max bytes, or - */
	VALUE_SIZE,    /* bytes, min..max, as 64K, 10M, 2G or a plain number */
	VALUE_VM_PORTS, /* names of ports with commas between */
	VALUE_INPUT, /* path of a file that is read, at most max bytes; a relative one starts at the
			INI file */
	VALUE_TEXT,  /* any text that is shorter than size */
	VALUE_MEMORY, /* min..max MiB, as 512M or 2G */
	VALUE_TYPE_N,
};

struct key_def {
	const char *name;
	enum value_type type;
	size_t offset, size; /* of the field in the section's struct */
	uint64_t min, max;
	const char *const *words;  /* VALUE_ENUM: ends with NULL */
	const char *refers_to;	   /* VALUE_REF: kind of the section */
	const char *fallback;	   /* the default as one would write it; NULL: derived or unset */
	const char *fallback_help; /* what happens instead when fallback is NULL */
	const char *when_key;	   /* NULL, or the VALUE_ENUM key of this section on which this one
				      depends ... */
	uint32_t when_words; /* ... and the set of its values, as bits, with which this one has a
				meaning */
	const char *help;
};

struct section_def {
	const char *kind;
	const char *help;
	bool named;	       /* [kind NAME], any number up to max; otherwise [kind], once */
	unsigned max;	       /* sections of this kind */
	size_t items, n_items; /* offsets in struct topology: of the pointer (named) or struct (not
				  named), of the count */
	size_t item_size; /* a named section's struct begins with char name[TOPOLOGY_NAME_LEN] */
	size_t line;	  /* offset of its int line, named sections only */
	const char
		*on_demand; /* a reference to this name makes the section when it is not written */
	const struct key_def *keys;
	unsigned n_keys;
};

extern const struct section_def schema_sections[];
extern const unsigned schema_n_sections;

const struct section_def *schema_section(const char *kind, size_t kind_len);
const struct key_def *schema_key(const struct section_def *section, const char *name);

/* The struct of the item-th section of this kind, and how many there are. */
void *schema_item(const struct section_def *section, const struct topology *topo, unsigned item);
unsigned schema_n_items(const struct section_def *section, const struct topology *topo);

/* Whether key has a meaning in this item, given the key that it depends on. */
bool schema_key_applies(const struct section_def *section, const struct key_def *key,
			const void *item);

#endif
