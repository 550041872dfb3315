#include "ports/vhost_gate.h"
#include "ports/log.h"
#include "ports/vhost_filter.h"
#include "ports/vhost_kinds.h"
#include "ports/vhost_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	/* Front-ends write a message with one call, so it is all there when some of it is. To those
	 * that do not, this many ticks are granted, while which all others wait. */
	GRACE_TICKS = 20,
	TICK_MS = 1,
	WHY_LEN = 160,
};

/* Set where a message is read, looked up where the library says that the connection has ended: a
 * few calls later, on the same thread, and there is no other way from one to the other. */
static _Thread_local char refusal[WHY_LEN];

/* Descriptors of a memory table that was let pass, with what they refer to: numbers are used again.
 */
static _Thread_local struct {
	unsigned n;
	int fds[VHOST_USER_MAX_REGIONS];
	struct stat files[VHOST_USER_MAX_REGIONS];
} table;

static void remember_table(const int *fds, unsigned n)
{
	for (table.n = 0; table.n < n; table.n++) {
		table.fds[table.n] = fds[table.n];
		fstat(fds[table.n], &table.files[table.n]);
	}
}

void vhost_gate_memory_taken(void)
{
	table.n = 0;
}

/* The library closes those of a table that it could not map, but for the one that was to blame. */
static void close_forgotten(void)
{
	struct stat now;

	for (unsigned i = 0; i < table.n; i++)
		if (fstat(table.fds[i], &now) == 0 && now.st_ino == table.files[i].st_ino &&
		    now.st_dev == table.files[i].st_dev)
			close(table.fds[i]);
	table.n = 0;
}

bool vhost_gate_refused(char *why, size_t len)
{
	bool refused = refusal[0];

	close_forgotten();
	snprintf(why, len, "%s", refusal);
	refusal[0] = '\0';
	return refused;
}

/* The library reads a header first, with room for the descriptors of a memory table. */
static bool is_library_reading(const struct msghdr *message)
{
	return message->msg_iovlen == 1 &&
	       message->msg_iov[0].iov_len == sizeof(struct vhost_user_header) &&
	       message->msg_controllen == CMSG_SPACE(VHOST_USER_MAX_REGIONS * sizeof(int));
}

/* It writes an answer in one piece. */
static bool is_library_answering(const struct msghdr *message)
{
	struct vhost_user_header header;

	if (message->msg_iovlen != 1 || message->msg_iov[0].iov_len < sizeof(header))
		return false;
	memcpy(&header, message->msg_iov[0].iov_base, sizeof(header));
	return header.request < VHOST_USER_REQUEST_N &&
	       message->msg_iov[0].iov_len == sizeof(header) + header.size &&
	       (header.flags & (VHOST_USER_VERSION_MASK | VHOST_USER_FLAG_REPLY)) ==
		       (VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY);
}

/* What lies in the socket, without taking it out. */
static ssize_t look(int fd, struct vhost_user_message *message)
{
	ssize_t n = 0;

	for (unsigned tick = 0; tick <= GRACE_TICKS; tick++) {
		struct pollfd gone = {.fd = fd, .events = POLLRDHUP};

		n = recv(fd, message, sizeof(*message), MSG_PEEK | MSG_DONTWAIT);
		if (n <= 0 || vhost_filter_lacks(message, (size_t)n) == 0)
			break;
		if (poll(&gone, 1, TICK_MS) > 0)
			break;
	}
	return n;
}

/* The descriptors that came along; they are not aligned. */
static unsigned take_fds(struct msghdr *message, int fds[VHOST_USER_MAX_REGIONS])
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(message);
	size_t len;

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return 0;
	len = header->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(header), len);
	return (unsigned)(len / sizeof(int));
}

static const char *judge(const struct vhost_user_message *message, size_t len,
			 const struct msghdr *read, const int *fds, unsigned n_fds)
{
	const char *why;

	if (read->msg_flags & MSG_CTRUNC)
		return "more file descriptors than there may be, or than this process may open";
	why = vhost_filter_refuses(message, len, n_fds);
	return why ? why : vhost_kinds_refuse(message, fds, n_fds);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
	struct vhost_user_message whole = {.header.request = 0};
	int fds[VHOST_USER_MAX_REGIONS];
	unsigned n_fds;
	const char *why;
	ssize_t n_whole, n;

	if (!is_library_reading(message))
		return __real_recvmsg(fd, message, flags);
	close_forgotten();
	n_whole = look(fd, &whole);
	n = __real_recvmsg(fd, message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return n;
	n_fds = take_fds(message, fds);
	why = judge(&whole, n_whole > 0 ? (size_t)n_whole : 0, message, fds, n_fds);
	if (!why && whole.header.request == VHOST_USER_SET_MEM_TABLE)
		remember_table(fds, n_fds);
	if (!why)
		return n;
	snprintf(refusal, sizeof(refusal), "%s (%u): %s", vhost_filter_name(whole.header.request),
		 whole.header.request, why);
	for (unsigned i = 0; i < n_fds; i++)
		close(fds[i]);
	errno = EPROTO;
	return -1;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	ssize_t n;

	if (!is_library_answering(message))
		return __real_sendmsg(fd, message, flags);
	n = __real_sendmsg(fd, message, flags | MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN) {
		struct sockaddr_un name = {.sun_family = AF_UNIX};
		socklen_t len = sizeof(name);

		getsockname(fd, (struct sockaddr *)&name, &len);
		log_event(LOG_WARNING,
			  "socket %.*s: the front-end does not read its answers: disconnected",
			  (int)sizeof(name.sun_path), name.sun_path);
		/* The library finds it ended when it next reads. */
		shutdown(fd, SHUT_RDWR);
		errno = EAGAIN;
	}
	return n;
}
