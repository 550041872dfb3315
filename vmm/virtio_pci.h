/* virtio_pci.h - a modern virtio device on PCI: common configuration, notifications, MSI-X vectors.
 *
 * Threads:   the caller holds the machine's lock; the control thread takes it, too.
 * Ownership: borrows the world and the descriptors of the queues.
 * Failure:   what a guest writes never fails: what is out of range, of wrong width or too late is
 *            ignored and counted in n_refused. A binding that KVM refuses is reported on standard
 *            error and tried again at the next change.
 *
 * Source: VIRTIO 1.2 sections 2.1 (status), 4.1 (PCI); PCI Local Bus 3.0 section 6.8.2 (MSI-X).
 * Queue registers live here only, never in guest memory; they cannot change between q_enable and
 * reset. One GSI per queue, for ever: vectors that share a message simply give equal routes. */
#ifndef RINGWAY_VMM_VIRTIO_PCI_H
#define RINGWAY_VMM_VIRTIO_PCI_H

#include "vmm/bus.h"
#include "vmm/kvm.h"

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

	MSIX_MAX_VECTORS = 64,
	MSIX_ENTRY_LEN = 16,
	MSIX_NO_VECTOR = 0xffff, /* VIRTIO_MSI_NO_VECTOR */
};

struct msix {
	unsigned n_vectors;
	bool enabled; /* MSI-X enable, message control bit 15 */
	bool masked;  /* function mask, bit 14 */
	uint64_t pending;
	struct {
		struct msi_message message;
		uint32_t control;
	} table[MSIX_MAX_VECTORS]; /* as the guest reads and writes it */
};

struct virtio_queue {
	uint16_t size;
	uint16_t enabled; /* 0 or 1 */
	uint16_t vector;
	uint16_t notify_offset;	       /* its number */
	uint64_t desc, driver, device; /* guest-physical */
	int kick_fd, call_fd;	       /* -1 for a queue that is served in the launcher */
	unsigned gsi;
	bool attached; /* call_fd is bound to gsi */
	bool doorbell; /* kick_fd is bound to doorbell_addr */
	uint64_t doorbell_addr;
	struct msi_message routed;
};

/* The three areas of a split ring in our memory. */
struct virtio_areas {
	uint8_t *desc, *driver, *device;
};

/* False unless all of them are aligned and lie in the guest's memory. VIRTIO 1.2 section 2.7. */
bool virtio_queue_areas(const struct guest_ram *ram, const struct virtio_queue *queue,
			struct virtio_areas *areas);

/* What all virtio devices of a machine share. */
struct virtio_world {
	struct kvm *kvm;
	const struct guest_ram *ram;
	struct bus *mmio;
	int wake_fd; /* written when the control thread has to look */
};

struct virtio_pci {
	struct pci_function pci; /* first: the PCI hooks cast back */
	const struct virtio_world *world;
	const void *config; /* the device's own configuration */
	unsigned config_len;

	struct msix msix;
	unsigned msix_at, window_at; /* capabilities in config space */
	int bar_range;
	uint64_t offered, acked;
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

/* The caller has set world, config and n_queues. It then sets offered, kick_fd and call_fd, and
 * adds vp->pci to the host. */
void virtio_pci_init(struct virtio_pci *vp, const char *name, uint16_t virtio_id,
		     uint32_t class_code, uint64_t bar_base, unsigned first_gsi);

/* Configuration space has changed: new generation, interrupt. */
void virtio_pci_config_changed(struct virtio_pci *vp);
/* The interrupt of a queue that is served in the launcher. */
void virtio_pci_interrupt(struct virtio_pci *vp, unsigned queue);
/* All queues of a stopping device are at rest. */
void virtio_pci_reset_done(struct virtio_pci *vp);
/* A line on standard error about this device, unless its driver has caused too many already. */
void virtio_pci_complain(struct virtio_pci *vp, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* virtio_net.c, the one kind of device: DRIVER_OK was set and all enabled queues are sound; */
void virtio_net_start(struct virtio_pci *vp);
/* the driver has reset a started device, and reads status 0 after virtio_pci_reset_done(); */
void virtio_net_stop(struct virtio_pci *vp);
/* a notification of a queue that is served in the launcher; */
void virtio_net_notified(struct virtio_pci *vp, unsigned queue);
/* whether a queue is, with the features that the driver has now. */
bool virtio_net_is_local(const struct virtio_pci *vp, unsigned queue);

/* virtio_common.c: the common configuration registers, section 4.1.4.3, and notifications. */
uint64_t virtio_common_read(struct virtio_pci *vp, unsigned offset, unsigned width);
void virtio_common_write(struct virtio_pci *vp, unsigned offset, unsigned width, uint64_t value);
void virtio_common_notify(struct virtio_pci *vp, unsigned queue);

/* virtio_vectors.c: the MSI-X table, and what binds queues to interrupts and doorbells. */
uint64_t virtio_vectors_read(const struct virtio_pci *vp, uint64_t offset, unsigned width);
void virtio_vectors_write(struct virtio_pci *vp, uint64_t offset, unsigned width, uint64_t value);
uint64_t virtio_vectors_pending(const struct virtio_pci *vp, unsigned offset, unsigned width);
/* After any change of enable or mask bits, or the vector of a queue. */
void virtio_vectors_update(struct virtio_pci *vp);
/* Delivers a vector, or notes it as pending while it is masked. */
void virtio_vectors_send(struct virtio_pci *vp, uint16_t vector);
/* Doorbells of all enabled data queues at BAR address `base`, or none at all. */
void virtio_vectors_doorbells(struct virtio_pci *vp, uint64_t base, bool on);

#endif
