#include "vmm/virtio_vectors.h"

#include <poll.h>
#include <string.h>

static void report(struct virtio_pci *vp, unsigned queue, const char *what, int rc)
{
	if (rc < 0)
		virtio_pci_complain(vp, "queue %u: %s: %s", queue, what, strerror(-rc));
}

static void update_queue(struct virtio_pci *vp, unsigned index)
{
	struct virtio_queue *queue = &vp->queue[index];
	bool want = queue->enabled && queue->call_fd >= 0 &&
		    !vp->ops->is_local(vp->device, index) &&
		    msix_vector_open(&vp->msix, queue->vector);
	struct msi_message message = {0};
	int rc;

	if (!want) {
		if (queue->attached)
			report(vp, index, "detach interrupt",
			       vp->events->ops->detach(vp->events, queue->gsi, queue->call_fd));
		queue->attached = false;
		return;
	}
	message = msix_message(&vp->msix, queue->vector);
	if (message.addr != queue->routed.addr || message.data != queue->routed.data) {
		rc = vp->events->ops->route(vp->events, queue->gsi, &message);
		report(vp, index, "route interrupt", rc);
		if (rc < 0)
			return;
		queue->routed = message;
	}
	if (!queue->attached) {
		rc = vp->events->ops->attach(vp->events, queue->gsi, queue->call_fd);
		report(vp, index, "attach interrupt", rc);
		queue->attached = rc == 0;
	}
}

void virtio_vectors_update(struct virtio_pci *vp)
{
	for (unsigned i = 0; i < vp->n_queues; i++)
		update_queue(vp, i);
	for (unsigned v = 0; v < vp->msix.n_vectors; v++) {
		if ((vp->msix.pending >> v & 1) && msix_vector_open(&vp->msix, v)) {
			vp->msix.pending &= ~(UINT64_C(1) << v);
			virtio_vectors_send(vp, (uint16_t)v);
		}
	}
}

void virtio_vectors_send(struct virtio_pci *vp, uint16_t vector)
{
	struct msi_message message;
	int rc;

	if (vector >= vp->msix.n_vectors || !vp->msix.enabled)
		return;
	if (!msix_vector_open(&vp->msix, vector)) {
		vp->msix.pending |= UINT64_C(1) << vector;
		return;
	}
	message = msix_message(&vp->msix, vector);
	rc = vp->events->ops->send(vp->events, &message);
	if (rc < 0)
		virtio_pci_complain(vp, "vector %u: send: %s", vector, strerror(-rc));
}

uint64_t virtio_vectors_pending(const struct virtio_pci *vp, unsigned offset, unsigned width)
{
	uint64_t bits = vp->msix.pending;

	if (offset + width > sizeof(bits))
		return 0;
	/* While a vector is masked, the back-end's calls wait in the eventfd. */
	for (unsigned i = 0; i < vp->n_queues; i++) {
		const struct virtio_queue *queue = &vp->queue[i];
		struct pollfd waiting = {.fd = queue->call_fd, .events = POLLIN};

		if (queue->enabled && !queue->attached && queue->call_fd >= 0 &&
		    queue->vector < vp->msix.n_vectors && poll(&waiting, 1, 0) == 1)
			bits |= UINT64_C(1) << queue->vector;
	}
	return bits >> (8 * offset);
}

void virtio_vectors_ring_doorbells_at(struct virtio_pci *vp, uint64_t base, bool on)
{
	for (unsigned i = 0; i < vp->n_queues; i++) {
		struct virtio_queue *queue = &vp->queue[i];
		uint64_t addr = base + VIRTIO_BAR_NOTIFY + i * VIRTIO_NOTIFY_MULTIPLIER;
		int rc;

		if (queue->doorbell && (!on || addr != queue->doorbell_addr)) {
			report(vp, i, "remove doorbell",
			       vp->events->ops->remove_doorbell(vp->events, queue->doorbell_addr,
								queue->kick_fd));
			queue->doorbell = false;
		}
		if (!on || queue->doorbell || !queue->enabled || queue->kick_fd < 0 ||
		    vp->ops->is_local(vp->device, i))
			continue;
		rc = vp->events->ops->add_doorbell(vp->events, addr, queue->kick_fd);
		report(vp, i, "add doorbell", rc);
		queue->doorbell = rc == 0;
		queue->doorbell_addr = addr;
	}
}
