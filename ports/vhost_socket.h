/* vhost_socket.h - the file of a listening vhost-user socket: claimed before librte_vhost binds it,
 * opened to its users after.
 *
 * Threads:   the control thread, at start.
 * Failure:   -errno, after one logged line that says what to do. Nothing that is not a dead socket
 * is ever unlinked. */
#ifndef PORTS_VHOST_SOCKET_H
#define PORTS_VHOST_SOCKET_H

#include "config/topology.h"

/* Makes way for binding: removes a socket that nobody listens on any more. -EADDRINUSE when
 * somebody does, -EEXIST when the path is no socket. */
int vhost_socket_claim(const struct port_conf *conf);

/* Sets mode, owner and group as configured. */
int vhost_socket_set_access(const struct port_conf *conf);

#endif
