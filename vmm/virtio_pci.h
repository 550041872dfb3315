/* virtio_pci.h - a modern virtio device on PCI: common configuration, notifications, MSI-X vectors.
 *
 * Threads:   the caller holds the machine's lock; virtio_pci_start_failed(), _reset_done() and
 *            _config_changed() are called by the control thread, with the lock held.
 * Ownership: borrows events, RAM, the bus and the descriptors of the queues.
 * Failure:   what a guest writes never fails: what is out of range, of wrong width or too late is
 *            ignored and counted in n_refused.
 *
 * Source: VIRTIO 1.2 sections 2.1 (status), 4.1 (PCI). Queue registers live here only, never in
 * guest memory; they cannot change between q_enable and reset. */
#ifndef RINGWAY_VMM_VIRTIO_PCI_H
#define RINGWAY_VMM_VIRTIO_PCI_H

#include "vmm/bus.h"
#include "vmm/events.h"
#include "vmm/guest_ram.h"
#include "vmm/msix.h"
#include "vmm/pci.h"

enum {
	VIRTIO_MAX_PAIRS = 16,
	VIRTIO_MAX_QUEUES = 2 * VIRTIO_MAX_PAIRS + 1,
	VIRTIO_QUEUE_SIZE = 1024, /* largest */
	VIRTIO_MAX_COMPLAINTS = 8,

	VIRTIO_BAR_LEN = 0x8000,
	VIRTIO_BAR_COMMON = 0x0000,
	VIRTIO_BAR_ISR = 0x1000,
	VIRTIO_BAR_DEVICE = 0x2000,
	VIRTIO_BAR_NOTIFY = 0x3000,
	VIRTIO_BAR_MSIX_TABLE = 0x4000,
	VIRTIO_BAR_MSIX_PBA = 0x5000,
	VIRTIO_NOTIFY_MULTIPLIER = 4,
};

struct virtio_queue {
	uint16_t size;
	bool enabled;
	uint64_t desc, driver, device; /* guest-physical */
	uint16_t vector;
	/* -1 for a queue that is served in the launcher. */
	int kick_fd, call_fd;
	unsigned gsi;
	bool attached; /* call_fd is bound to gsi */
	bool doorbell; /* kick_fd is bound to doorbell_addr */
	uint64_t doorbell_addr;
	struct msi_message routed;
};

/* Lengths of the three areas of a split ring, VIRTIO 1.2 section 2.7. */
static inline uint64_t virtio_desc_len(uint16_t size)
{
	return 16u * (uint64_t)size;
}
static inline uint64_t virtio_driver_len(uint16_t size)
{
	return 6 + 2u * (uint64_t)size;
}
static inline uint64_t virtio_device_len(uint16_t size)
{
	return 6 + 8u * (uint64_t)size;
}

struct virtio_ops {
	uint64_t (*config_read)(void *device, unsigned offset, unsigned width);
	/* DRIVER_OK was set and all enabled queues are sound. */
	void (*start)(void *device);
	/* The driver has reset a started device. It reads status 0 after virtio_pci_reset_done().
	 */
	void (*stop)(void *device);
	/* A notification that reached the launcher. */
	void (*notified)(void *device, unsigned queue);
	/* Whether a queue is served in the launcher, with the features that the driver has now. */
	bool (*is_local)(void *device, unsigned queue);
};

struct virtio_pci {
	struct pci_function pci; /* first: the PCI hooks cast back */
	struct msix msix;
	unsigned msix_at; /* of the capability in config space */
	unsigned window_at;
	struct events *events;
	const struct guest_ram *ram;
	struct bus *mmio;
	int bar_range;

	const struct virtio_ops *ops;
	void *device;

	uint64_t offered;
	uint64_t acked;
	uint32_t offered_select, acked_select;
	uint16_t config_vector;
	uint16_t queue_select;
	uint8_t status;
	uint8_t generation;
	uint8_t isr;
	bool started;
	bool stopping; /* reset was asked for and is not done */
	unsigned n_queues;
	struct virtio_queue queue[VIRTIO_MAX_QUEUES];

	unsigned n_complaints; /* lines that this driver has caused */
	uint64_t n_refused;
	uint64_t n_slow_kicks; /* of a data queue, through the launcher: must stay 0 */
	uint64_t n_config_interrupts;
};

struct virtio_pci_setup {
	const char *name;
	struct pci_identity identity;
	uint64_t bar_base;
	unsigned n_queues;
	unsigned first_gsi;
	const struct virtio_ops *ops;
	void *device;
	struct events *events;
	const struct guest_ram *ram;
	struct bus *mmio;
};

/* The caller then sets offered, kick_fd and call_fd, and adds vp->pci to the host. */
int virtio_pci_init(struct virtio_pci *vp, const struct virtio_pci_setup *setup);

/* Configuration space has changed: new generation, interrupt. */
void virtio_pci_config_changed(struct virtio_pci *vp);
/* The interrupt of a queue that is served in the launcher. */
void virtio_pci_interrupt(struct virtio_pci *vp, unsigned queue);
/* All queues of a stopping device are at rest. */
void virtio_pci_reset_done(struct virtio_pci *vp);
/* A line on standard error about this device, unless its driver has caused too many already. */
void virtio_pci_complain(struct virtio_pci *vp, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* DEVICE_NEEDS_RESET. */
void virtio_pci_broken(struct virtio_pci *vp);

/* The registers in BAR 0; exported for the tests. */
extern const struct bus_ops virtio_pci_bar_ops;

#endif
