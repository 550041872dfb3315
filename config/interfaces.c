#include "config/interfaces.h"

#include <stdio.h>
#include <string.h>

#include "config/device.h"
#include "config/entries.h"

/* The port that this entry is, if it is of this type and the key is not refused. */
static struct port_conf *port_of(const struct entries *entries, unsigned idx, enum port_type type,
				 const char *key)
{
	const struct entry *entry = &entries->items[idx];
	struct port_conf *port;

	if (strcmp(entry->def->kind, "port") != 0 || entry->misnamed ||
	    entry_is_bad(entry, "type") || entry_is_bad(entry, key))
		return NULL;
	port = schema_item(entry->def, entries->topo, entry->item);
	return port->type == type ? port : NULL;
}

static struct port_conf *tap_of(const struct entries *entries, unsigned idx)
{
	return port_of(entries, idx, PORT_TAP, "ifname");
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

static void check_device(struct entries *entries, unsigned idx)
{
	const struct entry *entry = &entries->items[idx];
	struct port_conf *port = port_of(entries, idx, PORT_ETHDEV, "device");

	if (!port)
		return;
	port->device_is_pci = device_is_pci(port->device);
	if (!port->device[0])
		entries_complain(
			entries, entry, "device",
			"a port of type ethdev needs one; write device = 0000:03:00.0 (a NIC) "
			"or device = net_af_packet0,iface=eth1");
	for (unsigned j = 0; port->device[0] && j < idx; j++) {
		const struct port_conf *other = port_of(entries, j, PORT_ETHDEV, "device");
		size_t len = strcspn(port->device, ",");
		char label[ENTRY_WHERE_LEN];

		if (other && strcspn(other->device, ",") == len &&
		    memcmp(other->device, port->device, len) == 0)
			entries_complain(
				entries, entry, "device",
				"the same device as that of %s in line %d; give each port its "
				"own, virtual ones by another number",
				entry_where(&entries->items[j], NULL, label),
				entry_line_of(&entries->items[j], "device"));
	}
}

void interfaces_check(struct entries *entries)
{
	for (unsigned i = 0; i < entries->n_items; i++)
		check_device(entries, i);
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
