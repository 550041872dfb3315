/* vhost_user_message.h - one request to the back-end and the answer to it.
 *
 * Private to the vhost-user front-end.
 *
 * Threads:   that of the struct vhost_user.
 * Ownership: borrows the descriptors that it sends; an answer that brings one is refused.
 * Failure:   0 or -errno, the sentence is in vu->error and the socket is closed. */
#ifndef RINGWAY_VMM_VHOST_USER_MESSAGE_H
#define RINGWAY_VMM_VHOST_USER_MESSAGE_H

#include "vmm/vhost_user.h"

/* Sends the request and waits for what answers it, together for at most vu->timeout_ms. The answer
 * takes the place of the payload; a request without one of its own is acknowledged if REPLY_ACK was
 * agreed. A memory table has as many regions as descriptors come with it. */
int vhost_user_exchange(struct vhost_user *vu, enum vhost_user_request request,
			union vhost_user_payload *payload, const int *fds, unsigned n_fds);

/* The protocol feature was agreed in this connection. */
bool vhost_user_speaks(const struct vhost_user *vu, enum vhost_user_protocol_feature feature);

/* Puts the sentence into vu->error, closes unless err is -EINVAL or -EAGAIN, and returns err. */
int vhost_user_fail(struct vhost_user *vu, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
