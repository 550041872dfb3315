/* vhost_user_vring.h - tells the back-end about the rings of a device, and takes them back.
 *
 * Private to the vhost-user front-end.
 *
 * Threads:   that of the struct vhost_user.
 * Ownership: as vhost_user.h; the inflight region is kept in the struct vhost_user.
 * Failure:   as vhost_user_message.h. */
#ifndef VMM_VHOST_USER_VRING_H
#define VMM_VHOST_USER_VRING_H

#include "vmm/vhost_user.h"

/* A size that VIRTIO 1.2 (sections 2.7, 2.8) allows, and three aligned areas inside of the regions.
 */
bool vhost_user_vring_is_sound(const struct vhost_user_device *dev,
			       const struct vhost_user_queue *q);

/* Sizes, inflight region, base, addresses, call, kick and enable of all queues. */
int vhost_user_vrings_set(struct vhost_user *vu, const struct vhost_user_device *dev);

void vhost_user_vrings_kick(const struct vhost_user_device *dev);

/* Stops the queue; *base is where the back-end was. */
int vhost_user_vring_stop(struct vhost_user *vu, unsigned index, uint32_t *base);

#endif
