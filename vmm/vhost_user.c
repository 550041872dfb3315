#include "vmm/vhost_user_message.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <stdio.h>

enum {
	NAMES_LEN = 160,
	STATUS_DRIVER = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER,
	STATUS_FEATURES = STATUS_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK,
	STATUS_DRIVER_OK = STATUS_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK,
};

/* What this front-end can do; the other bits of the protocol are of no use to a network device. */
static const uint64_t known_protocol_features =
	1ull << VHOST_USER_PROTOCOL_MQ | 1ull << VHOST_USER_PROTOCOL_REPLY_ACK |
	1ull << VHOST_USER_PROTOCOL_MTU | 1ull << VHOST_USER_PROTOCOL_STATUS;

static const uint64_t hidden_features =
	1ull << VHOST_USER_F_LOG_ALL | 1ull << VHOST_USER_F_PROTOCOL_FEATURES;

/* What is missing for the device, in words; 0 or -ENOTSUP, the connection stands. */
static int find_missing(struct vhost_user *vu, const struct vhost_user_device *dev)
{
	uint64_t missing = dev->features & ~VHOST_USER_LOCAL_FEATURES & ~vu->features;
	char names[NAMES_LEN];

	vu->bits_missing = missing;
	if (missing) {
		vhost_user_feature_names(missing, names, sizeof(names));
		snprintf(vu->error, sizeof(vu->error),
			 "the guest needs %s, which the back-end lacks; enable it there", names);
		return -ENOTSUP;
	}
	if (dev->n_queues > vu->max_queues) {
		snprintf(vu->error, sizeof(vu->error),
			 "the guest needs %u queues, the back-end takes %u; raise that there",
			 dev->n_queues, vu->max_queues);
		return -ENOTSUP;
	}
	return 0;
}

static int ask_queue_num(struct vhost_user *vu)
{
	uint64_t n;
	int ret;

	if (!vhost_user_speaks(vu, VHOST_USER_PROTOCOL_MQ))
		return 0;
	ret = vhost_user_ask_u64(vu, VHOST_USER_GET_QUEUE_NUM, &n);
	if (ret < 0)
		return ret;
	if (n == 0)
		return vhost_user_fail(vu, -EPROTO, "GET_QUEUE_NUM: the back-end has no queues");
	/* The specification says queues; QEMU, and so every back-end for network devices, means
	 * pairs. */
	vu->max_queues = n < VHOST_USER_MAX_QUEUES / 2 ? 2 * (unsigned)n : VHOST_USER_MAX_QUEUES;
	return 0;
}

static int shake_protocol_features(struct vhost_user *vu)
{
	uint64_t offered = 0, agreed;
	int ret;

	if (!vu->has_protocol_features)
		return 0;
	ret = vhost_user_ask_u64(vu, VHOST_USER_GET_PROTOCOL_FEATURES, &offered);
	agreed = offered & known_protocol_features;
	ret = ret ?: vhost_user_tell_u64(vu, VHOST_USER_SET_PROTOCOL_FEATURES, agreed);
	if (ret < 0)
		return ret;
	vu->protocol_features = agreed;
	return ask_queue_num(vu);
}

int vhost_user_handshake(struct vhost_user *vu, uint16_t mtu)
{
	const struct vhost_user_exchange own = {.request = VHOST_USER_SET_OWNER};
	const struct vhost_user_device modern = {.features = 1ull << VIRTIO_F_VERSION_1};
	uint64_t features;
	int ret;

	if (vu->state != VHOST_USER_CONNECTED)
		return vhost_user_fail(vu, -EINVAL, "handshake: not freshly connected");
	vu->protocol_features = 0;
	vu->max_queues = 2;
	ret = vhost_user_exchange(vu, &own)
		      ?: vhost_user_ask_u64(vu, VHOST_USER_GET_FEATURES, &features);
	if (ret < 0)
		return ret;
	vu->features = features & ~hidden_features;
	ret = find_missing(vu, &modern);
	if (ret < 0) {
		vhost_user_close(vu);
		return ret;
	}
	vu->has_protocol_features = features >> VHOST_USER_F_PROTOCOL_FEATURES & 1;
	ret = shake_protocol_features(vu);
	if (ret == 0 && mtu && vhost_user_speaks(vu, VHOST_USER_PROTOCOL_MTU))
		ret = vhost_user_tell_u64(vu, VHOST_USER_NET_SET_MTU, mtu);
	if (ret == 0)
		vu->state = VHOST_USER_READY;
	return ret;
}

int vhost_user_can_carry(struct vhost_user *vu, const struct vhost_user_device *dev)
{
	if (vu->state != VHOST_USER_READY)
		return vhost_user_fail(vu, -EINVAL, "no handshake yet");
	return find_missing(vu, dev);
}

static int check_device(struct vhost_user *vu, const struct vhost_user_device *dev)
{

	if (vu->state != VHOST_USER_READY)
		return vhost_user_fail(vu, -EINVAL, "start: no handshake yet, or started already");
	if (dev->n_regions == 0 || dev->n_regions > VHOST_USER_MAX_REGIONS)
		return vhost_user_fail(vu, -EINVAL, "start: %u memory regions, 1 to %d can be told",
				       dev->n_regions, VHOST_USER_MAX_REGIONS);
	if (dev->n_queues < 2 || dev->n_queues % 2 || dev->n_queues > VHOST_USER_MAX_QUEUES)
		return vhost_user_fail(vu, -EINVAL,
				       "start: %u queues; a network device has 2 to %d, in pairs",
				       dev->n_queues, VHOST_USER_MAX_QUEUES);
	for (unsigned i = 0; i < dev->n_queues; i++)
		if (!vhost_user_vring_is_sound(dev, &dev->queues[i]))
			return vhost_user_fail(vu, -EINVAL,
					       "start: queue %u: size %u, or a ring outside of "
					       "guest memory or misaligned",
					       i, dev->queues[i].size);
	return 0;
}

/* Without REPLY_ACK the answer to a harmless question says that all before it has been done. */
static int barrier(struct vhost_user *vu)
{
	uint64_t features;

	if (vhost_user_speaks(vu, VHOST_USER_PROTOCOL_REPLY_ACK))
		return 0;
	return vhost_user_ask_u64(vu, VHOST_USER_GET_FEATURES, &features);
}

static int set_status(struct vhost_user *vu, uint8_t status)
{
	if (!vhost_user_speaks(vu, VHOST_USER_PROTOCOL_STATUS))
		return 0;
	return vhost_user_tell_u64(vu, VHOST_USER_SET_STATUS, status);
}

static int set_features(struct vhost_user *vu, const struct vhost_user_device *dev)
{
	uint64_t features = dev->features & vu->features;
	uint64_t status;
	int ret;

	if (vu->has_protocol_features)
		features |= 1ull << VHOST_USER_F_PROTOCOL_FEATURES;
	ret = set_status(vu, STATUS_DRIVER)
		      ?: vhost_user_tell_u64(vu, VHOST_USER_SET_FEATURES, features)
		      ?: set_status(vu, STATUS_FEATURES);
	if (ret < 0 || !vhost_user_speaks(vu, VHOST_USER_PROTOCOL_STATUS))
		return ret;
	ret = vhost_user_ask_u64(vu, VHOST_USER_GET_STATUS, &status);
	if (ret == 0 && !(status & VIRTIO_CONFIG_S_FEATURES_OK))
		ret = vhost_user_fail(vu, -EREMOTEIO,
				      "SET_FEATURES: the back-end took back FEATURES_OK for "
				      "features 0x%lx; its log says why",
				      features);
	return ret;
}

static int set_mem_table(struct vhost_user *vu, const struct vhost_user_device *dev)
{
	struct vhost_user_mem_table table = {.n_regions = dev->n_regions};
	int fds[VHOST_USER_MAX_REGIONS];
	struct vhost_user_exchange exchange = {
		.request = VHOST_USER_SET_MEM_TABLE,
		.payload = &table,
		.payload_len = (uint32_t)(offsetof(struct vhost_user_mem_table, regions) +
					  dev->n_regions * sizeof(table.regions[0])),
		.fds = fds,
		.n_fds = dev->n_regions};

	for (unsigned i = 0; i < dev->n_regions; i++) {
		const struct vhost_user_region *region = &dev->regions[i];

		table.regions[i] = (struct vhost_user_wire_region){region->gpa, region->len,
								   region->va, region->offset};
		fds[i] = region->fd;
	}
	return vhost_user_exchange(vu, &exchange) ?: barrier(vu);
}

int vhost_user_start(struct vhost_user *vu, const struct vhost_user_device *dev)
{
	int ret = check_device(vu, dev);

	if (ret < 0)
		return ret;
	ret = find_missing(vu, dev);
	if (ret < 0) {
		vhost_user_close(vu);
		return ret;
	}
	ret = set_features(vu, dev) ?: set_mem_table(vu, dev) ?: vhost_user_vrings_set(vu, dev)
								 ?: set_status(vu, STATUS_DRIVER_OK)
								 ?: barrier(vu);
	if (ret < 0)
		return ret;
	vu->state = VHOST_USER_RUNNING;
	vhost_user_vrings_kick(dev);
	return 0;
}

int vhost_user_enable_pair(struct vhost_user *vu, struct vhost_user_device *dev, unsigned pair,
			   bool on)
{
	unsigned first = 2 * pair;

	if (pair >= dev->n_queues / 2)
		return vhost_user_fail(vu, -EINVAL, "enable: there is no queue pair %u", pair);
	dev->queues[first].enabled = on;
	dev->queues[first + 1].enabled = on;
	if (vu->state != VHOST_USER_RUNNING || !vu->has_protocol_features)
		return 0;
	return vhost_user_tell_state(vu, VHOST_USER_SET_VRING_ENABLE, first, on)
		       ?: vhost_user_tell_state(vu, VHOST_USER_SET_VRING_ENABLE, first + 1, on);
}

int vhost_user_stop(struct vhost_user *vu, struct vhost_user_device *dev)
{
	uint32_t bases[VHOST_USER_MAX_QUEUES];
	int ret = 0;

	if (vu->state != VHOST_USER_RUNNING || dev->n_queues > VHOST_USER_MAX_QUEUES)
		return vhost_user_fail(vu, -EINVAL, "stop: the device does not run");
	for (unsigned i = 0; i < dev->n_queues && ret == 0 && vu->has_protocol_features; i++)
		ret = vhost_user_tell_state(vu, VHOST_USER_SET_VRING_ENABLE, i, 0);
	for (unsigned i = 0; i < dev->n_queues && ret == 0; i++)
		ret = vhost_user_vring_stop(vu, i, &bases[i]);
	ret = ret ?: set_status(vu, 0);
	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < dev->n_queues; i++)
		dev->queues[i].base = bases[i];
	vu->state = VHOST_USER_READY;
	return 0;
}
