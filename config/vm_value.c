#include "config/vm_value.h"

#include <errno.h>
#include <string.h>

#include "config/vm_conf.h"

enum { MIB_A_GIB = 1024 };

int vm_value_parse_ports(const struct key_def *key, const char *text, void *field,
			 struct value_why *why)
{
	char list[VM_CONF_LIST_LEN] = "", name[VM_CONF_NAME_LEN + 1];
	unsigned n = 0;
	size_t len = 0;

	do {
		size_t name_len;
		int ret;

		text += strspn(text, " \t");
		name_len = strcspn(text, ", \t");
		if (name_len == 0)
			return value_fault(
				why, "a name is missing; write names of ports with commas between");
		if (n++ == VM_CONF_MAX_PORTS)
			return value_fault(why, "these are too many; a VM has at most %d ports",
					   VM_CONF_MAX_PORTS);
		snprintf(name, sizeof(name), "%.*s", (int)name_len, text);
		ret = value_check_name(name, why);
		if (ret < 0)
			return ret;
		if (len + strlen(name) + 2 > sizeof(list))
			return value_fault(why,
					   "the list is too long; give the ports shorter names");
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len ? "," : "",
					name);
		text += name_len;
		text += strspn(text, " \t");
		if (*text && *text != ',')
			return value_fault(why,
					   "\"%s\" follows without a comma; write names of ports "
					   "with commas between",
					   text);
	} while (*text++ == ',');
	snprintf(field, key->size, "%s", list);
	return 0;
}

int vm_value_parse_text(const struct key_def *key, const char *text, void *field,
			struct value_why *why)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return value_fault(
				why, "the text holds a control character; write blanks instead");
	/* Behind a blank, as it would be dumped, it begins a comment. */
	if (text[0] == ';')
		return value_fault(why, "the text begins with ;, which begins a comment; begin it "
					"with a word");
	if (strlen(text) >= key->size)
		return value_fault(why, "the text is too long: %zu bytes, at most %zu are allowed",
				   strlen(text), key->size - 1);
	snprintf(field, key->size, "%s", text);
	return 0;
}

int vm_value_parse_memory(const struct key_def *key, const char *text, void *field,
			  struct value_why *why)
{
	size_t len = strlen(text);
	uint64_t mib, unit = text[len - 1] == 'M' ? 1 : text[len - 1] == 'G' ? MIB_A_GIB : 0;
	uint32_t stored;
	int ret = unit ? value_decimal(text, len - 1, &mib) : -EINVAL;

	if (ret == -EINVAL)
		return value_fault(why, "\"%s\" is not a size; write it as in 512M or 2G", text);
	if (ret < 0 || mib > key->max / unit || mib * unit < key->min)
		return value_fault(why, "%s is out of range; write %juM to %juG", text,
				   (uintmax_t)key->min, (uintmax_t)key->max / MIB_A_GIB);
	stored = (uint32_t)(mib * unit);
	memcpy(field, &stored, sizeof(stored));
	return 0;
}

void vm_value_print_memory(const struct key_def *key, const void *field, FILE *out)
{
	uint32_t mib;

	(void)key;
	memcpy(&mib, field, sizeof(mib));
	if (mib && mib % MIB_A_GIB == 0)
		fprintf(out, "%uG", mib / MIB_A_GIB);
	else
		fprintf(out, "%uM", mib);
}
