#include "ports/tap.h"
#include "ports/log.h"
#include "ports/mtu.h"
#include "ports/tap_device.h"
#include "ports/vnet.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	/* Room for what follows the head of the largest frame. An odd number of cache lines, so
	   that the slots of a burst do not compete for the same few sets of the cache. */
	SLOT_LEN = 64 * 1033,
	N_SLOTS = 32,	   /* frames of a burst: more, if long, leave the L2 cache */
	MAX_PIECES = 1024, /* of one writev: UIO_MAXIOV */
	/* Polls that do without a system call after one has found nothing; doubles up to this. */
	MAX_PATIENCE = 16,
	ALL_NEEDS = FRAME_NEEDS_CSUM | FRAME_NEEDS_TSO4 | FRAME_NEEDS_TSO6,
};
static_assert((int)N_SLOTS <= (int)BURST_MAX, "a burst holds them");
static_assert(SLOT_LEN >= FRAME_LEN_MAX - FRAME_HEAD_LEN, "any frame fits");
static_assert(offsetof(struct frame, head) == offsetof(struct frame, vnet) + VIRTIO_NET_HDR_LEN,
	      "header and head are read and written as one piece");

struct tap_queue {
	_Alignas(64) int fd;
	uint8_t *slots; /* N_SLOTS of SLOT_LEN bytes */
	/* the worker's */
	unsigned patience;
	unsigned n_to_skip;
};

struct tap_port {
	struct port port;
	const struct port_conf *conf;
	const struct port_env *env;
	enum tap_device_state state; /* as last seen by the control thread */
	bool refused;		     /* what came back after a deletion; so that it is said once */
	uint8_t *slots;		     /* of all queues; pages that are not used cost nothing */
	atomic_flag whole_lock;	     /* of whole, among workers */
	uint8_t *whole;		     /* a frame that lies in too many pieces is made one here */
	struct tap_queue queues[TOPOLOGY_MAX_QUEUES];
};

static struct tap_port *tap_of(struct port *port)
{
	return (struct tap_port *)(void *)((char *)port - offsetof(struct tap_port, port));
}

/* Takes len bytes, header and frame, that readv() put into frame and slot. */
static void accept_frame(struct burst *burst, uint8_t *slot, size_t len)
{
	struct frame *frame = &burst->frames[burst->n];
	int needs;

	if (len < VIRTIO_NET_HDR_LEN + FRAME_LEN_MIN) {
		burst_refuse(burst, DROP_RUNT);
		return;
	}
	frame->len = (uint32_t)len - VIRTIO_NET_HDR_LEN;
	frame->needs = 0;
	frame->head_len = frame->len < FRAME_HEAD_LEN ? (uint16_t)frame->len : FRAME_HEAD_LEN;
	frame->n_segments = 0;
	if (frame->len > FRAME_HEAD_LEN) {
		struct segment *rest = &burst->segments[burst->n_segments++];

		*rest = (struct segment){.addr = slot, .len = frame->len - FRAME_HEAD_LEN};
		frame->segments = rest;
		frame->n_segments = 1;
	}
	if (frame->len > FRAME_LEN_MAX) {
		burst_refuse_and_keep(burst, DROP_OVERSIZE);
		return;
	}
	needs = vnet_check(&frame->vnet, frame->len, ALL_NEEDS);
	if (needs < 0) {
		burst_refuse_and_keep(burst, DROP_BAD_VNET);
		return;
	}
	frame->needs = (uint8_t)needs;
	burst->n++;
}

static unsigned tap_rx(struct port *port, unsigned queue, struct burst *burst)
{
	struct tap_queue *q = &tap_of(port)->queues[queue];
	unsigned n;

	if (q->n_to_skip > 0) {
		q->n_to_skip--;
		return 0;
	}
	for (n = 0; n < N_SLOTS; n++) {
		uint8_t *slot = q->slots + (size_t)n * SLOT_LEN;
		const struct iovec pieces[] = {
			{&burst->frames[burst->n].vnet, VIRTIO_NET_HDR_LEN + FRAME_HEAD_LEN},
			{slot, SLOT_LEN}};
		ssize_t len = readv(q->fd, pieces, 2);

		if (len >= 0)
			accept_frame(burst, slot, (size_t)len);
		else if (errno == EFAULT) /* longer than the slot; the kernel has dropped it */
			burst_refuse(burst, DROP_OVERSIZE);
		else
			break;
	}
	if (n > 0) {
		q->patience = 0;
	} else {
		q->patience = q->patience < MAX_PATIENCE ? 2 * q->patience + 1 : MAX_PATIENCE;
		q->n_to_skip = q->patience;
	}
	return n;
}

static unsigned tap_rx_release(struct port *port, unsigned queue)
{
	(void)port, (void)queue;
	return 0;
}

static enum drop_reason reason_of(int error)
{
	switch (error) {
	case EIO:    /* the interface is down */
	case EBADFD: /* the interface is gone */
	case ENETDOWN:
		return DROP_LINK_DOWN;
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		return DROP_TX_FULL;
	case EMSGSIZE:
		return DROP_TOO_BIG;
	default: /* the kernel does not believe what the header says of this frame */
		return DROP_NO_OFFLOAD;
	}
}

/* writev() of a frame in more pieces than it takes. */
static ssize_t write_whole(struct tap_port *tp, int fd, const struct frame *frame)
{
	size_t len = VIRTIO_NET_HDR_LEN + frame->head_len;
	ssize_t written;

	while (atomic_flag_test_and_set_explicit(&tp->whole_lock, memory_order_acquire))
		__builtin_ia32_pause();
	memcpy(tp->whole, &frame->vnet, len);
	for (unsigned i = 0; i < frame->n_segments; i++) {
		memcpy(tp->whole + len, frame->segments[i].addr, frame->segments[i].len);
		len += frame->segments[i].len;
	}
	written = write(fd, tp->whole, len);
	atomic_flag_clear_explicit(&tp->whole_lock, memory_order_release);
	return written;
}

static ssize_t write_frame(struct tap_port *tp, int fd, const struct frame *frame)
{
	struct iovec pieces[MAX_PIECES];

	if (frame->n_segments >= MAX_PIECES)
		return write_whole(tp, fd, frame);
	pieces[0] = (struct iovec){(void *)(uintptr_t)&frame->vnet,
				   VIRTIO_NET_HDR_LEN + frame->head_len};
	for (unsigned i = 0; i < frame->n_segments; i++)
		pieces[i + 1] = (struct iovec){frame->segments[i].addr, frame->segments[i].len};
	return writev(fd, pieces, frame->n_segments + 1);
}

static unsigned tap_tx(struct port *port, unsigned queue, const struct frame *const *frames,
		       unsigned n, enum drop_reason *why)
{
	struct tap_port *tp = tap_of(port);
	int fd = tp->queues[queue % port->n_queues].fd;
	unsigned n_fit = mtu_n_within(port, frames, n);

	for (unsigned i = 0; i < n_fit; i++)
		if (write_frame(tp, fd, frames[i]) < 0) {
			*why = reason_of(errno);
			return i;
		}
	*why = DROP_TOO_BIG;
	return n_fit;
}

/* A frame is the kernel's as soon as it is written. */
static unsigned tap_notify(struct port *port, unsigned queue)
{
	(void)port, (void)queue;
	return 0;
}

static bool tap_arm(struct port *port, unsigned queue)
{
	struct pollfd poll_fd = {.fd = tap_of(port)->queues[queue].fd, .events = POLLIN};

	/* Frames only: an interface that is gone reports an error for ever. */
	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN);
}

static void tap_disarm(struct port *port, unsigned queue)
{
	tap_of(port)->queues[queue].n_to_skip = 0;
}

static uint64_t tap_kicks(struct port *port)
{
	(void)port;
	return 0;
}

static void follow_mtu(struct tap_port *tp)
{
	uint16_t mtu = tap_device_mtu(tp->conf);

	if (mtu)
		__atomic_store_n(&tp->port.frame_max, (uint32_t)mtu + FRAME_LEN_MIN,
				 __ATOMIC_RELAXED);
}

/* No worker uses the port. */
static void close_queues(struct tap_port *tp)
{
	for (unsigned i = 0; i < tp->port.n_queues; i++) {
		if (tp->queues[i].fd < 0)
			continue;
		tp->env->unwatch(tp->env->ctx, &tp->port, i, tp->queues[i].fd);
		close(tp->queues[i].fd);
		tp->queues[i].fd = -1;
	}
}

static int open_queues(struct tap_port *tp)
{
	int fds[TOPOLOGY_MAX_QUEUES];
	int ret = tap_device_open(tp->conf, fds);

	if (ret < 0)
		return ret;
	tap_device_configure(tp->conf);
	follow_mtu(tp);
	for (unsigned i = 0; i < tp->port.n_queues; i++) {
		tp->queues[i].fd = fds[i];
		tp->env->watch(tp->env->ctx, &tp->port, i, fds[i]);
	}
	return 0;
}

static void follow_state(struct tap_port *tp)
{
	enum tap_device_state state = tap_device_state(tp->queues[0].fd);

	if (state == tp->state)
		return;
	if ((state == TAP_DEVICE_UP) != (tp->state == TAP_DEVICE_UP))
		tp->env->link(tp->env->ctx, &tp->port, state == TAP_DEVICE_UP);
	tp->state = state;
	if (state == TAP_DEVICE_GONE) {
		log_event(LOG_WARNING,
			  "port %s: TAP %s was deleted: make it again (ip tuntap add dev %s mode "
			  "tap%s) and the port goes on",
			  tp->conf->name, tp->conf->ifname, tp->conf->ifname,
			  tp->conf->n_queues > 1 ? " multi_queue" : "");
		close_queues(tp);
	}
}

/* A deleted interface comes back when somebody makes it, not by us: it was deleted for a reason. */
static bool comes_back(struct tap_port *tp)
{
	if (!tap_device_exists(tp->conf)) {
		tp->refused = false;
		return false;
	}
	if (!tp->refused)
		tp->refused = open_queues(tp) < 0;
	return !tp->refused;
}

static void tap_housekeep(struct port *port)
{
	struct tap_port *tp = tap_of(port);

	if (tp->state == TAP_DEVICE_GONE && !comes_back(tp))
		return;
	follow_state(tp);
	if (tp->state == TAP_DEVICE_UP)
		follow_mtu(tp);
}

static void tap_free(struct tap_port *tp)
{
	free(tp->slots);
	free(tp->whole);
	free(tp);
}

static void tap_close(struct port *port)
{
	struct tap_port *tp = tap_of(port);

	if (tp->state == TAP_DEVICE_UP)
		tp->env->link(tp->env->ctx, port, false);
	close_queues(tp);
	tap_free(tp);
}

static const struct port_ops tap_ops = {
	.rx = tap_rx,
	.rx_release = tap_rx_release,
	.tx = tap_tx,
	.notify = tap_notify,
	.arm = tap_arm,
	.disarm = tap_disarm,
	.kicks = tap_kicks,
	.housekeep = tap_housekeep,
	.close = tap_close,
};

static struct tap_port *tap_new(const struct port_conf *conf, uint16_t id,
				const struct port_env *env)
{
	struct tap_port *tp = aligned_alloc(64, (sizeof(*tp) + 63) / 64 * 64);

	if (!tp)
		return NULL;
	*tp = (struct tap_port){
		.port = {.ops = &tap_ops,
			 .name = conf->name,
			 .id = id,
			 .n_queues = conf->n_queues,
			 /* The kernel answers a flow on the queue that it last came by. */
			 .n_tx_queues = (uint8_t)conf->n_queues,
			 .frame_max = FRAME_LEN_MAX,
			 .offloads = ALL_NEEDS},
		.conf = conf,
		.env = env,
		.state = TAP_DEVICE_DOWN,
		.whole_lock = ATOMIC_FLAG_INIT,
	};
	tp->whole = malloc(VIRTIO_NET_HDR_LEN + FRAME_LEN_MAX + FRAME_HEAD_ROOM);
	tp->slots = aligned_alloc(64, (size_t)conf->n_queues * N_SLOTS * SLOT_LEN);
	for (unsigned i = 0; i < TOPOLOGY_MAX_QUEUES; i++) {
		tp->queues[i].fd = -1;
		if (tp->slots && i < conf->n_queues)
			tp->queues[i].slots = tp->slots + (size_t)i * N_SLOTS * SLOT_LEN;
	}
	if (tp->whole && tp->slots)
		return tp;
	tap_free(tp);
	errno = ENOMEM;
	return NULL;
}

struct port *tap_port_open(const struct port_conf *conf, uint16_t id, const struct port_env *env)
{
	struct tap_port *tp = tap_new(conf, id, env);
	int ret;

	if (!tp)
		return NULL;
	ret = open_queues(tp);
	if (ret < 0) {
		tap_free(tp);
		errno = -ret;
		return NULL;
	}
	follow_state(tp);
	return &tp->port;
}
