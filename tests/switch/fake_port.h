/* fake_port.h - a port whose traffic the test makes and looks at: frames wait in it, and what is
 * sent to it is kept.
 *
 * Threads:   as a port. */
#ifndef TESTS_SWITCH_FAKE_PORT_H
#define TESTS_SWITCH_FAKE_PORT_H

#include "ports/port.h"

enum { FAKE_FRAMES_MAX = 512, FAKE_BYTES_MAX = 2048 };

struct fake_frame {
	uint8_t bytes[FAKE_BYTES_MAX];
	uint32_t len;
	struct virtio_net_hdr vnet;
	uint8_t needs;
	unsigned queue; /* got: by this one */
};

struct fake_port {
	struct port base;
	/* what the guest has sent and nobody took yet */
	struct fake_frame waiting[FAKE_FRAMES_MAX];
	unsigned n_waiting;
	unsigned n_taken;
	unsigned n_released;
	enum drop_reason refuse_next; /* with n_refuse: the next frames are refused with it instead
					 of given */
	unsigned n_refuse;
	/* what the guest was sent */
	struct fake_frame got[FAKE_FRAMES_MAX];
	unsigned n_got;
	unsigned room; /* frames that it takes before it says full_reason */
	enum drop_reason full_reason;
	unsigned full_queues; /* bits: these take nothing */
	uint32_t refuse_len;  /* a frame of this length is refused with DROP_TOO_BIG; 0: none */
	unsigned n_notified;
	unsigned n_notify_calls;
	unsigned n_tx_calls;
	unsigned n_busy;      /* so many calls of tx find it busy */
	bool says_work;	      /* when armed, though rx gives nothing */
	unsigned unpublished; /* bits: queues that frames were sent to since their last notify */
	unsigned n_armed, n_disarmed;
	unsigned n_held; /* taken by rx, not released */
};

void fake_port_init(struct fake_port *fake, uint16_t id);

/* An Ethernet frame of len bytes, addresses 52:54:00:00:00:dst and :src (0xff: broadcast), payload
 * numbered by seq. */
void fake_port_send(struct fake_port *fake, uint8_t dst, uint8_t src, uint32_t len, uint8_t seq);

#endif
