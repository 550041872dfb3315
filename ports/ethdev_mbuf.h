/* ethdev_mbuf.h - between a frame and DPDK's mbufs: seen in place on the way in, copied on the way
 * out.
 *
 * Threads:   one worker a burst.
 * Failure:   a frame that must not pass is counted in the burst; a frame that cannot be sent is
 * told by its drop reason. */
#ifndef PORTS_ETHDEV_MBUF_H
#define PORTS_ETHDEV_MBUF_H

#include "ports/ethdev_device.h"
#include "ports/frame.h"

struct rte_mbuf;

/* Describes the mbuf as the next frame of the burst; it stays the caller's. */
void ethdev_mbuf_see(struct rte_mbuf **mbuf, struct burst *burst);

/* A new mbuf that holds the frame, with what the device is to complete. NULL with a reason. */
struct rte_mbuf *ethdev_mbuf_make(const struct ethdev_device *device, const struct frame *frame,
				  enum drop_reason *why);

#endif
