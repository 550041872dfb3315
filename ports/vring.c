#include "ports/vring.h"

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
};

static inline bool has(uint64_t features, enum virtio_feature bit)
{
	return (features >> bit) & 1;
}

int vring_init(struct vring *vr, const struct vring_conf *conf)
{
	bool modern = has(conf->features, VIRTIO_F_VERSION_1) ||
		      has(conf->features, VIRTIO_NET_F_MRG_RXBUF);

	if (conf->size == 0 || conf->size > VIRTQ_SIZE_MAX || (conf->size & (conf->size - 1)))
		return -EINVAL;
	*vr = (struct vring){
		.desc = conf->desc,
		.avail = conf->avail,
		.used = conf->used,
		.mem = conf->mem,
		.size = conf->size,
		.mask = conf->size - 1,
		.hdr_len = modern ? VIRTIO_NET_HDR_LEN : VIRTIO_NET_HDR_LEGACY_LEN,
		.event_idx = has(conf->features, VIRTIO_F_EVENT_IDX),
		.indirect = has(conf->features, VIRTIO_F_INDIRECT_DESC),
		.mergeable = has(conf->features, VIRTIO_NET_F_MRG_RXBUF),
		.call_fd = conf->call_fd,
		.last_avail = conf->last_avail,
		.last_used = conf->last_used,
		.published = conf->last_used,
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
	vr->scratch_heads = calloc(conf->size, sizeof(*vr->scratch_heads));
	vr->scratch_lens = calloc(conf->size, sizeof(*vr->scratch_lens));
	if (!vr->scratch || !vr->scratch_heads || !vr->scratch_lens) {
		vring_fini(vr);
		return -ENOMEM;
	}
	vring_disarm(vr);
	return 0;
}

void vring_fini(struct vring *vr)
{
	free(vr->scratch);
	free(vr->scratch_heads);
	free(vr->scratch_lens);
	vr->scratch = NULL;
	vr->scratch_heads = NULL;
	vr->scratch_lens = NULL;
}

void vring_call(const struct vring *vr)
{
	uint64_t one = 1;

	/* The descriptor is non-blocking: when its counter is full the guest has a notification
	 * waiting anyway. */
	if (vr->call_fd >= 0 && write(vr->call_fd, &one, sizeof(one)) < 0)
		return;
}
