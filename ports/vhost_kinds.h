/* vhost_kinds.h - whether the descriptors of a vhost-user message are of the kind that it asks for.
 *
 * What is behind a descriptor decides who can make us wait: a write to a full pipe waits for
 * whoever reads it, a page of a file system in user space for whoever serves that.
 *
 * Threads:   none, pure functions of what the kernel says.
 * Ownership: borrows the descriptors.
 * Failure:   a sentence says why not. */
#ifndef PORTS_VHOST_KINDS_H
#define PORTS_VHOST_KINDS_H

#include "ports/vhost_wire.h"

/* The message has passed vhost_filter_refuses(). NULL lets it pass. */
const char *vhost_kinds_refuse(const struct vhost_user_message *message, const int *fds,
			       unsigned n_fds);

#endif
