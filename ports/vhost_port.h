/* vhost_port.h - a vhost-user port from the inside, shared by its control side (vhost.c,
 * vhost_queue.c) and its data side (vhost_data.c).
 *
 * Threads:   the control side publishes a queue by its active pointer and takes it back the same
 * way, followed by a grace period; between the two the queue's vring belongs to the workers. */
#ifndef PORTS_VHOST_PORT_H
#define PORTS_VHOST_PORT_H

#include "config/topology.h"
#include "ports/port.h"
#include "ports/vhost_lib.h"
#include "ports/vring.h"

#include <pthread.h>
#include <rte_spinlock.h>

/* Even: what the guest receives; odd: what it transmits (VIRTIO 1.2 section 5.1.2). */
enum { MAX_VRINGS = 2 * TOPOLOGY_MAX_QUEUES };
static_assert(TOPOLOGY_MAX_QUEUES <= 8, "vhost_port.receivers has room for eight");

struct vhost_queue {
	/* NULL while a worker may not touch vring. Release pairs with the worker's acquire. In one
	 * cache line with what a poll needs of vring. */
	_Alignas(64) _Atomic(struct vring *) active;
	struct vring vring;
	rte_spinlock_t lock; /* among workers that send to it */
	bool enabled;	     /* as the front-end says */
	int kick_fd;	     /* watched while active; -1: the guest expects to be polled */
};

struct vhost_port {
	struct port port;
	const struct port_conf *conf;
	const struct port_env *env;
	pthread_mutex_t lock; /* guards all below but the actives; taken by control threads only */
	struct vhost_lib *lib;
	bool running;
	bool suspended;	 /* while the memory table changes */
	bool memory_due; /* features are set, and no memory has been shared yet */
	uint8_t n_ticks; /* of housekeeping since memory_due */
	bool told_lost;	 /* this front-end's rings cannot be gone on with; it was logged */
	uint64_t n_kicks;
	/* Eight times the index of a queue that receives: what tx()'s queue number, modulo eight,
	 * means. Written by the control side, read relaxed. */
	_Atomic uint64_t receivers;
	struct guest_memory mem;
	const char *reported[MAX_VRINGS]; /* faults that were logged */
	struct vhost_queue queues[MAX_VRINGS];
};

static inline struct vhost_port *vhost_of(struct port *port)
{
	return (struct vhost_port *)(void *)((char *)port - offsetof(struct vhost_port, port));
}

/* A queue comes: init, show; and goes: hide, a grace period, fini. The port's lock is held. */
int vhost_queue_init(struct vhost_port *vp, unsigned index, uint64_t features);
void vhost_queue_show(struct vhost_port *vp, unsigned index);
void vhost_queue_hide(struct vhost_port *vp, unsigned index);
void vhost_queue_fini(struct vhost_port *vp, unsigned index);
/* The number of kicks since the last time. Never waits. */
uint64_t vhost_queue_kicks(const struct vhost_queue *queue);

/* The port_ops of workers. */
unsigned vhost_data_rx(struct port *port, unsigned queue, struct burst *burst);
unsigned vhost_data_rx_release(struct port *port, unsigned queue);
unsigned vhost_data_tx(struct port *port, unsigned queue, const struct frame *const *frames,
		       unsigned n, enum drop_reason *why);
unsigned vhost_data_notify(struct port *port, unsigned queue);
bool vhost_data_arm(struct port *port, unsigned queue);
void vhost_data_disarm(struct port *port, unsigned queue);

#endif
