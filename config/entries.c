#include "config/entries.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"

const char *entry_where(const struct entry *entry, const char *key, char buf[ENTRY_WHERE_LEN])
{
	snprintf(buf, ENTRY_WHERE_LEN, "[%s%s%s]%s%s", entry->def->kind,
		 entry->def->named ? " " : "", entry->name, key ? " " : "", key ? key : "");
	return buf;
}

int entry_line_of(const struct entry *entry, const char *key)
{
	int line = key ? entry->key_line[schema_key(entry->def, key) - entry->def->keys] : 0;

	if (line == 0)
		line = entry->line;
	return line ? line : 1;
}

void entries_miss(struct entries *entries, const struct section_def *def)
{
	entries->missed_kinds |= def ? UINT32_C(1) << (def - schema_sections) : UINT32_MAX;
}

bool entries_may_miss(const struct entries *entries, const struct section_def *def)
{
	return entries->missed_kinds & (UINT32_C(1) << (def - schema_sections));
}

bool entry_is_bad(const struct entry *entry, const char *key)
{
	return entry->bad_keys & (UINT32_C(1) << (schema_key(entry->def, key) - entry->def->keys));
}

void entries_complain(struct entries *entries, const struct entry *entry, const char *key,
		      const char *format, ...)
{
	char where[ENTRY_WHERE_LEN], *what;
	va_list args;

	va_start(args, format);
	if (vasprintf(&what, format, args) < 0)
		what = NULL;
	va_end(args);
	complaints_add(entries->complaints, entry_line_of(entry, key),
		       entry_where(entry, key, where), "%s",
		       what ? what : "no memory to say what is wrong");
	free(what);
}

int entries_set_ref(struct entries *entries, unsigned entry, unsigned key, const char *name)
{
	struct entry_ref *ref = NULL;

	/* The fallback stands here already when the key is written; it is among the last. */
	for (unsigned i = entries->n_refs; i > 0 && entries->refs[i - 1].entry == entry && !ref;
	     i--)
		if (entries->refs[i - 1].key == key)
			ref = &entries->refs[i - 1];
	if (!ref) {
		struct entry_ref *refs =
			reallocarray(entries->refs, entries->n_refs + 1, sizeof(*refs));

		if (!refs)
			return -ENOMEM;
		entries->refs = refs;
		ref = &refs[entries->n_refs++];
	}
	*ref = (struct entry_ref){.entry = entry, .key = key};
	snprintf(ref->name, sizeof(ref->name), "%s", name);
	return 0;
}

static int set_defaults(struct entries *entries, unsigned entry_idx)
{
	const struct entry *entry = &entries->items[entry_idx];
	char *item = schema_item(entry->def, entries->topo, entry->item);
	struct value_why why;

	for (unsigned i = 0; i < entry->def->n_keys; i++) {
		const struct key_def *key = &entry->def->keys[i];
		int ret = 0;

		value_unset(key, item + key->offset);
		if (key->fallback) {
			ret = value_parse(key, key->fallback, item + key->offset, &why);
			assert(ret == 0);
		}
		if (key->fallback && key->type == VALUE_REF)
			ret = entries_set_ref(entries, entry_idx, i, key->fallback);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int add_item(struct topology *topo, const struct section_def *def, const char *name,
		    int line)
{
	char **items = (char **)((uintptr_t)topo + def->items);
	unsigned *n_items = (unsigned *)((uintptr_t)topo + def->n_items);
	char *grown;

	if (!def->named)
		return 0;
	grown = reallocarray(*items, *n_items + 1, def->item_size);
	if (!grown)
		return -ENOMEM;
	*items = grown;
	grown += *n_items * def->item_size;
	memset(grown, 0, def->item_size);
	snprintf(grown, TOPOLOGY_NAME_LEN, "%s", name);
	memcpy(grown + def->line, &line, sizeof(line));
	return (*n_items)++;
}

int entries_init(struct entries *entries, struct topology *topo, struct complaints *complaints)
{
	*entries = (struct entries){.topo = topo, .complaints = complaints};
	return entries_add(entries, &schema_sections[0], "", 0) ? 0 : -ENOMEM;
}

void entries_fini(struct entries *entries)
{
	free(entries->items);
	free(entries->refs);
	*entries = (struct entries){.topo = NULL};
}

struct entry *entries_add(struct entries *entries, const struct section_def *def, const char *name,
			  int line)
{
	struct entry *items = reallocarray(entries->items, entries->n_items + 1, sizeof(*items));
	struct entry *entry;
	int item;

	if (!items)
		goto no_memory;
	entries->items = items;
	item = add_item(entries->topo, def, name, line);
	if (item < 0)
		goto no_memory;
	entry = &items[entries->n_items++];
	*entry = (struct entry){.def = def, .item = item, .line = line};
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	if (set_defaults(entries, entries->n_items - 1) < 0)
		goto no_memory;
	return entry;

no_memory:
	entries->no_memory = true;
	return NULL;
}

struct entry *entries_find(const struct entries *entries, const struct section_def *def,
			   const char *name)
{
	for (unsigned i = 0; i < entries->n_items; i++)
		if (entries->items[i].def == def && strcmp(entries->items[i].name, name) == 0)
			return &entries->items[i];
	return NULL;
}
