#include "receive.h"

#include <linux/virtio_net.h>
#include <string.h>

#include "clock.h"
#include "frame.h"

static void note_burst(struct port *port, unsigned n)
{
	port->counts.rx_polls++;
	port->counts.rx_entries += n;
	port->counts.bursts[31 - __builtin_clz(n)]++;
}

/* Whom the frame is for and whether it is new. */
static void note_frame(struct load *load, struct port *port, const struct frame_tag *tag)
{
	const unsigned n_ports = load->options->n_ports;
	struct flow *flow;

	if (__builtin_expect(tag->magic != FRAME_MAGIC || tag->src >= n_ports, 0)) {
		port->counts.foreign++;
	} else if (__builtin_expect(tag->number == FRAME_LEARN, 0)) {
		port->counts.learned++;
	} else if (__builtin_expect(tag->dst != port->idx && tag->dst != FRAME_TO_ALL, 0)) {
		port->counts.strays++;
	} else {
		flow = &load->flows[tag->src * n_ports + port->idx];
		if (__builtin_expect(flow->period == 0, 0)) {
			port->counts.strays++;
		} else if (flow_note(flow, tag->number)) {
			port->counts.received++;
			load->ports[tag->src].delivered++;
		}
	}
}

/* The payload behind the tag, piece by piece. */
static void compare(struct load *load, struct port *port, const struct rxq_piece *piece,
		    uint32_t frame_offset)
{
	const unsigned char *data = piece->data;
	uint32_t len = piece->len, want = load->options->size;
	uint32_t skip = frame_offset == 0 ? FRAME_VNET_LEN + FRAME_FIXED_LEN : 0;
	uint32_t at = frame_offset == 0 ? FRAME_FIXED_LEN : frame_offset;

	if (at > want || len - skip > want - at)
		return; /* counted as misshapen */
	if (memcmp(data + skip, load->payload + at, len - skip) != 0) {
		port->counts.corrupt++;
		port->compares = false; /* once per frame */
	}
}

static void end_frame(struct load *load, struct port *port)
{
	if (port->len_so_far != load->options->size)
		port->counts.misshapen++;
	port->counts.rx_frames++;
}

static void begin_frame(struct load *load, struct port *port, const struct rxq_piece *piece)
{
	const struct virtio_net_hdr_mrg_rxbuf *vnet = (const void *)piece->data;
	const struct options *options = load->options;
	struct frame_tag tag;

	port->n_pieces_left = options->mergeable ? vnet->num_buffers : 1;
	if (__builtin_expect(port->n_pieces_left - 1u >= port->rx.ring.size ||
				     piece->len < FRAME_VNET_LEN + FRAME_FIXED_LEN,
			     0)) {
		port->rx.broken =
			"the back-end delivered a frame without header, or of impossible size";
		return;
	}
	port->len_so_far = piece->len - FRAME_VNET_LEN;
	if (options->tso && vnet->hdr.gso_type != VIRTIO_NET_HDR_GSO_TCPV4)
		port->counts.unmarked++;
	port->compares = options->touch;
	if (options->verify) {
		memcpy(&tag, piece->data + FRAME_VNET_LEN + FRAME_TAG_OFFSET, sizeof(tag));
		note_frame(load, port, &tag);
		port->compares &= tag.magic == FRAME_MAGIC;
	} else {
		port->counts.received++;
		load->ports[port->idx ^ 1].delivered++;
	}
	if (port->compares)
		compare(load, port, piece, 0);
}

static void take_piece(struct load *load, struct port *port, const struct rxq_piece *piece)
{
	if (port->n_pieces_left == 0) {
		begin_frame(load, port, piece);
		if (port->rx.broken)
			return;
	} else {
		if (port->compares)
			compare(load, port, piece, port->len_so_far);
		port->len_so_far += piece->len;
	}
	if (--port->n_pieces_left == 0)
		end_frame(load, port);
}

unsigned receive_poll(struct load *load, struct port *port)
{
	struct rxq_piece pieces[RXQ_BURST];
	uint64_t start = clock_tsc();
	unsigned i, n, n_waiting;

	n = rxq_take(&port->rx, pieces, &n_waiting);
	if (n == 0)
		return 0;
	note_burst(port, n_waiting);
	for (i = 0; i < n && !port->rx.broken; i++)
		take_piece(load, port, &pieces[i]);
	rxq_give_back(&port->rx);
	port->counts.rx_cycles += clock_tsc() - start;
	return n;
}
