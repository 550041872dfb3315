#include <linux/pci_regs.h>
#include <poll.h>
#include <string.h>

#include "vmm/virtio_pci.h"

/* Whole words only, as the specification has it. */
static bool fits(const struct msix *msix, uint64_t offset, unsigned width)
{
	return (width == 4 || width == 8) && offset % width == 0 &&
	       offset / MSIX_ENTRY_LEN < msix->n_vectors;
}

uint64_t virtio_vectors_read(const struct virtio_pci *vp, uint64_t offset, unsigned width)
{
	uint64_t value = 0;

	if (fits(&vp->msix, offset, width))
		memcpy(&value, (const uint8_t *)vp->msix.table + offset, width);
	return value;
}

void virtio_vectors_write(struct virtio_pci *vp, uint64_t offset, unsigned width, uint64_t value)
{
	if (!fits(&vp->msix, offset, width)) {
		vp->n_refused++;
		return;
	}
	memcpy((uint8_t *)vp->msix.table + offset, &value, width);
	vp->msix.table[offset / MSIX_ENTRY_LEN].control &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	virtio_vectors_update(vp);
}

/* Whether the vector exists and may be delivered now. */
static bool is_open(const struct msix *msix, unsigned vector)
{
	return msix->enabled && !msix->masked && vector < msix->n_vectors &&
	       !(msix->table[vector].control & PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

/* Returns whether it went well. */
static bool report(struct virtio_pci *vp, unsigned queue, const char *what, int rc)
{
	if (rc < 0)
		virtio_pci_complain(vp, "queue %u: %s: %s", queue, what, strerror(-rc));
	return rc == 0;
}

static void update_queue(struct virtio_pci *vp, unsigned index)
{
	struct virtio_queue *queue = &vp->queue[index];
	struct kvm *kvm = vp->world->kvm;
	const struct msi_message *message;

	if (!queue->enabled || queue->call_fd < 0 || virtio_net_is_local(vp, index) ||
	    !is_open(&vp->msix, queue->vector)) {
		if (queue->attached)
			report(vp, index, "detach interrupt",
			       kvm_attach(kvm, queue->gsi, queue->call_fd, false));
		queue->attached = false;
		return;
	}
	message = &vp->msix.table[queue->vector].message;
	/* The same message needs no new table. */
	if (memcmp(message, &queue->routed, sizeof(*message)) != 0) {
		if (!report(vp, index, "route interrupt", kvm_route(kvm, queue->gsi, message)))
			return;
		queue->routed = *message;
	}
	if (!queue->attached)
		queue->attached = report(vp, index, "attach interrupt",
					 kvm_attach(kvm, queue->gsi, queue->call_fd, true));
}

void virtio_vectors_update(struct virtio_pci *vp)
{
	for (unsigned i = 0; i < vp->n_queues; i++)
		update_queue(vp, i);
	for (unsigned v = 0; v < vp->msix.n_vectors; v++) {
		if ((vp->msix.pending >> v & 1) && is_open(&vp->msix, v)) {
			vp->msix.pending &= ~(UINT64_C(1) << v);
			virtio_vectors_send(vp, (uint16_t)v);
		}
	}
}

void virtio_vectors_send(struct virtio_pci *vp, uint16_t vector)
{
	int rc;

	if (vector >= vp->msix.n_vectors || !vp->msix.enabled)
		return;
	if (!is_open(&vp->msix, vector)) {
		vp->msix.pending |= UINT64_C(1) << vector;
		return;
	}
	rc = kvm_send(vp->world->kvm, &vp->msix.table[vector].message);
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

void virtio_vectors_doorbells(struct virtio_pci *vp, uint64_t base, bool on)
{
	struct kvm *kvm = vp->world->kvm;

	for (unsigned i = 0; i < vp->n_queues; i++) {
		struct virtio_queue *queue = &vp->queue[i];
		uint64_t addr = base + VIRTIO_BAR_NOTIFY + i * VIRTIO_NOTIFY_MULTIPLIER;

		if (queue->doorbell && (!on || addr != queue->doorbell_addr)) {
			report(vp, i, "remove doorbell",
			       kvm_doorbell(kvm, queue->doorbell_addr, queue->kick_fd, false));
			queue->doorbell = false;
		}
		if (!on || queue->doorbell || !queue->enabled || queue->kick_fd < 0 ||
		    virtio_net_is_local(vp, i))
			continue;
		queue->doorbell = report(vp, i, "add doorbell",
					 kvm_doorbell(kvm, addr, queue->kick_fd, true));
		queue->doorbell_addr = addr;
	}
}
