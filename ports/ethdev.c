#include "ports/ethdev.h"
#include "ports/ethdev_mbuf.h"
#include "ports/log.h"
#include "ports/mtu.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <rte_spinlock.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	/* How long a worker sleeps when only looking can tell whether a device has frames: from the
	   first to the last, as long as there are none. */
	NAP_MIN_NS = 50 * 1000,
	NAP_MAX_NS = 4 * 1000 * 1000,
};

struct ethdev_queue {
	_Alignas(64) struct rte_mbuf *held[BURST_MAX];
	uint16_t n_held;
	long nap_ns;
	int wake_fd; /* an interrupt's, or a timer's; -1: none */
	bool is_timer;
	rte_spinlock_t tx_lock; /* among workers that send */
};

struct ethdev_port {
	struct port port;
	const struct port_conf *conf;
	const struct port_env *env;
	struct ethdev_device device;
	bool linked;
	struct ethdev_queue queues[TOPOLOGY_MAX_QUEUES];
};

static struct ethdev_port *ethdev_of(struct port *port)
{
	return (struct ethdev_port *)(void *)((char *)port - offsetof(struct ethdev_port, port));
}

static unsigned ethdev_rx(struct port *port, unsigned queue, struct burst *burst)
{
	struct ethdev_port *ep = ethdev_of(port);
	struct ethdev_queue *q = &ep->queues[queue];

	q->n_held = rte_eth_rx_burst(ep->device.port_id, (uint16_t)queue, q->held, BURST_MAX);
	if (q->n_held)
		q->nap_ns = NAP_MIN_NS;
	for (unsigned i = 0; i < q->n_held; i++)
		rte_prefetch0(rte_pktmbuf_mtod(q->held[i], void *));
	for (unsigned i = 0; i < q->n_held; i++)
		ethdev_mbuf_see(&q->held[i], burst);
	return q->n_held;
}

static unsigned ethdev_rx_release(struct port *port, unsigned queue)
{
	struct ethdev_queue *q = &ethdev_of(port)->queues[queue];

	rte_pktmbuf_free_bulk(q->held, q->n_held);
	q->n_held = 0;
	return 0;
}

/* Sends the mbufs; returns how many the device took. Where it computes checksums, they are prepared
 * as it wants them. */
static unsigned send_mbufs(const struct ethdev_device *device, uint16_t queue,
			   struct rte_mbuf **mbufs, unsigned n, enum drop_reason *why)
{
	unsigned n_fit = n;
	unsigned n_sent;

	if (device->tx_offloads & ~RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
		n_fit = rte_eth_tx_prepare(device->port_id, queue, mbufs, (uint16_t)n);
	n_sent = rte_eth_tx_burst(device->port_id, queue, mbufs, (uint16_t)n_fit);
	if (n_sent < n)
		*why = n_sent == n_fit ? DROP_NO_OFFLOAD : DROP_TX_FULL;
	rte_pktmbuf_free_bulk(mbufs + n_sent, n - n_sent);
	return n_sent;
}

static unsigned ethdev_tx(struct port *port, unsigned queue, const struct frame *const *frames,
			  unsigned n, enum drop_reason *why)
{
	struct ethdev_port *ep = ethdev_of(port);
	uint16_t q = (uint16_t)(queue % ep->device.n_tx_queues);
	struct rte_mbuf *mbufs[BURST_MAX];
	unsigned n_fit = mtu_n_within(port, frames, RTE_MIN(n, (unsigned)BURST_MAX));
	unsigned n_made, n_sent;

	if (!rte_spinlock_trylock(&ep->queues[q].tx_lock)) {
		*why = PORT_BUSY;
		return 0;
	}
	*why = DROP_TOO_BIG;
	for (n_made = 0; n_made < n_fit; n_made++) {
		enum drop_reason reason;

		mbufs[n_made] = ethdev_mbuf_make(&ep->device, frames[n_made], &reason);
		if (!mbufs[n_made]) {
			*why = reason;
			break;
		}
	}
	n_sent = send_mbufs(&ep->device, q, mbufs, n_made, why);
	rte_spinlock_unlock(&ep->queues[q].tx_lock);
	return n_sent;
}

static unsigned ethdev_notify(struct port *port, unsigned queue)
{
	(void)port, (void)queue;
	return 0;
}

static bool ethdev_arm(struct port *port, unsigned queue)
{
	struct ethdev_port *ep = ethdev_of(port);
	struct ethdev_queue *q = &ep->queues[queue];

	if (q->wake_fd < 0)
		return true;
	if (q->is_timer) {
		const struct itimerspec nap = {.it_value.tv_nsec = q->nap_ns};

		q->nap_ns = RTE_MIN(2 * q->nap_ns, (long)NAP_MAX_NS);
		return timerfd_settime(q->wake_fd, 0, &nap, NULL) < 0;
	}
	if (rte_eth_dev_rx_intr_enable(ep->device.port_id, (uint16_t)queue) < 0)
		return true;
	/* A frame that came before it was enabled interrupts nobody. */
	return rte_eth_rx_queue_count(ep->device.port_id, (uint16_t)queue) > 0;
}

static void ethdev_disarm(struct port *port, unsigned queue)
{
	struct ethdev_port *ep = ethdev_of(port);
	struct ethdev_queue *q = &ep->queues[queue];

	if (q->wake_fd >= 0 && !q->is_timer)
		rte_eth_dev_rx_intr_disable(ep->device.port_id, (uint16_t)queue);
}

static uint64_t ethdev_kicks(struct port *port)
{
	(void)port;
	return 0;
}

static void ethdev_housekeep(struct port *port)
{
	struct ethdev_port *ep = ethdev_of(port);
	bool linked = ethdev_device_link(&ep->device);

	if (linked == ep->linked)
		return;
	ep->linked = linked;
	ep->env->link(ep->env->ctx, port, linked);
}

/* What wakes the worker that polls the queue: the device's interrupt, else a timer. */
static void open_wake(struct ethdev_port *ep, unsigned queue)
{
	struct ethdev_queue *q = &ep->queues[queue];

	q->nap_ns = NAP_MIN_NS;
	q->wake_fd = ep->device.interrupts
			     ? rte_eth_dev_rx_intr_ctl_q_get_fd(ep->device.port_id, (uint16_t)queue)
			     : -1;
	if (q->wake_fd < 0) {
		q->wake_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		q->is_timer = true;
	}
	if (q->wake_fd >= 0)
		ep->env->watch(ep->env->ctx, &ep->port, queue, q->wake_fd);
}

static void close_wake(struct ethdev_port *ep, unsigned queue)
{
	struct ethdev_queue *q = &ep->queues[queue];

	if (q->wake_fd < 0)
		return;
	ep->env->unwatch(ep->env->ctx, &ep->port, queue, q->wake_fd);
	if (q->is_timer)
		close(q->wake_fd);
	q->wake_fd = -1;
}

static void ethdev_close(struct port *port)
{
	struct ethdev_port *ep = ethdev_of(port);

	if (ep->linked)
		ep->env->link(ep->env->ctx, port, false);
	for (unsigned i = 0; i < port->n_queues; i++)
		close_wake(ep, i);
	ethdev_device_close(&ep->device);
	free(ep);
}

static const struct port_ops ethdev_ops = {
	.rx = ethdev_rx,
	.rx_release = ethdev_rx_release,
	.tx = ethdev_tx,
	.notify = ethdev_notify,
	.arm = ethdev_arm,
	.disarm = ethdev_disarm,
	.kicks = ethdev_kicks,
	.housekeep = ethdev_housekeep,
	.close = ethdev_close,
};

static uint8_t offloads_of(const struct ethdev_device *device)
{
	uint8_t offloads = 0;

	if (device->tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
		offloads |= FRAME_NEEDS_CSUM;
	if (device->tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO)
		offloads |= FRAME_NEEDS_TSO4 | FRAME_NEEDS_TSO6;
	return offloads;
}

struct port *ethdev_port_open(const struct port_conf *conf, uint16_t id, const struct port_env *env)
{
	struct ethdev_port *ep = aligned_alloc(64, (sizeof(*ep) + 63) / 64 * 64);
	int ret;

	if (!ep)
		return NULL;
	*ep = (struct ethdev_port){.port = {.ops = &ethdev_ops,
					    .name = conf->name,
					    .id = id,
					    .n_queues = conf->n_queues},
				   .conf = conf,
				   .env = env};
	ret = ethdev_device_open(conf, &ep->device);
	if (ret < 0) {
		free(ep);
		errno = -ret;
		return NULL;
	}
	ep->port.frame_max = (uint32_t)ep->device.mtu + FRAME_LEN_MIN;
	ep->port.offloads = offloads_of(&ep->device);
	for (unsigned i = 0; i < conf->n_queues; i++)
		open_wake(ep, i);
	ethdev_housekeep(&ep->port);
	if (!ep->linked)
		log_event(LOG_INFO, "port %s: device %s has no link yet", conf->name, conf->device);
	return &ep->port;
}
