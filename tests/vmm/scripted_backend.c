#include "scripted_backend.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MANY_FDS = 20, UNKNOWN_REQUEST = 0x5555, SIGNAL_LEAD_US = 500 };

void scripted_backend_init(struct scripted_backend *backend)
{
	*backend = (struct scripted_backend){
		.features = UINT64_MAX,
		.protocol_features = UINT64_MAX,
		.n_queues = 8,
		.status_mask = 0xff,
		.fd = -1,
	};
}

static bool read_exactly(struct scripted_backend *backend, void *buf, size_t len, unsigned *n_fds)
{
	char control[CMSG_SPACE(sizeof(int) * 16)];
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct cmsghdr *cmsg;
	ssize_t n;

	while (iov.iov_len > 0) {
		struct msghdr msg = {.msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = control,
				     .msg_controllen = sizeof(control)};

		n = recvmsg(backend->fd, &msg, 0);
		if (n <= 0)
			return false;
		for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
			size_t i, n_got = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

			for (i = 0; i < n_got; i++) {
				int fd;

				memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
				close(fd);
			}
			*n_fds += (unsigned)n_got;
		}
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
	}
	return true;
}

/* The front-end may be gone already; that shows at the next read. */
static void write_with_fds(int to, const void *buf, size_t len, int fd, unsigned n_fds)
{
	char control[CMSG_SPACE(sizeof(int) * MANY_FDS)] = {0};
	struct iovec iov = {.iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	unsigned i;

	memcpy(&iov.iov_base, &buf, sizeof(buf));
	if (n_fds) {
		struct cmsghdr *cmsg = (struct cmsghdr *)control;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		for (i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &fd, sizeof(fd));
	}
	if (sendmsg(to, &msg, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		abort();
}

/* What a decent back-end says. Returns the length of the payload, 0 for no answer of its own. */
static uint32_t make_answer(struct scripted_backend *backend,
			    const struct scripted_message *message,
			    struct vhost_user_message *answer)
{
	switch (message->request) {
	case VHOST_USER_GET_FEATURES:
		answer->payload.u64 = backend->features;
		return 8;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		answer->payload.u64 = backend->protocol_features;
		return 8;
	case VHOST_USER_GET_QUEUE_NUM:
		answer->payload.u64 = backend->n_queues;
		return 8;
	case VHOST_USER_GET_STATUS:
		answer->payload.u64 = backend->status & backend->status_mask;
		return 8;
	case VHOST_USER_GET_VRING_BASE:
		answer->payload.state = message->payload.state;
		answer->payload.state.index += backend->wrong_vring;
		answer->payload.state.num = 100 + message->payload.state.index;
		return 8;
	default:
		return 0;
	}
}

static void spoil(struct vhost_user_message *answer, enum scripted_fault fault, uint32_t *len,
		  unsigned *n_fds)
{
	if (fault == FAULT_WRONG_ID)
		answer->header.request = UNKNOWN_REQUEST;
	if (fault == FAULT_SHORT)
		*len = 4;
	if (fault == FAULT_LONG)
		*len = 64;
	answer->header.size = fault == FAULT_HUGE ? UINT32_MAX : *len;
	if (fault == FAULT_NOT_A_REPLY)
		answer->header.flags &= ~(uint32_t)VHOST_USER_FLAG_REPLY;
	if (fault == FAULT_VERSION)
		answer->header.flags = (answer->header.flags & ~3u) | 2;
	if (fault == FAULT_NACK)
		answer->payload.u64 = 1;
	if (fault == FAULT_EXTRA_FD)
		*n_fds += 1;
	if (fault == FAULT_MANY_FDS)
		*n_fds = MANY_FDS;
}

static void wait_for_the_end(struct scripted_backend *backend)
{
	char bytes[64];

	while (read(backend->fd, bytes, sizeof(bytes)) > 0)
		;
}

/* False: the connection is over. */
static bool send_answer(struct scripted_backend *backend, struct vhost_user_message *answer,
			uint32_t len, enum scripted_fault fault)
{
	unsigned n_fds = 0; /* copies of its own socket */
	const char *bytes = (const char *)answer;
	size_t i, total;

	spoil(answer, fault, &len, &n_fds);
	total = sizeof(answer->header) + len;
	switch (fault) {
	case FAULT_CLOSE:
		return false;
	case FAULT_CLOSE_IN_HEADER:
		write_with_fds(backend->fd, bytes, 6, -1, 0);
		return false;
	case FAULT_CLOSE_IN_PAYLOAD:
		write_with_fds(backend->fd, bytes, total - 1, -1, 0);
		return false;
	case FAULT_HALF_THEN_QUIET:
		write_with_fds(backend->fd, bytes, 6, -1, 0);
		wait_for_the_end(backend);
		return false;
	case FAULT_SILENCE:
		wait_for_the_end(backend);
		return false;
	case FAULT_FD_IN_PAYLOAD:
		write_with_fds(backend->fd, bytes, sizeof(answer->header), -1, 0);
		write_with_fds(backend->fd, bytes + sizeof(answer->header), len, backend->fd, 1);
		return true;
	default:
		break;
	}
	if (!backend->byte_by_byte) {
		write_with_fds(backend->fd, bytes, total, backend->fd, n_fds);
		return true;
	}
	for (i = 0; i < total; i++)
		write_with_fds(backend->fd, bytes + i, 1, backend->fd, i == 0 ? n_fds : 0);
	return true;
}

static bool serve_one(struct scripted_backend *backend)
{
	struct scripted_message *message = &backend->messages[backend->n_messages];
	struct vhost_user_header header;
	struct vhost_user_message answer;
	enum scripted_fault fault;
	bool more = true;
	uint32_t len;

	memset(message, 0, sizeof(*message));
	if (backend->n_messages == SCRIPT_MAX ||
	    !read_exactly(backend, &header, sizeof(header), &message->n_fds))
		return false;
	if (header.size > sizeof(message->payload) ||
	    !read_exactly(backend, &message->payload, header.size, &message->n_fds))
		abort();
	message->request = header.request;
	message->flags = header.flags;
	message->size = header.size;
	fault = backend->n_messages++ == backend->fault_at ? backend->fault : FAULT_NONE;
	if (header.request == VHOST_USER_SET_STATUS)
		backend->status = message->payload.u64;

	memset(&answer, 0, sizeof(answer));
	answer.header.request = header.request;
	answer.header.flags = VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY;
	len = make_answer(backend, message, &answer);
	if (len == 0 && (header.flags & VHOST_USER_FLAG_NEED_REPLY))
		len = 8;
	if (backend->signals) {
		/* The front-end waits by now, or soon; an answer at once would hide the signal. */
		usleep(SIGNAL_LEAD_US);
		pthread_kill(backend->signal_to, SIGUSR1);
		usleep(SIGNAL_LEAD_US);
	}
	if (len > 0)
		more = send_answer(backend, &answer, len, fault);
	else if (fault != FAULT_NONE)
		more = false;
	return more;
}

static void *serve(void *arg)
{
	struct scripted_backend *backend = arg;

	while (serve_one(backend))
		;
	close(backend->fd);
	backend->fd = -1;
	return NULL;
}

void scripted_backend_serve(struct scripted_backend *backend, int fd)
{
	backend->n_messages = 0;
	backend->fd = fd;
	if (pthread_create(&backend->thread, NULL, serve, backend) != 0)
		abort();
}

int scripted_backend_start(struct scripted_backend *backend)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		abort();
	scripted_backend_serve(backend, ends[1]);
	return ends[0];
}

void scripted_backend_join(struct scripted_backend *backend)
{
	pthread_join(backend->thread, NULL);
}
