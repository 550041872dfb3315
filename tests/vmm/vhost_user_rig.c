#include "vhost_user_rig.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RIG_VA = 0x10000000, RING_STRIDE = 0x4000, RIG_MTU = 1500 };

void rig_init(struct rig *rig)
{
	unsigned i;

	*rig = (struct rig){
		.dev = {.features = 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF |
				    1ull << VIRTIO_NET_F_MAC,
			.memory = {.n_regions = 1,
				   .regions = {{0x1000, RIG_MEMORY_LEN, RIG_VA, 0}}},
			.memory_fds = {memfd_create("guest", MFD_CLOEXEC)},
			.n_queues = RIG_QUEUES},
	};
	rig->dev.queues = rig->queues;
	if (ftruncate(rig->dev.memory_fds[0], RIG_MEMORY_LEN) < 0)
		abort();
	for (i = 0; i < RIG_QUEUES; i++) {
		uint64_t ring = RIG_VA + i * RING_STRIDE;

		rig->queues[i] = (struct vhost_user_queue){
			.size = RIG_RING_SIZE,
			.enabled = i < 2,
			.desc = ring,
			.avail = ring + 0x1000,
			.used = ring + 0x2000,
			.kickfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			.callfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		};
		if (rig->queues[i].callfd < 0)
			abort();
	}
	scripted_backend_init(&rig->backend);
	vhost_user_init(&rig->vu);
}

void rig_fini(struct rig *rig)
{
	unsigned i;

	vhost_user_close(&rig->vu);
	for (i = 0; i < RIG_QUEUES; i++) {
		close(rig->queues[i].kickfd);
		close(rig->queues[i].callfd);
	}
	close(rig->dev.memory_fds[0]);
}

void rig_connect(struct rig *rig)
{
	if (vhost_user_adopt(&rig->vu, scripted_backend_start(&rig->backend)) < 0)
		abort();
}

void rig_disconnect(struct rig *rig)
{
	vhost_user_close(&rig->vu);
	scripted_backend_join(&rig->backend);
}

int rig_whole_life(struct rig *rig)
{
	int ret = vhost_user_handshake(&rig->vu, RIG_MTU);

	if (ret == 0)
		ret = vhost_user_start(&rig->vu, &rig->dev);
	if (ret == 0)
		ret = vhost_user_enable_pair(&rig->vu, &rig->dev, 1, true);
	if (ret == 0)
		ret = vhost_user_stop(&rig->vu, &rig->dev);
	return ret;
}
