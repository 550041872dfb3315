/* vhost_user_message.h - one request to the back-end and the answer to it; the requests about
 * rings.
 *
 * Private to the vhost-user front-end.
 *
 * Threads:   that of the struct vhost_user.
 * Ownership: borrows the descriptors that it sends; an answer that brings one is refused.
 * Failure:   0 or -errno, the sentence is in vu->error and the socket is closed. */
#ifndef VMM_VHOST_USER_MESSAGE_H
#define VMM_VHOST_USER_MESSAGE_H

#include "vmm/vhost_user.h"
#include "vmm/vhost_user_wire.h"

struct vhost_user_exchange {
	enum vhost_user_request request;
	const void *payload;
	uint32_t payload_len;
	const int *fds;
	unsigned n_fds;
	/* NULL if the request has no answer of its own; it is then acknowledged if REPLY_ACK was
	 * agreed. */
	void *answer;
	uint32_t answer_len;
};

/* Sends the request and waits for what answers it, together for at most vu->timeout_ms. */
int vhost_user_exchange(struct vhost_user *vu, const struct vhost_user_exchange *exchange);

/* The common shapes of the above. */
int vhost_user_tell_u64(struct vhost_user *vu, enum vhost_user_request request, uint64_t value);
int vhost_user_tell_state(struct vhost_user *vu, enum vhost_user_request request, uint32_t index,
			  uint32_t num);
int vhost_user_ask_u64(struct vhost_user *vu, enum vhost_user_request request, uint64_t *value);

/* The protocol feature was agreed in this connection. */
bool vhost_user_speaks(const struct vhost_user *vu, enum vhost_user_protocol_feature feature);

/* Puts the sentence into vu->error, closes the socket unless err is -EINVAL or -EAGAIN, returns
 * err. */
int vhost_user_fail(struct vhost_user *vu, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "SET_MEM_TABLE"; a number that is no known request gives "unknown request". */
const char *vhost_user_request_name(uint32_t request);

/* vhost_user_vring.c: a size that VIRTIO 1.2 (sections 2.7, 2.8) allows, and three aligned areas
 * inside of the regions. */
bool vhost_user_vring_is_sound(const struct vhost_user_device *dev,
			       const struct vhost_user_queue *q);

/* Sizes, base, addresses, call, kick and enable of all queues. */
int vhost_user_vrings_set(struct vhost_user *vu, const struct vhost_user_device *dev);

void vhost_user_vrings_kick(const struct vhost_user_device *dev);

/* Stops the queue; *base is where the back-end was. */
int vhost_user_vring_stop(struct vhost_user *vu, unsigned index, uint32_t *base);

#endif
