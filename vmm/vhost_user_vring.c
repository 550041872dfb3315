#include "vmm/vhost_user_message.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <sys/eventfd.h>

enum { RING_MAX_SIZE = 32768 };

/* The ring lies in memory that the back-end will have mapped. */
static bool is_mapped(const struct vhost_user_device *dev, uint64_t va, uint64_t len)
{
	for (unsigned i = 0; i < dev->n_regions; i++) {
		const struct vhost_user_region *region = &dev->regions[i];
		uint64_t off = va - region->va; /* huge if below */

		if (off <= region->len && len <= region->len - off)
			return true;
	}
	return false;
}

bool vhost_user_vring_is_sound(const struct vhost_user_device *dev,
			       const struct vhost_user_queue *q)
{
	bool packed = dev->features >> VIRTIO_F_RING_PACKED & 1;
	uint64_t avail_len = packed ? 4 : 6 + 2ull * q->size;
	uint64_t used_len = packed ? 4 : 6 + 8ull * q->size;

	if (q->size == 0 || q->size > RING_MAX_SIZE || (!packed && (q->size & (q->size - 1))))
		return false;
	if (q->desc % 16 || q->avail % (packed ? 4 : 2) || q->used % 4)
		return false;
	return is_mapped(dev, q->desc, 16ull * q->size) && is_mapped(dev, q->avail, avail_len) &&
	       is_mapped(dev, q->used, used_len);
}

static int set_vring_fd(struct vhost_user *vu, enum vhost_user_request request, unsigned index,
			int fd)
{
	uint64_t value = index | (fd < 0 ? VHOST_USER_VRING_NO_FD : 0u);

	return vhost_user_exchange(vu, &(struct vhost_user_exchange){.request = request,
								     .payload = &value,
								     .payload_len = sizeof(value),
								     .fds = &fd,
								     .n_fds = fd >= 0});
}

static int set_vring_addr(struct vhost_user *vu, unsigned index,
			  const struct vhost_user_queue *queue)
{
	const struct vhost_user_vring_addr addr = {
		.index = index, .desc = queue->desc, .used = queue->used, .avail = queue->avail};

	return vhost_user_exchange(
		vu, &(struct vhost_user_exchange){.request = VHOST_USER_SET_VRING_ADDR,
						  .payload = &addr,
						  .payload_len = sizeof(addr)});
}

/* The order matters: some back-ends correct the base when they see the addresses, and the kick
 * starts the ring. */
static int set_vring(struct vhost_user *vu, unsigned index, const struct vhost_user_queue *queue)
{
	return vhost_user_tell_state(vu, VHOST_USER_SET_VRING_BASE, index, queue->base)
		       ?: set_vring_addr(vu, index, queue)
		       ?: set_vring_fd(vu, VHOST_USER_SET_VRING_CALL, index, queue->callfd)
		       ?: set_vring_fd(vu, VHOST_USER_SET_VRING_KICK, index, queue->kickfd);
}

int vhost_user_vrings_set(struct vhost_user *vu, const struct vhost_user_device *dev)
{
	int ret = 0;

	/* All sizes first: from them some back-ends learn how many queues there will be. */
	for (unsigned i = 0; i < dev->n_queues && ret == 0; i++)
		ret = vhost_user_tell_state(vu, VHOST_USER_SET_VRING_NUM, i, dev->queues[i].size);
	for (unsigned i = 0; i < dev->n_queues && ret == 0; i++)
		ret = set_vring(vu, i, &dev->queues[i]);
	/* Without protocol features rings start enabled and there is no such request. */
	for (unsigned i = 0; i < dev->n_queues && ret == 0 && vu->has_protocol_features; i++)
		ret = vhost_user_tell_state(vu, VHOST_USER_SET_VRING_ENABLE, i,
					    dev->queues[i].enabled);
	return ret;
}

void vhost_user_vrings_kick(const struct vhost_user_device *dev)
{
	/* A full counter (EAGAIN) is a kick as well. */
	for (unsigned i = 0; i < dev->n_queues; i++)
		if (dev->queues[i].kickfd >= 0)
			(void)!eventfd_write(dev->queues[i].kickfd, 1);
}

int vhost_user_vring_stop(struct vhost_user *vu, unsigned index, uint32_t *base)
{
	const struct vhost_user_vring_state ask = {.index = index};
	struct vhost_user_vring_state got = {0};
	int ret = vhost_user_exchange(
		vu, &(struct vhost_user_exchange){.request = VHOST_USER_GET_VRING_BASE,
						  .payload = &ask,
						  .payload_len = sizeof(ask),
						  .answer = &got,
						  .answer_len = sizeof(got)});

	if (ret == 0 && got.index != index)
		return vhost_user_fail(vu, -EPROTO,
				       "GET_VRING_BASE: asked for queue %u, got queue %u; the "
				       "back-end does not follow the specification",
				       index, got.index);
	*base = got.num;
	return ret;
}
