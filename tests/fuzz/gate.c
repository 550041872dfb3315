/* A vhost-user front-end that sends bytes and descriptors in pieces of its choice: what gets as far
 * as librte_vhost is whole, of a known kind, and within the library's arrays. */
#include "config/topology.h"
#include "ports/vhost_filter.h"
#include "ports/vhost_gate.h"
#include "ports/vhost_wire.h"
#include "tests/fuzz/input.h"
#include "tests/open_fds.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_FDS = 10, MEMORY_LEN = 1 << 20 };

static void check(bool sound)
{
	if (!sound)
		abort();
}

/* One piece: its length, how many descriptors come with it, of what kinds, its bytes. */
static void send_piece(int fd, struct input *in)
{
	size_t len = input_take(in, 1);
	uint8_t n_fds = (uint8_t)(input_take(in, 1) % (MAX_FDS + 1));
	uint8_t kinds = n_fds ? (uint8_t)input_take(in, 1) : 0;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)];
	} control = {.bytes = {0}};
	int fds[MAX_FDS] = {0};
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (len > in->left)
		len = in->left;
	iov = (struct iovec){.iov_base = (void *)(uintptr_t)in->at, .iov_len = len};
	in->at += len;
	in->left -= len;
	for (unsigned i = 0; i < n_fds; i++) {
		if (kinds >> (i % 8) & 1)
			fds[i] = eventfd(0, EFD_CLOEXEC);
		else
			fds[i] = memfd_create("fuzz", MFD_CLOEXEC);
		check(fds[i] >= 0 &&
		      ((kinds >> (i % 8) & 1) || ftruncate(fds[i], MEMORY_LEN) == 0));
	}
	if (n_fds) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
						  .cmsg_level = SOL_SOCKET,
						  .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	(void)!sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	for (unsigned i = 0; i < n_fds; i++)
		close(fds[i]);
}

/* What the library takes for granted. */
static void check_passed(const struct vhost_user_message *message, unsigned n_fds)
{
	const union vhost_user_payload payload = message->payload;
	const struct vhost_user_memory *memory = &payload.memory;

	switch (message->header.request) {
	case VHOST_USER_SET_VRING_NUM:
	case VHOST_USER_SET_VRING_BASE:
	case VHOST_USER_GET_VRING_BASE:
	case VHOST_USER_SET_VRING_ENABLE:
	case VHOST_USER_SET_VRING_ADDR:
		check(payload.state.index < 2 * TOPOLOGY_MAX_QUEUES && n_fds == 0);
		break;
	case VHOST_USER_SET_VRING_KICK:
	case VHOST_USER_SET_VRING_CALL:
	case VHOST_USER_SET_VRING_ERR:
		check((payload.u64 & VHOST_USER_VRING_INDEX_MASK) < 2 * TOPOLOGY_MAX_QUEUES);
		check(n_fds == !(payload.u64 & VHOST_USER_VRING_NO_FD));
		break;
	case VHOST_USER_SET_MEM_TABLE:
		check(memory->n_regions <= VHOST_USER_MAX_REGIONS && n_fds == memory->n_regions);
		for (unsigned i = 0; i < memory->n_regions; i++)
			check(memory->regions[i].size > 0 &&
			      memory->regions[i].offset <= MEMORY_LEN &&
			      memory->regions[i].size <= MEMORY_LEN - memory->regions[i].offset);
		break;
	default:
		check(n_fds == 0);
	}
}

/* As the library reads: a header with its descriptors, then the payload. False at the end. */
static bool receive(int fd)
{
	struct vhost_user_message message = {.header.request = 0};
	char control[CMSG_SPACE(VHOST_USER_MAX_REGIONS * sizeof(int))];
	struct iovec iov = {.iov_base = &message.header, .iov_len = sizeof(message.header)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	unsigned n_fds = 0;
	int got;

	if (__wrap_recvmsg(fd, &msg, 0) != sizeof(message.header))
		return false;
	check(message.header.size <= sizeof(message.payload));
	check(read(fd, &message.payload, message.header.size) == message.header.size ||
	      message.header.size == 0);
	for (struct cmsghdr *at = CMSG_FIRSTHDR(&msg); at; at = CMSG_NXTHDR(&msg, at))
		for (; CMSG_LEN(n_fds * sizeof(int)) < at->cmsg_len; n_fds++) {
			memcpy(&got, CMSG_DATA(at) + n_fds * sizeof(int), sizeof(got));
			close(got);
		}
	check_passed(&message, n_fds);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct input in = {.at = bytes, .left = len};
	unsigned n_fds = open_fds();
	int ends[2];

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	while (in.left)
		send_piece(ends[1], &in);
	shutdown(ends[1], SHUT_WR);
	while (receive(ends[0]))
		;
	close(ends[0]);
	close(ends[1]);
	check(open_fds() == n_fds);
	return 0;
}
