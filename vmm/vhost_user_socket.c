#include "vmm/vhost_user_message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 1 }; /* one back-end */

void vhost_user_init(struct vhost_user *vu)
{
	*vu = (struct vhost_user){.fd = -1, .timeout_ms = VHOST_USER_TIMEOUT_MS};
}

void vhost_user_close(struct vhost_user *vu)
{
	close(vu->fd);
	vu->fd = -1;
	vu->state = VHOST_USER_CLOSED;
	vu->protocol_features = 0;
	vu->has_protocol_features = false;
}

/* A new socket and the address of the path. -EINVAL: no socket can have this path. */
static int open_socket(const char *path, struct sockaddr_un *address)
{
	int fd;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (path[0] == '\0' || strlen(path) >= sizeof(address->sun_path))
		return -EINVAL;
	strcpy(address->sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	return fd;
}

int vhost_user_adopt(struct vhost_user *vu, int fd)
{
	assert(vu->state == VHOST_USER_CLOSED);
	vu->fd = fd;
	vu->state = VHOST_USER_CONNECTED;
	return 0;
}

int vhost_user_connect(struct vhost_user *vu, const char *path)
{
	struct sockaddr_un address;
	int fd = open_socket(path, &address), err;

	if (fd == -EINVAL)
		return vhost_user_fail(vu, -EINVAL,
				       "connect: %.80s: a socket path has 1 to %zu characters; "
				       "shorten it",
				       path, sizeof(address.sun_path) - 1);
	if (fd < 0)
		return vhost_user_fail(vu, fd, "connect: %s: socket: %s", path, strerror(-fd));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return vhost_user_adopt(vu, fd);
	err = errno;
	close(fd);
	/* EAGAIN: the queue of the listener is full, so it is alive but slow. */
	if (err == ENOENT || err == ECONNREFUSED || err == EAGAIN || err == EINTR)
		return vhost_user_fail(
			vu, -EAGAIN,
			"connect: %s: no back-end takes connections there yet (%s); start it", path,
			strerror(err));
	return vhost_user_fail(vu, -err, "connect: %s: %s%s", path, strerror(err),
			       err == EACCES ? "; give this user write permission on the socket"
					     : "");
}

int vhost_user_listen(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct sockaddr *to = (const struct sockaddr *)&address;
	int fd = open_socket(path, &address), probe, err;
	struct stat st = {0};
	bool is_socket;

	if (fd < 0)
		return fd;
	is_socket = lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
	probe = is_socket ? open_socket(path, &address) : -1;
	/* A socket that nobody listens on is a leftover. */
	if (probe >= 0 && connect(probe, to, sizeof(address)) < 0 && errno == ECONNREFUSED)
		unlink(path);
	if (probe >= 0)
		close(probe);
	if (bind(fd, to, sizeof(address)) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
		return fd;
	err = errno == EADDRINUSE && !is_socket ? EEXIST : errno;
	close(fd);
	return -err;
}

int vhost_user_accept(struct vhost_user *vu, int listen_fd)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), err;

	if (fd >= 0)
		return vhost_user_adopt(vu, fd);
	err = errno;
	if (err == EAGAIN || err == EINTR || err == ECONNABORTED)
		return vhost_user_fail(
			vu, -EAGAIN,
			"accept: no back-end has connected yet; start it as client of this socket");
	return vhost_user_fail(vu, -err, "accept: %s", strerror(err));
}

int vhost_user_check(struct vhost_user *vu)
{
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = sizeof(byte)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (vu->state == VHOST_USER_CLOSED)
		return 0;
	/* Without a control buffer the kernel closes descriptors that come along. */
	do
		n = recvmsg(vu->fd, &msg, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n > 0)
		return vhost_user_fail(vu, -EPROTO,
				       "the back-end spoke without being asked; it does not follow "
				       "the specification");
	return vhost_user_fail(vu, -ECONNRESET,
			       "the back-end went away; start it again, the ring state is kept");
}
