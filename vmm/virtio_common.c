#include "vmm/virtio_common.h"

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <unistd.h>

#include "vmm/virtio_vectors.h"

void virtio_common_reset(struct virtio_pci *vp)
{
	vp->acked = 0;
	vp->offered_select = 0;
	vp->acked_select = 0;
	vp->queue_select = 0;
	vp->config_vector = MSIX_NO_VECTOR;
	vp->status = 0;
	vp->isr = 0;
	vp->started = false;
	vp->stopping = false;
	for (unsigned i = 0; i < vp->n_queues; i++) {
		struct virtio_queue *queue = &vp->queue[i];

		queue->size = VIRTIO_QUEUE_SIZE;
		queue->enabled = false;
		queue->desc = queue->driver = queue->device = 0;
		queue->vector = MSIX_NO_VECTOR;
	}
}

static struct virtio_queue *selected(struct virtio_pci *vp)
{
	return vp->queue_select < vp->n_queues ? &vp->queue[vp->queue_select] : NULL;
}

static uint64_t half_of(uint64_t value, uint32_t select)
{
	return select == 0 ? (uint32_t)value : select == 1 ? value >> 32 : 0;
}

/* A queue that does not exist reads as zero, its size above all. */
static uint64_t queue_read(struct virtio_pci *vp, unsigned offset)
{
	const struct virtio_queue *queue = selected(vp);

	if (!queue)
		return 0;
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		return queue->size;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		return queue->vector;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return queue->enabled;
	case VIRTIO_PCI_COMMON_Q_NOFF:
		return vp->queue_select;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		return queue->desc;
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		return queue->desc >> 32;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		return queue->driver;
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		return queue->driver >> 32;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
		return queue->device;
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		return queue->device >> 32;
	default:
		return 0;
	}
}

/* Width of the register that starts at an offset; 0 if none does. */
static unsigned width_at(unsigned offset)
{
	switch (offset) {
	case VIRTIO_PCI_COMMON_MSIX:
	case VIRTIO_PCI_COMMON_NUMQ:
	case VIRTIO_PCI_COMMON_Q_SELECT:
	case VIRTIO_PCI_COMMON_Q_SIZE:
	case VIRTIO_PCI_COMMON_Q_MSIX:
	case VIRTIO_PCI_COMMON_Q_ENABLE:
	case VIRTIO_PCI_COMMON_Q_NOFF:
		return 2;
	case VIRTIO_PCI_COMMON_STATUS:
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		return 1;
	default:
		return offset % 4 == 0 && offset <= VIRTIO_PCI_COMMON_Q_USEDHI ? 4 : 0;
	}
}

uint64_t virtio_common_read(struct virtio_pci *vp, unsigned offset, unsigned width)
{
	if (width != width_at(offset))
		return 0;
	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		return vp->offered_select;
	case VIRTIO_PCI_COMMON_DF:
		return half_of(vp->offered, vp->offered_select);
	case VIRTIO_PCI_COMMON_GFSELECT:
		return vp->acked_select;
	case VIRTIO_PCI_COMMON_GF:
		return half_of(vp->acked, vp->acked_select);
	case VIRTIO_PCI_COMMON_MSIX:
		return vp->config_vector;
	case VIRTIO_PCI_COMMON_NUMQ:
		return vp->n_queues;
	case VIRTIO_PCI_COMMON_STATUS:
		return vp->status;
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		return vp->generation;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		return vp->queue_select;
	default:
		return queue_read(vp, offset);
	}
}

static bool is_power_of_two(uint64_t value)
{
	return value && !(value & (value - 1));
}

static bool queue_is_sound(const struct virtio_pci *vp, const struct virtio_queue *queue)
{
	return is_power_of_two(queue->size) && queue->size <= VIRTIO_QUEUE_SIZE &&
	       queue->desc % 16 == 0 && queue->driver % 2 == 0 && queue->device % 4 == 0 &&
	       guest_ram_at(vp->ram, queue->desc, virtio_desc_len(queue->size)) &&
	       guest_ram_at(vp->ram, queue->driver, virtio_driver_len(queue->size)) &&
	       guest_ram_at(vp->ram, queue->device, virtio_device_len(queue->size));
}

static void start(struct virtio_pci *vp)
{
	for (unsigned i = 0; i < vp->n_queues; i++) {
		if (vp->queue[i].enabled && !queue_is_sound(vp, &vp->queue[i])) {
			say("%s: queue %u: the driver's ring does not lie in its memory; the "
			    "device waits "
			    "for a reset",
			    vp->pci.name, i);
			virtio_pci_broken(vp);
			return;
		}
	}
	vp->started = true;
	virtio_vectors_update(vp);
	virtio_vectors_ring_doorbells_at(vp, vp->pci.bar_base, vp->pci.bar_enabled);
	vp->ops->start(vp->device);
}

static void reset(struct virtio_pci *vp)
{
	if (vp->stopping)
		return;
	if (!vp->started) {
		virtio_pci_reset_done(vp);
		return;
	}
	vp->stopping = true;
	vp->ops->stop(vp->device);
}

static bool features_acceptable(const struct virtio_pci *vp)
{
	return (vp->acked & ~vp->offered) == 0 && (vp->acked >> VIRTIO_F_VERSION_1 & 1);
}

static void status_write(struct virtio_pci *vp, uint8_t status)
{
	uint8_t added = status & (uint8_t)~vp->status;

	if (status == 0) {
		reset(vp);
		return;
	}
	/* Bits go away by reset only; NEEDS_RESET is ours. */
	if (vp->stopping || ((vp->status & ~VIRTIO_CONFIG_S_NEEDS_RESET) & ~status) ||
	    (added & VIRTIO_CONFIG_S_NEEDS_RESET)) {
		vp->n_refused++;
		return;
	}
	if ((added & VIRTIO_CONFIG_S_FEATURES_OK) && !features_acceptable(vp)) {
		status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
		added &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
		vp->n_refused++;
	}
	if ((added & VIRTIO_CONFIG_S_DRIVER_OK) && !(status & VIRTIO_CONFIG_S_FEATURES_OK)) {
		vp->n_refused++;
		return;
	}
	vp->status |= status;
	if (added & VIRTIO_CONFIG_S_DRIVER_OK)
		start(vp);
}

static void set_half(uint64_t *value, bool high, uint64_t half)
{
	if (high)
		*value = (*value & 0xffffffff) | half << 32;
	else
		*value = (*value & ~UINT64_C(0xffffffff)) | half;
}

static void queue_write(struct virtio_pci *vp, unsigned offset, uint64_t value)
{
	struct virtio_queue *queue = selected(vp);

	if (!queue || queue->enabled || vp->started) {
		vp->n_refused++;
		return;
	}
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		if (is_power_of_two(value) && value <= VIRTIO_QUEUE_SIZE)
			queue->size = (uint16_t)value;
		else
			vp->n_refused++;
		break;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		queue->vector = value < vp->msix.n_vectors ? (uint16_t)value : MSIX_NO_VECTOR;
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		queue->enabled = value == 1;
		virtio_vectors_update(vp);
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		set_half(&queue->desc, offset == VIRTIO_PCI_COMMON_Q_DESCHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		set_half(&queue->driver, offset == VIRTIO_PCI_COMMON_Q_AVAILHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		set_half(&queue->device, offset == VIRTIO_PCI_COMMON_Q_USEDHI, value);
		break;
	default:
		vp->n_refused++;
	}
}

static void features_write(struct virtio_pci *vp, uint64_t value)
{
	if ((vp->status & VIRTIO_CONFIG_S_FEATURES_OK) || vp->acked_select > 1)
		vp->n_refused++;
	else
		set_half(&vp->acked, vp->acked_select == 1, value);
}

void virtio_common_write(struct virtio_pci *vp, unsigned offset, unsigned width, uint64_t value)
{
	if (width != width_at(offset) || (vp->stopping && offset != VIRTIO_PCI_COMMON_STATUS)) {
		vp->n_refused++;
		return;
	}
	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		vp->offered_select = (uint32_t)value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		vp->acked_select = (uint32_t)value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		features_write(vp, value);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		vp->config_vector = value < vp->msix.n_vectors ? (uint16_t)value : MSIX_NO_VECTOR;
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		status_write(vp, (uint8_t)value);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		vp->queue_select = (uint16_t)value;
		break;
	default:
		queue_write(vp, offset, value);
	}
}

void virtio_common_notify(struct virtio_pci *vp, unsigned index)
{
	const uint64_t one = 1;

	if (index >= vp->n_queues || !vp->started || !vp->queue[index].enabled) {
		vp->n_refused++;
		return;
	}
	if (vp->ops->is_local(vp->device, index)) {
		vp->ops->notified(vp->device, index);
		return;
	}
	vp->n_slow_kicks++;
	if (write(vp->queue[index].kick_fd, &one, sizeof(one)) < 0)
		vp->n_refused++;
}

void virtio_pci_config_changed(struct virtio_pci *vp)
{
	vp->generation++;
	if (!(vp->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	vp->isr |= VIRTIO_PCI_ISR_CONFIG;
	vp->n_config_interrupts++;
	virtio_vectors_send(vp, vp->config_vector);
}

void virtio_pci_interrupt(struct virtio_pci *vp, unsigned queue)
{
	vp->isr |= 1;
	virtio_vectors_send(vp, vp->queue[queue].vector);
}

void virtio_pci_broken(struct virtio_pci *vp)
{
	vp->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	virtio_pci_config_changed(vp);
}

void virtio_pci_reset_done(struct virtio_pci *vp)
{
	virtio_vectors_ring_doorbells_at(vp, vp->pci.bar_base, false);
	virtio_common_reset(vp);
	virtio_vectors_update(vp);
}
