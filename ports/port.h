/* port.h - a port: something that frames come from and go to, whatever lies behind it.
 *
 * Threads:   rx, rx_release, arm and disarm of a queue are called by the one worker that polls it.
 *            tx and notify of a queue may be called by any worker; the port serialises them.
 *            close, describe and kicks are for the control thread. None of the worker's calls
 *            blocks.
 * Ownership: a port is given by its kind's open function and taken by close. It borrows the frames
 *            it is handed.
 * Failure:   what a guest or a peer does wrong is counted or stops its queue; it never fails a
 *            call. */
#ifndef PORTS_PORT_H
#define PORTS_PORT_H

#include "ports/frame.h"
#include "ports/log.h"

#include <stdbool.h>
#include <stdint.h>

struct port;

/* In place of a drop reason where tx() says so. */
#define PORT_BUSY DROP_N

struct port_ops {
	/* Describes up to BURST_MAX frames where they lie, in an empty burst. Returns how many
	 * buffers of the source it took: burst->n + burst->n_refused; 0 when there is nothing. What
	 * it took is held until rx_release. */
	unsigned (*rx)(struct port *port, unsigned queue, struct burst *burst);

	/* Gives the storage of the burst back to the source, publishes that, and sends one
	 * notification if the source wants one; returns the number of notifications sent. */
	unsigned (*rx_release)(struct port *port, unsigned queue);

	/* Delivers the first k of n frames, in order, and returns k. When k < n, *why says why
	 * frames[k] was refused: DROP_TX_FULL, DROP_LINK_DOWN and DROP_QUEUE_BROKEN hold for all
	 * that follow too, any other for that frame only; PORT_BUSY is no refusal, but says that
	 * another worker is sending there right now and that the caller had better do something
	 * else first. queue is any number; the port maps it onto the queues it has. Delivered
	 * frames are seen by the peer after notify(). */
	unsigned (*tx)(struct port *port, unsigned queue, const struct frame *const *frames,
		       unsigned n, enum drop_reason *why);

	/* Publishes what tx() delivered to that queue and sends one notification if the peer wants
	 * one; returns the number of notifications sent. */
	unsigned (*notify)(struct port *port, unsigned queue);

	/* Asks the source for a notification at its next frame; returns true when frames are
	 * waiting already. */
	bool (*arm)(struct port *port, unsigned queue);
	/* Tells the source that we are polling again. */
	void (*disarm)(struct port *port, unsigned queue);

	/* The number of notifications that came from the peer since the last call. */
	uint64_t (*kicks)(struct port *port);

	/* Once a second: logs what workers found and could not say. */
	void (*housekeep)(struct port *port);

	/* Why virtqueue index (2 * queue is what the peer receives on, 2 * queue + 1 what it sends
	 * on) is not served although the peer wants it to be, or NULL. Left out by ports without
	 * virtqueues. */
	const char *(*fault)(struct port *port, unsigned index);

	void (*close)(struct port *port);
};

struct port {
	const struct port_ops *ops;
	const char *name;  /* borrowed from the topology */
	uint16_t id;	   /* index of the port, 0 .. n_ports - 1 */
	uint16_t n_queues; /* that may be polled */
	uint32_t
		frame_max; /* longest frame, without FCS and VLAN tag, that the port's mtu allows */
	/* enum frame_needs that the peer can serve itself. Written by the control thread while no
	 * worker uses the port. */
	uint8_t offloads;
	/* Queues that tx() reaches by the numbers 0 .. n_tx_queues - 1; 0 and 1 are the same.
	 * Written by the control thread at any time, read relaxed: a sender who knows an old number
	 * reaches a queue nevertheless. */
	_Atomic uint8_t n_tx_queues;
	struct log_limit log; /* of lines that the peer can cause */
};

/* What a port tells the switch; the switch gives it to the open functions and it outlives every
 * port. All of it may be called from any thread but a worker. */
struct port_env {
	void *ctx;
	/* The link changed. When up, every queue of the port is ready to be polled. When down,
	 * returns after no worker uses the port, nor will: the port may then unmap what lies behind
	 * it. */
	void (*link)(void *ctx, struct port *port, bool up);
	/* Returns after every worker has finished the sweep it is in. */
	void (*quiesce)(void *ctx);
	/* fd becomes readable when the queue has frames (and is armed); the worker that polls the
	 * queue sleeps on it. */
	void (*watch)(void *ctx, struct port *port, unsigned queue, int fd);
	void (*unwatch)(void *ctx, struct port *port, unsigned queue, int fd);
};

#endif
