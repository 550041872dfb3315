#include "switch/command.h"
#include "switch/control.h"
#include "switch/find_switch.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void print_ports(const json_t *list)
{
	const json_t *port, *count, *queue;
	const char *why;
	size_t i, q;

	printf("%-16s %-16s %-4s %14s %14s %12s %12s  %s\n", "PORT", "BRIDGE", "LINK", "RX FRAMES",
	       "TX FRAMES", "RX NOTIF", "TX NOTIF", "DROPS");
	json_array_foreach (list, i, port) {
		unsigned n = 0;

		printf("%-16s %-16s %-4s %14lld %14lld %12lld %12lld  ", text(port, "name"),
		       text(port, "bridge"), text(port, "link"),
		       (long long)number(port, "rx_frames"), (long long)number(port, "tx_frames"),
		       (long long)number(port, "rx_notifications"),
		       (long long)number(port, "tx_notifications"));
		json_object_foreach (json_object_get(port, "drops"), why, count)
			if (json_integer_value(count))
				printf("%s%s=%lld", n++ ? " " : "", why,
				       (long long)json_integer_value(count));
		json_array_foreach (json_object_get(port, "stopped"), q, queue)
			printf("%squeue %lld stopped: %s", n++ ? ", " : "",
			       (long long)number(queue, "queue"), text(queue, "why"));
		printf("%s\n", n ? "" : "-");
	}
}

static void print_fdb(const json_t *list)
{
	const json_t *entry;
	size_t i;

	printf("%-16s %4s  %-17s  %-16s %s\n", "BRIDGE", "VLAN", "MAC", "PORT", "AGE");
	json_array_foreach (list, i, entry)
		printf("%-16s %4lld  %-17s  %-16s %lld s\n", text(entry, "bridge"),
		       (long long)number(entry, "vlan"), text(entry, "mac"), text(entry, "port"),
		       (long long)number(entry, "age_s"));
}

static void print_workers(const json_t *list)
{
	const json_t *worker;
	size_t i;

	printf("%-6s %-4s %14s %14s %8s %12s %8s %10s\n", "WORKER", "CORE", "FRAMES", "BURSTS",
	       "A BURST", "CYCLES/FRAME", "BUSY", "SLEEPS");
	json_array_foreach (list, i, worker) {
		double frames = (double)number(worker, "frames");
		double bursts = (double)number(worker, "bursts");
		double busy = (double)number(worker, "busy_cycles");
		double all = busy + (double)number(worker, "idle_cycles");
		char core[16] = "any";

		if (json_is_integer(json_object_get(worker, "core")))
			snprintf(core, sizeof(core), "%lld", (long long)number(worker, "core"));
		printf("%-6zu %-4s %14.0f %14.0f %8.1f %12.0f %7.1f%% %10lld\n", i, core, frames,
		       bursts, bursts > 0 ? frames / bursts : 0, frames > 0 ? busy / frames : 0,
		       all > 0 ? 100 * busy / all : 0, (long long)number(worker, "sleeps"));
	}
}

static void print_captures(const json_t *list)
{
	const json_t *capture, *port;
	size_t i, p;

	printf("%-16s %12s %12s %12s  %-4s %-5s %-24s %s\n", "CAPTURE", "SEEN", "CAPTURED",
	       "MISSED", "DIR", "DROPS", "FILE", "PORTS, FILTER");
	json_array_foreach (list, i, capture) {
		const char *filter = text(capture, "filter");
		const char *error = text(capture, "error");

		printf("%-16s %12lld %12lld %12lld  %-4s %-5s %-24s ", text(capture, "name"),
		       (long long)number(capture, "seen"), (long long)number(capture, "captured"),
		       (long long)number(capture, "missed"), text(capture, "direction"),
		       json_is_true(json_object_get(capture, "drops")) ? "yes" : "no",
		       text(capture, "file"));
		json_array_foreach (json_object_get(capture, "ports"), p, port)
			printf("%s%s", p ? "," : "", json_string_value(port));
		printf("%s%s%s%s\n", filter[0] ? ", " : "", filter, error ? "; lost last: " : "",
		       error ? error : "");
	}
}

static void print_vms(const json_t *list)
{
	const json_t *vm, *port;
	size_t i, p;

	printf("%-16s %-4s %-9s %8s %8s %8s  %-24s %s\n", "VM", "BY", "STATE", "PID", "UPTIME",
	       "RESTARTS", "PORTS", "LAST END");
	json_array_foreach (list, i, vm) {
		bool alive = json_is_integer(json_object_get(vm, "pid"));
		char ports[256] = "-", pid[16] = "-", uptime[24] = "-";
		size_t len = 0;

		json_array_foreach (json_object_get(vm, "ports"), p, port)
			if (len < sizeof(ports))
				len += (size_t)snprintf(ports + len, sizeof(ports) - len, "%s%s",
							p ? "," : "", json_string_value(port));
		if (alive) {
			snprintf(pid, sizeof(pid), "%lld", (long long)number(vm, "pid"));
			snprintf(uptime, sizeof(uptime), "%lld s",
				 (long long)number(vm, "uptime_s"));
		}
		printf("%-16s %-4s %-9s %8s %8s %8lld  %-24s %s\n", text(vm, "name"),
		       text(vm, "hypervisor"), text(vm, "state"), pid, uptime,
		       (long long)number(vm, "restarts"), ports,
		       text(vm, "end") ? text(vm, "end") : "-");
	}
}

static void print_lines(const json_t *list)
{
	const json_t *line;
	size_t i;

	json_array_foreach (list, i, line)
		printf("%s%s\n", json_string_value(line),
		       i + 1 < json_array_size(list) ? " \\" : "");
}

/* How the answer with that key is printed for a person. */
static const struct {
	const char *key;
	void (*print)(const json_t *list);
} printers[] = {
	{"ports", print_ports},	      {"fdb", print_fdb}, {"workers", print_workers},
	{"captures", print_captures}, {"vms", print_vms}, {"qemu", print_lines},
};

static int print_answer(const json_t *answer, bool as_json)
{
	const char *error = text(answer, "error");

	if (error) {
		fprintf(stderr, "ringway: %s\n", error);
		return EXIT_CONFIGURATION;
	}
	if (as_json) {
		json_dumpf(answer, stdout, JSON_INDENT(1));
		printf("\n");
		return EXIT_OK;
	}
	for (unsigned i = 0; i < sizeof(printers) / sizeof(printers[0]); i++)
		if (json_object_get(answer, printers[i].key))
			printers[i].print(json_object_get(answer, printers[i].key));
	return EXIT_OK;
}

static const char usage[] =
	"usage: ringway show ports|fdb|workers|vms|captures [--json] [-s NAME|SOCKET]\n"
	"       ringway show qemu PORT [--json] [-s NAME|SOCKET]\n"
	"\n"
	"  ports    frames, notifications and drops by reason of every port\n"
	"  fdb      which MAC address lives behind which port\n"
	"  workers  what the polling threads do: bursts, cycles a frame, sleeps\n"
	"  captures what is being captured: frames seen, captured and missed\n"
	"  vms      the virtual machines: state, process, restarts, how they ended\n"
	"  qemu     the arguments that wire a QEMU guest to a port, ready to paste\n"
	"\n"
	"  --json   print the answer as JSON\n"
	"  -s, --switch\n"
	"           the switch: its name, or the path of its control socket;\n"
	"           not needed when only one is running\n"
	"\n"
	"RX is what comes from the port, TX what is delivered to it. NOTIF are notifications: RX\n"
	"those of the guest, TX ours. Why a frame is dropped, counted where it came from:\n"
	"  runt, oversize    shorter than an Ethernet header, longer than virtio-net allows\n"
	"  bad_vnet_hdr      its virtio_net_hdr lies, or asks for what was not negotiated\n"
	"  bad_source        its source address is a group address, or zero\n"
	"  l2cp              to 01-80-C2-00-00-0x, and the bridge has l2cp = drop\n"
	"  same_port         its destination lives behind the port that it came from\n"
	"  no_port           no other port, of its VLAN, has a link\n"
	"  vlan              its VLAN is none of the port's, or of its destination's\n"
	"  spoofed_mac, max_macs, storm, isolated\n"
	"                    the key of that name (mac for the first) forbids it\n"
	"and where it was to go:\n"
	"  link_down         the link went down meanwhile\n"
	"  tx_full           the guest has posted no receive buffers\n"
	"  too_big           over its mtu, or its receive buffers without MRG_RXBUF\n"
	"  no_offload        it lacks an offload that cannot be completed in software\n"
	"  queue_broken      its ring is malformed, and was stopped\n";

/* Whether the words behind the options are a question; says so when not. */
static bool check_words(const char *command, int n_words, char **words)
{
	bool takes_port = n_words && strcmp(words[0], "qemu") == 0;

	if (n_words == 0)
		command_refuse(command, "say what: ports, fdb, workers, vms, captures, qemu PORT");
	else if (takes_port && n_words == 1)
		command_refuse(command, "qemu needs the name of a PORT");
	else if (n_words > 1 + takes_port)
		command_refuse(command, "\"%s\" is one word too many", words[1 + takes_port]);
	else
		return true;
	return false;
}

static int ask(const char *path, const char *what, const char *port, bool as_json)
{
	char request[256];
	json_t *answer;
	int ret;

	snprintf(request, sizeof(request), "show %s%s%s", what, port ? " " : "", port ? port : "");
	answer = control_ask(path, request);
	if (!answer)
		return command_no_answer(path, errno);
	ret = print_answer(answer, as_json);
	json_decref(answer);
	return ret;
}

int command_show(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"switch", required_argument, NULL, 's'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	const char *which = NULL;
	bool as_json = false;
	char path[PATH_MAX];
	int option;

	while ((option = getopt_long(argc, argv, "s:h", options, NULL)) != -1) {
		if (option == 'j')
			as_json = true;
		else if (option == 's')
			which = optarg;
		else
			return command_usage(argv[0], usage, option);
	}
	if (!check_words(argv[0], argc - optind, argv + optind))
		return EXIT_CONFIGURATION;
	if (find_switch(which, path) < 0)
		return EXIT_RUN_TIME;
	return ask(path, argv[optind], argv[optind + 1], as_json);
}
