#include "vmm/virtio_net.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/layout.h"

#define BIT(n) (UINT64_C(1) << (n))

enum {
	CLASS_ETHERNET = 0x020000,
	DUPLEX_FULL = 1,
};

/* Passed on only if the back-end offers them. */
static const uint64_t from_backend =
	BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4) |
	BIT(VIRTIO_NET_F_GUEST_TSO6) | BIT(VIRTIO_NET_F_GUEST_ECN) | BIT(VIRTIO_NET_F_GUEST_UFO) |
	BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_HOST_ECN) |
	BIT(VIRTIO_NET_F_HOST_UFO) | BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_F_ANY_LAYOUT) |
	BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_F_VERSION_1) |
	BIT(VIRTIO_F_IN_ORDER);

/* Answered here, whatever the back-end is. */
static const uint64_t from_launcher =
	BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_CTRL_VQ) |
	BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_VLAN) | BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) |
	BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | BIT(VIRTIO_NET_F_GUEST_ANNOUNCE);

bool virtio_net_acked(const struct virtio_net *net, unsigned bit)
{
	return net->vp.acked >> bit & 1;
}

static void wake(const struct virtio_net *net)
{
	/* A full counter wakes all the same. */
	(void)!eventfd_write(net->vp.world->wake_fd, 1);
}

/* The index of the control queue, behind all data queues that the driver may use. */
static unsigned control_queue(const struct virtio_net *net)
{
	return virtio_net_acked(net, VIRTIO_NET_F_MQ) ? 2 * net->max_pairs : 2;
}

bool virtio_net_is_local(const struct virtio_pci *vp, unsigned queue)
{
	return queue == control_queue((const struct virtio_net *)vp);
}

void virtio_net_start(struct virtio_pci *vp)
{
	struct virtio_net *net = (struct virtio_net *)vp;

	net->pairs = 1;
	net->control =
		(struct virtio_control){.broken = !virtio_net_acked(net, VIRTIO_NET_F_CTRL_VQ)};
	if (virtio_net_data_queues(net) == 0) {
		virtio_pci_complain(
			vp, "the driver has enabled no pair of queues; no frames will pass");
		return;
	}
	net->running = true;
	wake(net);
}

void virtio_net_stop(struct virtio_pci *vp)
{
	struct virtio_net *net = (struct virtio_net *)vp;

	net->running = false;
	wake(net);
}

void virtio_net_notified(struct virtio_pci *vp, unsigned queue)
{
	struct virtio_net *net = (struct virtio_net *)vp;

	if (virtio_net_control(net, &vp->queue[queue]))
		virtio_pci_interrupt(vp, queue);
	wake(net); /* the number of pairs may have changed */
}

static int open_eventfds(struct virtio_net *net, struct refusal *why)
{
	for (unsigned i = 0; i < 2 * net->pairs_asked; i++) {
		struct virtio_queue *queue = &net->vp.queue[i];

		queue->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		queue->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (queue->kick_fd < 0 || queue->call_fd < 0)
			return refuse(why, errno,
				      "%s: cannot create eventfds: %m; raise `ulimit -n` or use "
				      "fewer queues",
				      net->name);
	}
	return 0;
}

int virtio_net_open(struct virtio_net *net, const struct virtio_world *world, unsigned index,
		    const struct options_net *wish, struct refusal *why)
{
	uint64_t bar_base = LAYOUT_PCI_WINDOW + (uint64_t)index * VIRTIO_BAR_LEN;

	*net = (struct virtio_net){.vp = {.world = world,
					  .config = &net->config,
					  .config_len = sizeof(net->config),
					  .n_queues = 2 * wish->pairs + 1},
				   .pairs_asked = wish->pairs,
				   .max_pairs = wish->pairs,
				   .pairs = 1,
				   .config = {.mtu = (uint16_t)wish->mtu,
					      .max_virtqueue_pairs = (uint16_t)wish->pairs,
					      .duplex = DUPLEX_FULL,
					      .speed = UINT32_MAX /* unknown */}};
	memcpy(net->config.mac, wish->mac, sizeof(net->config.mac));
	snprintf(net->name, sizeof(net->name), "net%u", index);
	virtio_pci_init(&net->vp, net->name, VIRTIO_ID_NET, CLASS_ETHERNET, bar_base,
			GSI_MSI_FIRST + index * VIRTIO_MAX_QUEUES);
	return open_eventfds(net, why);
}

void virtio_net_close(struct virtio_net *net)
{
	for (unsigned i = 0; i < net->vp.n_queues; i++) {
		close(net->vp.queue[i].kick_fd);
		close(net->vp.queue[i].call_fd);
	}
	net->vp.n_queues = 0;
}

void virtio_net_offer(struct virtio_net *net, uint64_t backend_features,
		      unsigned backend_max_queues)
{
	net->max_pairs = net->pairs_asked;
	if (net->max_pairs > backend_max_queues / 2)
		net->max_pairs = backend_max_queues / 2;
	net->config.max_virtqueue_pairs = (uint16_t)net->max_pairs;
	net->vp.n_queues = 2 * net->max_pairs + 1;
	net->vp.offered = (backend_features & from_backend) | from_launcher;
	if (net->max_pairs > 1)
		net->vp.offered |= BIT(VIRTIO_NET_F_MQ);
	if (net->config.mtu)
		net->vp.offered |= BIT(VIRTIO_NET_F_MTU);
}

static void publish_link(struct virtio_net *net)
{
	net->config.status &= (uint16_t)~VIRTIO_NET_S_LINK_UP;
	if (net->link_up && !net->held_down)
		net->config.status |= VIRTIO_NET_S_LINK_UP;
	virtio_pci_config_changed(&net->vp);
}

void virtio_net_set_link(struct virtio_net *net, bool up, bool announce)
{
	if (net->link_up == up && !announce)
		return;
	net->link_up = up;
	if (announce && virtio_net_acked(net, VIRTIO_NET_F_GUEST_ANNOUNCE))
		net->config.status |= VIRTIO_NET_S_ANNOUNCE;
	publish_link(net);
}

void virtio_net_hold_down(struct virtio_net *net, bool down)
{
	net->held_down = down;
	publish_link(net);
}

unsigned virtio_net_data_queues(const struct virtio_net *net)
{
	unsigned n = 0;

	while (n < control_queue(net) && net->vp.queue[n].enabled)
		n++;
	return n & ~1u;
}

void virtio_net_nudge(const struct virtio_net *net, bool kick, bool call)
{
	/* A full counter is a kick or call as well. */
	for (unsigned i = 0; i < virtio_net_data_queues(net); i++) {
		if (kick)
			(void)!eventfd_write(net->vp.queue[i].kick_fd, 1);
		if (call)
			(void)!eventfd_write(net->vp.queue[i].call_fd, 1);
	}
}
