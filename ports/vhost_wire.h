/* vhost_wire.h - the vhost-user messages that a front-end for network devices and its back-end
 * exchange.
 *
 * Threads:   none, only types.
 * Ownership: none.
 * Failure:   none; what a peer sends is checked where it is read.
 *
 * Source: vhost-user specification (QEMU docs/interop/vhost-user.rst). Integers are in the byte
 * order of the host; file descriptors travel beside the bytes as SCM_RIGHTS. */
#ifndef PORTS_VHOST_WIRE_H
#define PORTS_VHOST_WIRE_H

#include <assert.h>
#include <stdint.h>

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_NET_SET_MTU = 20,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
	VHOST_USER_REQUEST_N
};

enum vhost_user_protocol_feature {
	VHOST_USER_PROTOCOL_MQ = 0,
	VHOST_USER_PROTOCOL_REPLY_ACK = 3,
	VHOST_USER_PROTOCOL_MTU = 4,
	VHOST_USER_PROTOCOL_STATUS = 16,
};

enum {
	/* Bits among virtio's features that only front-end and back-end see, never the guest. */
	VHOST_USER_FEATURE_LOG_ALL = 26,
	VHOST_USER_FEATURE_PROTOCOL = 30,

	VHOST_USER_VERSION = 1,
	VHOST_USER_VERSION_MASK = 3,
	VHOST_USER_FLAG_REPLY = 1 << 2,
	VHOST_USER_FLAG_NEED_REPLY = 1 << 3,

	VHOST_USER_MAX_QUEUES = 256,
	VHOST_USER_MAX_REGIONS = 8, /* and so many descriptors come with a message */
	/* KICK, CALL and ERR carry the queue in bits 0-7; bit 8 says that no descriptor comes with
	 * it. */
	VHOST_USER_VRING_INDEX_MASK = 0xff,
	VHOST_USER_VRING_NO_FD = 1 << 8,
};

struct vhost_user_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload, bytes */
};
static_assert(sizeof(struct vhost_user_header) == 12, "vhost-user header");

struct vhost_user_vring_state {
	uint32_t index;
	uint32_t num;
};
static_assert(sizeof(struct vhost_user_vring_state) == 8, "vhost-user vring state");

struct vhost_user_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;	/* these: virtual addresses of the front-end */
	uint64_t used;	/* packed: device event suppression area */
	uint64_t avail; /* packed: driver event suppression area */
	uint64_t log;
};
static_assert(sizeof(struct vhost_user_addr) == 40, "vhost-user vring addresses");

struct vhost_user_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t va;	 /* of the front-end */
	uint64_t offset; /* in the file */
};
static_assert(sizeof(struct vhost_user_region) == 32, "vhost-user memory region");

/* Only n_regions of the regions are on the wire. */
struct vhost_user_memory {
	uint32_t n_regions;
	uint32_t padding;
	struct vhost_user_region regions[VHOST_USER_MAX_REGIONS];
};
static_assert(sizeof(struct vhost_user_memory) == 264, "vhost-user memory table");

union vhost_user_payload {
	uint64_t u64;
	struct vhost_user_vring_state state;
	struct vhost_user_addr addr;
	struct vhost_user_memory memory;
};

struct vhost_user_message {
	struct vhost_user_header header;
	union vhost_user_payload payload;
} __attribute__((packed));
static_assert(sizeof(struct vhost_user_message) == 276, "vhost-user message");

#endif
