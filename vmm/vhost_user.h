/* vhost_user.h - one connection to a vhost-user back-end, seen from the front-end (launcher or load
 * generator).
 *
 * Threads:   a struct vhost_user belongs to one thread at a time. Calls that talk wait for the
 *            back-end, but no request and its answer take longer than timeout_ms. After connect
 *            they use only sendmsg, recvmsg, poll, write, close and clock_gettime, so they run
 *            under a narrow seccomp filter.
 * Ownership: keeps its socket. Borrows guest memory, rings, kick and call descriptors, which
 *            outlive every back-end: after a failure the same ones are given to the next one.
 * Failure:   0 or -errno, and a sentence in `error`: which message, what went wrong, what to do.
 *            -EINVAL      connect: no socket can have such a path
 *            -EAGAIN      no back-end there yet (connect, accept); try again later
 *            -ETIMEDOUT   no answer in time
 *            -ECONNRESET  the back-end went away
 *            -EPROTO      an answer that cannot be
 *            -EREMOTEIO   the back-end refused a request
 *            -ENOTSUP     the back-end lacks a feature or queues
 *            Except after -EINVAL and -EAGAIN the socket is closed and the state is CLOSED.
 *
 * INFLIGHT_SHMFD is not spoken: network back-ends finish buffers in order, so that the used index
 * of a split ring says where a lost one stood. That of a packed ring is lost with its back-end. */
#ifndef RINGWAY_VMM_VHOST_USER_H
#define RINGWAY_VMM_VHOST_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ports/vhost_wire.h"

enum vhost_user_state {
	VHOST_USER_CLOSED,    /* no socket */
	VHOST_USER_CONNECTED, /* socket, nothing said yet */
	VHOST_USER_READY,     /* features are known, rings are stopped */
	VHOST_USER_RUNNING,   /* the back-end works on the rings */
};

enum {
	VHOST_USER_TIMEOUT_MS = 2000,
	VHOST_USER_ERROR_LEN = 256,
};

/* Ring base of a device that was just reset. Packed: index 0, wrap counter 1, for both halves. */
#define VHOST_USER_SPLIT_BASE  0u
#define VHOST_USER_PACKED_BASE 0x80008000u

/* Network features (VIRTIO 1.2 section 5.1.3) that the front-end answers alone: a guest may have
 * them although the back-end does not know them. MTU, CTRL_VQ, CTRL_RX, CTRL_VLAN, CTRL_RX_EXTRA,
 * GUEST_ANNOUNCE, MQ, CTRL_MAC_ADDR, MAC, STATUS, SPEED_DUPLEX. MQ needs a back-end with max_queues
 * >= 4 all the same. */
#define VHOST_USER_LOCAL_FEATURES (1ull << 3 | 1ull << 5 | 0xffull << 16 | 1ull << 63)

struct vhost_user_queue {
	uint16_t size;
	bool enabled; /* active pair; pair 0 at least before the guest's MQ command */
	/* Where the back-end starts: *_BASE after a reset of the device, the value that
	 * vhost_user_stop() stored after an orderly stop, used->idx (split) after a crash. Packed:
	 * bits 0-15 available, 16-31 used index with wrap bit. */
	uint32_t base;
	/* Front-end addresses; packed: avail is the driver area, used the device area. */
	uint64_t desc, avail, used;
	int kickfd; /* -1: the back-end must poll */
	int callfd; /* -1: the front-end polls */
};

/* What the guest has set up. The caller has checked that the rings are sound and lie in the memory.
 * Queues are data queues only (rx0, tx0, rx1, ...), in pairs, never the control queue. */
struct vhost_user_device {
	uint64_t features; /* acked by the guest */
	struct vhost_user_memory memory;
	int memory_fds[VHOST_USER_MAX_REGIONS];
	struct vhost_user_queue *queues;
	unsigned n_queues;
};

/* Public members are read by the caller, written by the functions below only (timeout_ms: by the
 * caller, at any time). */
struct vhost_user {
	int fd; /* for epoll; -1 when CLOSED */
	enum vhost_user_state state;
	int timeout_ms;
	uint64_t features; /* offered by the back-end; without PROTOCOL_FEATURES and LOG_ALL */
	uint64_t protocol_features; /* agreed */
	unsigned max_queues;	    /* data queues that the back-end takes; 2 without MQ */
	char error[VHOST_USER_ERROR_LEN];

	bool has_protocol_features; /* private */
};

void vhost_user_init(struct vhost_user *vu);
/* Ends the connection without a word, if there is one. */
void vhost_user_close(struct vhost_user *vu);

/* One attempt that never waits: CLOSED -> CONNECTED. -EAGAIN also when there is no socket yet. */
int vhost_user_connect(struct vhost_user *vu, const char *path);
/* Takes a connected stream socket, e.g. an inherited one: CLOSED -> CONNECTED. */
int vhost_user_adopt(struct vhost_user *vu, int fd);

/* For back-ends that connect to us. Returns a non-blocking listening socket (gives it to the
 * caller) or -errno. A socket file that nobody listens on is replaced, anything else at that path
 * is refused: -EADDRINUSE, -EEXIST. */
int vhost_user_listen(const char *path);
/* One attempt that never waits: CLOSED -> CONNECTED. -EAGAIN: nobody has connected. */
int vhost_user_accept(struct vhost_user *vu, int listen_fd);

/* CONNECTED -> READY: owner, features, protocol features, number of queues and, unless 0, the MTU.
 * Before the guest's driver exists. features and max_queues then say what to offer to it. */
int vhost_user_handshake(struct vhost_user *vu, uint16_t mtu);

/* Whether a back-end that has just shaken hands (READY) can serve a device with these features and
 * queues: start would refuse the same. 0 or -ENOTSUP. */
int vhost_user_can_carry(struct vhost_user *vu, uint64_t features, unsigned n_queues);

/* READY -> RUNNING, at DRIVER_OK or after a reconnect: features, memory, rings, then every kick
 * descriptor is written once, for buffers that were posted before. After a reconnect the caller
 * also writes every call descriptor. */
int vhost_user_start(struct vhost_user *vu, const struct vhost_user_device *dev);

/* Notes in dev that the queues 2 * pair and 2 * pair + 1 are on or off and, if RUNNING, tells the
 * back-end. So a guest's command is never lost: start says the same to the next back-end. */
int vhost_user_enable_pair(struct vhost_user *vu, struct vhost_user_device *dev, unsigned pair,
			   bool on);

/* RUNNING -> READY: the back-end lets go of all rings and says in queues[].base where it stopped.
 * If the guest has reset the device, the caller sets the bases anew. */
int vhost_user_stop(struct vhost_user *vu, struct vhost_user_device *dev);

/* To be called when fd is readable or hung up outside of a request: 0, -ECONNRESET or -EPROTO. */
int vhost_user_check(struct vhost_user *vu);

/* Writes the names of virtio network features, comma separated; cuts them with "...", for which
 * there must be room. */
void vhost_user_feature_names(uint64_t features, char *buf, size_t buf_len);

#endif
