/* vhost_gate.h - stands between librte_vhost and the sockets of its front-ends.
 *
 * The library has one thread for all sockets, and reads and answers with calls that block: a
 * front-end that sends half a message, or does not read what it is told, would stop every other
 * port's control. And it drops descriptors of messages that it does not like without closing them.
 * Its socket is not handed out, so the linker (--wrap in meson.build) leads its recvmsg() and
 * sendmsg() here; calls of others, told by their shape, go straight on. What comes out is a whole
 * message that vhost_filter.h let pass, with descriptors of the kind that it asks for.
 *
 * Threads:   any; the library's own, in truth.
 * Ownership: a refused message's descriptors are closed.
 * Failure:   as recvmsg(2) and sendmsg(2); EPROTO makes the library end the connection. */
#ifndef PORTS_VHOST_GATE_H
#define PORTS_VHOST_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

ssize_t __real_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

/* The library has taken over the descriptors of the memory table that this thread read last. When
 * it says nothing of the kind before it reads again, it has failed to map one, and has forgotten
 * it. */
void vhost_gate_memory_taken(void);

/* Why the gate refused the last message that this thread read, which it then forgets; false when it
 * did not. */
bool vhost_gate_refused(char *why, size_t len);

#endif
