/* vhost_filter.h - which vhost-user messages may reach librte_vhost.
 *
 * Allowed is what the front-end of a network device needs, in the shape that the specification
 * says; all else is refused. The library does not ask so closely: it takes rings of size 0, fills
 * memory for in-flight tables that nobody negotiated, and loses descriptors that came with a bad
 * message.
 *
 * Threads:   none, pure functions.
 * Ownership: none.
 * Failure:   a sentence says why not. */
#ifndef PORTS_VHOST_FILTER_H
#define PORTS_VHOST_FILTER_H

#include <stddef.h>
#include <stdint.h>

/* What a message still lacks after its first len bytes; 0 when it is complete, or when enough of it
 * is there to refuse it. */
size_t vhost_filter_lacks(const void *bytes, size_t len);

/* bytes: a message with its header, and whatever follows it; n_fds: descriptors that came with it.
 * NULL lets it pass; otherwise why it is refused. */
const char *vhost_filter_refuses(const void *bytes, size_t len, unsigned n_fds);

/* "SET_MEM_TABLE"; "unknown request" for what is not allowed. */
const char *vhost_filter_name(uint32_t request);

#endif
