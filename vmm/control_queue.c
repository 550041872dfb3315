#include "vmm/control_queue.h"

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>

/* A command as it is gathered from its chain. */
struct gathered {
	uint8_t bytes[CONTROL_MAX_COMMAND];
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

static bool read_desc(const struct control_queue *queue, const struct table *table, unsigned index,
		      struct vring_desc *desc)
{
	const void *at;

	if (index >= table->n)
		return false;
	at = guest_ram_at(queue->ram, table->gpa + (uint64_t)index * sizeof(*desc), sizeof(*desc));
	if (!at)
		return false;
	memcpy(desc, at, sizeof(*desc));
	return true;
}

static bool gather_one(const struct control_queue *queue, const struct vring_desc *desc,
		       struct gathered *g)
{
	uint8_t *buffer = guest_ram_at(queue->ram, desc->addr, desc->len);

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

static bool is_indirect_table(const struct control_queue *queue, const struct vring_desc *desc)
{
	return queue->indirect && !(desc->flags & VRING_DESC_F_NEXT) && desc->len != 0 &&
	       desc->len % sizeof(*desc) == 0 && desc->len / sizeof(*desc) <= queue->size;
}

/* Follows one chain. A chain is never longer than its table, so a loop ends. */
static bool gather_chain(const struct control_queue *queue, const struct table *table,
			 unsigned index, bool in_indirect, struct gathered *g)
{

	for (unsigned steps = 0; steps < table->n; steps++) {
		struct vring_desc desc;

		if (!read_desc(queue, table, index, &desc))
			return false;
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			struct table inner = {desc.addr, desc.len / (unsigned)sizeof(desc)};

			if (in_indirect || !is_indirect_table(queue, &desc))
				return false;
			return gather_chain(queue, &inner, 0, true, g);
		}
		if (!gather_one(queue, &desc, g))
			return false;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return true;
		index = desc.next;
	}
	return false;
}

/* Returns how many bytes were written into the chain. */
static uint32_t answer(struct control_queue *queue, unsigned head)
{
	struct table table = {queue->desc, queue->size};
	struct gathered g = {.len = 0};
	bool obeyed = gather_chain(queue, &table, head, false, &g) && !g.too_long && g.len >= 2 &&
		      queue->command(queue->ctx, g.bytes[0], g.bytes[1], g.bytes + 2, g.len - 2);

	queue->n_commands++;
	if (!g.ack)
		return 0;
	*g.ack = obeyed ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
	return 1;
}

static bool wants_interrupt(const struct control_queue *queue, const uint8_t *driver,
			    uint16_t old_used)
{
	if (!queue->event_idx)
		return !(load16(driver) & VRING_AVAIL_F_NO_INTERRUPT);
	return vring_need_event(load16(driver + 4 + 2 * (size_t)queue->size), queue->next_used,
				old_used);
}

bool control_queue_serve(struct control_queue *queue)
{
	uint8_t *driver = guest_ram_at(queue->ram, queue->driver, 6 + 2 * (uint64_t)queue->size);
	uint8_t *device = guest_ram_at(queue->ram, queue->device, 6 + 8 * (uint64_t)queue->size);
	uint16_t old_used = queue->next_used, avail;

	if (queue->broken || !driver || !device || queue->size == 0)
		return false;
	avail = load16(driver + 2);
	/* More than the ring holds: nothing in it can be believed. */
	if ((uint16_t)(avail - queue->next_avail) > queue->size) {
		queue->broken = true;
		return false;
	}
	while (queue->next_avail != avail) {
		uint16_t slot = queue->next_avail % queue->size;
		uint16_t head = load16(driver + 4 + 2 * (size_t)slot);
		struct vring_used_elem used = {.id = head};

		used.len = answer(queue, head);
		memcpy(device + 4 + 8 * (size_t)(queue->next_used % queue->size), &used,
		       sizeof(used));
		queue->next_avail++;
		queue->next_used++;
	}
	if (queue->next_used == old_used)
		return false;
	/* The entries before the index that announces them. */
	__atomic_store_n((uint16_t *)(void *)(device + 2), queue->next_used, __ATOMIC_RELEASE);
	if (queue->event_idx)
		__atomic_store_n((uint16_t *)(void *)(device + 4 + 8 * (size_t)queue->size),
				 queue->next_avail, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return wants_interrupt(queue, driver, old_used);
}
