#include "ports/mtu.h"
#include "ports/vhost_port.h"

#include <stdatomic.h>

static inline struct vring *active_vring(struct vhost_queue *queue)
{
	return atomic_load_explicit(&queue->active, memory_order_acquire);
}

unsigned vhost_data_rx(struct port *port, unsigned queue, struct burst *burst)
{
	struct vring *vr = active_vring(&vhost_of(port)->queues[2 * queue + 1]);

	return vr ? vring_rx(vr, burst) : 0;
}

unsigned vhost_data_rx_release(struct port *port, unsigned queue)
{
	struct vring *vr = active_vring(&vhost_of(port)->queues[2 * queue + 1]);

	return vr ? vring_rx_release(vr) : 0;
}

bool vhost_data_arm(struct port *port, unsigned queue)
{
	struct vhost_queue *q = &vhost_of(port)->queues[2 * queue + 1];
	struct vring *vr = active_vring(q);

	if (!vr)
		return false;
	/* Without a descriptor to wake us we can only go on polling. */
	return vring_arm(vr) || q->kick_fd < 0;
}

void vhost_data_disarm(struct port *port, unsigned queue)
{
	struct vring *vr = active_vring(&vhost_of(port)->queues[2 * queue + 1]);

	if (vr)
		vring_disarm(vr);
}

/* The queue that a sender's number means: the guest may use fewer than the port has. */
static struct vhost_queue *destination(struct vhost_port *vp, unsigned queue)
{
	uint64_t receivers = atomic_load_explicit(&vp->receivers, memory_order_relaxed);
	struct vhost_queue *to = &vp->queues[receivers >> queue % 8 * 8 & 0xff];

	return active_vring(to) ? to : NULL;
}

unsigned vhost_data_tx(struct port *port, unsigned queue, const struct frame *const *frames,
		       unsigned n, enum drop_reason *why)
{
	struct vhost_port *vp = vhost_of(port);
	struct vhost_queue *to = destination(vp, queue);
	unsigned n_fit = mtu_n_within(port, frames, n);
	unsigned n_sent;

	*why = DROP_LINK_DOWN;
	if (!to)
		return 0;
	if (!rte_spinlock_trylock(&to->lock)) {
		*why = PORT_BUSY;
		return 0;
	}
	n_sent = vring_tx(&to->vring, frames, n_fit, why);
	rte_spinlock_unlock(&to->lock);
	if (n_sent == n_fit && n_fit < n)
		*why = DROP_TOO_BIG;
	return n_sent;
}

unsigned vhost_data_notify(struct port *port, unsigned queue)
{
	struct vhost_queue *to = destination(vhost_of(port), queue);
	unsigned n_sent;

	if (!to)
		return 0;
	rte_spinlock_lock(&to->lock);
	n_sent = vring_notify(&to->vring);
	rte_spinlock_unlock(&to->lock);
	return n_sent;
}
