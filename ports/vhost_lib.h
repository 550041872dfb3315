/* vhost_lib.h - librte_vhost boxed in: it speaks the vhost-user protocol for one socket and tells
 * its owner what happens.
 *
 * Threads:   open and close on the control thread; the ops are called on librte_vhost's threads,
 *            one at a time for one socket. vhost_lib_ring() and the like may be called from inside
 *            the ops: none of them takes a lock of the library, which holds the spinlocks of every
 *            ring around ring_changed, memory_changing and memory_changed.
 * Ownership: open gives, close takes.
 * Failure:   -errno. */
#ifndef PORTS_VHOST_LIB_H
#define PORTS_VHOST_LIB_H

#include "ports/guest_memory.h"

#include <stdbool.h>
#include <stdint.h>

struct vhost_lib;

enum { VHOST_LIB_WHY_LEN = 160 };

struct vhost_lib_ops {
	/* A front-end came, or went. */
	void (*connected)(void *ctx);
	void (*disconnected)(void *ctx, const char *why); /* why: it was refused; or NULL */
	/* Memory and the first two rings are there; rings may be used from now on. -errno refuses.
	 */
	int (*started)(void *ctx);
	/* When this returns, neither rings nor memory may be touched any more. */
	void (*stopped)(void *ctx);
	/* The ring may be used, when the device has started; or when this returns it may not. Its
	 * place is to be saved. */
	void (*ring_changed)(void *ctx, unsigned index, bool usable);
	/* When memory_changing returns, memory and rings may not be touched until memory_changed.
	 */
	void (*memory_changing)(void *ctx);
	void (*memory_changed)(void *ctx);
	/* The guest's driver has chosen its features: memory and rings should follow. */
	void (*features_set)(void *ctx);
	/* The front-end asked for more than one connection at a time; the second was refused. */
	void (*refused)(void *ctx);
};

struct vhost_lib_conf {
	const char *socket; /* borrowed */
	bool client; /* connect, and again when the connection is lost, instead of listening */
	uint64_t no_features;	/* bits of VIRTIO features that are not offered */
	unsigned n_queue_pairs; /* offered */
	const struct vhost_lib_ops *ops;
	void *ctx;
};

/* Registers the socket. Nothing happens on it before vhost_lib_start(). */
int vhost_lib_open(struct vhost_lib **lib, const struct vhost_lib_conf *conf);
/* Listens, or begins to connect. */
int vhost_lib_start(struct vhost_lib *lib);
/* Ends the connection (stopped is called when it had started) and removes the socket. */
void vhost_lib_close(struct vhost_lib *lib);

struct vhost_lib_ring {
	void *desc;
	void *avail;
	void *used;
	uint16_t size;
	uint16_t last_avail;
	uint16_t last_used;
	int kick_fd; /* -1: none, poll */
	int call_fd; /* -1: none, the guest polls */
};

/* -EINVAL when the front-end has not said where the ring is. */
int vhost_lib_ring(const struct vhost_lib *lib, unsigned index, struct vhost_lib_ring *ring);
/* What the front-end will be told when it asks where to go on. */
void vhost_lib_save_base(const struct vhost_lib *lib, unsigned index, uint16_t last_avail,
			 uint16_t last_used);
int vhost_lib_memory(const struct vhost_lib *lib, struct guest_memory *mem);
/* The front-end took memory back that it shares; what we see there is empty, until the memory
 * changes. */
bool vhost_lib_memory_lost(const struct vhost_lib *lib);
uint64_t vhost_lib_features(const struct vhost_lib *lib);
/* 0: the front-end has not said. */
uint16_t vhost_lib_mtu(const struct vhost_lib *lib);

#endif
