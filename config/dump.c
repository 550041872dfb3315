#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "config/schema.h"
#include "config/topology.h"
#include "config/value.h"

static void dump_value(const struct topology *topo, const struct key_def *key, const char *field,
		       FILE *out)
{
	const struct section_def *target;
	int item;

	if (key->type != VALUE_REF) {
		value_print(key, field, out);
		return;
	}
	target = schema_section(key->refers_to, strlen(key->refers_to));
	memcpy(&item, field, sizeof(item));
	fputs(schema_item(target, topo, item), out);
}

static void dump_item(const struct topology *topo, const struct section_def *def, unsigned idx,
		      FILE *out)
{
	const char *item = schema_item(def, topo, idx);

	if (def->named)
		fprintf(out, "[%s %s]\n", def->kind, item);
	else
		fprintf(out, "[%s]\n", def->kind);
	for (unsigned i = 0; i < def->n_keys; i++) {
		const struct key_def *key = &def->keys[i];

		if (!schema_key_applies(def, key, item) || !value_is_set(key, item + key->offset))
			continue;
		fprintf(out, "%s = ", key->name);
		dump_value(topo, key, item + key->offset, out);
		fputc('\n', out);
	}
}

int topology_dump(const struct topology *topo, FILE *out)
{
	bool first = true;

	for (unsigned s = 0; s < schema_n_sections; s++) {
		for (unsigned i = 0; i < schema_n_items(&schema_sections[s], topo); i++) {
			if (!first)
				fputc('\n', out);
			first = false;
			dump_item(topo, &schema_sections[s], i, out);
		}
	}
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}

static void describe_key(const struct section_def *def, const struct key_def *key, FILE *out)
{
	fprintf(out, "  %s = ", key->name);
	value_describe(key, out);
	fprintf(out, "\n      %s\n", key->help);
	if (key->when_key) {
		const struct key_def *other = schema_key(def, key->when_key);
		bool first = true;

		fprintf(out, "      only with %s = ", key->when_key);
		for (unsigned w = 0; other->words[w]; w++) {
			if (!(key->when_words & (UINT32_C(1) << w)))
				continue;
			fprintf(out, "%s%s", first ? "" : " or ", other->words[w]);
			first = false;
		}
		fputc('\n', out);
	}
	fprintf(out, "      default: %s\n", key->fallback ? key->fallback : key->fallback_help);
}

int topology_reference(FILE *out)
{
	for (unsigned s = 0; s < schema_n_sections; s++) {
		const struct section_def *def = &schema_sections[s];

		fprintf(out, "%s[%s%s]  %s\n", s ? "\n" : "", def->kind, def->named ? " NAME" : "",
			def->help);
		for (unsigned i = 0; i < def->n_keys; i++)
			describe_key(def, &def->keys[i], out);
	}
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
