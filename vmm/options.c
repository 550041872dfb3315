#include "vmm/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/virtio_pci.h"

enum {
	DEFAULT_MEMORY = 512 << 20,
	BUILT_IN_MEMORY = 4 << 20,
	MIN_MEMORY = 2 << 20,
	MIN_KERNEL_MEMORY = 96 << 20, /* a distribution kernel and what it unpacks itself to */
	MIN_MTU = 68,
	MAX_MTU = 65535,
	DEFAULT_STOP_TIMEOUT_S = 10,
};

enum option_id {
	OPTION_KERNEL = 256,
	OPTION_INITRD,
	OPTION_APPEND,
	OPTION_MEMORY,
	OPTION_CPUS,
	OPTION_NET,
	OPTION_CONSOLE,
	OPTION_HUGEPAGES,
	OPTION_PREALLOC,
	OPTION_PIN,
	OPTION_NAME,
	OPTION_SANDBOX,
	OPTION_STOP_TIMEOUT,
	OPTION_TIMEOUT,
	OPTION_STATUS_FD,
	OPTION_STATS,
	OPTION_DRY_RUN,
	OPTION_DUMP_ACPI,
	OPTION_VERSION,
	OPTION_HELP,
};

static const struct option long_options[] = {
	{"kernel", required_argument, NULL, OPTION_KERNEL},
	{"initrd", required_argument, NULL, OPTION_INITRD},
	{"append", required_argument, NULL, OPTION_APPEND},
	{"memory", required_argument, NULL, OPTION_MEMORY},
	{"cpus", required_argument, NULL, OPTION_CPUS},
	{"net", required_argument, NULL, OPTION_NET},
	{"console", required_argument, NULL, OPTION_CONSOLE},
	{"hugepages", required_argument, NULL, OPTION_HUGEPAGES},
	{"prealloc", no_argument, NULL, OPTION_PREALLOC},
	{"pin", required_argument, NULL, OPTION_PIN},
	{"name", required_argument, NULL, OPTION_NAME},
	{"sandbox", required_argument, NULL, OPTION_SANDBOX},
	{"stop-timeout", required_argument, NULL, OPTION_STOP_TIMEOUT},
	{"timeout", required_argument, NULL, OPTION_TIMEOUT},
	{"status-fd", required_argument, NULL, OPTION_STATUS_FD},
	{"stats", no_argument, NULL, OPTION_STATS},
	{"dry-run", no_argument, NULL, OPTION_DRY_RUN},
	{"dump-acpi", required_argument, NULL, OPTION_DUMP_ACPI},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

static int parse_number(const char *option, const char *text, unsigned long min, unsigned long max,
			unsigned long *value, struct refusal *why)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || *value < min || *value > max)
		return refuse(why, EINVAL, "%s: \"%s\" is not a number from %lu to %lu", option,
			      text, min, max);
	return 0;
}

static int parse_size(const char *option, const char *text, uint64_t *size, struct refusal *why)
{
	unsigned shift = 20; /* a bare number is MiB */
	char *end;

	errno = 0;
	*size = strtoull(text, &end, 10);
	if (*end) {
		const char *unit = strchr("KMGT", *end & ~0x20);

		shift = unit ? 10 + 10 * (unsigned)(unit - "KMGT") : 0;
		if (!unit || end[1])
			errno = EINVAL;
	}
	if (errno || end == text || *text == '-' || *size == 0 || *size > UINT64_MAX >> 16 >> shift)
		return refuse(why, EINVAL, "%s: \"%s\" is not a size such as 512M or 2G", option,
			      text);
	*size <<= shift;
	return 0;
}

static int parse_hugepages(struct options *options, const char *text, struct refusal *why)
{
	int rc = parse_size("--hugepages", text, &options->page_size, why);

	if (rc == 0 && options->page_size != 2 << 20 && options->page_size != 1 << 30)
		rc = refuse(why, EINVAL, "--hugepages: \"%s\" is neither 2M nor 1G", text);
	return rc;
}

static int parse_mac(const char *text, uint8_t mac[OPTIONS_MAC_LEN], struct refusal *why)
{
	unsigned b[OPTIONS_MAC_LEN];
	int used = -1;

	sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &used);
	if (used < 0 || text[used])
		return refuse(why, EINVAL, "--net: mac \"%s\" is not like 02:00:00:00:00:01", text);
	for (unsigned i = 0; i < OPTIONS_MAC_LEN; i++)
		mac[i] = (uint8_t)b[i];
	if (mac[0] & 1)
		return refuse(why, EINVAL,
			      "--net: mac %s is a multicast address; its first byte must be even",
			      text);
	return 0;
}

static int parse_net_key(struct options_net *net, const char *key, const char *value,
			 struct refusal *why)
{
	unsigned long number;
	int rc = 0;

	if (strcmp(key, "socket") == 0) {
		if (strlen(value) >= sizeof(net->socket))
			return refuse(why, EINVAL, "--net: socket path is longer than %zu bytes",
				      sizeof(net->socket) - 1);
		strcpy(net->socket, value);
	} else if (strcmp(key, "mac") == 0) {
		net->has_mac = true;
		rc = parse_mac(value, net->mac, why);
	} else if (strcmp(key, "queues") == 0) {
		rc = parse_number("--net: queues", value, 1, VIRTIO_MAX_PAIRS, &number, why);
		net->pairs = (unsigned)number;
	} else if (strcmp(key, "mtu") == 0) {
		rc = parse_number("--net: mtu", value, MIN_MTU, MAX_MTU, &number, why);
		net->mtu = (uint16_t)number;
	} else if (strcmp(key, "role") == 0) {
		net->server = strcmp(value, "server") == 0;
		if (!net->server && strcmp(value, "client") != 0)
			rc = refuse(why, EINVAL, "--net: role \"%s\" is neither client nor server",
				    value);
	} else {
		rc = refuse(why, EINVAL,
			    "--net: unknown key \"%s\"; known: socket, mac, queues, mtu, role",
			    key);
	}
	return rc;
}

static int parse_net(struct options *options, const char *text, struct refusal *why)
{
	struct options_net *net = &options->net[options->n_nets];
	char copy[512];
	char *rest = copy, *part;

	if (options->n_nets == OPTIONS_MAX_NETS)
		return refuse(why, EINVAL, "--net: at most %d devices", OPTIONS_MAX_NETS);
	if (strlen(text) >= sizeof(copy))
		return refuse(why, EINVAL, "--net: longer than %zu bytes", sizeof(copy) - 1);
	strcpy(copy, text);
	*net = (struct options_net){.pairs = 1};
	while ((part = strsep(&rest, ","))) {
		char *value = strchr(part, '=');
		int rc;

		if (!value)
			return refuse(why, EINVAL, "--net: \"%s\" is not KEY=VALUE", part);
		*value++ = '\0';
		rc = parse_net_key(net, part, value, why);
		if (rc < 0)
			return rc;
	}
	if (!net->socket[0])
		return refuse(why, EINVAL, "--net: socket=PATH is missing");
	options->n_nets++;
	return 0;
}

static int parse_pins(struct options *options, const char *text, struct refusal *why)
{
	char copy[512];
	char *rest = copy, *part;

	if (strlen(text) >= sizeof(copy))
		return refuse(why, EINVAL, "--pin: too long");
	strcpy(copy, text);
	options->n_pins = 0;
	while ((part = strsep(&rest, ","))) {
		unsigned long cpu;
		int rc = parse_number("--pin", part, 0, 1023, &cpu, why);

		if (rc < 0)
			return rc;
		if (options->n_pins == OPTIONS_MAX_CPUS)
			return refuse(why, EINVAL, "--pin: more than %d CPUs", OPTIONS_MAX_CPUS);
		options->pin[options->n_pins++] = (unsigned)cpu;
	}
	return 0;
}

static int parse_sandbox(struct options *options, const char *text, struct refusal *why)
{
	static const char *const modes[] = {
		[SANDBOX_OFF] = "off", [SANDBOX_LOG] = "log", [SANDBOX_KILL] = "kill"};

	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(text, modes[i]) == 0) {
			options->sandbox = (enum sandbox_mode)i;
			return 0;
		}
	}
	return refuse(why, EINVAL, "--sandbox: \"%s\" is none of off, log, kill", text);
}

static int parse_numeric(struct options *options, int id, const char *text, struct refusal *why)
{
	unsigned long value = 0;
	int rc;

	switch (id) {
	case OPTION_CPUS:
		rc = parse_number("--cpus", text, 1, OPTIONS_MAX_CPUS, &value, why);
		options->n_cpus = (unsigned)value;
		return rc;
	case OPTION_STOP_TIMEOUT:
		rc = parse_number("--stop-timeout", text, 0, 3600, &value, why);
		options->stop_timeout_s = (unsigned)value;
		return rc;
	case OPTION_TIMEOUT:
		rc = parse_number("--timeout", text, 1, 1000000, &value, why);
		options->timeout_s = (unsigned)value;
		return rc;
	default:
		rc = parse_number("--status-fd", text, 0, 1 << 20, &value, why);
		options->status_fd = (int)value;
		return rc;
	}
}

static int take_option(struct options *options, int id, const char *text, struct refusal *why)
{
	switch (id) {
	case OPTION_KERNEL:
		options->kernel = text;
		return 0;
	case OPTION_INITRD:
		options->initrd = text;
		return 0;
	case OPTION_APPEND:
		options->append = text;
		return 0;
	case OPTION_CONSOLE:
		options->console = text;
		return 0;
	case OPTION_NAME:
		options->name = text;
		return 0;
	case OPTION_DUMP_ACPI:
		options->dump_acpi = text;
		return 0;
	case OPTION_MEMORY:
		return parse_size("--memory", text, &options->memory, why);
	case OPTION_HUGEPAGES:
		return parse_hugepages(options, text, why);
	case OPTION_NET:
		return parse_net(options, text, why);
	case OPTION_PIN:
		return parse_pins(options, text, why);
	case OPTION_SANDBOX:
		return parse_sandbox(options, text, why);
	case OPTION_PREALLOC:
		options->prealloc = true;
		return 0;
	case OPTION_STATS:
		options->stats = true;
		return 0;
	case OPTION_DRY_RUN:
		options->dry_run = true;
		return 0;
	case OPTION_VERSION:
		options->version = true;
		return 0;
	case OPTION_HELP:
		options->help = true;
		return 0;
	default:
		return parse_numeric(options, id, text, why);
	}
}

/* What only makes sense together. */
static int check_whole(struct options *options, struct refusal *why)
{
	uint64_t least = options->kernel ? MIN_KERNEL_MEMORY : MIN_MEMORY;

	if (options->memory == 0)
		options->memory = options->kernel ? DEFAULT_MEMORY : BUILT_IN_MEMORY;
	if (options->memory < least)
		return refuse(why, EINVAL, "--memory: %lu KiB is too small; at least %lu MiB",
			      options->memory >> 10, least >> 20);
	if (options->memory % options->page_size)
		return refuse(why, EINVAL, "--memory: must be a multiple of %lu KiB",
			      options->page_size >> 10);
	if (options->initrd && !options->kernel)
		return refuse(why, EINVAL,
			      "--initrd: the built-in guest takes none; give --kernel");
	for (unsigned i = 0; i < options->n_nets; i++)
		for (unsigned j = 0; j < i; j++)
			if (strcmp(options->net[i].socket, options->net[j].socket) == 0)
				return refuse(why, EINVAL, "--net: socket %s is given twice",
					      options->net[i].socket);
	return 0;
}

int options_parse(struct options *options, int argc, char **argv, struct refusal *why)
{
	int id, rc = 0;

	*options = (struct options){.name = "vm",
				    .append = "",
				    .console = "stdio",
				    .page_size = 4096,
				    .n_cpus = 1,
				    .sandbox = SANDBOX_KILL,
				    .stop_timeout_s = DEFAULT_STOP_TIMEOUT_S,
				    .status_fd = -1};
	optind = 0; /* 0: GNU getopt forgets an earlier call */
	opterr = 0;
	while (rc == 0 && (id = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (id == ':')
			return refuse(why, EINVAL, "%s needs a value; see --help",
				      argv[optind - 1]);
		if (id == '?')
			return refuse(why, EINVAL, "unknown option %s; see --help",
				      argv[optind - 1]);
		rc = take_option(options, id, optarg, why);
	}
	if (rc == 0 && optind < argc)
		rc = refuse(why, EINVAL, "unexpected argument \"%s\"; see --help", argv[optind]);
	if (rc == 0 && !options->help && !options->version)
		rc = check_whole(options, why);
	return rc;
}
