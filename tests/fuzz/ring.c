/* Two hostile guests: what one sends the other receives, through split or packed rings, while both
 * change what we read before each read. */
#include "tests/fuzz/guest_reads.h"
#include "tests/fuzz/ring_guest.h"

#include <stdlib.h>

enum {
	STEP_BITS = 4,
	/* A poll ends soon whatever a guest writes: this many reads for each frame and place. */
	READS_A_PLACE = 8,
};

static void check(bool sound)
{
	if (!sound)
		abort();
}

static void check_frame(const struct ring_guest *from, const struct frame *frame)
{
	const struct virtio_net_hdr *vnet = &frame->vnet;
	uint32_t len = frame->head_len;

	for (unsigned i = 0; i < frame->n_segments; i++) {
		const struct segment *segment = &frame->segments[i];

		check(segment->len > 0 && ring_guest_has(from, segment->addr, segment->len));
		len += segment->len;
	}
	check(len == frame->len && len >= FRAME_LEN_MIN && len <= FRAME_LEN_MAX);
	check((frame->needs & ~from->vr.sends) == 0 && vnet->num_buffers == 1);
	check(!(vnet->flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM));
	if (vnet->flags)
		check(vnet->csum_start + vnet->csum_offset + 2u <= len && vnet->hdr_len <= len);
	check((frame->needs == 0) == (vnet->flags == 0 && vnet->gso_type == 0));
}

/* How many places a ring has moved on. */
static unsigned moved(const struct vring *vr, uint16_t from, uint16_t to)
{
	unsigned turn = 2u * vr->size;

	if (!vr->packed)
		return (uint16_t)(to - from);
	from = (from & (VIRTQ_WRAP - 1)) + (from & VIRTQ_WRAP ? vr->size : 0);
	to = (to & (VIRTQ_WRAP - 1)) + (to & VIRTQ_WRAP ? vr->size : 0);
	return (turn + to - from) % turn;
}

/* Each place that was taken is given back, once. */
static void check_returned(const struct ring_guest *guest)
{
	const struct vring *vr = &guest->vr;

	check(vr->n_held == 0 && moved(vr, guest->conf.last_avail, vr->last_avail) ==
					 moved(vr, guest->conf.last_used, vr->last_used));
}

static void check_reads(const struct ring_guest *guest, unsigned n_frames)
{
	unsigned places = guest->conf.size + BURST_SEGMENTS;

	check(guest_reads_count() <= READS_A_PLACE * places * (n_frames + 1));
}

static void forward(struct ring_guest *from, struct ring_guest *to)
{
	static struct burst burst;
	const struct frame *frames[BURST_MAX];
	enum drop_reason why = DROP_N;
	unsigned n, done = 0;

	burst_reset(&burst);
	guest_reads_count();
	n = vring_rx(&from->vr, &burst);
	check(n == burst.n + burst.n_refused && n <= BURST_MAX && burst.n_kept <= burst.n_refused);
	check(burst.n_segments <= BURST_SEGMENTS);
	check_reads(from, BURST_MAX);
	for (unsigned i = 0; i < burst.n; i++) {
		frames[i] = &burst.frames[i];
		check_frame(from, frames[i]);
	}
	ring_guest_allow(to, true);
	while (done < burst.n) {
		done += vring_tx(&to->vr, frames + done, burst.n - done, &why);
		if (done < burst.n) {
			check(why == DROP_TX_FULL || why == DROP_TOO_BIG ||
			      why == DROP_QUEUE_BROKEN);
			done++;
		}
	}
	ring_guest_allow(to, false);
	check_reads(to, burst.n);
	vring_rx_release(&from->vr);
	check_returned(from);
}

static void step(struct ring_guest *from, struct ring_guest *to, uint8_t what)
{
	struct ring_guest *guest = what & 8 ? from : to;

	switch (what & 7) {
	case 0:
		vring_notify(&to->vr);
		check_returned(to);
		break;
	case 1:
		vring_arm(&guest->vr);
		break;
	case 2:
		vring_disarm(&guest->vr);
		break;
	case 3:
		vring_place_is_lost(&guest->vr);
		break;
	default:
		forward(from, to);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct input in = {.at = bytes, .left = len};
	uint64_t steps = input_take(&in, sizeof(steps));
	struct ring_guest from, to;

	ring_guest_open(&from, &in, false);
	ring_guest_open(&to, &in, true);
	guest_reads_begin(&in);
	for (; steps && from.open && to.open; steps >>= STEP_BITS)
		step(&from, &to, (uint8_t)steps);
	guest_reads_end();
	ring_guest_close(&to);
	ring_guest_close(&from);
	return 0;
}
