#include "config/roles.h"

#include <string.h>

#include "config/entries.h"

static bool is_written(const struct entry *entry, const char *key)
{
	return entry->key_line[schema_key(entry->def, key) - entry->def->keys] > 0;
}

/* A key that is written, and the other one that has to be written or must not. */
static const struct rule {
	const char *key;
	const char *other;
	bool together;
	const char *advice;
} rules[] = {
	{"vlan", "trunk", false,
	 "a port is either an access port or a trunk; remove vlan or trunk"},
	{"vlan", "tunnel", false,
	 "a port is either an access port or a tunnel; remove one of them"},
	{"native", "trunk", true,
	 "only a trunk has a native VLAN; add trunk, or write vlan instead"},
	{"native", "tunnel", false, "a tunnel takes frames without a tag anyway; remove native"},
	{"native-tagged", "native", true, "there is no native VLAN; add native, or remove this"},
};

static void check_rules(struct entries *entries, const struct entry *entry)
{
	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (is_written(entry, rules[i].key) &&
		    is_written(entry, rules[i].other) != rules[i].together)
			entries_complain(entries, entry, rules[i].key, "%s", rules[i].advice);
}

/* A port whose frames all leave with the tag of their VLAN has no use for another one. */
static void check_priority_tags(struct entries *entries, const struct entry *entry,
				const struct port_conf *port)
{
	if (port->priority_tags == PRIORITY_TAGS_IF_NONZERO && !is_written(entry, "vlan") &&
	    !is_written(entry, "native") && !is_written(entry, "tunnel"))
		entries_complain(entries, entry, "priority-tags",
				 "no frame leaves this port without its VLAN; remove it, or add "
				 "vlan, native or tunnel");
}

static void check_bridge(struct entries *entries, const struct entry *entry, enum bridge_mode mode)
{
	static const char *const keys[] = {"vlan",	    "trunk",   "native", "native-tagged",
					   "tunnel",	    "mac",     "storm",	 "isolated",
					   "priority-tags", "max-macs"};

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!is_written(entry, keys[i]))
			continue;
		if (mode == BRIDGE_WIRE)
			entries_complain(entries, entry, keys[i],
					 "a wire passes everything, so this would be ignored; "
					 "remove it, or write mode = switch for its bridge");
		else if (mode == BRIDGE_HUB && strcmp(keys[i], "max-macs") == 0)
			entries_complain(entries, entry, keys[i],
					 "a hub learns no addresses, so this would be ignored; "
					 "remove it, or write mode = switch for its bridge");
	}
}

void roles_check(struct entries *entries)
{
	for (unsigned i = 0; i < entries->n_items; i++) {
		const struct entry *entry = &entries->items[i];
		const struct port_conf *port;

		if (strcmp(entry->def->kind, "port") != 0)
			continue;
		check_rules(entries, entry);
		port = schema_item(entry->def, entries->topo, entry->item);
		check_priority_tags(entries, entry, port);
		if (!entry_is_bad(entry, "bridge") && port->bridge >= 0)
			check_bridge(entries, entry, entries->topo->bridges[port->bridge].mode);
	}
}
