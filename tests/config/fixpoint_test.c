/* Properties that hold for thousands of random files: what is dumped loads to the same and dumps to
 * the same bytes. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/parse.h"
#include "tests/config/load_rig.h"
#include "tests/suite.h"

enum {
	N_FILES = 3000,
	N_MUTANTS = 30000,
	TEXT_LEN = 16384,
};

/* The same files on every machine and run. */
static unsigned dice(unsigned sides)
{
	static uint64_t state = 20260101;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % sides;
}

struct text {
	char bytes[TEXT_LEN];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text->len +=
		vsnprintf(text->bytes + text->len, sizeof(text->bytes) - text->len, format, args);
	va_end(args);
	if (text->len >= sizeof(text->bytes))
		abort();
}

#define ONE_OF(...)                                                                                \
	(((const char *const[]){                                                                   \
		__VA_ARGS__})[dice(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))])

static void add_workers(struct text *text)
{
	const char *comma = "cores ";
	cpu_set_t set;

	if (dice(2)) {
		add(text, "workers = %u\n", 1 + dice(TOPOLOGY_MAX_CORES));
		return;
	}
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		abort();
	add(text, "workers=");
	for (int core = 0; core < 16; core++) {
		/* Downwards as often as upwards. */
		int nth = dice(2) ? core : 15 - core;

		if (!CPU_ISSET(nth, &set))
			continue;
		CPU_CLR(nth, &set);
		add(text, "%s%d", comma, nth);
		comma = ONE_OF(",", ", ");
	}
	add(text, "%s\n", comma[0] == 'c' ? "1" : "");
}

static void add_switch(struct text *text)
{
	add(text, "[switch]\n");
	if (dice(2))
		add(text, "name = sw%u\n", dice(1000));
	if (dice(2))
		add_workers(text);
	if (dice(2))
		add(text, "idle = %s\n", ONE_OF("adaptive", "poll"));
	if (dice(2))
		add(text, "hugepages = %s ; comment\n", ONE_OF("auto", "yes", "no"));
	if (dice(2))
		add(text, "run-dir = /tmp/%s%u\n", ONE_OF("r", "a b", "\xc3\xa4;", "=#"),
		    dice(1000));
}

static void add_bridge(struct text *text, unsigned idx)
{
	bool learns = dice(2);

	add(text, "[bridge b%u]\n", idx);
	if (!learns || dice(2))
		add(text, "mode = %s\n", learns ? "switch" : "hub");
	if (learns && dice(2))
		add(text, "ageing = %u\n", 15 + dice(3586));
	if (learns && dice(2))
		add(text, "max-macs = %u\n", 10 + dice(999991));
	if (learns && dice(2))
		add(text, "l2cp = %s\n", ONE_OF("drop", "forward"));
}

/* Only for ports of the bridge "default", which is a switch. */
static void add_rules(struct text *text)
{
	switch (dice(4)) {
	case 0:
		add(text, "vlan = %u\n", 1 + dice(4094));
		break;
	case 1:
		add(text, "trunk = %s\n",
		    ONE_OF("1-4094", "3", "10,12", "1,2,3,4094", "63-64,128"));
		if (dice(2))
			add(text, "native = %u\nnative-tagged = %s\n", 1 + dice(4094),
			    ONE_OF("yes", "no"));
		break;
	case 2:
		add(text, "tunnel = 5\npriority-tags = if-nonzero\n");
		break;
	}
	if (dice(2))
		add(text, "mac = %s\n",
		    ONE_OF("52:54:00:00:00:01", "02:00:00:00:00:0F,52:54:00:00:00:01"));
	if (dice(2))
		add(text, "isolated = yes\nmax-macs = %u\nstorm = %u\n", 1 + dice(9), 1 + dice(9));
}

static void add_uplink(struct text *text, unsigned idx)
{
	if (dice(4) == 0) {
		add(text, "type = ethdev\ndevice = %s:%02x.0\n", ONE_OF("00", "aB", "0001:02"),
		    idx);
		return;
	}
	add(text, "type = tap\n");
	if (dice(2))
		add(text, "ifname = tap%u\n", idx);
	if (dice(2))
		add(text, "address = %s\n",
		    ONE_OF("10.1.2.3/8", "::ffff:1.2.3.4/1", "fe80::1/128", "1.2.3.4/32"));
	if (dice(2))
		add(text, "persist = %s\n", dice(2) ? "yes" : "no");
	if (dice(2))
		add(text, "owner = root\n");
	add_rules(text);
}

static void add_port(struct text *text, unsigned idx, unsigned n_bridges)
{
	bool serves = dice(2);

	add(text, "[port p%u]\n", idx);
	if (dice(4) == 0) {
		add_uplink(text, idx);
		return;
	}
	if (n_bridges && dice(2))
		add(text, "bridge = b%u\n", dice(n_bridges));
	if (dice(2))
		add(text, "socket = %ss%u\n", ONE_OF("/tmp/", "", "./", "/tmp/../tmp/."), idx);
	if (!serves || dice(2))
		add(text, "role = %s\n", serves ? "server" : "client");
	if (dice(2))
		add(text, "queues = %u\n", 1 + dice(8));
	if (dice(2))
		add(text, "mtu = %u\n", 68 + dice(9635));
	if (serves && dice(2))
		add(text, "socket-mode = %03o\n", dice(01000));
	if (serves && dice(2))
		add(text, "socket-owner = %s\n", ONE_OF("root", "0", "65534", "4294967294"));
	if (serves && dice(2))
		add(text, "socket-group = %s\n", ONE_OF("root", "0", "65534", "4294967294"));
}

/* With a port of its own: of the others some are not for VMs. */
static void add_vm(struct text *text, unsigned idx)
{
	bool kernel = dice(2);

	add(text, "[port n%u]\n[vm v%u]\n", idx, idx);
	if (dice(2))
		add(text, "ports = n%u\n", idx);
	if (kernel)
		add(text, "kernel = %s\n", ONE_OF("/bin/sh", "/bin/../bin/sh"));
	if (kernel && dice(2))
		add(text, "initrd = /etc/passwd\n");
	if (dice(2))
		add(text, "append = %s\n", ONE_OF("quiet", "a=b  c=\"d e\"", "\xc3\xa4;#"));
	if (dice(2))
		add(text, "memory = %u%s\n", 96 + dice(900), ONE_OF("M", "G"));
	if (dice(2))
		add(text, "cpus = %u\n", 1 + dice(64));
	if (dice(2))
		add(text, "console = %s\n", ONE_OF("file", "pty", "none"));
	if (dice(2))
		add(text, "hypervisor = %s\n", kernel ? ONE_OF("auto", "kvm", "qemu") : "kvm");
	if (dice(2))
		add(text, "restart = %s\n", ONE_OF("no", "on-failure"));
	if (dice(2))
		add(text, "stop-timeout = %u\n", 1 + dice(3600));
}

static void make_file(struct text *text)
{
	unsigned n_bridges = dice(4), n_ports = 1 + dice(6), bridge = 0, port = 0;

	text->len = 0;
	if (dice(2))
		add_switch(text);
	while (bridge < n_bridges || port < n_ports) {
		if (dice(2) && bridge < n_bridges)
			add_bridge(text, bridge++);
		else if (port < n_ports)
			add_port(text, port++, n_bridges);
		if (dice(4) == 0)
			add(text, "\n; comment = [x]\n");
	}
	for (unsigned vm = 0; vm < n_ports && dice(2); vm++)
		add_vm(text, vm);
}

static bool same_bridge(const struct bridge_conf *a, const struct bridge_conf *b)
{
	return strcmp(a->name, b->name) == 0 && a->mode == b->mode && a->l2cp == b->l2cp &&
	       a->ageing_s == b->ageing_s && a->max_macs == b->max_macs;
}

static bool same_port(const struct port_conf *a, const struct port_conf *b)
{
	return strcmp(a->name, b->name) == 0 && a->bridge == b->bridge && a->type == b->type &&
	       a->role == b->role && strcmp(a->socket, b->socket) == 0 &&
	       a->n_queues == b->n_queues && a->mtu == b->mtu && a->socket_mode == b->socket_mode &&
	       a->socket_owner == b->socket_owner && a->socket_group == b->socket_group &&
	       strcmp(a->ifname, b->ifname) == 0 &&
	       memcmp(&a->address, &b->address, sizeof(a->address)) == 0 && a->owner == b->owner &&
	       a->persist == b->persist && strcmp(a->device, b->device) == 0 &&
	       a->device_is_pci == b->device_is_pci && a->vlan == b->vlan &&
	       memcmp(&a->trunk, &b->trunk, sizeof(a->trunk)) == 0 && a->native == b->native &&
	       a->native_tagged == b->native_tagged && a->tunnel == b->tunnel &&
	       a->priority_tags == b->priority_tags &&
	       memcmp(&a->mac, &b->mac, sizeof(a->mac)) == 0 && a->isolated == b->isolated &&
	       a->max_macs == b->max_macs && a->storm == b->storm;
}

static bool same_vm(const struct vm_conf *a, const struct vm_conf *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->ports, b->ports) == 0 &&
	       a->n_ports == b->n_ports && memcmp(a->port, b->port, sizeof(a->port)) == 0 &&
	       strcmp(a->kernel, b->kernel) == 0 && strcmp(a->initrd, b->initrd) == 0 &&
	       strcmp(a->append, b->append) == 0 && a->memory_mib == b->memory_mib &&
	       a->n_cpus == b->n_cpus && a->console == b->console &&
	       a->hypervisor == b->hypervisor && a->restart == b->restart &&
	       a->stop_timeout_s == b->stop_timeout_s && a->stats == b->stats;
}

/* Everything but the lines. */
static bool same_topology(const struct topology *a, const struct topology *b)
{
	bool same =
		strcmp(a->sw.name, b->sw.name) == 0 && strcmp(a->sw.run_dir, b->sw.run_dir) == 0 &&
		a->sw.n_workers == b->sw.n_workers && a->sw.pinned == b->sw.pinned &&
		memcmp(a->sw.cores, b->sw.cores, sizeof(a->sw.cores)) == 0 &&
		a->sw.idle == b->sw.idle && a->sw.hugepages == b->sw.hugepages &&
		a->n_bridges == b->n_bridges && a->n_ports == b->n_ports && a->n_vms == b->n_vms;

	for (unsigned i = 0; same && i < a->n_bridges; i++)
		same = same_bridge(&a->bridges[i], &b->bridges[i]);
	for (unsigned i = 0; same && i < a->n_ports; i++)
		same = same_port(&a->ports[i], &b->ports[i]);
	for (unsigned i = 0; same && i < a->n_vms; i++)
		same = same_vm(&a->vms[i], &b->vms[i]);
	return same;
}

/* Dumps, loads and dumps again; ends the topology. Returns whether all were the same. */
static bool comes_back(struct topology *topo)
{
	struct told told = {.text = NULL};
	char *dump = rig_dump(topo), *again = NULL;
	struct topology back;
	bool same = rig_load(&back, dump, &told) == 0;

	if (same) {
		again = rig_dump(&back);
		same = same_topology(topo, &back) && strcmp(dump, again) == 0;
		topology_fini(&back);
	}
	if (!same)
		printf("\nfirst:\n%s\nagain:\n%s\ntold:\n%s", dump, again ? again : "",
		       told.text ? told.text : "");
	free(dump);
	free(again);
	told_fini(&told);
	topology_fini(topo);
	return same;
}

/* CFG-03 */
static void what_is_dumped_loads_to_the_same(void)
{
	struct text text;

	for (unsigned i = 0; i < N_FILES; i++) {
		struct told told = {.text = NULL};
		struct topology topo;

		make_file(&text);
		if (rig_load(&topo, text.bytes, &told) != 0) {
			printf("\nfile:\n%s\ntold:\n%s", text.bytes, told.text);
			CU_FAIL_FATAL("a sound file is refused");
		}
		told_fini(&told);
		if (!comes_back(&topo)) {
			printf("\nfile:\n%s", text.bytes);
			CU_FAIL_FATAL("a dump does not come back");
		}
	}
	CU_PASS("all came back");
}

static void mutate(struct text *text)
{
	static const char odd[] = "\n\n=[];#: \t\r\"/.-x09\xff\xef";

	for (unsigned n = 1 + dice(3); n > 0 && text->len > 0; n--) {
		size_t at = dice(text->len), len = 1 + dice(20);

		if (len > text->len - at)
			len = text->len - at;
		switch (dice(4)) {
		case 0:
			text->bytes[at] = odd[dice(sizeof(odd))];
			break;
		case 1:
			memmove(text->bytes + at, text->bytes + at + len, text->len - at - len);
			text->len -= len;
			break;
		case 2:
			if (text->len + len < sizeof(text->bytes)) {
				memmove(text->bytes + at + len, text->bytes + at, text->len - at);
				text->len += len;
			}
			break;
		default:
			memset(text->bytes + at, odd[dice(sizeof(odd))], len);
		}
	}
}

/* CFG-24: a damaged file is told of, or it is sound and comes back. Never neither, never both. */
static void a_damaged_file_is_refused_aloud_or_comes_back(void)
{
	struct text text;
	unsigned n_sound = 0;

	for (unsigned i = 0; i < N_MUTANTS; i++) {
		struct told told = {.text = NULL};
		struct topology topo;
		int ret;

		make_file(&text);
		mutate(&text);
		ret = topology_load_text(&topo, text.bytes, text.len, "t.ini", told_line, &told);
		if ((ret != 0 && ret != -EINVAL) || (ret == 0) != (told.text == NULL)) {
			printf("\nfile:\n%.*s\n", (int)text.len, text.bytes);
			CU_FAIL_FATAL("refused in silence, or told and taken");
		}
		told_fini(&told);
		if (ret == 0 && ++n_sound && !comes_back(&topo)) {
			printf("\nfile:\n%.*s\n", (int)text.len, text.bytes);
			CU_FAIL_FATAL("a dump does not come back");
		}
	}
	CU_ASSERT_TRUE(n_sound > 0 && n_sound < N_MUTANTS);
}

#define TEST(function)                                                                             \
	{                                                                                          \
#function, function                                                                \
	}

int main(void)
{
	static CU_TestInfo tests[] = {
		TEST(what_is_dumped_loads_to_the_same),
		TEST(a_damaged_file_is_refused_aloud_or_comes_back),
		CU_TEST_INFO_NULL,
	};

	setenv("XDG_RUNTIME_DIR", "/tmp", 1);
	return suite_run("fixpoint", tests);
}
