#include "config/parse.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "config/check.h"
#include "config/complaints.h"
#include "config/entries.h"
#include "config/scan.h"
#include "config/suggest.h"
#include "config/value.h"

struct parse {
	struct topology *topo;
	struct complaints complaints;
	struct scan scan;
	struct scan_line line; /* the one that inih has in hand */
	bool waiting;	       /* inih has an entry in hand and did not call back yet */
	bool lost; /* below a header that is not understood: its keys cannot be judged */
	struct entries entries;
	int current; /* index of the entry that takes keys, -1: none */
};

static void complain_of_unknown_section(struct parse *parse, const char *where, const char *kind,
					const char *name)
{
	struct suggest suggest;
	const struct section_def *def;
	const char *near;

	suggest_init(&suggest, kind);
	for (unsigned i = 0; i < schema_n_sections; i++)
		suggest_try(&suggest, schema_sections[i].kind);
	near = suggest_best(&suggest);
	if (!near) {
		entries_miss(&parse->entries, NULL);
		complaints_add(&parse->complaints, parse->line.number, where,
			       "unknown section; write [switch], [bridge NAME], [port NAME], "
			       "[vm NAME] or [capture NAME]");
		return;
	}
	def = schema_section(near, strlen(near));
	entries_miss(&parse->entries, def);
	complaints_add(&parse->complaints, parse->line.number, where,
		       "unknown section; did you mean [%s%s%s]?", near, def->named ? " " : "",
		       !def->named ? ""
		       : name[0]   ? name
				   : "NAME");
}

/* Whether a section of this kind and name may stand here; complains when not. */
static bool check_header(struct parse *parse, const struct section_def *def, const char *where,
			 const char *name)
{
	struct value_why why;

	if (!def->named && name[0]) {
		complaints_add(&parse->complaints, parse->line.number, where,
			       "this section takes no name; write [%s]", def->kind);
	} else if (def->named && !name[0]) {
		complaints_add(&parse->complaints, parse->line.number, where,
			       "the section needs a name; write [%s NAME]", def->kind);
	} else if (def->named && value_check_name(name, &why) < 0) {
		complaints_add(&parse->complaints, parse->line.number, where, "%s", why.text);
	} else {
		return true;
	}
	return false;
}

/* Whether the section is written for the first time; complains when not. */
static bool check_first(struct parse *parse, const struct section_def *def, const char *where,
			const char *name)
{
	const struct entry *first = entries_find(&parse->entries, def, name);

	if (!first || first->line == 0)
		return true;
	complaints_add(&parse->complaints, parse->line.number, where,
		       "the section is there already, in line %d; %s", first->line,
		       def->named ? "give one of them another name" : "join the two");
	return false;
}

static void enter_section(struct parse *parse, const struct section_def *def, const char *where,
			  const char *name)
{
	bool named_well = check_header(parse, def, where, name);
	bool sound = named_well && check_first(parse, def, where, name);
	struct entry *entry;

	if (!def->named && parse->entries.items[0].line == 0) {
		parse->entries.items[0].line = parse->line.number;
		parse->current = 0;
		return;
	}
	if (schema_n_items(def, parse->topo) >= def->max && def->named) {
		complaints_add(&parse->complaints, parse->line.number, where,
			       "too many sections; at most %u of this kind are allowed", def->max);
		parse->lost = true;
		entries_miss(&parse->entries, def);
		return;
	}
	entry = entries_add(&parse->entries, def, named_well ? name : "?", parse->line.number);
	if (!entry)
		return;
	entry->misnamed = !sound;
	parse->current = entry - parse->entries.items;
}

static void take_header(struct parse *parse)
{
	char where[SCAN_MAX_LINE + 3], *name = parse->line.text;
	const struct section_def *def;
	size_t kind_len = strcspn(parse->line.text, " \t");

	parse->current = -1;
	parse->lost = false;
	snprintf(where, sizeof(where), "[%s]", parse->line.text);
	def = schema_section(parse->line.text, kind_len);
	name += kind_len;
	name += strspn(name, " \t");
	if (def) {
		enter_section(parse, def, where, name);
		return;
	}
	/* The complaint about a header too faulty to have a text is made already. */
	if (parse->line.text[0] || !parse->line.fault[0]) {
		parse->line.text[kind_len] = '\0';
		complain_of_unknown_section(parse, where, parse->line.text, name);
	} else {
		entries_miss(&parse->entries, NULL);
	}
	parse->lost = true;
}

static const struct section_def *section_that_knows(const char *key)
{
	for (unsigned i = 0; i < schema_n_sections; i++)
		if (schema_key(&schema_sections[i], key))
			return &schema_sections[i];
	return NULL;
}

static void complain_of_unknown_key(struct parse *parse, const struct entry *entry,
				    const char *name)
{
	const struct section_def *other = section_that_knows(name);
	char where[SCAN_MAX_LINE + ENTRY_WHERE_LEN], label[ENTRY_WHERE_LEN], known[256] = "";
	struct suggest suggest;
	size_t len = 0;

	snprintf(where, sizeof(where), "%s %s", entry_where(entry, NULL, label), name);
	suggest_init(&suggest, name);
	for (unsigned i = 0; i < entry->def->n_keys; i++) {
		suggest_try(&suggest, entry->def->keys[i].name);
		if (len < sizeof(known))
			len += snprintf(known + len, sizeof(known) - len, "%s%s", i ? ", " : "",
					entry->def->keys[i].name);
	}
	if (other)
		complaints_add(&parse->complaints, parse->line.number, where,
			       "this key belongs into [%s%s]", other->kind,
			       other->named ? " NAME" : "");
	else if (suggest_best(&suggest))
		complaints_add(&parse->complaints, parse->line.number, where,
			       "unknown key; did you mean \"%s\"?", suggest_best(&suggest));
	else
		complaints_add(&parse->complaints, parse->line.number, where,
			       "unknown key; known here are %s", known);
}

static void complain_of_key_without_section(struct parse *parse, const char *name)
{
	const struct section_def *def = section_that_knows(name);

	if (def)
		complaints_add(&parse->complaints, parse->line.number, name,
			       "the key stands before any section; write [%s%s] above it",
			       def->kind, def->named ? " NAME" : "");
	else
		complaints_add(&parse->complaints, parse->line.number, name,
			       "the key stands before any section; write a section such as [port "
			       "NAME] above it");
}

static void take_value(struct parse *parse, struct entry *entry, unsigned key_idx,
		       const char *value)
{
	const struct key_def *key = &entry->def->keys[key_idx];
	char *item = schema_item(entry->def, parse->topo, entry->item), where[ENTRY_WHERE_LEN];
	struct value_why why;

	if (entry->key_line[key_idx]) {
		complaints_add(&parse->complaints, parse->line.number,
			       entry_where(entry, key->name, where),
			       "the key is there already, in line %d; remove one",
			       entry->key_line[key_idx]);
		return;
	}
	entry->key_line[key_idx] = parse->line.number;
	if (value_parse(key, value, item + key->offset, &why) < 0) {
		complaints_add(&parse->complaints, parse->line.number,
			       entry_where(entry, key->name, where), "%s%s", why.text,
			       strstr(value, " #")
				       ? " (a comment behind a value begins with \" ;\")"
				       : "");
		entry->bad_keys |= UINT32_C(1) << key_idx;
		return;
	}
	if (key->type == VALUE_REF &&
	    entries_set_ref(&parse->entries, entry - parse->entries.items, key_idx, value) < 0)
		parse->entries.no_memory = true;
}

/* inih calls this for every entry. The section it passes is not used: it may be cut. */
static int take_entry(void *ctx, const char *section, const char *name, const char *value)
{
	struct parse *parse = ctx;
	struct entry *entry = parse->current < 0 ? NULL : &parse->entries.items[parse->current];
	const struct key_def *key;

	(void)section;
	parse->waiting = false;
	if (parse->lost)
		return 1;
	if (name[0] == '\0') {
		complaints_add(&parse->complaints, parse->line.number, NULL,
			       "there is no key; write KEY = VALUE");
		return 1;
	}
	if (!entry) {
		complain_of_key_without_section(parse, name);
		return 1;
	}
	key = schema_key(entry->def, name);
	if (!key) {
		complain_of_unknown_key(parse, entry, name);
		entry->unclear = true;
	} else {
		take_value(parse, entry, key - entry->def->keys, value);
	}
	return 1;
}

static void complain_of_line(struct parse *parse, const char *what)
{
	char where[ENTRY_WHERE_LEN];

	if (parse->current >= 0)
		parse->entries.items[parse->current].unclear = true;
	complaints_add(&parse->complaints, parse->line.number,
		       parse->current < 0
			       ? NULL
			       : entry_where(&parse->entries.items[parse->current], NULL, where),
		       "%s", what);
}

/* inih reads the file through this. Headers never reach it, so that neither their length nor their
 * faults matter to it. */
static char *next_line(char *buf, int buf_len, void *ctx)
{
	struct parse *parse = ctx;

	/* A faulty line is not complained of twice. */
	if (parse->waiting && !parse->line.fault[0])
		complain_of_line(parse,
				 "the line has no =; write KEY = VALUE, or begin a comment with ;");
	parse->waiting = false;
	if (parse->entries.no_memory || !scan_next(&parse->scan, &parse->line))
		return NULL;
	if (parse->line.kind == SCAN_HEADER) {
		if (parse->line.fault[0])
			complaints_add(&parse->complaints, parse->line.number, NULL, "%s",
				       parse->line.fault);
		take_header(parse);
	} else if (parse->line.fault[0]) {
		complain_of_line(parse, parse->line.fault);
	}
	parse->waiting = parse->line.kind == SCAN_ENTRY;
	snprintf(buf, buf_len, "%s\n", parse->waiting ? parse->line.text : "");
	return buf;
}

static int read_all(struct parse *parse)
{
	int ret;

	if (entries_init(&parse->entries, parse->topo, &parse->complaints) < 0)
		return -ENOMEM;
	ret = ini_parse_stream(next_line, parse, take_entry, parse);
	if (ret == -2 || parse->entries.no_memory)
		return -ENOMEM;
	/* Whatever inih minds and we did not must not pass. */
	if (ret != 0 && parse->complaints.n_total == 0)
		complaints_add(&parse->complaints, ret, NULL,
			       "the line is not understood; write KEY = VALUE");
	return 0;
}

int topology_load_text(struct topology *topo, const char *text, size_t len, const char *filename,
		       topology_error *report, void *ctx)
{
	struct parse parse = {.topo = topo, .current = -1};
	int ret;

	memset(topo, 0, sizeof(*topo));
	complaints_init(&parse.complaints, filename);
	scan_init(&parse.scan, text, len);
	ret = read_all(&parse);
	if (ret == 0)
		ret = check_topology(&parse.entries, parse.scan.line);
	if (ret == 0 && parse.complaints.n_total > 0)
		ret = -EINVAL;
	if (ret == -ENOMEM)
		complaints_add(&parse.complaints, 0, NULL, "no memory to load the file");
	complaints_tell(&parse.complaints, report, ctx);
	complaints_fini(&parse.complaints);
	entries_fini(&parse.entries);
	if (ret < 0)
		topology_fini(topo);
	return ret;
}
