/* vhost.h - a vhost-user port: librte_vhost speaks the protocol, our virtqueues move the frames.
 *
 * Threads:   vhost_open() and close on the control thread. librte_vhost's own threads report
 * connections and rings through port_env; what they change, workers see after a grace period.
 * Ownership: vhost_open() gives, port->ops->close takes. It borrows conf and env for as long.
 * Failure:   NULL with errno, after a logged line. A front-end that breaks the rules loses its
 * queue or its connection. */
#ifndef PORTS_VHOST_H
#define PORTS_VHOST_H

#include "config/topology.h"
#include "ports/port.h"

/* Needs an initialised EAL. Listens, or begins to connect, before it returns. */
struct port *vhost_open(const struct port_conf *conf, uint16_t id, const struct port_env *env);

#endif
