#include "options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const options_mode_names[MODE_N] = {
	[MODE_SATURATE] = "saturate",	[MODE_RATE] = "rate",	    [MODE_PING_PONG] = "ping-pong",
	[MODE_PLACEMENT] = "placement", [MODE_WAKE_UP] = "wake-up",
};
const char *const options_pattern_names[PATTERN_N] = {
	[PATTERN_PAIRS] = "pairs",
	[PATTERN_RANDOM] = "random",
	[PATTERN_FLOOD] = "flood",
};

static const char help[] =
	"vgen: a load generator that is the guests. Each PORT is the socket of a vhost-user\n"
	"back-end (Ringway, testpmd, Open vSwitch); vgen is the front-end and the driver of all\n"
	"of them, in one thread. No root, no hugepages, no DPDK.\n"
	"\n"
	"    vgen [options] PORT PORT...\n"
	"\n"
	"What is sent, and how fast\n"
	"  --mode MODE      saturate (default), rate, ping-pong (round trip times), placement,\n"
	"                   wake-up\n"
	"  --pattern P      pairs: port 0 with 1, 2 with 3, ... (default)\n"
	"                   random: each frame to a random other port\n"
	"                   flood: each frame to the broadcast address\n"
	"  --one-way        only the even ports send\n"
	"  --senders N      only the first N ports send; the others are attached and receive\n"
	"  --rate N         mode rate: frames per second of each sending port; mode ping-pong:\n"
	"                   rest for 1/N seconds before each frame, so that all fall asleep\n"
	"  --window N       at most N frames of a port under way, so that nothing is lost for\n"
	"                   want of receive buffers (default: no limit)\n"
	"  --batch N        frames published at once (default 32)\n"
	"  --addresses N    source and destination addresses of each port, used in random\n"
	"                   order (default 1)\n"
	"  --seed N         of all random choices (default 1)\n"
	"  --seconds S      length of the measurement (default 5)\n"
	"  --slices N       so many measurements in a row, one JSON object each (default 1)\n"
	"  --warm-up S      same load before it, not counted (default 1). Before that each port\n"
	"                   sends a frame from each of its addresses until two rounds have "
	"reached\n"
	"                   all ports, so that a learning switch knows them all\n"
	"  --pause          print \"warm\" on stderr and wait for a line on stdin before the\n"
	"                   measurement, \"done\" and wait after it. Nothing is under way in\n"
	"                   either pause: the switch's own counters can be read exactly\n"
	"\n"
	"Frames\n"
	"  --size N         bytes of a frame without FCS, 64 to 65535 (default 64)\n"
	"  --tso MSS        TCP segments for segmentation offload: --size 65214 --tso 1448\n"
	"  --segments N     descriptors of a sent frame; divides the ring size (default 1; 4\n"
	"                   with --tso)\n"
	"  --rx-buffer N    bytes behind one receive descriptor (default 2048; 4096 with --tso;\n"
	"                   a whole frame if --no-mergeable needs more)\n"
	"  --stamp          write a running number into each frame. Without it the numbers are\n"
	"                   built beforehand and repeat after one turn of the ring, so that a\n"
	"                   sent frame costs no write to memory at all. That suffices, and is\n"
	"                   done, with a --window of at most half the ring and a pattern that\n"
	"                   is not random\n"
	"  --touch          write the whole frame before, compare the whole frame after: a\n"
	"                   guest with real applications (implies --stamp)\n"
	"  --no-verify      do not look into received frames: no counts of duplicates, order\n"
	"                   and strays\n"
	"\n"
	"Guest\n"
	"  --ring R         split (default) or packed\n"
	"  --ring-size N    (default 1024)\n"
	"  --no-mergeable   one receive descriptor per frame\n"
	"  --event-idx      negotiate EVENT_IDX (implied by --wait)\n"
	"  --in-order       negotiate IN_ORDER\n"
	"  --wait           sleep on the call descriptors when idle instead of polling\n"
	"  --hugepages      guest memory from hugepages (default: memfd with 4 KiB pages)\n"
	"  --server         listen on the sockets, for back-ends that connect to them\n"
	"  --connect-timeout S  wait so long for the back-ends (default 10)\n"
	"  --core N         run on this core\n"
	"\n"
	"Placement: vgen --mode placement --core A --core-peer B\n"
	"  prints how many TSC cycles a cache line takes from core A to core B and back. Shared\n"
	"  machines move virtual cores about: take it before and after every figure.\n"
	"Wake-up: vgen --mode wake-up --core A --core-peer B\n"
	"  prints how many TSC cycles it takes to wake up a thread on core B by an eventfd and to\n"
	"  be woken up by it. A frame from guest to guest, all asleep, is the same and the "
	"switch:\n"
	"  --mode ping-pong --wait --rate 1000, whose round trip is two of them.\n"
	"\n"
	"The result is one JSON object on stdout. Each sent frame counts as many times as ports\n"
	"should get it: that is received + lost, exactly, and a duplicate is not received twice.\n"
	"tx_cycles_per_frame and rx_cycles_per_frame are what the generator itself spends.\n"
	"Exit: 0 done (whatever was lost), 1 a back-end failed or lacks something, 2 bad usage.\n"
	"\n"
	"Typical: vgen --core 0 --window 512 --size 64 --ring packed /tmp/p0.sock /tmp/p1.sock\n";

enum option_id {
	ID_MODE = 1,
	ID_PATTERN,
	ID_ONE_WAY,
	ID_SENDERS,
	ID_RATE,
	ID_WINDOW,
	ID_BATCH,
	ID_ADDRESSES,
	ID_SEED,
	ID_SECONDS,
	ID_SLICES,
	ID_WARM_UP,
	ID_PAUSE,
	ID_SIZE,
	ID_TSO,
	ID_SEGMENTS,
	ID_RX_BUFFER,
	ID_STAMP,
	ID_TOUCH,
	ID_NO_VERIFY,
	ID_RING,
	ID_RING_SIZE,
	ID_NO_MERGEABLE,
	ID_EVENT_IDX,
	ID_IN_ORDER,
	ID_WAIT,
	ID_HUGEPAGES,
	ID_SERVER,
	ID_CONNECT_TIMEOUT,
	ID_CORE,
	ID_CORE_PEER,
	ID_HELP,
	ID_N
};

static const struct option long_options[] = {
	{"mode", required_argument, NULL, ID_MODE},
	{"pattern", required_argument, NULL, ID_PATTERN},
	{"one-way", no_argument, NULL, ID_ONE_WAY},
	{"senders", required_argument, NULL, ID_SENDERS},
	{"rate", required_argument, NULL, ID_RATE},
	{"window", required_argument, NULL, ID_WINDOW},
	{"batch", required_argument, NULL, ID_BATCH},
	{"addresses", required_argument, NULL, ID_ADDRESSES},
	{"seed", required_argument, NULL, ID_SEED},
	{"seconds", required_argument, NULL, ID_SECONDS},
	{"slices", required_argument, NULL, ID_SLICES},
	{"warm-up", required_argument, NULL, ID_WARM_UP},
	{"pause", no_argument, NULL, ID_PAUSE},
	{"size", required_argument, NULL, ID_SIZE},
	{"tso", required_argument, NULL, ID_TSO},
	{"segments", required_argument, NULL, ID_SEGMENTS},
	{"rx-buffer", required_argument, NULL, ID_RX_BUFFER},
	{"stamp", no_argument, NULL, ID_STAMP},
	{"touch", no_argument, NULL, ID_TOUCH},
	{"no-verify", no_argument, NULL, ID_NO_VERIFY},
	{"ring", required_argument, NULL, ID_RING},
	{"ring-size", required_argument, NULL, ID_RING_SIZE},
	{"no-mergeable", no_argument, NULL, ID_NO_MERGEABLE},
	{"event-idx", no_argument, NULL, ID_EVENT_IDX},
	{"in-order", no_argument, NULL, ID_IN_ORDER},
	{"wait", no_argument, NULL, ID_WAIT},
	{"hugepages", no_argument, NULL, ID_HUGEPAGES},
	{"server", no_argument, NULL, ID_SERVER},
	{"connect-timeout", required_argument, NULL, ID_CONNECT_TIMEOUT},
	{"core", required_argument, NULL, ID_CORE},
	{"core-peer", required_argument, NULL, ID_CORE_PEER},
	{"help", no_argument, NULL, ID_HELP},
	{NULL, 0, NULL, 0},
};
static_assert(sizeof(long_options) / sizeof(long_options[0]) == ID_N, "every id has an option");

static bool take_number(const char *text, double low, double high, double *value)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	if (errno == 0 && end != text && *end == '\0' && *value >= low && *value <= high)
		return true;
	fprintf(stderr, "vgen: '%s' is no number from %g to %g\n", text, low, high);
	return false;
}

static bool take_unsigned(const char *text, unsigned low, unsigned high, unsigned *value)
{
	double number;

	if (!take_number(text, low, high, &number))
		return false;
	*value = (unsigned)number;
	if (*value == number)
		return true;
	fprintf(stderr, "vgen: '%s' is not a whole number\n", text);
	return false;
}

static bool take_core(const char *text, int *core)
{
	unsigned value;

	if (!take_unsigned(text, 0, 1023, &value))
		return false;
	*core = (int)value;
	return true;
}

static bool take_name(const char *text, const char *const *names, unsigned n, unsigned *value)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (strcmp(text, names[i]) == 0) {
			*value = i;
			return true;
		}
	fprintf(stderr, "vgen: '%s' is none of:", text);
	for (i = 0; i < n; i++)
		fprintf(stderr, " %s", names[i]);
	fprintf(stderr, "\n");
	return false;
}

static bool take_choice(struct options *options, enum option_id id, const char *text)
{
	static const char *const rings[] = {"split", "packed"};
	unsigned value;
	bool ok;

	switch (id) {
	case ID_MODE:
		ok = take_name(text, options_mode_names, MODE_N, &value);
		options->mode = ok ? value : MODE_SATURATE;
		return ok;
	case ID_PATTERN:
		ok = take_name(text, options_pattern_names, PATTERN_N, &value);
		options->pattern = ok ? value : PATTERN_PAIRS;
		return ok;
	default:
		ok = take_name(text, rings, 2, &value);
		options->packed = ok && value == 1;
		return ok;
	}
}

static void take_flag(struct options *options, enum option_id id)
{
	options->one_way |= id == ID_ONE_WAY;
	options->pause |= id == ID_PAUSE;
	options->stamp |= id == ID_STAMP;
	options->touch |= id == ID_TOUCH;
	options->verify &= id != ID_NO_VERIFY;
	options->mergeable &= id != ID_NO_MERGEABLE;
	options->event_idx |= id == ID_EVENT_IDX || id == ID_WAIT;
	options->in_order |= id == ID_IN_ORDER;
	options->wait |= id == ID_WAIT;
	options->hugepages |= id == ID_HUGEPAGES;
	options->server |= id == ID_SERVER;
}

static bool take_value(struct options *options, enum option_id id, const char *text)
{
	switch (id) {
	case ID_MODE:
	case ID_PATTERN:
	case ID_RING:
		return take_choice(options, id, text);
	case ID_SENDERS:
		return take_unsigned(text, 1, OPTIONS_MAX_PORTS, &options->n_senders);
	case ID_RATE:
		return take_number(text, 0.001, 1e9, &options->rate);
	case ID_WINDOW:
		return take_unsigned(text, 1, 1 << 20, &options->window);
	case ID_BATCH:
		return take_unsigned(text, 1, 32768, &options->batch);
	case ID_ADDRESSES:
		return take_unsigned(text, 1, 1 << 20, &options->n_addresses);
	case ID_SEED:
		return take_unsigned(text, 1, UINT32_MAX, &options->seed);
	case ID_SECONDS:
		return take_number(text, 0.01, 86400, &options->seconds);
	case ID_SLICES:
		return take_unsigned(text, 1, 100000, &options->n_slices);
	case ID_WARM_UP:
		return take_number(text, 0, 86400, &options->warm_up);
	case ID_SIZE:
		return take_unsigned(text, OPTIONS_MIN_SIZE, OPTIONS_MAX_SIZE, &options->size);
	case ID_TSO:
		return take_unsigned(text, 64, 9000, &options->tso);
	case ID_SEGMENTS:
		return take_unsigned(text, 1, 1024, &options->segments);
	case ID_RX_BUFFER:
		return take_unsigned(text, 128, 1 << 17, &options->rx_buffer);
	case ID_RING_SIZE:
		return take_unsigned(text, 2, 32768, &options->ring_size);
	case ID_CONNECT_TIMEOUT:
		return take_number(text, 0, 3600, &options->connect_timeout);
	case ID_CORE:
		return take_core(text, &options->core);
	case ID_CORE_PEER:
		return take_core(text, &options->core_peer);
	default:
		take_flag(options, id);
		return true;
	}
}

static bool complain(const char *sentence)
{
	fprintf(stderr, "vgen: %s (--help says more)\n", sentence);
	return false;
}

bool options_is_of_cores(const struct options *options)
{
	return options->mode == MODE_PLACEMENT || options->mode == MODE_WAKE_UP;
}

static bool check_cores(const struct options *options)
{
	if (options->core < 0 || options->core_peer < 0)
		return complain("--mode placement and --mode wake-up need --core and --core-peer");
	if (options->n_ports || options->wait || options->rate > 0)
		return complain("--mode placement and --mode wake-up have no ports, no --wait and "
				"no --rate");
	return true;
}

static bool check_traffic(const struct options *options)
{
	if (options->n_ports < 2)
		return complain("name at least two ports");
	if (options->mode == MODE_PING_PONG && options->n_ports != 2)
		return complain("--mode ping-pong takes two ports");
	if (options->mode == MODE_PING_PONG && options->pattern != PATTERN_PAIRS)
		return complain("--mode ping-pong goes with --pattern pairs only");
	if (options->pattern == PATTERN_PAIRS && options->n_ports % 2)
		return complain("--pattern pairs needs an even number of ports");
	if (options->mode == MODE_RATE && options->rate == 0)
		return complain("--mode rate wants --rate N");
	if (options->rate > 0 && options->mode != MODE_RATE && options->mode != MODE_PING_PONG)
		return complain("--rate N is for --mode rate and --mode ping-pong");
	if (options->n_senders > options->n_ports)
		return complain("--senders is more than there are ports");
	if (options->mode == MODE_PING_PONG && options->n_senders != 2)
		return complain("--mode ping-pong has no --senders");
	if (!options->verify && options->window && options->pattern != PATTERN_PAIRS)
		return complain("--no-verify with --window needs --pattern pairs");
	return true;
}

static bool check_guest(const struct options *options)
{
	if (!options->packed && (options->ring_size & (options->ring_size - 1)))
		return complain("the size of a split ring is a power of two");
	if (options->ring_size % options->segments)
		return complain("--segments must divide --ring-size");
	if (options->size + 12 < options->segments)
		return complain("more --segments than bytes");
	if (!options->tso && options->size > 9216 + 14)
		return complain("a frame of that --size needs --tso");
	if (options->tso && options->size <= options->tso + 54)
		return complain("--tso needs frames of more than one segment");
	return true;
}

static void derive(struct options *options)
{
	unsigned whole = options->size + 12;

	if (!options->segments)
		options->segments = options->tso ? 4 : 1;
	if (!options->rx_buffer) {
		options->rx_buffer = options->tso ? 4096 : 2048;
		if (!options->mergeable && options->rx_buffer < whole)
			options->rx_buffer = whole;
	}
	if (!options->n_senders)
		options->n_senders = options->n_ports;
	/* Numbers that repeat tell a loss from a duplicate only if less than half are under way. */
	options->stamp |= options->touch || !options->window ||
			  options->window > options->ring_size / options->segments / 2 ||
			  options->pattern == PATTERN_RANDOM;
	if (options->batch > options->ring_size / options->segments)
		options->batch = options->ring_size / options->segments;
	if (options->window && options->batch > options->window)
		options->batch = options->window;
}

enum options_result options_parse(struct options *options, int argc, char **argv)
{
	int id;

	*options = (struct options){
		.batch = 32,
		.n_addresses = 1,
		.seed = 1,
		.seconds = 5,
		.n_slices = 1,
		.warm_up = 1,
		.mergeable = true,
		.ring_size = 1024,
		.size = 64,
		.verify = true,
		.core = -1,
		.core_peer = -1,
		.connect_timeout = 10,
	};
	while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (id == ID_HELP) {
			fputs(help, stdout);
			return OPTIONS_HELP;
		}
		if (id == '?')
			return OPTIONS_BAD;
		if (!take_value(options, (enum option_id)id, optarg)) {
			fprintf(stderr, "vgen: --%s: see --help\n", long_options[id - 1].name);
			return OPTIONS_BAD;
		}
	}
	for (; optind < argc; optind++) {
		if (options->n_ports == OPTIONS_MAX_PORTS) {
			complain("too many ports");
			return OPTIONS_BAD;
		}
		options->sockets[options->n_ports++] = argv[optind];
	}
	if (options_is_of_cores(options))
		return check_cores(options) ? OPTIONS_RUN : OPTIONS_BAD;
	derive(options);
	return check_traffic(options) && check_guest(options) ? OPTIONS_RUN : OPTIONS_BAD;
}
