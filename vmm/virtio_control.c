#include <linux/virtio_ring.h>
#include <string.h>

#include "vmm/virtio_net.h"

enum { MAX_COMMAND = 4096 }; /* a MAC table of several hundred entries */

/* A command as it is gathered from its chain. */
struct gathered {
	uint8_t bytes[MAX_COMMAND];
	size_t len;
	bool too_long;
	uint8_t *ack; /* the first writable byte; NULL: none */
};

/* Where descriptors are read from: the ring's table, or an indirect one. */
struct table {
	uint64_t gpa;
	unsigned n;
};

static uint16_t load16(const void *at)
{
	return __atomic_load_n((const uint16_t *)at, __ATOMIC_ACQUIRE);
}

static bool read_desc(const struct guest_ram *ram, const struct table *table, unsigned index,
		      struct vring_desc *desc)
{
	const void *at =
		guest_ram_at(ram, table->gpa + (uint64_t)index * sizeof(*desc), sizeof(*desc));

	if (index >= table->n || !at)
		return false;
	memcpy(desc, at, sizeof(*desc));
	return true;
}

static bool gather_one(const struct guest_ram *ram, const struct vring_desc *desc,
		       struct gathered *g)
{
	uint8_t *buffer = guest_ram_at(ram, desc->addr, desc->len);

	if (desc->len == 0)
		return true;
	if (!buffer)
		return false;
	if (desc->flags & VRING_DESC_F_WRITE) {
		if (!g->ack)
			g->ack = buffer;
		return true;
	}
	if (g->ack) /* readable parts come first */
		return false;
	if (desc->len > sizeof(g->bytes) - g->len) {
		g->too_long = true;
		return true;
	}
	memcpy(g->bytes + g->len, buffer, desc->len);
	g->len += desc->len;
	return true;
}

/* Follows one chain. A chain is never longer than its table, so a loop ends. most_indirect: entries
 * that an indirect table may have; 0 where there may be none. */
static bool gather_chain(const struct guest_ram *ram, const struct table *table, unsigned index,
			 unsigned most_indirect, struct gathered *g)
{
	for (unsigned steps = 0; steps < table->n; steps++) {
		struct vring_desc desc;

		if (!read_desc(ram, table, index, &desc))
			return false;
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			struct table inner = {desc.addr, desc.len / (unsigned)sizeof(desc)};

			if ((desc.flags & VRING_DESC_F_NEXT) || desc.len % sizeof(desc) ||
			    inner.n == 0 || inner.n > most_indirect)
				return false;
			return gather_chain(ram, &inner, 0, 0, g);
		}
		if (!gather_one(ram, &desc, g))
			return false;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return true;
		index = desc.next;
	}
	return false;
}

static bool set_pairs(struct virtio_net *net, const uint8_t *data, size_t len)
{
	uint16_t pairs;

	if (len < sizeof(pairs) || !virtio_net_acked(net, VIRTIO_NET_F_MQ))
		return false;
	memcpy(&pairs, data, sizeof(pairs));
	if (pairs < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN || pairs * 2u > virtio_net_data_queues(net))
		return false;
	net->pairs = pairs;
	return true;
}

/* Two tables, unicast and multicast: a 32-bit count each, then that many addresses. */
static bool is_mac_table(const uint8_t *data, size_t len)
{
	for (unsigned table = 0; table < 2; table++) {
		uint32_t n;

		if (len < sizeof(n))
			return false;
		memcpy(&n, data, sizeof(n));
		data += sizeof(n);
		len -= sizeof(n);
		if (n > len / OPTIONS_MAC_LEN)
			return false;
		data += (size_t)n * OPTIONS_MAC_LEN;
		len -= (size_t)n * OPTIONS_MAC_LEN;
	}
	return true;
}

static bool set_mac(struct virtio_net *net, const uint8_t *data, size_t len)
{
	if (len < OPTIONS_MAC_LEN || (data[0] & 1))
		return false;
	memcpy(net->config.mac, data, OPTIONS_MAC_LEN);
	return true;
}

/* Obeys a command of at least two bytes, class and number, a private copy. Whether it could.
 * Receive modes and VLANs are acknowledged and not enforced: vhost-user has no message for them,
 * and a switch delivers what the port should have. */
static bool obey(struct virtio_net *net, const uint8_t *bytes, size_t bytes_len)
{
	const uint8_t cmd = bytes[1], *data = bytes + 2;
	const size_t len = bytes_len - 2;

	switch (bytes[0]) {
	case VIRTIO_NET_CTRL_RX:
		return cmd <= VIRTIO_NET_CTRL_RX_NOBCAST && len >= 1;
	case VIRTIO_NET_CTRL_MAC:
		return cmd == VIRTIO_NET_CTRL_MAC_TABLE_SET
			       ? is_mac_table(data, len)
			       : cmd == VIRTIO_NET_CTRL_MAC_ADDR_SET && set_mac(net, data, len);
	case VIRTIO_NET_CTRL_VLAN:
		return cmd <= VIRTIO_NET_CTRL_VLAN_DEL && len >= 2;
	case VIRTIO_NET_CTRL_ANNOUNCE:
		if (cmd == VIRTIO_NET_CTRL_ANNOUNCE_ACK)
			net->config.status &= (uint16_t)~VIRTIO_NET_S_ANNOUNCE;
		return cmd == VIRTIO_NET_CTRL_ANNOUNCE_ACK;
	case VIRTIO_NET_CTRL_MQ:
		return cmd == VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET && set_pairs(net, data, len);
	default:
		return false;
	}
}

/* Returns how many bytes were written into the chain. */
static uint32_t answer(struct virtio_net *net, const struct virtio_queue *ring, unsigned head)
{
	bool indirect = virtio_net_acked(net, VIRTIO_RING_F_INDIRECT_DESC);
	struct table table = {ring->desc, ring->size};
	struct gathered g = {.len = 0};
	bool obeyed =
		gather_chain(net->vp.world->ram, &table, head, indirect ? ring->size : 0, &g) &&
		!g.too_long && g.len >= 2 && obey(net, g.bytes, g.len);

	net->control.n_commands++;
	if (!g.ack)
		return 0;
	*g.ack = obeyed ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
	return 1;
}

bool virtio_net_control(struct virtio_net *net, const struct virtio_queue *ring)
{
	struct virtio_control *c = &net->control;
	const bool event_idx = virtio_net_acked(net, VIRTIO_RING_F_EVENT_IDX);
	struct virtio_areas areas;
	uint16_t old_used = c->next_used, avail;
	struct vring_avail *driver;
	struct vring_used *device;

	if (c->broken || !virtio_queue_areas(net->vp.world->ram, ring, &areas))
		return false;
	driver = (struct vring_avail *)(void *)areas.driver;
	device = (struct vring_used *)(void *)areas.device;
	avail = load16(&driver->idx);
	/* More than the ring holds: nothing in it can be believed. */
	c->broken = (uint16_t)(avail - c->next_avail) > ring->size;
	if (c->broken || avail == c->next_avail)
		return false;
	while (c->next_avail != avail) {
		uint16_t head = load16(&driver->ring[c->next_avail++ % ring->size]);

		device->ring[c->next_used++ % ring->size] =
			(struct vring_used_elem){head, answer(net, ring, head)};
	}
	/* The entries before the index that announces them. */
	__atomic_store_n(&device->idx, c->next_used, __ATOMIC_RELEASE);
	/* Behind each ring lies the index at which the other side wants to be told. */
	if (event_idx)
		__atomic_store_n((uint16_t *)&device->ring[ring->size], c->next_avail,
				 __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!event_idx)
		return !(load16(&driver->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	return vring_need_event(load16(&driver->ring[ring->size]), c->next_used, old_used);
}
