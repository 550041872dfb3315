#include "ports/vhost_socket.h"
#include "ports/log.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* 0: somebody listens; -errno otherwise. */
static int probe(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret = 0;

	if (fd < 0)
		return -errno;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	/* EAGAIN: its backlog is full, so it lives. */
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 && errno != EAGAIN)
		ret = -errno;
	close(fd);
	return ret;
}

int vhost_socket_claim(const struct port_conf *conf)
{
	struct stat st;
	int ret;

	if (lstat(conf->socket, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		ret = -errno;
		log_event(LOG_ERROR, "port %s: socket %s: %s", conf->name, conf->socket,
			  strerror(-ret));
		return ret;
	}
	if (!S_ISSOCK(st.st_mode)) {
		log_event(LOG_ERROR,
			  "port %s: socket %s: there is a file of that name which is no socket: "
			  "move it away",
			  conf->name, conf->socket);
		return -EEXIST;
	}
	ret = probe(conf->socket);
	if (ret == 0) {
		log_event(LOG_ERROR,
			  "port %s: socket %s: another process listens on it: stop it, or choose "
			  "another socket",
			  conf->name, conf->socket);
		return -EADDRINUSE;
	}
	if (ret != -ECONNREFUSED || unlink(conf->socket) < 0) {
		ret = ret == -ECONNREFUSED ? -errno : ret;
		log_event(LOG_ERROR, "port %s: socket %s: a stale socket cannot be replaced: %s",
			  conf->name, conf->socket, strerror(-ret));
		return ret;
	}
	return 0;
}

int vhost_socket_set_access(const struct port_conf *conf)
{
	bool chowns = conf->socket_owner != (uid_t)-1 || conf->socket_group != (gid_t)-1;
	int ret;

	if (chowns && lchown(conf->socket, conf->socket_owner, conf->socket_group) < 0) {
		ret = -errno;
		log_event(LOG_ERROR,
			  "port %s: socket-owner, socket-group: %s: run as root, or leave them out",
			  conf->name, strerror(-ret));
		return ret;
	}
	if (chmod(conf->socket, conf->socket_mode) < 0) {
		ret = -errno;
		log_event(LOG_ERROR, "port %s: socket-mode: %s", conf->name, strerror(-ret));
		return ret;
	}
	return 0;
}
