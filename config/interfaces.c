#include "config/interfaces.h"

#include <stdio.h>
#include <string.h>

#include "config/entries.h"

static struct port_conf *tap_of(const struct entries *entries, unsigned idx)
{
	const struct entry *entry = &entries->items[idx];
	struct port_conf *port;

	if (strcmp(entry->def->kind, "port") != 0 || entry->misnamed ||
	    entry_is_bad(entry, "type") || entry_is_bad(entry, "ifname"))
		return NULL;
	port = schema_item(entry->def, entries->topo, entry->item);
	return port->type == PORT_TAP ? port : NULL;
}

static void derive_ifname(struct entries *entries, const struct entry *entry,
			  struct port_conf *port)
{
	if (strlen(port->name) >= sizeof(port->ifname))
		entries_complain(entries, entry, "ifname",
				 "the port's name is too long for an interface (at most %zu "
				 "characters); write ifname = NAME",
				 sizeof(port->ifname) - 1);
	else
		snprintf(port->ifname, sizeof(port->ifname), "%.*s", TOPOLOGY_IFNAME_LEN - 1,
			 port->name);
}

void interfaces_check(struct entries *entries)
{
	for (unsigned i = 0; i < entries->n_items; i++) {
		struct port_conf *port = tap_of(entries, i);

		if (!port)
			continue;
		if (!port->ifname[0])
			derive_ifname(entries, &entries->items[i], port);
		for (unsigned j = 0; j < i; j++) {
			const struct port_conf *other = tap_of(entries, j);
			char label[ENTRY_WHERE_LEN];

			if (other && port->ifname[0] && strcmp(other->ifname, port->ifname) == 0)
				entries_complain(
					entries, &entries->items[i], "ifname",
					"the same interface as that of %s in line %d; give each "
					"port its own",
					entry_where(&entries->items[j], NULL, label),
					entry_line_of(&entries->items[j], "ifname"));
		}
	}
}
