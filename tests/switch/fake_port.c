#include "tests/switch/fake_port.h"

#include <assert.h>
#include <string.h>

static struct fake_port *fake_of(struct port *port)
{
	return (struct fake_port *)(void *)((char *)port - offsetof(struct fake_port, base));
}

static unsigned fake_rx(struct port *port, unsigned queue, struct burst *burst)
{
	struct fake_port *fake = fake_of(port);
	unsigned n = 0;

	(void)queue;
	assert(fake->n_held == 0);
	for (; fake->n_refuse > 0 && n < BURST_MAX; n++, fake->n_refuse--)
		burst_refuse(burst, fake->refuse_next);
	for (; fake->n_taken < fake->n_waiting && n < BURST_MAX; n++) {
		struct fake_frame *from = &fake->waiting[fake->n_taken++];
		struct frame *frame = &burst->frames[burst->n++];

		frame->vnet = from->vnet;
		frame->vnet.num_buffers = 1;
		frame->needs = from->needs;
		frame->len = from->len;
		frame->head_len = from->len < FRAME_HEAD_LEN ? (uint16_t)from->len : FRAME_HEAD_LEN;
		memcpy(frame->head, from->bytes, frame->head_len);
		frame->segments = &burst->segments[burst->n_segments];
		frame->n_segments = from->len > FRAME_HEAD_LEN;
		if (frame->n_segments)
			burst->segments[burst->n_segments++] =
				(struct segment){.addr = from->bytes + FRAME_HEAD_LEN,
						 .len = from->len - FRAME_HEAD_LEN};
	}
	fake->n_held = n;
	return n;
}

static unsigned fake_rx_release(struct port *port, unsigned queue)
{
	struct fake_port *fake = fake_of(port);

	(void)queue;
	fake->n_released += fake->n_held;
	fake->n_held = 0;
	return 0;
}

static unsigned fake_tx(struct port *port, unsigned queue, const struct frame *const *frames,
			unsigned n, enum drop_reason *why)
{
	struct fake_port *fake = fake_of(port);

	fake->n_tx_calls++;
	if (fake->n_busy > 0) {
		fake->n_busy--;
		*why = PORT_BUSY;
		return 0;
	}
	for (unsigned i = 0; i < n; i++) {
		struct fake_frame *to = &fake->got[fake->n_got];
		uint8_t *at = to->bytes;

		if (fake->refuse_len && frames[i]->len == fake->refuse_len) {
			*why = DROP_TOO_BIG;
			return i;
		}
		if (fake->n_got == fake->room || (fake->full_queues >> queue & 1)) {
			*why = fake->full_reason;
			return i;
		}
		to->queue = queue;
		to->len = frames[i]->len;
		to->vnet = frames[i]->vnet;
		to->needs = frames[i]->needs;
		memcpy(at, frames[i]->head, frames[i]->head_len);
		at += frames[i]->head_len;
		for (unsigned s = 0; s < frames[i]->n_segments; s++) {
			memcpy(at, frames[i]->segments[s].addr, frames[i]->segments[s].len);
			at += frames[i]->segments[s].len;
		}
		fake->n_got++;
		fake->unpublished |= 1u << queue;
	}
	return n;
}

static unsigned fake_notify(struct port *port, unsigned queue)
{
	struct fake_port *fake = fake_of(port);

	fake->n_notify_calls++;
	if (!(fake->unpublished >> queue & 1))
		return 0;
	fake->unpublished &= ~(1u << queue);
	fake->n_notified++;
	return 1;
}

static bool fake_arm(struct port *port, unsigned queue)
{
	struct fake_port *fake = fake_of(port);

	(void)queue;
	fake->n_armed++;
	return fake->says_work || fake->n_taken < fake->n_waiting;
}

static void fake_disarm(struct port *port, unsigned queue)
{
	(void)queue;
	fake_of(port)->n_disarmed++;
}

static const struct port_ops fake_ops = {
	.rx = fake_rx,
	.rx_release = fake_rx_release,
	.tx = fake_tx,
	.notify = fake_notify,
	.arm = fake_arm,
	.disarm = fake_disarm,
};

void fake_port_init(struct fake_port *fake, uint16_t id)
{
	memset(fake, 0, sizeof(*fake));
	fake->base =
		(struct port){.ops = &fake_ops,
			      .name = "fake",
			      .id = id,
			      .n_queues = 1,
			      .frame_max = FRAME_LEN_MAX,
			      .offloads = FRAME_NEEDS_CSUM | FRAME_NEEDS_TSO4 | FRAME_NEEDS_TSO6};
	fake->room = FAKE_FRAMES_MAX;
	fake->full_reason = DROP_TX_FULL;
}

void fake_port_send(struct fake_port *fake, uint8_t dst, uint8_t src, uint32_t len, uint8_t seq)
{
	static const uint8_t prefix[5] = {0x52, 0x54, 0, 0, 0};
	struct fake_frame *frame = &fake->waiting[fake->n_waiting++];

	memset(frame, 0, sizeof(*frame));
	frame->len = len;
	memset(frame->bytes, seq, len);
	memcpy(frame->bytes, prefix, sizeof(prefix));
	frame->bytes[5] = dst;
	if (dst == 0xff)
		memset(frame->bytes, 0xff, 6);
	memcpy(frame->bytes + 6, prefix, sizeof(prefix));
	frame->bytes[11] = src;
	frame->bytes[12] = 0x08;
	frame->bytes[13] = 0x00;
}
