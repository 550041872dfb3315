#include "config/vlans.h"

#include <string.h>

static int parse_vlan(const char *text, size_t len, unsigned *vlan, struct value_why *why)
{
	uint64_t number;

	if (value_decimal(text, len, &number) < 0)
		return value_fault(
			why, "\"%.*s\" is not a VLAN; write numbers and ranges, as in 10,20-29",
			(int)len, text);
	if (number < 1 || number > TOPOLOGY_VLAN_MAX)
		return value_fault(why, "VLAN %.*s is out of range; write 1 to %d", (int)len, text,
				   TOPOLOGY_VLAN_MAX);
	*vlan = (unsigned)number;
	return 0;
}

/* One element, "V" or "FIRST-LAST", blanks around it allowed. */
static int add_range(struct vlan_set *set, const char *text, size_t len, struct value_why *why)
{
	const char *dash;
	unsigned first = 0, last;
	int ret;

	while (len > 0 && text[0] == ' ')
		text++, len--;
	while (len > 0 && text[len - 1] == ' ')
		len--;
	dash = memchr(text, '-', len);
	ret = parse_vlan(text, dash ? (size_t)(dash - text) : len, &first, why);
	last = first;
	if (ret == 0 && dash)
		ret = parse_vlan(dash + 1, len - (size_t)(dash + 1 - text), &last, why);
	if (ret < 0)
		return ret;
	if (last < first)
		return value_fault(why, "the range %.*s runs backwards; write %u-%u", (int)len,
				   text, last, first);
	for (unsigned vlan = first; vlan <= last; vlan++) {
		if (vlan_set_has(set, vlan))
			return value_fault(why, "VLAN %u is named twice; name it once", vlan);
		set->words[vlan / 64] |= UINT64_C(1) << vlan % 64;
	}
	return 0;
}

int vlans_parse(struct vlan_set *set, const char *text, struct value_why *why)
{
	struct vlan_set parsed = {{0}};
	const char *comma;

	do {
		int ret;

		comma = strchrnul(text, ',');
		ret = add_range(&parsed, text, (size_t)(comma - text), why);
		if (ret < 0)
			return ret;
		text = comma + 1;
	} while (*comma);
	*set = parsed;
	return 0;
}

void vlans_print(const struct vlan_set *set, FILE *out)
{
	const char *separator = "";

	for (unsigned first = 1, last; first <= TOPOLOGY_VLAN_MAX; first = last + 1) {
		last = first;
		if (!vlan_set_has(set, first))
			continue;
		while (last < TOPOLOGY_VLAN_MAX && vlan_set_has(set, last + 1))
			last++;
		fprintf(out, "%s%u", separator, first);
		if (last > first)
			fprintf(out, "-%u", last);
		separator = ",";
	}
}
