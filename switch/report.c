#include "switch/report.h"
#include "switch/vm_argv.h"
#include "switch/vm_host.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const counter_names[PORT_COUNTER_N] = {
	[COUNT_RX_FRAMES] = "rx_frames",
	[COUNT_RX_BYTES] = "rx_bytes",
	[COUNT_TX_FRAMES] = "tx_frames",
	[COUNT_TX_BYTES] = "tx_bytes",
	[COUNT_TX_NOTIFICATIONS] = "tx_notifications",
	[COUNT_COPIES] = "copies",
	[COUNT_SEGMENTED] = "completed_in_software",
};

static const char *const worker_counter_names[WORKER_COUNTER_N] = {
	[WORKER_FRAMES] = "frames",	      [WORKER_BURSTS] = "bursts",
	[WORKER_BUSY_CYCLES] = "busy_cycles", [WORKER_IDLE_CYCLES] = "idle_cycles",
	[WORKER_SLEEPS] = "sleeps",
};

static const char *const type_names[PORT_TYPE_N] = {
	[PORT_VHOST_USER] = "vhost-user",
	[PORT_TAP] = "tap",
	[PORT_ETHDEV] = "ethdev",
};

static json_t *drops_object(const uint64_t drops[DROP_N])
{
	json_t *object = json_object();

	for (unsigned why = 0; why < DROP_N; why++)
		json_object_set_new(object, drop_names[why], json_integer((json_int_t)drops[why]));
	return object;
}

static json_t *stopped_queues(struct plane *plane, unsigned port)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < 2 * plane_topology(plane)->ports[port].n_queues; i++) {
		const char *why = plane_port_fault(plane, port, i);

		if (why)
			json_array_append_new(list,
					      json_pack("{s:i, s:s}", "queue", (int)i, "why", why));
	}
	return list;
}

static json_t *port_object(struct plane *plane, unsigned i)
{
	const struct topology *topo = plane_topology(plane);
	const struct port_conf *conf = &topo->ports[i];
	struct port_counters counters = plane_port_counters(plane, i);
	json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:i}", "name", conf->name, "bridge",
				   topo->bridges[conf->bridge].name, "type", type_names[conf->type],
				   "link", plane_linked(plane, i) ? "up" : "down", "queues",
				   (int)plane_port_queues(plane, i));

	for (unsigned c = 0; c < PORT_COUNTER_N; c++)
		json_object_set_new(object, counter_names[c],
				    json_integer((json_int_t)counters.count[c]));
	json_object_set_new(object, "rx_notifications",
			    json_integer((json_int_t)plane_port_kicks(plane, i)));
	json_object_set_new(object, "drops", drops_object(counters.drops));
	json_object_set_new(object, "stopped", stopped_queues(plane, i));
	return object;
}

static json_t *report_ports(struct plane *plane, const char *argument)
{
	json_t *list = json_array();

	(void)argument;
	for (unsigned i = 0; i < plane_topology(plane)->n_ports; i++)
		json_array_append_new(list, port_object(plane, i));
	return json_pack("{s:o}", "ports", list);
}

static json_t *report_workers(struct plane *plane, const char *argument)
{
	const struct switch_conf *conf = &plane_topology(plane)->sw;
	json_t *list = json_array();

	(void)argument;
	for (unsigned w = 0; w < conf->n_workers; w++) {
		json_t *object = json_object();

		json_object_set_new(object, "core",
				    conf->pinned ? json_integer(conf->cores[w]) : json_null());
		for (unsigned c = 0; c < WORKER_COUNTER_N; c++)
			json_object_set_new(
				object, worker_counter_names[c],
				json_integer((json_int_t)worker_count(plane_worker(plane, w), c)));
		json_array_append_new(list, object);
	}
	return json_pack("{s:o}", "workers", list);
}

struct fdb_walk {
	const struct topology *topo;
	const char *bridge;
	json_t *list;
};

static void add_fdb_entry(void *ctx, const struct fdb_entry *entry)
{
	struct fdb_walk *walk = ctx;
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)(entry->key & 0xff),
		 (unsigned)(entry->key >> 8 & 0xff), (unsigned)(entry->key >> 16 & 0xff),
		 (unsigned)(entry->key >> 24 & 0xff), (unsigned)(entry->key >> 32 & 0xff),
		 (unsigned)(entry->key >> 40 & 0xff));
	json_array_append_new(walk->list,
			      json_pack("{s:s, s:i, s:s, s:s, s:i}", "bridge", walk->bridge, "vlan",
					(int)(entry->key >> 48 & 0xfff), "mac", mac, "port",
					walk->topo->ports[entry->port].name, "age_s",
					(int)entry->age_s));
}

static json_t *report_fdb(struct plane *plane, const char *argument)
{
	struct fdb_walk walk = {.topo = plane_topology(plane), .list = json_array()};
	struct timespec now;

	(void)argument;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	for (unsigned b = 0; b < walk.topo->n_bridges; b++) {
		walk.bridge = walk.topo->bridges[b].name;
		if (plane_fdb(plane, b))
			fdb_show(plane_fdb(plane, b), (uint32_t)now.tv_sec, add_fdb_entry, &walk);
	}
	return json_pack("{s:o}", "fdb", walk.list);
}

/* An option and its value are a line. */
static json_t *qemu_arguments(const struct topology *topo, const struct port_conf *conf)
{
	struct vm_argv argv = {.n = 0};
	json_t *list = json_array();
	struct vm_host host;

	vm_host_look(&host);
	vm_argv_qemu_port(&argv, topo, conf, vm_host_qemu_has_kvm(&host));
	for (unsigned i = 0; i + 1 < argv.n; i += 2)
		json_array_append_new(list, json_sprintf("%s %s", argv.word[i], argv.word[i + 1]));
	vm_argv_fini(&argv);
	return list;
}

static json_t *report_qemu(struct plane *plane, const char *argument)
{
	const struct topology *topo = plane_topology(plane);

	for (unsigned i = 0; i < topo->n_ports; i++) {
		if (strcmp(topo->ports[i].name, argument) != 0)
			continue;
		if (topo->ports[i].type == PORT_VHOST_USER)
			return json_pack("{s:o}", "qemu", qemu_arguments(topo, &topo->ports[i]));
		return json_pack(
			"{s:o}", "error",
			json_sprintf("port %s is not of type vhost-user: no VM can be wired to it",
				     argument));
	}
	return json_pack(
		"{s:o}", "error",
		json_sprintf("there is no port \"%s\": `ringway show ports` lists them", argument));
}

static const struct {
	const char *name;
	json_t *(*make)(struct plane *plane, const char *argument);
} reports[] = {
	{"ports", report_ports},
	{"fdb", report_fdb},
	{"workers", report_workers},
	{"qemu", report_qemu},
};

json_t *report(struct plane *plane, const char *words)
{
	size_t len = strcspn(words, " ");
	const char *argument = words[len] ? words + len + 1 : "";

	for (unsigned i = 0; i < sizeof(reports) / sizeof(reports[0]); i++)
		if (strlen(reports[i].name) == len && strncmp(reports[i].name, words, len) == 0)
			return reports[i].make(plane, argument);
	return json_pack(
		"{s:o}", "error",
		json_sprintf(
			"\"%.*s\" cannot be shown: ports, fdb, workers, vms, captures and qemu "
			"PORT can",
			(int)len, words));
}
