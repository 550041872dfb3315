#include "ports/vring.h"
#include "ports/vring_layout.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

const char *const vring_fault_names[VRING_FAULT_N] = {
	[VRING_OK] = "ok",
	[VRING_BAD_AVAIL_IDX] = "available index jumps past the ring",
	[VRING_BAD_HEAD] = "descriptor index past the table",
	[VRING_BAD_CHAIN] = "descriptor chain loops or is longer than the queue",
	[VRING_BAD_INDIRECT] = "malformed indirect descriptor",
	[VRING_BAD_DIRECTION] = "descriptor of the wrong direction",
	[VRING_BAD_ADDRESS] = "address outside of the shared memory",
	[VRING_BAD_CALL] = "call descriptor that blocks",
};

static inline bool has(uint64_t features, enum virtio_feature bit)
{
	return (features >> bit) & 1;
}

static bool place_ok(const struct vring_conf *conf, uint16_t place)
{
	return (place & (VIRTQ_WRAP - 1)) < conf->size;
}

static bool shape_ok(const struct vring_conf *conf, bool packed)
{
	if (conf->size == 0 || conf->size > VIRTQ_SIZE_MAX)
		return false;
	if (packed)
		return place_ok(conf, conf->last_avail) && place_ok(conf, conf->last_used);
	return (conf->size & (conf->size - 1)) == 0;
}

int vring_init(struct vring *vr, const struct vring_conf *conf)
{
	bool packed = has(conf->features, VIRTIO_F_RING_PACKED);
	bool modern = packed || has(conf->features, VIRTIO_F_VERSION_1) ||
		      has(conf->features, VIRTIO_NET_F_MRG_RXBUF);

	if (!shape_ok(conf, packed))
		return -EINVAL;
	*vr = (struct vring){
		.desc = conf->desc_area,
		.avail = conf->driver_area,
		.used = conf->device_area,
		.mem = conf->mem,
		.size = conf->size,
		.mask = conf->size - 1,
		.hdr_len = modern ? VIRTIO_NET_HDR_LEN : VIRTIO_NET_HDR_LEGACY_LEN,
		.packed = packed,
		.event_idx = has(conf->features, VIRTIO_F_EVENT_IDX),
		.in_order = has(conf->features, VIRTIO_F_IN_ORDER),
		.indirect = has(conf->features, VIRTIO_F_INDIRECT_DESC),
		.mergeable = has(conf->features, VIRTIO_NET_F_MRG_RXBUF),
		.call_fd = conf->call_fd,
		.last_avail = conf->last_avail,
		.last_used = conf->last_used,
	};
	if (has(conf->features, VIRTIO_NET_F_CSUM)) {
		vr->sends = FRAME_NEEDS_CSUM;
		if (has(conf->features, VIRTIO_NET_F_HOST_TSO4))
			vr->sends |= FRAME_NEEDS_TSO4;
		if (has(conf->features, VIRTIO_NET_F_HOST_TSO6))
			vr->sends |= FRAME_NEEDS_TSO6;
	}
	/* A chain is at most as long as the queue, and each region border in it adds one piece. But
	 * a frame may fill several buffers, each with an indirect table of its own. */
	vr->n_scratch = 2u * conf->size + GUEST_MEMORY_MAX_REGIONS;
	if (vr->n_scratch < BURST_SEGMENTS)
		vr->n_scratch = BURST_SEGMENTS;
	vr->scratch = calloc(vr->n_scratch, sizeof(*vr->scratch));
	vr->scratch_buffers = calloc(conf->size, sizeof(*vr->scratch_buffers));
	if (!vr->scratch || !vr->scratch_buffers) {
		vring_fini(vr);
		return -ENOMEM;
	}
	vring_disarm(vr);
	return 0;
}

void vring_fini(struct vring *vr)
{
	free(vr->scratch);
	free(vr->scratch_buffers);
	vr->scratch = NULL;
	vr->scratch_buffers = NULL;
}

void vring_call(struct vring *vr)
{
	uint64_t one = 1;

	/* The descriptor is non-blocking: when its counter is full (EAGAIN) the guest has a
	 * notification waiting anyway. Where it waited, somebody has changed that. */
	if (vr->call_fd >= 0 && write(vr->call_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		vring_stop(vr, VRING_BAD_CALL);
}

unsigned vring_rx(struct vring *vr, struct burst *burst)
{
	return vr->packed ? vring_packed_rx(vr, burst) : vring_split_rx(vr, burst);
}

unsigned vring_rx_release(struct vring *vr)
{
	return vr->packed ? vring_packed_rx_release(vr) : vring_split_rx_release(vr);
}

unsigned vring_tx(struct vring *vr, const struct frame *const *frames, unsigned n,
		  enum drop_reason *why)
{
	return vr->packed ? vring_packed_tx(vr, frames, n, why)
			  : vring_split_tx(vr, frames, n, why);
}

unsigned vring_notify(struct vring *vr)
{
	return vr->packed ? vring_packed_notify(vr) : vring_split_notify(vr);
}

bool vring_arm(struct vring *vr)
{
	return vr->packed ? vring_packed_arm(vr) : vring_split_arm(vr);
}

void vring_disarm(struct vring *vr)
{
	if (vr->packed)
		vring_packed_disarm(vr);
	else
		vring_split_disarm(vr);
}

bool vring_place_is_lost(const struct vring *vr)
{
	return vr->packed && vring_packed_place_is_lost(vr);
}
