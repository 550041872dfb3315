/* ethdev.h - a port that is a device of DPDK: a NIC by its PCI address, or a virtual device such as
 * net_af_packet0,iface=eth1. Its frames are mbufs seen in place.
 *
 * Threads:   ethdev_port_open() and close on the control thread; the rest as port.h says.
 * Ownership: ethdev_port_open() gives, port->ops->close takes. It borrows conf and env for as long.
 * Failure:   NULL with errno, after a logged line that says what to do. A device whose link goes
 * down takes the port's link down within a second. */
#ifndef PORTS_ETHDEV_H
#define PORTS_ETHDEV_H

#include "config/topology.h"
#include "ports/port.h"

/* Needs an initialised EAL that knows the device's bus. */
struct port *ethdev_port_open(const struct port_conf *conf, uint16_t id,
			      const struct port_env *env);

#endif
