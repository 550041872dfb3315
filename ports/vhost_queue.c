#include "ports/log.h"
#include "ports/nudge.h"
#include "ports/vhost_port.h"
#include "ports/virtio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static bool is_guest_tx(unsigned index)
{
	return index & 1;
}

uint64_t vhost_queue_kicks(const struct vhost_queue *queue)
{
	uint64_t n = 0;
	const struct iovec count = {.iov_base = &n, .iov_len = sizeof(n)};

	/* The flags of the eventfd are the front-end's to change as well, so they say nothing. */
	if (queue->kick_fd < 0 || preadv2(queue->kick_fd, &count, 1, -1, RWF_NOWAIT) != sizeof(n))
		return 0;
	return n;
}

/* Bytes of the three parts of a ring: VIRTIO 1.2 sections 2.7 and 2.8. */
struct ring_len {
	uint64_t desc, driver, device;
};

void vhost_queue_hide(struct vhost_port *vp, unsigned index)
{
	struct vhost_queue *queue = &vp->queues[index];

	if (is_guest_tx(index) && queue->kick_fd >= 0)
		vp->env->unwatch(vp->env->ctx, &vp->port, index / 2, queue->kick_fd);
	atomic_store_explicit(&queue->active, NULL, memory_order_release);
}

void vhost_queue_fini(struct vhost_port *vp, unsigned index)
{
	struct vhost_queue *queue = &vp->queues[index];
	struct nudge nudge;

	nudge_start(&nudge);
	/* A worker that took a burst and was overtaken by the queue's end has not given it back. */
	vring_rx_release(&queue->vring);
	nudge_stop(&nudge);
	vhost_lib_save_base(vp->lib, index, queue->vring.last_avail, queue->vring.last_used);
	vp->n_kicks += vhost_queue_kicks(queue);
	vring_fini(&queue->vring);
	queue->kick_fd = -1;
}

static int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static struct ring_len len_of(uint64_t features, uint64_t size)
{
	bool event_idx = features >> VIRTIO_F_EVENT_IDX & 1;
	uint64_t event = event_idx ? sizeof(uint16_t) : 0;

	if (features >> VIRTIO_F_RING_PACKED & 1)
		return (struct ring_len){.desc = sizeof(struct virtq_packed_desc) * size,
					 .driver = sizeof(struct virtq_event),
					 .device = sizeof(struct virtq_event)};
	return (struct ring_len){
		.desc = sizeof(struct virtq_desc) * size,
		.driver = sizeof(struct virtq_avail) + sizeof(uint16_t) * size + event,
		.device =
			sizeof(struct virtq_used) + sizeof(struct virtq_used_elem) * size + event};
}

static bool is_shared(const struct guest_memory *mem, const void *area, uint64_t len)
{
	for (unsigned i = 0; i < mem->n_regions; i++) {
		uint64_t offset = (uint64_t)((uintptr_t)area - (uintptr_t)mem->regions[i].hva);

		if (offset < mem->regions[i].size && len <= mem->regions[i].size - offset)
			return true;
	}
	return false;
}

/* librte_vhost has found where the parts of a ring begin, but maybe for another size or layout than
 * those of now, and it goes on when they end outside of the memory. */
static bool ring_is_shared(const struct guest_memory *mem, const struct vhost_lib_ring *ring,
			   uint64_t features)
{
	struct ring_len len = len_of(features, ring->size);

	return is_shared(mem, ring->desc, len.desc) && is_shared(mem, ring->avail, len.driver) &&
	       is_shared(mem, ring->used, len.device);
}

int vhost_queue_init(struct vhost_port *vp, unsigned index, uint64_t features)
{
	struct vhost_queue *queue = &vp->queues[index];
	struct vhost_lib_ring ring;
	int ret = vhost_lib_ring(vp->lib, index, &ring);

	if (ret < 0)
		return ret;
	if (!ring_is_shared(&vp->mem, &ring, features))
		return -EFAULT;
	/* A worker writes to it: whatever the front-end gave us must not be able to block. */
	if (ring.call_fd >= 0 && set_nonblocking(ring.call_fd) < 0)
		ring.call_fd = -1;
	ret = vring_init(&queue->vring, &(struct vring_conf){.desc_area = ring.desc,
							     .driver_area = ring.avail,
							     .device_area = ring.used,
							     .mem = &vp->mem,
							     .features = features,
							     .size = ring.size,
							     .last_avail = ring.last_avail,
							     .last_used = ring.last_used,
							     .call_fd = ring.call_fd});
	if (ret < 0)
		return ret;
	queue->kick_fd = ring.kick_fd;
	vp->reported[index] = NULL;
	return 0;
}

/* Once a connection: what a crash of the switch took with it. */
static void tell_lost(struct vhost_port *vp, unsigned index)
{
	if (vp->told_lost || !vring_place_is_lost(&vp->queues[index].vring))
		return;
	vp->told_lost = true;
	log_limited(
		&vp->port.log, LOG_WARNING,
		"port %s: queue %u: this packed ring was in use when the switch ended, and where "
		"it stood is lost with it: reset the guest's device (reboot, or unbind and bind "
		"its driver), or use split rings (with QEMU: packed=off), which survive",
		vp->port.name, index);
}

void vhost_queue_show(struct vhost_port *vp, unsigned index)
{
	struct vhost_queue *queue = &vp->queues[index];
	struct nudge nudge;

	tell_lost(vp, index);
	/* The guest may have been waiting since before we were here. */
	nudge_start(&nudge);
	vring_call(&queue->vring);
	nudge_stop(&nudge);
	atomic_store_explicit(&queue->active, &queue->vring, memory_order_release);
	if (is_guest_tx(index))
		vp->env->watch(vp->env->ctx, &vp->port, index / 2, queue->kick_fd);
}
