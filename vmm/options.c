#include "vmm/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum {
	DEFAULT_MEMORY = 512 << 20,
	BUILT_IN_MEMORY = 4 << 20,
	MIN_MEMORY = 2 << 20,
	MIN_KERNEL_MEMORY = 96 << 20, /* a distribution kernel and what it unpacks itself to */
	SOCKET_PATH_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
	HELP_COLUMN = 23,
};

/* An option, or a key of --net. */
struct known {
	const char *name;
	/* What --help calls it; of take_choice() the choices, of take_number() the limits. */
	const char *value;
	int (*take)(void *place, const struct known *known, char *text, struct refusal *why);
	size_t member; /* offset of the place */
	const char *help;
};

static int take_text(void *place, const struct known *known, char *text, struct refusal *why)
{
	(void)known, (void)why;
	*(char **)place = text;
	return 0;
}

static int take_flag(void *place, const struct known *known, char *text, struct refusal *why)
{
	(void)known, (void)text, (void)why;
	*(bool *)place = true;
	return 0;
}

static int take_number(void *place, const struct known *known, char *text, struct refusal *why)
{
	unsigned long value, min = 0, max = 0;
	char *end;

	sscanf(known->value, "%lu-%lu", &min, &max);
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value < min || value > max)
		return refuse(why, EINVAL, "%s: \"%s\" is not a number from %lu to %lu",
			      known->name, text, min, max);
	*(unsigned *)place = (unsigned)value;
	return 0;
}

/* The position of the word in known->value. */
static int take_choice(void *place, const struct known *known, char *text, struct refusal *why)
{
	size_t len = strlen(text), n;
	unsigned i = 0;

	for (const char *word = known->value; *word; word += n + (word[n] == '|'), i++) {
		n = strcspn(word, "|");
		if (n == len && memcmp(word, text, n) == 0) {
			*(unsigned *)place = i;
			return 0;
		}
	}
	return refuse(why, EINVAL, "%s: \"%s\" is none of %s", known->name, text, known->value);
}

static int take_size(void *place, const struct known *known, char *text, struct refusal *why)
{
	unsigned shift = 20; /* a bare number is MiB */
	uint64_t size;
	char *end;

	errno = 0;
	size = strtoull(text, &end, 10);
	if (*end) {
		const char *unit = strchr("KMGT", *end & ~0x20);

		shift = unit ? 10 + 10 * (unsigned)(unit - "KMGT") : 0;
		if (!unit || end[1])
			errno = EINVAL;
	}
	if (errno || end == text || *text == '-' || size == 0 || size > UINT64_MAX >> 16 >> shift)
		return refuse(why, EINVAL, "%s: \"%s\" is not a size such as 512M or 2G",
			      known->name, text);
	*(uint64_t *)place = size << shift;
	return 0;
}

static int take_pins(void *place, const struct known *known, char *text, struct refusal *why)
{
	const struct known cpu = {.name = known->name, .value = "0-1023"};
	struct options *options = place;
	char *part;
	int rc = 0;

	options->n_pins = 0;
	while (rc == 0 && (part = strsep(&text, ","))) {
		if (options->n_pins == OPTIONS_MAX_CPUS)
			return refuse(why, EINVAL, "--pin: more than %d CPUs", OPTIONS_MAX_CPUS);
		rc = take_number(&options->pin[options->n_pins++], &cpu, part, why);
	}
	return rc;
}

static int take_mac(void *place, const struct known *known, char *text, struct refusal *why)
{
	uint8_t *mac = place;
	int used = -1;

	(void)known;
	sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
	       &mac[4], &mac[5], &used);
	if (used < 0 || text[used])
		return refuse(why, EINVAL, "--net: mac \"%s\" is not like 02:00:00:00:00:01", text);
	if (mac[0] & 1)
		return refuse(why, EINVAL,
			      "--net: mac %s is a multicast address; its first byte must be even",
			      text);
	return 0;
}

static const struct known *find(const struct known *table, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return &table[i];
	return NULL;
}

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define MEMBER(member) offsetof(struct options, member)
#define NET(member)    offsetof(struct options_net, member)

static const struct known net_keys[] = {
	{"socket", "PATH", take_text, NET(socket), NULL},
	{"mac", "MAC", take_mac, NET(mac), NULL},
	{"queues", "1-16", take_number, NET(pairs), NULL},
	{"mtu", "68-65535", take_number, NET(mtu), NULL},
	{"role", "client|server", take_choice, NET(server), NULL},
};

static int take_net(void *place, const struct known *known, char *text, struct refusal *why)
{
	struct options *options = place;
	struct options_net *net = &options->net[options->n_nets];
	char *part;
	int rc = 0;

	(void)known;
	if (options->n_nets == OPTIONS_MAX_NETS)
		return refuse(why, EINVAL, "--net: at most %d devices", OPTIONS_MAX_NETS);
	*net = (struct options_net){.pairs = 1};
	while (rc == 0 && (part = strsep(&text, ","))) {
		size_t len = strcspn(part, "=");
		const struct known *key = find(net_keys, COUNT(net_keys), part, len);

		if (!part[len])
			return refuse(why, EINVAL, "--net: \"%s\" is not KEY=VALUE", part);
		if (!key)
			return refuse(why, EINVAL,
				      "--net: unknown key \"%.*s\"; known: socket, mac, queues, "
				      "mtu, role",
				      (int)len, part);
		rc = key->take((char *)net + key->member, key, part + len + 1, why);
	}
	if (rc == 0 && (!net->socket || !*net->socket))
		rc = refuse(why, EINVAL, "--net: socket=PATH is missing");
	options->n_nets++;
	return rc;
}

static const struct known table[] = {
	{"--kernel", "FILE", take_text, MEMBER(kernel),
	 "bzImage (/boot/vmlinuz-*) or ELF vmlinux with a PVH note;\n"
	 "without it, the built-in tiny guest, which pings"},
	{"--initrd", "FILE", take_text, MEMBER(initrd), "initial RAM disk"},
	{"--append", "TEXT", take_text, MEMBER(append), "appended to the kernel's command line"},
	{"--memory", "SIZE", take_size, MEMBER(memory),
	 "such as 512M or 2G (default: 512M, built-in guest 4M)"},
	{"--cpus", "1-64", take_number, MEMBER(n_cpus), "virtual CPUs (default: 1)"},
	{"--net", "socket=PATH[,mac=MAC][,queues=N][,mtu=N][,role=client|server]", take_net, 0,
	 "one network device with N pairs of queues; repeat for more; role is\n"
	 "ours: client connects to PATH (default), server listens there"},
	{"--console", "WHERE", take_text, MEMBER(console),
	 "stdio (default), pty, pty:LINK, file:PATH or none"},
	{"--hugepages", "2M|1G", take_size, MEMBER(page_size), "guest memory in huge pages"},
	{"--prealloc", NULL, take_flag, MEMBER(prealloc),
	 "touch all guest memory before the start"},
	{"--pin", "LIST", take_pins, 0, "host CPUs for the vCPUs in turn, such as 2,3"},
	{"--name", "NAME", take_text, MEMBER(name),
	 "of the VM; MAC addresses are derived from it (default: vm)"},
	{"--sandbox", "off|log|kill", take_choice, MEMBER(sandbox),
	 "seccomp filters for all threads (default: kill)"},
	{"--stop-timeout", "0-3600", take_number, MEMBER(stop_timeout_s),
	 "seconds from the power button to the end (default: 10)"},
	{"--timeout", "1-1000000", take_number, MEMBER(timeout_s),
	 "end after so many seconds, whatever the guest does"},
	{"--status-fd", "0-1048575", take_number, MEMBER(status_fd),
	 "report to this descriptor, one line each: see below"},
	{"--stats", NULL, take_flag, MEMBER(stats),
	 "print exits by reason and other counts at the end"},
	{"--dry-run", NULL, take_flag, MEMBER(dry_run),
	 "print memory map, PCI map, command line, features, and stop there"},
	{"--dump-acpi", "DIR", take_text, MEMBER(dump_acpi), "write the ACPI tables to DIR/*.aml"},
	{"--version", NULL, take_flag, MEMBER(version), "print the version"},
	{"--help", NULL, take_flag, MEMBER(help), "print this"},
};

void options_print_help(FILE *out)
{
	fputs("ringway-vmm: starts one virtual machine on KVM; its network devices are vhost-user\n"
	      "sockets\n\n",
	      out);
	for (size_t i = 0; i < COUNT(table); i++) {
		int column = fprintf(out, "  %s %s", table[i].name,
				     table[i].value ? table[i].value : "");

		if (column >= HELP_COLUMN)
			column = fputc('\n', out) - '\n';
		for (const char *line = table[i].help; *line; column = 0) {
			int len = (int)strcspn(line, "\n");

			fprintf(out, "%*s%.*s\n", HELP_COLUMN - column, "", len, line);
			line += len + (line[len] == '\n');
		}
	}
	fwrite(options_help, options_help_len, 1, out);
}

/* The name and the place make the address: the same VM has the same one each time it starts. */
static void derive_mac(const char *name, unsigned index, uint8_t mac[OPTIONS_MAC_LEN])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (const char *c = name; *c; c++)
		hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	hash = (hash ^ index) * UINT64_C(0x100000001b3);
	mac[0] = 0x02; /* locally administered */
	for (unsigned i = 1; i < OPTIONS_MAC_LEN; i++)
		mac[i] = (uint8_t)(hash >> (8 * i));
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
	if (options->page_size != 4 << 10 && options->page_size != 2 << 20 &&
	    options->page_size != 1 << 30)
		return refuse(why, EINVAL, "--hugepages: %lu KiB is none of 2M|1G",
			      options->page_size >> 10);
	if (options->memory % options->page_size)
		return refuse(why, EINVAL, "--memory: must be a multiple of %lu KiB",
			      options->page_size >> 10);
	if (options->initrd && !options->kernel)
		return refuse(why, EINVAL,
			      "--initrd: the built-in guest takes none; give --kernel");
	if (options->status_fd >= 0 && fcntl(options->status_fd, F_GETFD) < 0)
		return refuse(why, EINVAL, "--status-fd: %d is not open", options->status_fd);
	for (unsigned i = 0; i < options->n_nets; i++) {
		struct options_net *net = &options->net[i];

		if (strlen(net->socket) > SOCKET_PATH_MAX)
			return refuse(why, EINVAL, "--net: socket path is longer than %d bytes",
				      SOCKET_PATH_MAX);
		for (unsigned j = 0; j < i; j++)
			if (strcmp(net->socket, options->net[j].socket) == 0)
				return refuse(why, EINVAL, "--net: socket %s is given twice",
					      net->socket);
		if (memcmp(net->mac, (uint8_t[OPTIONS_MAC_LEN]){0}, sizeof(net->mac)) == 0)
			derive_mac(options->name, i, net->mac);
	}
	return 0;
}

int options_parse(struct options *options, int argc, char **argv, struct refusal *why)
{
	static char name[] = "vm", none[] = "", stdio[] = "stdio";
	int rc = 0;

	*options = (struct options){.name = name,
				    .append = none,
				    .console = stdio,
				    .page_size = 4 << 10,
				    .n_cpus = 1,
				    .sandbox = SANDBOX_KILL,
				    .stop_timeout_s = 10,
				    .status_fd = -1};
	for (int i = 1; i < argc && rc == 0; i++) {
		size_t len = strcspn(argv[i], "=");
		const struct known *known = find(table, COUNT(table), argv[i], len);
		char *text = argv[i][len] ? argv[i] + len + 1 : NULL; /* --name=value */

		if (!known)
			return refuse(why, EINVAL, "%s \"%s\"; see --help",
				      *argv[i] == '-' ? "unknown option" : "unexpected argument",
				      argv[i]);
		if (known->value && !text && !(text = argv[++i]))
			return refuse(why, EINVAL, "%s needs a value; see --help", known->name);
		if (!known->value && text)
			return refuse(why, EINVAL, "%s takes no value; see --help", known->name);
		rc = known->take((char *)options + known->member, known, text, why);
	}
	return rc == 0 && !options->help && !options->version ? check_whole(options, why) : rc;
}
