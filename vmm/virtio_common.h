/* virtio_common.h - the common configuration registers of a virtio device: features, status,
 * queues.
 *
 * Threads:   the caller holds the machine's lock.
 * Ownership: changes the register members of the device.
 * Failure:   as in virtio_pci.h.
 *
 * Source: VIRTIO 1.2 section 4.1.4.3. */
#ifndef RINGWAY_VMM_VIRTIO_COMMON_H
#define RINGWAY_VMM_VIRTIO_COMMON_H

#include "vmm/virtio_pci.h"

uint64_t virtio_common_read(struct virtio_pci *vp, unsigned offset, unsigned width);
void virtio_common_write(struct virtio_pci *vp, unsigned offset, unsigned width, uint64_t value);

/* A notification for a queue. */
void virtio_common_notify(struct virtio_pci *vp, unsigned queue);

/* All registers as after power-on. */
void virtio_common_reset(struct virtio_pci *vp);

#endif
