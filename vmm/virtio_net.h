/* virtio_net.h - a virtio network device whose data queues belong to a vhost-user back-end.
 *
 * Threads:   vCPU threads reach it through virtio_pci; the control thread through net_link. Both
 *            hold the machine's lock.
 * Ownership: keeps kick and call eventfds of its data queues until virtio_net_close(); they outlive
 *            every back-end.
 * Failure:   0 or -errno with a refusal.
 *
 * Source: VIRTIO 1.2 section 5.1. The launcher alone answers MAC, link state, MTU, the number of
 * pairs and the control virtqueue; what moves frames is offered only if the back-end offers it. */
#ifndef RINGWAY_VMM_VIRTIO_NET_H
#define RINGWAY_VMM_VIRTIO_NET_H

#include <linux/virtio_net.h>

#include "vmm/options.h"
#include "vmm/virtio_pci.h"

/* The control queue, as far as it has been served. */
struct virtio_control {
	bool broken; /* makes no sense, or there is none: left alone until reset */
	uint16_t next_avail, next_used;
	uint64_t n_commands;
};

struct virtio_net {
	struct virtio_pci vp; /* first: virtio_pci.h's callbacks cast back */
	char name[16];
	unsigned pairs_asked; /* most that --net allows */
	unsigned max_pairs;   /* what the device has, once the back-end is known */
	unsigned pairs;	      /* what the driver uses now */
	bool link_up;	      /* a back-end is there */
	bool held_down;	      /* by the user of the console */
	bool running;	      /* the driver wants its queues served */
	struct virtio_net_config config;
	struct virtio_control control;
};

/* The index names it net0, net1, ... and gives it its place on the bus and its GSIs. */
int virtio_net_open(struct virtio_net *net, const struct virtio_world *world, unsigned index,
		    const struct options_net *wish, struct refusal *why);
void virtio_net_close(struct virtio_net *net);

/* What a driver may be offered on top of this back-end. Before the driver has negotiated. */
void virtio_net_offer(struct virtio_net *net, uint64_t backend_features,
		      unsigned backend_max_queues);

/* A back-end came or went, or the user pulled the plug. announce: the driver is asked to tell the
 * network its address again. */
void virtio_net_set_link(struct virtio_net *net, bool up, bool announce);
void virtio_net_hold_down(struct virtio_net *net, bool down);

/* Data queues that the driver has enabled, from queue 0 on, in whole pairs. */
unsigned virtio_net_data_queues(const struct virtio_net *net);

/* Whether the driver has taken the feature. */
bool virtio_net_acked(const struct virtio_net *net, unsigned bit);

/* virtio_control.c: obeys all commands in the ring of the control queue (VIRTIO 1.2 sections 2.7
 * and 5.1.6.5). A chain that is malformed is given back with the answer VIRTIO_NET_ERR where there
 * is room for one. Whether the driver wants an interrupt for it. */
bool virtio_net_control(struct virtio_net *net, const struct virtio_queue *ring);

/* Fires all kicks or all calls once: the other side that should have done it may be gone. */
void virtio_net_nudge(const struct virtio_net *net, bool kick, bool call);

#endif
