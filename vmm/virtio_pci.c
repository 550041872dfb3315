#include "vmm/virtio_pci.h"

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum {
	VENDOR_VIRTIO = 0x1af4,
	DEVICE_MODERN = 0x1040,
	WINDOW_DATA = offsetof(struct virtio_pci_cfg_cap, pci_cfg_data),
	MSIX_CONTROL_HIGH = PCI_MSIX_FLAGS + 1, /* enable and function mask */
	COMMON_LEN = 0x38,
	DEVICE_LEN = 0x1000,
};

static uint64_t config_read(const struct virtio_pci *vp, uint64_t offset, unsigned width)
{
	uint64_t value = 0;

	if (offset <= vp->config_len && width <= vp->config_len - offset)
		memcpy(&value, (const uint8_t *)vp->config + offset, width);
	return value;
}

static uint64_t bar_read(void *device, uint64_t offset, unsigned width)
{
	struct virtio_pci *vp = device;
	uint8_t isr;

	switch (offset & ~UINT64_C(0xfff)) {
	case VIRTIO_BAR_COMMON:
		return virtio_common_read(vp, (unsigned)offset, width);
	case VIRTIO_BAR_ISR:
		isr = vp->isr;
		vp->isr = 0;
		return isr;
	case VIRTIO_BAR_DEVICE:
		return config_read(vp, offset - VIRTIO_BAR_DEVICE, width);
	case VIRTIO_BAR_MSIX_TABLE:
		return virtio_vectors_read(vp, offset - VIRTIO_BAR_MSIX_TABLE, width);
	case VIRTIO_BAR_MSIX_PBA:
		return virtio_vectors_pending(vp, (unsigned)(offset - VIRTIO_BAR_MSIX_PBA), width);
	default:
		return 0;
	}
}

static void bar_write(void *device, uint64_t offset, unsigned width, uint64_t value)
{
	struct virtio_pci *vp = device;

	switch (offset & ~UINT64_C(0xfff)) {
	case VIRTIO_BAR_COMMON:
		virtio_common_write(vp, (unsigned)offset, width, value);
		break;
	case VIRTIO_BAR_NOTIFY:
		virtio_common_notify(vp, (unsigned)(offset - VIRTIO_BAR_NOTIFY) /
						 VIRTIO_NOTIFY_MULTIPLIER);
		break;
	case VIRTIO_BAR_MSIX_TABLE:
		virtio_vectors_write(vp, offset - VIRTIO_BAR_MSIX_TABLE, width, value);
		break;
	default:
		vp->n_refused++;
	}
}

static const struct bus_ops bar_ops = {.read = bar_read, .write = bar_write};

static void moved(struct pci_function *function, uint64_t base, bool enabled)
{
	struct virtio_pci *vp = (struct virtio_pci *)function;

	bus_move(vp->world->mmio, vp->bar_range, base, enabled);
	virtio_vectors_doorbells(vp, base, enabled && vp->started);
}

static bool overlaps(unsigned offset, unsigned width, unsigned at, unsigned len)
{
	return offset < at + len && at < offset + width;
}

/* The window of the PCI_CFG capability: its data register is a place in the BAR. */
static void access_window(struct virtio_pci *vp, bool is_write)
{
	uint8_t *at = vp->pci.config + vp->window_at, *data = at + WINDOW_DATA;
	struct virtio_pci_cap cap;
	uint32_t value = 0;

	memcpy(&cap, at, sizeof(cap));
	if (cap.bar != 0 || (cap.length != 1 && cap.length != 2 && cap.length != 4) ||
	    cap.offset % cap.length || cap.offset > VIRTIO_BAR_LEN - cap.length)
		return;
	if (is_write) {
		memcpy(&value, data, cap.length);
		bar_write(vp, cap.offset, cap.length, value);
	} else {
		value = (uint32_t)bar_read(vp, cap.offset, cap.length);
		memcpy(data, &value, cap.length);
	}
}

static void accessed(struct pci_function *function, unsigned offset, unsigned width, bool is_write)
{
	struct virtio_pci *vp = (struct virtio_pci *)function;
	uint8_t control = function->config[vp->msix_at + MSIX_CONTROL_HIGH];

	if (is_write && overlaps(offset, width, vp->msix_at + MSIX_CONTROL_HIGH, 1)) {
		vp->msix.enabled = control & PCI_MSIX_FLAGS_ENABLE >> 8;
		vp->msix.masked = control & PCI_MSIX_FLAGS_MASKALL >> 8;
		virtio_vectors_update(vp);
	}
	if (overlaps(offset, width, vp->window_at + WINDOW_DATA, 4))
		access_window(vp, is_write);
}

/* extra: the multiplier of notifications, the data of the window. */
static unsigned add_vendor_capability(struct virtio_pci *vp, uint8_t type, uint32_t offset,
				      uint32_t len, uint32_t extra)
{
	const bool is_long = type == VIRTIO_PCI_CAP_NOTIFY_CFG || type == VIRTIO_PCI_CAP_PCI_CFG;
	const struct {
		struct virtio_pci_cap cap;
		uint32_t extra;
	} body = {.cap = {.cap_vndr = PCI_CAP_ID_VNDR,
			  .cap_len = sizeof(body.cap) + (is_long ? sizeof(extra) : 0),
			  .cfg_type = type,
			  .offset = offset,
			  .length = len},
		  .extra = extra};

	return pci_add_capability(&vp->pci, &body, body.cap.cap_len);
}

static void add_capabilities(struct virtio_pci *vp)
{
	const struct {
		uint8_t id, next;
		uint16_t control;
		uint32_t table, pba;
	} msix = {PCI_CAP_ID_MSIX, 0, (uint16_t)(vp->msix.n_vectors - 1), VIRTIO_BAR_MSIX_TABLE,
		  VIRTIO_BAR_MSIX_PBA};
	uint8_t *writable;

	vp->msix_at = pci_add_capability(&vp->pci, &msix, sizeof(msix));
	vp->pci.writable[vp->msix_at + MSIX_CONTROL_HIGH] =
		(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
	add_vendor_capability(vp, VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_BAR_COMMON, COMMON_LEN, 0);
	add_vendor_capability(vp, VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_BAR_ISR, 1, 0);
	add_vendor_capability(vp, VIRTIO_PCI_CAP_DEVICE_CFG, VIRTIO_BAR_DEVICE, DEVICE_LEN, 0);
	add_vendor_capability(vp, VIRTIO_PCI_CAP_NOTIFY_CFG, VIRTIO_BAR_NOTIFY,
			      vp->n_queues * VIRTIO_NOTIFY_MULTIPLIER, VIRTIO_NOTIFY_MULTIPLIER);
	vp->window_at = add_vendor_capability(vp, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 0);
	writable = vp->pci.writable + vp->window_at;
	memset(writable + offsetof(struct virtio_pci_cap, offset), 0xff, 8 + 4);
	writable[offsetof(struct virtio_pci_cap, bar)] = 0xff;
}

void virtio_pci_init(struct virtio_pci *vp, const char *name, uint16_t virtio_id,
		     uint32_t class_code, uint64_t bar_base, unsigned first_gsi)
{
	pci_function_init(&vp->pci, name, VENDOR_VIRTIO, DEVICE_MODERN + virtio_id, class_code);
	vp->pci.moved = moved;
	vp->pci.accessed = accessed;
	for (unsigned i = 0; i < vp->n_queues; i++)
		vp->queue[i] = (struct virtio_queue){.notify_offset = (uint16_t)i,
						     .kick_fd = -1,
						     .call_fd = -1,
						     .gsi = first_gsi + i};
	vp->msix.n_vectors = vp->n_queues + 1;
	for (unsigned i = 0; i < vp->msix.n_vectors; i++)
		vp->msix.table[i].control = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	pci_set_bar(&vp->pci, VIRTIO_BAR_LEN, bar_base);
	add_capabilities(vp);
	virtio_pci_reset_done(vp);
	vp->bar_range = bus_add(vp->world->mmio, &(struct bus_range){name, bar_base, VIRTIO_BAR_LEN,
								     false, &bar_ops, vp, 0, 0});
}

void virtio_pci_complain(struct virtio_pci *vp, const char *format, ...)
{
	char line[160];
	va_list args;

	if (vp->n_complaints == VIRTIO_MAX_COMPLAINTS)
		return;
	vp->n_complaints++;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	say("%s: %s%s", vp->pci.name, line,
	    vp->n_complaints == VIRTIO_MAX_COMPLAINTS ? " (no more lines about this device)" : "");
}
