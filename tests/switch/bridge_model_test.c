/* FDB-30: a bridge does what a list of addresses would, in all small worlds. */
#include "switch/bridge.h"
#include "tests/suite.h"
#include "tests/switch/fdb_model.h"

#include <string.h>

enum {
	N_PORTS = 3,
	N_MACS = 3,
	N_DSTS = N_MACS + 1, /* the last is broadcast */
	N_VLANS = 2,
	N_FRAMES = N_PORTS * N_MACS * N_DSTS * N_VLANS,
	OP_SECOND = N_FRAMES, /* a second goes by */
	OP_AGE,		      /* ageing_s go by */
	OP_LINK,	      /* a link goes down or up, of the first port and so on */
	N_OPS = OP_LINK + N_PORTS,
	DEPTH = 3,
	AGEING = 15,
	ALL_PORTS = (1 << N_PORTS) - 1,
};

/* A bridge, what it should be, and the ports with a link, as bits. */
struct world {
	struct bridge_conf conf;
	struct bridge *bridge;
	struct bridge_view view;
	uint16_t members[N_PORTS];
	struct model model;
	unsigned up;
	uint32_t now_s;
	struct outbox *out;
	struct burst burst;
};

static void set_links(struct world *world, unsigned up)
{
	world->up = up;
	world->view.n_members = 0;
	for (uint16_t port = 0; port < N_PORTS; port++)
		if (up & 1U << port)
			world->members[world->view.n_members++] = port;
}

static void begin(struct world *world, uint32_t max_macs)
{
	world->conf = (struct bridge_conf){
		.mode = BRIDGE_SWITCH, .max_macs = max_macs, .ageing_s = AGEING};
	world->bridge = bridge_new(&world->conf, N_PORTS, 30);
	world->view = (struct bridge_view){.bridge = world->bridge, .members = world->members};
	world->now_s = 100;
	model_init(
		&world->model,
		&(struct fdb_conf){.max_macs = max_macs, .ageing_s = AGEING, .n_ports = N_PORTS});
	set_links(world, ALL_PORTS);
}

static void set_mac(uint8_t *bytes, unsigned n)
{
	if (n == N_MACS)
		memset(bytes, 0xff, 6);
	else
		memcpy(bytes, (const uint8_t[]){0x02, 0, 0, 0, 0, (uint8_t)n}, 6);
}

/* The frame that op n stands for; the port is n % N_PORTS. */
static void write_frame(struct frame *frame, unsigned n)
{
	memset(frame->head, 0, sizeof(frame->head));
	set_mac(frame->head, n / N_PORTS % N_DSTS);
	set_mac(frame->head + 6, n / N_PORTS / N_DSTS % N_MACS);
	if (n / N_PORTS / N_DSTS / N_MACS)
		memcpy(frame->head + 12, (const uint8_t[]){0x81, 0, 0x60, 10}, 4);
	frame->head_len = 60;
	frame->len = 60;
}

static fdb_key key_at(const struct frame *frame, unsigned offset)
{
	fdb_key key = frame->head[12] ? (fdb_key)frame->head[15] << 48 : 0;

	for (unsigned i = 0; i < 6; i++)
		key |= (fdb_key)frame->head[offset + i] << (8 * i);
	return key;
}

/* The ports that should get the frame, as bits. */
static unsigned expected(struct world *world, const struct frame *frame, uint16_t from)
{
	unsigned others = world->up & ~(1U << from);
	uint16_t port;

	model_learn(&world->model, key_at(frame, 6), from, world->now_s);
	port = model_lookup(&world->model, key_at(frame, 0), world->now_s);
	return frame->head[0] & 1 || port == FDB_NO_PORT ? others : others & 1U << port;
}

/* The ports that got the frame; ALL_PORTS + 1 if it was delivered twice, or neither delivered nor
 * dropped once. */
static unsigned delivered(const struct outbox *out, const struct frame *frame)
{
	unsigned ports = 0;
	unsigned n_copies = 0;
	unsigned n_drops = 0;

	for (unsigned port = 0; port < N_PORTS; port++)
		for (unsigned i = 0; i < out->to[port].n; i++)
			if (out->to[port].frames[i] == frame) {
				ports |= 1U << port;
				n_copies++;
			}
	for (unsigned why = 0; why < DROP_N; why++)
		for (unsigned i = 0; i < out->dropped[why].n; i++)
			n_drops += out->dropped[why].frames[i] == frame;
	if (n_copies != (unsigned)__builtin_popcount(ports) || n_drops != !n_copies)
		return ALL_PORTS + 1;
	return ports;
}

/* A frame that comes in by a port without a link is no op. Returns whether all was right. */
static bool do_frames(struct world *world, const unsigned *ops, unsigned n)
{
	uint16_t from = ops[0] % N_PORTS;
	bool right = true;

	if (!(world->up & 1U << from))
		return true;
	for (unsigned i = 0; i < n; i++)
		write_frame(&world->burst.frames[i], ops[i]);
	world->burst.n = n;
	bridge_forward(&world->view, from, &world->burst, world->now_s, world->out);
	for (unsigned i = 0; i < n; i++) {
		const struct frame *frame = &world->burst.frames[i];

		right &= delivered(world->out, frame) == expected(world, frame, from);
	}
	outbox_reset(world->out);
	return right;
}

static bool do_op(struct world *world, unsigned op)
{
	if (op < N_FRAMES)
		return do_frames(world, &op, 1);
	if (op == OP_SECOND || op == OP_AGE) {
		world->now_s += op == OP_AGE ? AGEING : 1;
	} else {
		uint16_t port = (uint16_t)(op - OP_LINK);

		set_links(world, world->up ^ 1U << port);
		if (!(world->up & 1U << port)) {
			fdb_flush_port(world->bridge->fdb, port);
			model_flush_port(&world->model, port);
		}
	}
	return true;
}

/* Calls play for every sequence of DEPTH ops, in a world for all and in one that overflows. */
static void play_all(bool (*play)(struct world *world, const unsigned *ops))
{
	struct world *world = aligned_alloc(64, (sizeof(*world) + 63) / 64 * 64);
	unsigned n_wrong = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(world);
	memset(world, 0, sizeof(*world));
	world->out = outbox_new(N_PORTS);
	for (uint32_t max_macs = 1; max_macs <= 6; max_macs += max_macs) {
		for (unsigned sequence = 0; sequence < N_OPS * N_OPS * N_OPS; sequence++) {
			const unsigned ops[DEPTH] = {sequence / N_OPS / N_OPS,
						     sequence / N_OPS % N_OPS, sequence % N_OPS};

			begin(world, max_macs);
			n_wrong += !play(world, ops);
			bridge_free(world->bridge);
		}
	}
	CU_ASSERT_EQUAL(n_wrong, 0);
	outbox_free(world->out);
	free(world);
}

static bool play_one_by_one(struct world *world, const unsigned *ops)
{
	bool right = true;

	for (unsigned i = 0; i < DEPTH; i++)
		right &= do_op(world, ops[i]);
	return right;
}

static void a_bridge_does_what_a_list_would(void)
{
	play_all(play_one_by_one);
}

static bool play_as_burst(struct world *world, const unsigned *ops)
{
	for (unsigned i = 0; i < DEPTH; i++)
		if (ops[i] >= N_FRAMES || ops[i] % N_PORTS != ops[0] % N_PORTS)
			return true;
	return do_frames(world, ops, DEPTH);
}

/* What is remembered from frame to frame of a burst is never what is no longer so. */
static void a_burst_is_its_frames_one_by_one(void)
{
	play_all(play_as_burst);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a_bridge_does_what_a_list_would", a_bridge_does_what_a_list_would},
		{"a_burst_is_its_frames_one_by_one", a_burst_is_its_frames_one_by_one},
		CU_TEST_INFO_NULL,
	};

	return suite_run("bridge_model", tests);
}
