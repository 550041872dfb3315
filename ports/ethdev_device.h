/* ethdev_device.h - the device behind an ethdev port: found, checked, configured and started.
 *
 * Threads:   the control thread.
 * Ownership: open gives a started device and its pool of mbufs, close takes both.
 * Failure:   -errno, after a logged line that says what to do. */
#ifndef PORTS_ETHDEV_DEVICE_H
#define PORTS_ETHDEV_DEVICE_H

#include "config/topology.h"

#include <stdbool.h>
#include <stdint.h>

struct rte_mempool;

struct ethdev_device {
	uint16_t port_id; /* of DPDK */
	uint16_t n_rx_queues;
	uint16_t n_tx_queues;
	uint16_t mtu;
	bool interrupts;      /* of receive queues */
	bool scatters;	      /* takes frames in several mbufs */
	uint64_t tx_offloads; /* RTE_ETH_TX_OFFLOAD_x */
	int ifindex;	      /* of the interface that a virtual device sits on; 0: none */
	uint32_t data_len;    /* bytes of an mbuf */
	struct rte_mempool *pool;
};

int ethdev_device_open(const struct port_conf *conf, struct ethdev_device *device);
void ethdev_device_close(struct ethdev_device *device);

bool ethdev_device_link(const struct ethdev_device *device);

#endif
