#include "vmm/vhost_user_message.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <sys/eventfd.h>

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
	1ull << VHOST_USER_FEATURE_LOG_ALL | 1ull << VHOST_USER_FEATURE_PROTOCOL;

static int tell_u64(struct vhost_user *vu, enum vhost_user_request request, uint64_t value)
{
	return vhost_user_exchange(vu, request, &(union vhost_user_payload){.u64 = value}, NULL, 0);
}

static int ask_u64(struct vhost_user *vu, enum vhost_user_request request, uint64_t *value)
{
	union vhost_user_payload payload = {.u64 = 0};
	int ret = vhost_user_exchange(vu, request, &payload, NULL, 0);

	*value = payload.u64;
	return ret;
}

static int tell_state(struct vhost_user *vu, enum vhost_user_request request, uint32_t index,
		      uint32_t num)
{
	union vhost_user_payload payload = {.state = {index, num}};

	return vhost_user_exchange(vu, request, &payload, NULL, 0);
}

int vhost_user_can_carry(struct vhost_user *vu, uint64_t features, unsigned n_queues)
{
	uint64_t missing = features & ~VHOST_USER_LOCAL_FEATURES & ~vu->features;
	char names[NAMES_LEN];

	vhost_user_feature_names(missing, names, sizeof(names));
	if (missing)
		return vhost_user_fail(
			vu, -ENOTSUP,
			"the guest needs %s, which the back-end lacks; enable it there", names);
	if (n_queues > vu->max_queues)
		return vhost_user_fail(
			vu, -ENOTSUP,
			"the guest needs %u queues, the back-end takes %u; raise that there",
			n_queues, vu->max_queues);
	return 0;
}

static int ask_queue_num(struct vhost_user *vu)
{
	uint64_t n;
	int ret;

	if (!vhost_user_speaks(vu, VHOST_USER_PROTOCOL_MQ))
		return 0;
	ret = ask_u64(vu, VHOST_USER_GET_QUEUE_NUM, &n);
	if (ret < 0)
		return ret;
	if (n == 0)
		return vhost_user_fail(vu, -EPROTO, "GET_QUEUE_NUM: the back-end has no queues");
	/* The specification says queues; QEMU, and so every network back-end, means pairs. */
	vu->max_queues = n < VHOST_USER_MAX_QUEUES / 2 ? 2 * (unsigned)n : VHOST_USER_MAX_QUEUES;
	return 0;
}

static int shake_protocol_features(struct vhost_user *vu)
{
	uint64_t offered = 0, agreed;
	int ret;

	if (!vu->has_protocol_features)
		return 0;
	ret = ask_u64(vu, VHOST_USER_GET_PROTOCOL_FEATURES, &offered);
	agreed = offered & known_protocol_features;
	ret = ret ?: tell_u64(vu, VHOST_USER_SET_PROTOCOL_FEATURES, agreed);
	if (ret < 0)
		return ret;
	vu->protocol_features = agreed;
	return ask_queue_num(vu);
}

int vhost_user_handshake(struct vhost_user *vu, uint16_t mtu)
{
	uint64_t features;
	int ret;

	assert(vu->state == VHOST_USER_CONNECTED);
	vu->protocol_features = 0;
	vu->max_queues = 2;
	ret = tell_u64(vu, VHOST_USER_SET_OWNER, 0)
		      ?: ask_u64(vu, VHOST_USER_GET_FEATURES, &features);
	if (ret < 0)
		return ret;
	vu->features = features & ~hidden_features;
	vu->has_protocol_features = features >> VHOST_USER_FEATURE_PROTOCOL & 1;
	ret = vhost_user_can_carry(vu, 1ull << VIRTIO_F_VERSION_1, 0)
		      ?: shake_protocol_features(vu);
	if (ret == 0 && mtu && vhost_user_speaks(vu, VHOST_USER_PROTOCOL_MTU))
		ret = tell_u64(vu, VHOST_USER_NET_SET_MTU, mtu);
	if (ret == 0)
		vu->state = VHOST_USER_READY;
	return ret;
}

/* Without REPLY_ACK the answer to a harmless question says that all before it has been done. */
static int barrier(struct vhost_user *vu)
{
	uint64_t features;

	if (vhost_user_speaks(vu, VHOST_USER_PROTOCOL_REPLY_ACK))
		return 0;
	return ask_u64(vu, VHOST_USER_GET_FEATURES, &features);
}

static int set_status(struct vhost_user *vu, uint8_t status)
{
	if (!vhost_user_speaks(vu, VHOST_USER_PROTOCOL_STATUS))
		return 0;
	return tell_u64(vu, VHOST_USER_SET_STATUS, status);
}

static int set_features(struct vhost_user *vu, const struct vhost_user_device *dev)
{
	uint64_t features = dev->features & vu->features;
	uint64_t status;
	int ret;

	if (vu->has_protocol_features)
		features |= 1ull << VHOST_USER_FEATURE_PROTOCOL;
	ret = set_status(vu, STATUS_DRIVER)
		      ?: tell_u64(vu, VHOST_USER_SET_FEATURES, features)
		      ?: set_status(vu, STATUS_FEATURES);
	if (ret < 0 || !vhost_user_speaks(vu, VHOST_USER_PROTOCOL_STATUS))
		return ret;
	ret = ask_u64(vu, VHOST_USER_GET_STATUS, &status);
	if (ret == 0 && !(status & VIRTIO_CONFIG_S_FEATURES_OK))
		ret = vhost_user_fail(vu, -EREMOTEIO,
				      "SET_FEATURES: the back-end took back FEATURES_OK for "
				      "features 0x%lx; its log says why",
				      features);
	return ret;
}

static int set_mem_table(struct vhost_user *vu, const struct vhost_user_device *dev)
{
	union vhost_user_payload payload = {.memory = dev->memory};

	return vhost_user_exchange(vu, VHOST_USER_SET_MEM_TABLE, &payload, dev->memory_fds,
				   dev->memory.n_regions)
		       ?: barrier(vu);
}

static int set_vring_fd(struct vhost_user *vu, enum vhost_user_request request, unsigned index,
			int fd)
{
	union vhost_user_payload payload = {.u64 = index | (fd < 0 ? VHOST_USER_VRING_NO_FD : 0u)};

	return vhost_user_exchange(vu, request, &payload, &fd, fd >= 0);
}

/* The order matters: some back-ends correct the base when they see the addresses, and the kick
 * starts the ring. */
static int set_vring(struct vhost_user *vu, unsigned index, const struct vhost_user_queue *queue)
{
	union vhost_user_payload addr = {.addr = {.index = index,
						  .desc = queue->desc,
						  .used = queue->used,
						  .avail = queue->avail}};

	return tell_state(vu, VHOST_USER_SET_VRING_BASE, index, queue->base)
		       ?: vhost_user_exchange(vu, VHOST_USER_SET_VRING_ADDR, &addr, NULL, 0)
		       ?: set_vring_fd(vu, VHOST_USER_SET_VRING_CALL, index, queue->callfd)
		       ?: set_vring_fd(vu, VHOST_USER_SET_VRING_KICK, index, queue->kickfd);
}

static int set_vrings(struct vhost_user *vu, const struct vhost_user_device *dev)
{
	int ret = 0;

	/* All sizes first: from them some back-ends learn how many queues there will be. */
	for (unsigned i = 0; i < dev->n_queues && ret == 0; i++)
		ret = tell_state(vu, VHOST_USER_SET_VRING_NUM, i, dev->queues[i].size);
	for (unsigned i = 0; i < dev->n_queues && ret == 0; i++)
		ret = set_vring(vu, i, &dev->queues[i]);
	/* Without protocol features rings start enabled and there is no such request. */
	for (unsigned i = 0; i < dev->n_queues && ret == 0 && vu->has_protocol_features; i++)
		ret = tell_state(vu, VHOST_USER_SET_VRING_ENABLE, i, dev->queues[i].enabled);
	return ret;
}

int vhost_user_start(struct vhost_user *vu, const struct vhost_user_device *dev)
{
	int ret;

	assert(vu->state == VHOST_USER_READY);
	ret = vhost_user_can_carry(vu, dev->features, dev->n_queues)
		      ?: set_features(vu, dev)
		      ?: set_mem_table(vu, dev)
		      ?: set_vrings(vu, dev)
		      ?: set_status(vu, STATUS_DRIVER_OK)
		      ?: barrier(vu);
	if (ret < 0)
		return ret;
	vu->state = VHOST_USER_RUNNING;
	/* A full counter (EAGAIN) is a kick as well. */
	for (unsigned i = 0; i < dev->n_queues; i++)
		if (dev->queues[i].kickfd >= 0)
			(void)!eventfd_write(dev->queues[i].kickfd, 1);
	return 0;
}

int vhost_user_enable_pair(struct vhost_user *vu, struct vhost_user_device *dev, unsigned pair,
			   bool on)
{
	unsigned first = 2 * pair;

	assert(first + 1 < dev->n_queues);
	dev->queues[first].enabled = dev->queues[first + 1].enabled = on;
	if (vu->state != VHOST_USER_RUNNING || !vu->has_protocol_features)
		return 0;
	return tell_state(vu, VHOST_USER_SET_VRING_ENABLE, first, on)
		       ?: tell_state(vu, VHOST_USER_SET_VRING_ENABLE, first + 1, on);
}

static int stop_vring(struct vhost_user *vu, unsigned index, uint32_t *base)
{
	union vhost_user_payload payload = {.state = {.index = index}};
	int ret = vhost_user_exchange(vu, VHOST_USER_GET_VRING_BASE, &payload, NULL, 0);

	if (ret == 0 && payload.state.index != index)
		return vhost_user_fail(vu, -EPROTO,
				       "GET_VRING_BASE: asked for queue %u, got queue %u; the "
				       "back-end does not follow the specification",
				       index, payload.state.index);
	*base = payload.state.num;
	return ret;
}

int vhost_user_stop(struct vhost_user *vu, struct vhost_user_device *dev)
{
	uint32_t bases[VHOST_USER_MAX_QUEUES];
	int ret = 0;

	assert(vu->state == VHOST_USER_RUNNING && dev->n_queues <= VHOST_USER_MAX_QUEUES);
	for (unsigned i = 0; i < dev->n_queues && ret == 0 && vu->has_protocol_features; i++)
		ret = tell_state(vu, VHOST_USER_SET_VRING_ENABLE, i, 0);
	for (unsigned i = 0; i < dev->n_queues && ret == 0; i++)
		ret = stop_vring(vu, i, &bases[i]);
	ret = ret ?: set_status(vu, 0);
	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < dev->n_queues; i++)
		dev->queues[i].base = bases[i];
	vu->state = VHOST_USER_READY;
	return 0;
}
