#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>

#include "vmm/virtio_pci.h"

/* Where a register is kept: a member of the device, or of the queue that is selected. */
struct reg {
	uint8_t offset, width;
	bool writable, of_queue;
	size_t member;
};

#define DEVICE(member) false, offsetof(struct virtio_pci, member)
#define QUEUE(member)  true, offsetof(struct virtio_queue, member)

static const struct reg regs[] = {
	{VIRTIO_PCI_COMMON_DFSELECT, 4, true, DEVICE(offered_select)},
	{VIRTIO_PCI_COMMON_DF, 4, false, DEVICE(offered)}, /* the half that is selected */
	{VIRTIO_PCI_COMMON_GFSELECT, 4, true, DEVICE(acked_select)},
	{VIRTIO_PCI_COMMON_GF, 4, true, DEVICE(acked)}, /* likewise */
	{VIRTIO_PCI_COMMON_MSIX, 2, true, DEVICE(config_vector)},
	{VIRTIO_PCI_COMMON_NUMQ, 2, false, DEVICE(n_queues)},
	{VIRTIO_PCI_COMMON_STATUS, 1, true, DEVICE(status)},
	{VIRTIO_PCI_COMMON_CFGGENERATION, 1, false, DEVICE(generation)},
	{VIRTIO_PCI_COMMON_Q_SELECT, 2, true, DEVICE(queue_select)},
	{VIRTIO_PCI_COMMON_Q_SIZE, 2, true, QUEUE(size)},
	{VIRTIO_PCI_COMMON_Q_MSIX, 2, true, QUEUE(vector)},
	{VIRTIO_PCI_COMMON_Q_ENABLE, 2, true, QUEUE(enabled)},
	{VIRTIO_PCI_COMMON_Q_NOFF, 2, false, QUEUE(notify_offset)},
	{VIRTIO_PCI_COMMON_Q_DESCLO, 4, true, QUEUE(desc)},
	{VIRTIO_PCI_COMMON_Q_DESCHI, 4, true, QUEUE(desc) + 4},
	{VIRTIO_PCI_COMMON_Q_AVAILLO, 4, true, QUEUE(driver)},
	{VIRTIO_PCI_COMMON_Q_AVAILHI, 4, true, QUEUE(driver) + 4},
	{VIRTIO_PCI_COMMON_Q_USEDLO, 4, true, QUEUE(device)},
	{VIRTIO_PCI_COMMON_Q_USEDHI, 4, true, QUEUE(device) + 4},
};

static const struct reg *reg_at(unsigned offset, unsigned width)
{
	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		if (regs[i].offset == offset)
			return regs[i].width == width ? &regs[i] : NULL;
	return NULL;
}

static struct virtio_queue *selected(struct virtio_pci *vp)
{
	return vp->queue_select < vp->n_queues ? &vp->queue[vp->queue_select] : NULL;
}

/* NULL for a queue that does not exist. Guests and hosts of KVM on x86 are little endian, both. */
static uint8_t *place_of(struct virtio_pci *vp, const struct reg *reg)
{
	uint8_t *base = reg->of_queue ? (uint8_t *)selected(vp) : (uint8_t *)vp;

	if (!base)
		return NULL;
	if (reg->offset == VIRTIO_PCI_COMMON_DF || reg->offset == VIRTIO_PCI_COMMON_GF) {
		uint32_t half =
			reg->offset == VIRTIO_PCI_COMMON_DF ? vp->offered_select : vp->acked_select;

		return half < 2 ? base + reg->member + 4 * half : NULL;
	}
	return base + reg->member;
}

/* What does not exist reads as zero, the size of a queue above all. */
uint64_t virtio_common_read(struct virtio_pci *vp, unsigned offset, unsigned width)
{
	const struct reg *reg = reg_at(offset, width);
	const uint8_t *place = reg ? place_of(vp, reg) : NULL;
	uint64_t value = 0;

	if (place)
		memcpy(&value, place, width);
	return value;
}

bool virtio_queue_areas(const struct guest_ram *ram, const struct virtio_queue *queue,
			struct virtio_areas *areas)
{
	uint64_t size = queue->size;

	areas->desc = guest_ram_at(ram, queue->desc, 16 * size);
	areas->driver = guest_ram_at(ram, queue->driver, 6 + 2 * size);
	areas->device = guest_ram_at(ram, queue->device, 6 + 8 * size);
	return areas->desc && areas->driver && areas->device && queue->desc % 16 == 0 &&
	       queue->driver % 2 == 0 && queue->device % 4 == 0;
}

static void start(struct virtio_pci *vp)
{
	struct virtio_areas areas;

	for (unsigned i = 0; i < vp->n_queues; i++) {
		if (!vp->queue[i].enabled ||
		    virtio_queue_areas(vp->world->ram, &vp->queue[i], &areas))
			continue;
		virtio_pci_complain(vp,
				    "queue %u: the driver's ring does not lie in its memory; the "
				    "device waits for a reset",
				    i);
		vp->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
		virtio_pci_config_changed(vp);
		return;
	}
	vp->started = true;
	virtio_vectors_update(vp);
	virtio_vectors_doorbells(vp, vp->pci.bar_base, vp->pci.bar_enabled);
	virtio_net_start(vp);
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
	virtio_net_stop(vp);
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

/* Whether the register takes a value now, and which: *value is put right. */
static bool takes(const struct virtio_pci *vp, const struct reg *reg, uint64_t *value)
{
	if (vp->stopping || (reg->of_queue && (vp->queue[vp->queue_select].enabled || vp->started)))
		return false;
	switch (reg->offset) {
	case VIRTIO_PCI_COMMON_GF:
		return !(vp->status & VIRTIO_CONFIG_S_FEATURES_OK);
	case VIRTIO_PCI_COMMON_MSIX:
	case VIRTIO_PCI_COMMON_Q_MSIX:
		if (*value >= vp->msix.n_vectors)
			*value = MSIX_NO_VECTOR;
		return true;
	case VIRTIO_PCI_COMMON_Q_SIZE: /* a power of two */
		return *value && !(*value & (*value - 1)) && *value <= VIRTIO_QUEUE_SIZE;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		*value = *value == 1;
		return true;
	default:
		return true;
	}
}

void virtio_common_write(struct virtio_pci *vp, unsigned offset, unsigned width, uint64_t value)
{
	const struct reg *reg = reg_at(offset, width);
	uint8_t *place = reg && reg->writable ? place_of(vp, reg) : NULL;

	if (place && offset == VIRTIO_PCI_COMMON_STATUS) {
		status_write(vp, (uint8_t)value);
	} else if (place && takes(vp, reg, &value)) {
		memcpy(place, &value, width);
		if (offset == VIRTIO_PCI_COMMON_Q_ENABLE)
			virtio_vectors_update(vp);
	} else {
		vp->n_refused++;
	}
}

void virtio_common_notify(struct virtio_pci *vp, unsigned index)
{
	if (index >= vp->n_queues || !vp->started || !vp->queue[index].enabled) {
		vp->n_refused++;
		return;
	}
	if (virtio_net_is_local(vp, index)) {
		virtio_net_notified(vp, index);
		return;
	}
	vp->n_slow_kicks++;
	if (eventfd_write(vp->queue[index].kick_fd, 1) < 0)
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

/* All registers as after power-on. */
void virtio_pci_reset_done(struct virtio_pci *vp)
{
	virtio_vectors_doorbells(vp, vp->pci.bar_base, false);
	vp->acked = 0;
	vp->offered_select = vp->acked_select = vp->queue_select = 0;
	vp->config_vector = MSIX_NO_VECTOR;
	vp->status = vp->isr = 0;
	vp->started = vp->stopping = false;
	for (unsigned i = 0; i < vp->n_queues; i++) {
		struct virtio_queue *queue = &vp->queue[i];

		queue->size = VIRTIO_QUEUE_SIZE;
		queue->enabled = false;
		queue->desc = queue->driver = queue->device = 0;
		queue->vector = MSIX_NO_VECTOR;
	}
	virtio_vectors_update(vp);
}
