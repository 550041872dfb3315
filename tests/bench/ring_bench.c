/* ring_bench.c - what one burst from ring to ring costs, without guests, switch or second core: 32
 * frames out of one guest's transmit queue into another's receive queue.
 *
 *     ring-bench [split|split-in-order|packed|packed-in-order [LEN [BURSTS]]]
 *
 * Cycles are the median over bursts, so that what else the machine does hardly counts. For
 * instructions: valgrind --tool=callgrind --toggle-collect=move_burst, divided by frames.
 * Everything lies in this core's cache, which guests on other cores will not leave so. */
#include "tests/ports/frames.h"
#include "tests/ports/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

enum { SIZE = 256, N_BURSTS = 20000, HDR = VIRTIO_NET_HDR_LEN, BUF_LEN = 2048 };

struct kind {
	const char *name;
	uint64_t features;
};

static const struct kind kinds[] = {
	{"split", 0},
	{"split-in-order", FEATURE(VIRTIO_F_IN_ORDER)},
	{"packed", FEATURE(VIRTIO_F_RING_PACKED)},
	{"packed-in-order", FEATURE(VIRTIO_F_RING_PACKED) | FEATURE(VIRTIO_F_IN_ORDER)},
};
enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* Not static, so that callgrind finds it by name. */
unsigned move_burst(struct vring *from, struct vring *to, struct burst *burst);

/* How many frames did not arrive. */
__attribute__((noinline)) unsigned move_burst(struct vring *from, struct vring *to,
					      struct burst *burst)
{
	const struct frame *list[BURST_MAX];
	enum drop_reason why;
	unsigned n;

	burst_reset(burst);
	n = vring_rx(from, burst);
	for (unsigned i = 0; i < burst->n; i++)
		list[i] = &burst->frames[i];
	n -= vring_tx(to, list, burst->n, &why);
	vring_rx_release(from);
	vring_notify(to);
	return n;
}

static void post_burst(struct guest *guest, uint64_t *next, uint32_t len, bool write)
{
	for (unsigned i = 0; i < BURST_MAX; i++) {
		struct guest_piece piece = {
			.gpa = GUEST_BASE + *next * BUF_LEN, .len = len, .write = write};

		*next = (*next + 1) % SIZE;
		guest_post(guest, &(struct guest_chain){.pieces = &piece, .n = 1, .n_direct = 1});
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Fills cycles[] with what each burst took. */
static void measure(const struct kind *kind, uint32_t len, uint64_t *cycles, unsigned n_bursts)
{
	struct guest_conf conf = {.features = kind->features | FEATURE(VIRTIO_F_VERSION_1) |
					      FEATURE(VIRTIO_NET_F_MRG_RXBUF),
				  .size = SIZE,
				  .n_regions = SIZE * BUF_LEN / GUEST_REGION_LEN};
	struct burst *burst = burst_new();
	uint64_t next_sent = 0, next_posted = 0;
	struct guest from, to;

	guest_open(&from, &conf);
	guest_open(&to, &conf);
	/* Guests that poll: the kernel's part does not count. */
	from.vr.call_fd = to.vr.call_fd = -1;
	for (unsigned i = 0; i < from.mem.n_regions; i++)
		memset(from.mem.regions[i].hva, 0, GUEST_REGION_LEN);
	for (unsigned i = 0; i < n_bursts; i++) {
		uint64_t begin;

		post_burst(&from, &next_sent, HDR + len, false);
		post_burst(&to, &next_posted, BUF_LEN, true);
		begin = __rdtsc();
		if (move_burst(&from.vr, &to.vr, burst) != 0) {
			fprintf(stderr, "ring-bench: %s: frames were not delivered\n", kind->name);
			exit(EXIT_FAILURE);
		}
		cycles[i] = __rdtsc() - begin;
		guest_collect_all(&from);
		guest_collect_all(&to);
	}
	guest_close(&from);
	guest_close(&to);
	free(burst);
}

static void run(const struct kind *kind, uint32_t len, unsigned n_bursts)
{
	uint64_t *cycles = calloc(n_bursts, sizeof(*cycles));

	if (!cycles)
		exit(EXIT_FAILURE);
	measure(kind, len, cycles, n_bursts);
	qsort(cycles, n_bursts, sizeof(*cycles), by_value);
	printf("%-16s %5u B  %6.1f cycles a frame (fastest burst %.1f)\n", kind->name, len,
	       (double)cycles[n_bursts / 2] / BURST_MAX, (double)cycles[0] / BURST_MAX);
	free(cycles);
}

int main(int argc, char **argv)
{
	unsigned n_bursts = argc > 3 ? (unsigned)atoi(argv[3]) : N_BURSTS;
	bool known = argc < 2;

	for (unsigned i = 0; i < N_KINDS && n_bursts > 0; i++) {
		if (argc > 1 && strcmp(argv[1], kinds[i].name) != 0)
			continue;
		known = true;
		run(&kinds[i], argc > 2 ? (uint32_t)atoi(argv[2]) : 64, n_bursts);
		if (argc <= 2)
			run(&kinds[i], 1500, n_bursts);
	}
	if (!known || n_bursts == 0)
		fputs("usage: ring-bench [split|split-in-order|packed|packed-in-order "
		      "[LEN [BURSTS]]]\n",
		      stderr);
	return known && n_bursts ? EXIT_SUCCESS : EXIT_FAILURE;
}
