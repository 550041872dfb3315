/* vring.h - our end of one virtqueue of a guest: frames out of its transmit queue, frames into its
 * receive queue.
 *
 * Threads:   one at a time. The worker owns all below "the worker's"; init and resync run while no
 *            worker uses the vring.
 * Ownership: borrows ring memory, guest memory and the call descriptor.
 * Failure:   a ring that breaks the rules sets fault and is not touched again: rx gives nothing,
 *            tx says DROP_QUEUE_BROKEN.
 *
 * The rules are VIRTIO 1.2, sections 2.7 (split), 2.8 (packed) and 5.1.6 (network). Whatever is
 * read from ring or descriptor is read once, checked, then used. Buffers are completed in order.
 * Knows nothing of vhost-user or DPDK. */
#ifndef PORTS_VRING_H
#define PORTS_VRING_H

#include "ports/frame.h"
#include "ports/guest_memory.h"

#include <stdbool.h>
#include <stdint.h>

enum vring_fault {
	VRING_OK,
	VRING_BAD_AVAIL_IDX, /* more buffers made available than the ring has (2.7.6) */
	VRING_BAD_HEAD,	     /* head or next past the descriptor table (2.7.5) */
	VRING_BAD_CHAIN,     /* a loop, or longer than the queue (2.7.5.3.1) */
	VRING_BAD_INDIRECT, /* not negotiated, nested, with NEXT, or a table of no whole descriptors
			       (2.7.5.3) */
	VRING_BAD_DIRECTION, /* write-only where we read, or read-only where we write (2.7.4.2) */
	VRING_BAD_ADDRESS,   /* outside of the memory that the guest shares */
	VRING_BAD_CALL,	     /* call_fd made us wait: see nudge.h */
	VRING_FAULT_N
};

/* "available index jumps past the ring", ... */
extern const char *const vring_fault_names[VRING_FAULT_N];

struct vring_conf {
	void *desc_area; /* 2.6: three parts, of a type that the layout says */
	void *driver_area;
	void *device_area;
	const struct guest_memory *mem;
	uint64_t features;   /* as negotiated, enum virtio_feature; they say which layout it is */
	uint16_t size;	     /* 1 .. VIRTQ_SIZE_MAX; split: a power of 2 */
	uint16_t last_avail; /* where processing goes on; packed: with the wrap counter (VIRTQ_WRAP)
			      */
	uint16_t last_used;
	int call_fd; /* non-blocking eventfd, or -1 when the guest polls */
};

/* A buffer that the guest made available. */
struct vring_buffer {
	uint16_t id;
	uint16_t n_slots;   /* by which it moves the place in the ring */
	uint32_t n_written; /* bytes, when it is given back */
};

struct vring {
	union {
		struct virtq_desc *desc;
		struct virtq_packed_desc *packed_desc;
	};
	union {
		struct virtq_avail *avail;
		struct virtq_event *driver_event;
	};
	union {
		struct virtq_used *used;
		struct virtq_event *device_event;
	};
	const struct guest_memory *mem;
	uint16_t size;
	uint16_t mask;
	uint8_t hdr_len; /* bytes of the virtio_net_hdr: 10 or 12 */
	uint8_t sends;	 /* frame_needs that the guest may put into what it sends */
	bool packed;
	bool event_idx;
	bool in_order;
	bool indirect;
	bool mergeable;

	/* the worker's; up to here lies what a poll that finds nothing looks at */
	uint16_t last_avail;	/* next available entry to read; packed: as in vring_conf */
	uint16_t last_used;	/* next used entry to write */
	uint16_t n_held;	/* buffers taken by rx and not yet released */
	uint16_t first_used_at; /* packed: the first of n_unpublished, */
	uint32_t n_unpublished; /* used entries that the guest does not see yet */
	uint64_t first_used;	/* and what publishes them all when it is written there */
	_Atomic uint8_t
		fault; /* enum vring_fault; read by the control thread, relaxed: it is only shown */
	struct vring_buffer held[BURST_MAX];

	int call_fd;
	struct segment *scratch; /* n_scratch of them: the pieces that one frame is written to */
	struct vring_buffer *scratch_buffers; /* size of them: the buffers that one frame is written
						 to */
	unsigned n_scratch;
};

/* -EINVAL when the layout has no rings of that size, or a place is not in the ring; -ENOMEM. Tells
 * the guest not to notify us. */
int vring_init(struct vring *vr, const struct vring_conf *conf);
void vring_fini(struct vring *vr);

/* Describes frames that the guest sent; see port_ops.rx. */
unsigned vring_rx(struct vring *vr, struct burst *burst);
/* Completes what vring_rx took; returns 1 when it notified the guest. */
unsigned vring_rx_release(struct vring *vr);
/* Writes frames into buffers that the guest posted; see port_ops.tx. */
unsigned vring_tx(struct vring *vr, const struct frame *const *frames, unsigned n,
		  enum drop_reason *why);
/* Shows the guest what vring_tx wrote; returns 1 when it notified the guest. */
unsigned vring_notify(struct vring *vr);
/* Asks for a notification at the next available buffer; true when there is one already. */
bool vring_arm(struct vring *vr);
void vring_disarm(struct vring *vr);
/* Notifies the guest whatever it asked for: after a (re)start, an earlier notification may have
 * been lost. */
void vring_call(struct vring *vr);
/* Is this a ring that was in use, with a place to go on at that was lost? A split ring keeps it in
 * guest memory; the place in a packed ring is known to the back-end only, and dies with it. */
bool vring_place_is_lost(const struct vring *vr);

#endif
