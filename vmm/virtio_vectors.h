/* virtio_vectors.h - binds the queues of a virtio device to interrupts and doorbells.
 *
 * Threads:   the caller holds the machine's lock.
 * Ownership: changes only the binding members of the device's queues.
 * Failure:   a binding that KVM refuses is reported on standard error and tried again at the next
 * change.
 *
 * One GSI per queue, for ever: vectors that share a message simply give equal routes. */
#ifndef RINGWAY_VMM_VIRTIO_VECTORS_H
#define RINGWAY_VMM_VIRTIO_VECTORS_H

#include "vmm/virtio_pci.h"

/* After any change of the MSI-X table, its enable or mask bits, or the vector of a queue. */
void virtio_vectors_update(struct virtio_pci *vp);
/* Delivers a vector, or notes it as pending while it is masked. */
void virtio_vectors_send(struct virtio_pci *vp, uint16_t vector);
/* The pending bit array. */
uint64_t virtio_vectors_pending(const struct virtio_pci *vp, unsigned offset, unsigned width);
/* Doorbells of all enabled data queues at BAR address `base`, or none at all. */
void virtio_vectors_ring_doorbells_at(struct virtio_pci *vp, uint64_t base, bool on);

#endif
