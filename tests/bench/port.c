#include "port.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"

enum {
	/* As drivers have it: the frame begins with a cache line, the virtio header ends the one
	   before. */
	BUFFER_OFFSET = 64 - FRAME_VNET_LEN,
	RETRY_MS = 20,
	LINE = 64,
};

static int complain(const struct port *port, const char *sentence)
{
	fprintf(stderr, "vgen: port %u (%s): %s\n", port->idx, port->options->sockets[port->idx],
		sentence);
	return -1;
}

unsigned port_n_buffers(const struct options *options)
{
	unsigned n_slots = options->ring_size / options->segments;

	return options->n_addresses > n_slots ? options->n_addresses : n_slots;
}

static uint32_t stride_of(uint32_t len)
{
	return (len + LINE - 1) / LINE * LINE;
}

int port_open(struct port *port, unsigned idx, const struct options *options)
{
	const struct txq_shape tx = {
		.packed = options->packed,
		.in_order = options->in_order,
		.ring_size = (uint16_t)options->ring_size,
		.segments = (uint16_t)options->segments,
		.n_buffers = port_n_buffers(options),
		.stride = stride_of(options->size + LINE),
		.frame_len = options->size + FRAME_VNET_LEN,
		.buffer_offset = BUFFER_OFFSET,
	};
	const struct rxq_shape rx = {
		.packed = options->packed,
		.ring_size = (uint16_t)options->ring_size,
		.stride = stride_of(options->rx_buffer + LINE),
		.buffer_len = options->rx_buffer,
		.buffer_offset = BUFFER_OFFSET,
	};
	int ret;

	*port = (struct port){.idx = idx,
			      .options = options,
			      .listen_fd = -1,
			      .memory.fd = -1,
			      .tx.ring = {.kickfd = -1, .callfd = -1},
			      .rx.ring = {.kickfd = -1, .callfd = -1}};
	vhost_user_init(&port->vu);
	port->stamps = calloc(options->n_ports + 1, sizeof(*port->stamps));
	if (!port->stamps)
		return complain(port, "out of memory");
	ret = guest_memory_open(&port->memory, txq_memory_len(&tx) + rxq_memory_len(&rx),
				options->hugepages);
	if (ret < 0)
		return complain(port, options->hugepages
					      ? "no guest memory: reserve hugepages "
						"(/proc/sys/vm/nr_hugepages) or drop --hugepages"
					      : "no guest memory: fewer ports, or smaller rings");
	if (txq_open(&port->tx, &port->memory, &tx) < 0 ||
	    rxq_open(&port->rx, &port->memory, &rx) < 0)
		return complain(port, "no eventfd: raise the limit of open files (ulimit -n)");
	return 0;
}

void port_close(struct port *port)
{
	vhost_user_close(&port->vu);
	txq_close(&port->tx);
	rxq_close(&port->rx);
	guest_memory_close(&port->memory);
	free(port->stamps);
	if (port->listen_fd >= 0) {
		close(port->listen_fd);
		unlink(port->options->sockets[port->idx]);
	}
}

static uint64_t wanted_features(const struct options *options)
{
	uint64_t wanted = 1ull << VIRTIO_F_VERSION_1;

	if (options->packed)
		wanted |= 1ull << VIRTIO_F_RING_PACKED;
	if (options->mergeable)
		wanted |= 1ull << VIRTIO_NET_F_MRG_RXBUF;
	if (options->event_idx)
		wanted |= 1ull << VIRTIO_RING_F_EVENT_IDX;
	if (options->in_order)
		wanted |= 1ull << 35;
	if (options->tso)
		wanted |= 1ull << VIRTIO_NET_F_CSUM | 1ull << VIRTIO_NET_F_GUEST_CSUM |
			  1ull << VIRTIO_NET_F_HOST_TSO4 | 1ull << VIRTIO_NET_F_GUEST_TSO4;
	return wanted;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A back-end may die while it shakes hands with us; the next one is as good. */
static int connect_once(struct port *port)
{
	const char *path = port->options->sockets[port->idx];
	int ret;

	if (port->options->server)
		ret = vhost_user_accept(&port->vu, port->listen_fd);
	else
		ret = vhost_user_connect(&port->vu, path);
	if (ret == 0) {
		ret = vhost_user_handshake(&port->vu, 0);
		if (ret == -ECONNRESET)
			ret = -EAGAIN;
	}
	return ret;
}

static int connect_and_shake(struct port *port)
{
	double deadline = now() + port->options->connect_timeout;
	int ret;

	if (port->options->server) {
		port->listen_fd = vhost_user_listen(port->options->sockets[port->idx]);
		if (port->listen_fd < 0) {
			int err = -port->listen_fd;

			port->listen_fd = -1;
			return complain(port, strerror(err));
		}
	}
	while ((ret = connect_once(port)) == -EAGAIN && now() < deadline)
		poll(NULL, 0, RETRY_MS);
	return ret < 0 ? complain(port, port->vu.error) : 0;
}

int port_start(struct port *port)
{
	uint64_t wanted = wanted_features(port->options);

	if (connect_and_shake(port) < 0)
		return -1;
	port->tx.ring.event_idx = port->rx.ring.event_idx = port->options->event_idx;
	rxq_fill(&port->rx);
	guest_ring_describe(&port->rx.ring, &port->queues[0]);
	guest_ring_describe(&port->tx.ring, &port->queues[1]);
	port->dev = (struct vhost_user_device){
		.features = wanted,
		.memory = {.n_regions = 1,
			   .regions = {{.gpa = GUEST_MEMORY_GPA,
					.size = port->memory.len,
					.va = (uintptr_t)port->memory.va}}},
		.memory_fds = {port->memory.fd},
		.queues = port->queues,
		.n_queues = 2,
	};
	if (vhost_user_start(&port->vu, &port->dev) < 0)
		return complain(port, port->vu.error);
	return 0;
}

int port_stop(struct port *port)
{
	if (port->vu.state != VHOST_USER_RUNNING)
		return 0;
	if (vhost_user_stop(&port->vu, &port->dev) < 0)
		return complain(port, port->vu.error);
	return 0;
}

int port_check(struct port *port)
{
	if (port->tx.broken)
		return complain(port, port->tx.broken);
	if (port->rx.broken)
		return complain(port, port->rx.broken);
	if (vhost_user_check(&port->vu) < 0)
		return complain(port, port->vu.error);
	return 0;
}
