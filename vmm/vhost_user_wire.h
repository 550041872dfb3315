/* vhost_user_wire.h - the vhost-user messages that a network front-end and its back-end exchange.
 *
 * Threads:   none, only types.
 * Ownership: none.
 * Failure:   none; what a peer sends is checked where it is read.
 *
 * Source: vhost-user specification (QEMU docs/interop/vhost-user.rst). All integers are in the byte
 * order of the host; file descriptors travel beside the bytes as SCM_RIGHTS. */
#ifndef VMM_VHOST_USER_WIRE_H
#define VMM_VHOST_USER_WIRE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_NET_SET_MTU = 20,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
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
	/* Virtio feature bits that only front-end and back-end see, never the guest. */
	VHOST_USER_F_LOG_ALL = 26,
	VHOST_USER_F_PROTOCOL_FEATURES = 30,

	VHOST_USER_VERSION = 1,
	VHOST_USER_VERSION_MASK = 3,
	VHOST_USER_FLAG_REPLY = 1 << 2,
	VHOST_USER_FLAG_NEED_REPLY = 1 << 3,

	VHOST_USER_MAX_REGIONS =
		8, /* without CONFIGURE_MEM_SLOTS; so is the number of fds in a message */
	VHOST_USER_MAX_QUEUES = 256,

	/* KICK and CALL carry the queue in bits 0-7; bit 8 says that no fd comes with it (the other
	   end polls). */
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

struct vhost_user_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;	/* these three: virtual addresses of the front-end */
	uint64_t used;	/* packed: device event suppression area */
	uint64_t avail; /* packed: driver event suppression area */
	uint64_t log;
};
static_assert(sizeof(struct vhost_user_vring_addr) == 40, "vhost-user vring addresses");
static_assert(offsetof(struct vhost_user_vring_addr, used) == 16, "used comes before avail");

struct vhost_user_wire_region {
	uint64_t guest_addr;
	uint64_t len;
	uint64_t user_addr;
	uint64_t mmap_offset;
};
static_assert(sizeof(struct vhost_user_wire_region) == 32, "vhost-user memory region");

/* Only n_regions of the regions are sent. */
struct vhost_user_mem_table {
	uint32_t n_regions;
	uint32_t padding;
	struct vhost_user_wire_region regions[VHOST_USER_MAX_REGIONS];
};
static_assert(offsetof(struct vhost_user_mem_table, regions) == 8, "vhost-user memory table");

/* Of INFLIGHT_SHMFD, which this front-end does not speak. */
struct vhost_user_wire_inflight {
	uint64_t mmap_size;
	uint64_t mmap_offset;
	uint16_t n_queues;
	uint16_t queue_size;
	uint32_t padding; /* the structure of every known back-end is 24 bytes long on the wire */
};
static_assert(sizeof(struct vhost_user_wire_inflight) == 24, "vhost-user inflight description");

union vhost_user_payload {
	uint64_t u64;
	struct vhost_user_vring_state state;
	struct vhost_user_vring_addr addr;
	struct vhost_user_mem_table mem;
};

#endif
