/* Our bridge behind a line protocol, for being compared with another switch: frames, time and links
 * come in by stdin, what each port gets goes out by stdout. The bridge, its forwarding database and
 * the snapshot are those of the product; ports and clock are not.
 *
 *     bridge PORTS MAX-MACS AGEING drop|forward   a new bridge; all links are up
 *     frame HEX                                   one more frame of the next burst
 *     burst PORT                                  which comes in here: `PORT HEX` for each copy
 *     tick SECONDS
 *     link PORT up|down
 *     flush                                       forgets all addresses
 *     fdb                                         `PORT VLAN MAC AGE` for each entry
 * burst and fdb end their answer with a line `.`. */
#include "switch/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS_MAX = 64, WIRE_MAX = 2048, PIECES = 3 };

struct oracle {
	struct bridge_conf conf;
	struct bridge *bridge;
	struct snapshot *snapshot;
	struct port ports[PORTS_MAX];
	struct port *port_of_id[PORTS_MAX];
	bool linked[PORTS_MAX];
	unsigned n_ports;
	uint32_t now_s;
	struct outbox *out;
	struct burst burst;
	uint8_t wire[BURST_MAX][WIRE_MAX];
};

static const char *const hex_digits = "0123456789abcdef";

static void fail(const char *what)
{
	fprintf(stderr, "bridge-oracle: %s\n", what);
	exit(EXIT_FAILURE);
}

static void stop(struct oracle *oracle)
{
	snapshot_free(oracle->snapshot);
	bridge_free(oracle->bridge);
	outbox_free(oracle->out);
	oracle->snapshot = NULL;
	oracle->bridge = NULL;
	oracle->out = NULL;
}

static void look_at_links(struct oracle *oracle)
{
	static const uint16_t bridge_of[PORTS_MAX];

	snapshot_free(oracle->snapshot);
	oracle->snapshot = snapshot_new(&(struct snapshot_conf){.ports = oracle->port_of_id,
								.linked = oracle->linked,
								.bridge_of = bridge_of,
								.n_ports = oracle->n_ports,
								.bridges = &oracle->bridge,
								.n_bridges = 1,
								.n_workers = 1});
	if (!oracle->snapshot)
		fail("out of memory");
}

static void start(struct oracle *oracle, const char *arguments)
{
	char l2cp[16];

	stop(oracle);
	if (sscanf(arguments, "%u %" SCNu32 " %" SCNu32 " %15s", &oracle->n_ports,
		   &oracle->conf.max_macs, &oracle->conf.ageing_s, l2cp) != 4 ||
	    oracle->n_ports > PORTS_MAX)
		fail("bridge PORTS MAX-MACS AGEING drop|forward");
	oracle->conf.mode = BRIDGE_SWITCH;
	oracle->conf.l2cp = strcmp(l2cp, "forward") ? L2CP_DROP : L2CP_FORWARD;
	oracle->now_s = 1000;
	oracle->bridge = bridge_new(&oracle->conf, (uint16_t)oracle->n_ports, 1);
	oracle->out = outbox_new(oracle->n_ports);
	if (!oracle->bridge || !oracle->out)
		fail("out of memory");
	for (unsigned i = 0; i < oracle->n_ports; i++) {
		oracle->ports[i] = (struct port){.name = "fake", .id = (uint16_t)i};
		oracle->port_of_id[i] = &oracle->ports[i];
		oracle->linked[i] = true;
	}
	burst_reset(&oracle->burst);
	look_at_links(oracle);
}

static unsigned read_hex(const char *text, uint8_t *bytes)
{
	unsigned len = 0;

	for (; text[0] && text[1] && text[0] != '\n'; text += 2) {
		const char *high = strchr(hex_digits, text[0]);
		const char *low = strchr(hex_digits, text[1]);

		if (!high || !low || len == WIRE_MAX)
			fail("frame HEX");
		bytes[len++] = (uint8_t)((high - hex_digits) << 4 | (low - hex_digits));
	}
	return len;
}

/* Describes the frame as ports do: a head, and the rest in a few pieces. */
static void add_frame(struct oracle *oracle, const char *hex)
{
	struct burst *burst = &oracle->burst;
	uint8_t *wire = oracle->wire[burst->n % BURST_MAX];
	struct frame *frame = &burst->frames[burst->n % BURST_MAX];
	unsigned len = read_hex(hex, wire);
	unsigned head_len = len < FRAME_HEAD_LEN ? len : FRAME_HEAD_LEN;
	unsigned at = head_len;

	if (burst->n == BURST_MAX || len < FRAME_LEN_MIN)
		fail("a burst has up to 32 frames of at least 14 bytes");
	*frame = (struct frame){.len = len,
				.head_len = (uint16_t)head_len,
				.segments = &burst->segments[burst->n_segments]};
	memcpy(frame->head, wire, head_len);
	while (at < len) {
		unsigned piece = (len - head_len) / PIECES + 1;

		piece = piece < len - at ? piece : len - at;
		burst->segments[burst->n_segments++] =
			(struct segment){.addr = wire + at, .len = piece};
		frame->n_segments++;
		at += piece;
	}
	burst->n++;
}

static void end_answer(void)
{
	puts(".");
	fflush(stdout);
}

static void print_bytes(const uint8_t *bytes, unsigned len)
{
	for (unsigned i = 0; i < len; i++) {
		putchar_unlocked(hex_digits[bytes[i] >> 4]);
		putchar_unlocked(hex_digits[bytes[i] & 15]);
	}
}

static void print_delivery(uint16_t port, const struct frame *frame)
{
	printf("%u ", port);
	print_bytes(frame->head, frame->head_len);
	for (unsigned i = 0; i < frame->n_segments; i++)
		print_bytes(frame->segments[i].addr, frame->segments[i].len);
	putchar_unlocked('\n');
}

static void forward(struct oracle *oracle, const char *arguments)
{
	unsigned long port = strtoul(arguments, NULL, 10);
	struct outbox *out = oracle->out;

	if (port >= oracle->n_ports || !oracle->linked[port])
		fail("burst PORT: no such port, or its link is down");
	bridge_forward(oracle->snapshot->bridge_of[port], (uint16_t)port, &oracle->burst,
		       oracle->now_s, out);
	for (unsigned i = 0; i < out->n_touched; i++)
		for (unsigned j = 0; j < out->to[out->touched[i]].n; j++)
			print_delivery(out->touched[i], out->to[out->touched[i]].frames[j]);
	outbox_reset(out);
	burst_reset(&oracle->burst);
	end_answer();
}

static void set_link(struct oracle *oracle, const char *arguments)
{
	unsigned port;
	char state[8];

	if (sscanf(arguments, "%u %7s", &port, state) != 2 || port >= oracle->n_ports)
		fail("link PORT up|down");
	oracle->linked[port] = !strcmp(state, "up");
	look_at_links(oracle);
	if (!oracle->linked[port])
		fdb_flush_port(oracle->bridge->fdb, (uint16_t)port);
}

static void print_entry(void *ctx, const struct fdb_entry *entry)
{
	(void)ctx;
	printf("%u %u ", entry->port, (unsigned)(entry->key >> 48));
	for (unsigned i = 0; i < 6; i++)
		printf("%s%02x", i ? ":" : "", (unsigned)(entry->key >> (8 * i)) & 0xff);
	printf(" %" PRIu32 "\n", entry->age_s);
}

static void obey(struct oracle *oracle, const char *line)
{
	if (!strncmp(line, "bridge ", 7))
		start(oracle, line + 7);
	else if (!oracle->bridge)
		fail("the first line is not a bridge");
	else if (!strncmp(line, "frame ", 6))
		add_frame(oracle, line + 6);
	else if (!strncmp(line, "burst ", 6))
		forward(oracle, line + 6);
	else if (!strncmp(line, "tick ", 5))
		oracle->now_s += (uint32_t)strtoul(line + 5, NULL, 10);
	else if (!strncmp(line, "link ", 5))
		set_link(oracle, line + 5);
	else if (!strncmp(line, "flush", 5))
		for (unsigned port = 0; port < oracle->n_ports; port++)
			fdb_flush_port(oracle->bridge->fdb, (uint16_t)port);
	else if (!strncmp(line, "fdb", 3)) {
		fdb_show(oracle->bridge->fdb, oracle->now_s, print_entry, NULL);
		end_answer();
	} else
		fail(line);
}

int main(void)
{
	static char line[2 * WIRE_MAX + 16];
	struct oracle *oracle = calloc(1, sizeof(*oracle));

	if (!oracle)
		fail("out of memory");
	while (fgets(line, sizeof(line), stdin))
		obey(oracle, line);
	stop(oracle);
	free(oracle);
	return EXIT_SUCCESS;
}
