#include "config/vms.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/entries.h"
#include "config/path.h"
#include "config/suggest.h"

enum {
	BUILT_IN_MIB = 4,
	DEFAULT_MIB = 512,
	LEAST_KERNEL_MIB = 96, /* a distribution kernel and what it unpacks itself to */
};

/* The VM that took each port, by index; NULL: none yet. */
struct owners {
	const struct entry *of[TOPOLOGY_MAX_PORTS];
};

static void complain_of_stranger(struct entries *entries, const struct entry *entry,
				 const char *name)
{
	struct suggest suggest;

	suggest_init(&suggest, name);
	for (unsigned i = 0; i < entries->topo->n_ports; i++)
		suggest_try(&suggest, entries->topo->ports[i].name);
	if (suggest_best(&suggest))
		entries_complain(entries, entry, "ports",
				 "there is no [port %s]; did you mean \"%s\"?", name,
				 suggest_best(&suggest));
	else
		entries_complain(
			entries, entry, "ports",
			"there is no [port %s]; write that section, or name one that is there",
			name);
}

static void take_port(struct entries *entries, const struct entry *entry, struct owners *owners,
		      const struct entry *port_entry)
{
	struct vm_conf *vm = &entries->topo->vms[entry->item];
	const struct port_conf *port = &entries->topo->ports[port_entry->item];
	const struct entry *owner = owners->of[port_entry->item];

	if (port->type != PORT_VHOST_USER && !entry_is_bad(port_entry, "type"))
		entries_complain(entries, entry, "ports",
				 "port %s is not of type vhost-user; a VM needs such a one",
				 port->name);
	else if (strchr(port->socket, ','))
		entries_complain(entries, entry, "ports",
				 "the path of port %s, %s, holds a comma; choose another socket or "
				 "run-dir",
				 port->name, port->socket);
	else if (owner == entry)
		entries_complain(entries, entry, "ports",
				 "port %s is named twice; give each NIC its own", port->name);
	else if (owner)
		entries_complain(entries, entry, "ports",
				 "port %s belongs to [vm %s] in line %d; give each VM its own",
				 port->name, owner->name, entry_line_of(owner, "ports"));
	else
		vm->port[vm->n_ports++] = (uint16_t)port_entry->item;
	if (!owner)
		owners->of[port_entry->item] = entry;
}

static void find_ports(struct entries *entries, const struct entry *entry, struct owners *owners)
{
	const struct section_def *ports = schema_section("port", strlen("port"));
	char list[VM_CONF_LIST_LEN], *rest = list, *name;

	snprintf(list, sizeof(list), "%s", entries->topo->vms[entry->item].ports);
	while (list[0] && (name = strsep(&rest, ","))) {
		const struct entry *found = entries_find(entries, ports, name);

		if (found)
			take_port(entries, entry, owners, found);
		else if (!entries_may_miss(entries, ports))
			complain_of_stranger(entries, entry, name);
	}
}

/* Makes the path absolute, so that the dumped file means the same wherever it lies. */
static void find_file(struct entries *entries, const struct entry *entry, const char *key,
		      char path[VM_CONF_PATH_LEN])
{
	char ini[PATH_MAX], dir[PATH_MAX], joined[PATH_MAX];
	struct stat st;

	if (!path[0] || entry_is_bad(entry, key))
		return;
	snprintf(ini, sizeof(ini), "%s", entries->complaints->filename);
	if (path[0] != '/' && !realpath(dirname(ini), dir))
		snprintf(dir, sizeof(dir), ".");
	if (path_join(joined, sizeof(joined), dir, path) < 0 ||
	    strlen(joined) >= VM_CONF_PATH_LEN) {
		entries_complain(entries, entry, key,
				 "the whole path is too long; at most %d bytes are allowed",
				 VM_CONF_PATH_LEN - 1);
		return;
	}
	strcpy(path, joined);
	if (stat(path, &st) < 0)
		entries_complain(entries, entry, key, "%s: %s; name a file that is there", path,
				 strerror(errno));
	else if (!S_ISREG(st.st_mode))
		entries_complain(entries, entry, key, "%s is no regular file; name one", path);
	else if (access(path, R_OK) < 0)
		entries_complain(entries, entry, key,
				 "%s is not yours to read (%s); make it readable, or copy it", path,
				 strerror(errno));
}

static void check_what_boots(struct entries *entries, const struct entry *entry, struct vm_conf *vm)
{
	bool has_kernel = vm->kernel[0] || entry_is_bad(entry, "kernel") || entry->unclear;

	if (vm->initrd[0] && !has_kernel)
		entries_complain(entries, entry, "initrd",
				 "the built-in tiny guest takes none; write kernel = PATH, or "
				 "remove this key");
	if (vm->hypervisor == VM_HYPERVISOR_QEMU && !has_kernel)
		entries_complain(entries, entry, "hypervisor",
				 "the built-in tiny guest is for kvm only; write kernel = PATH, or "
				 "hypervisor = kvm");
	if (vm->memory_mib && vm->memory_mib < LEAST_KERNEL_MIB && vm->kernel[0])
		entries_complain(entries, entry, "memory",
				 "%uM is too small for a kernel; write at least %dM",
				 vm->memory_mib, LEAST_KERNEL_MIB);
	if (!vm->memory_mib)
		vm->memory_mib = vm->kernel[0] ? DEFAULT_MIB : BUILT_IN_MIB;
}

void vms_check(struct entries *entries)
{
	struct owners *owners = calloc(1, sizeof(*owners));

	if (!owners) {
		entries->no_memory = true;
		return;
	}
	for (unsigned i = 0; i < entries->n_items; i++) {
		const struct entry *entry = &entries->items[i];
		struct vm_conf *vm;

		if (strcmp(entry->def->kind, "vm") != 0)
			continue;
		vm = &entries->topo->vms[entry->item];
		find_ports(entries, entry, owners);
		find_file(entries, entry, "kernel", vm->kernel);
		find_file(entries, entry, "initrd", vm->initrd);
		check_what_boots(entries, entry, vm);
	}
	free(owners);
}
