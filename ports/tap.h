/* tap.h - a port to this host: a TAP interface of our own, checksum and segmentation offloads
 * passed through.
 *
 * Threads:   tap_port_open() and close on the control thread; the rest as port.h says.
 * Ownership: tap_port_open() gives, port->ops->close takes. It borrows conf and env for as long.
 * Failure:   NULL with errno, after a logged line that says what to do. An interface that goes down
 * or away takes the link down within a second and brings it up again when it is back.
 *
 * Each queue is one descriptor of /dev/net/tun (Linux Documentation/networking/tuntap.rst): one
 * read or write a frame, with its virtio_net_hdr. */
#ifndef PORTS_TAP_H
#define PORTS_TAP_H

#include "config/topology.h"
#include "ports/port.h"

struct port *tap_port_open(const struct port_conf *conf, uint16_t id, const struct port_env *env);

#endif
