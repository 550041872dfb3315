/* counters.h - what a worker counts; one set per worker and port, so that each has one writer.
 *
 * Threads:   written by one worker, read by the control thread at any time; 64-bit and aligned, so
 * never torn.
 *
 * The conservation law, exact at any quiet moment, summed over workers:
 *
 *     each port:  rx_frames = ingress drops + frames that went to at least one destination
 *     all ports:  copies = tx_frames + egress drops
 *
 * Bytes are counted without FCS. Ingress drops are those before DROP_LINK_DOWN in enum
 * drop_reason. */
#ifndef SWITCH_COUNTERS_H
#define SWITCH_COUNTERS_H

#include "ports/drop.h"

#include <stdint.h>

enum port_counter {
	COUNT_RX_FRAMES, /* taken from the source, refused ones too */
	COUNT_RX_BYTES,	 /* of frames that were not refused */
	COUNT_TX_FRAMES, /* delivered */
	COUNT_TX_BYTES,
	COUNT_TX_NOTIFICATIONS, /* sent to the guest, for either direction */
	COUNT_COPIES,	 /* frames from this port offered to destinations; after segmentation in
			    software */
	COUNT_SEGMENTED, /* frames from anybody that were segmented or checksummed in software for
			    this port */
	PORT_COUNTER_N
};

struct port_counters {
	uint64_t count[PORT_COUNTER_N];
	uint64_t drops[DROP_N];
};

enum worker_counter {
	WORKER_FRAMES,
	WORKER_BURSTS,
	WORKER_BUSY_CYCLES, /* of the TSC, in sweeps that found work */
	WORKER_IDLE_CYCLES, /* in sweeps that found none */
	WORKER_SLEEPS,
	WORKER_COUNTER_N
};

static inline void counter_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline uint64_t counter_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
