#include "switch/vm_monitor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int vm_monitor_open(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return -errno;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int vm_monitor_say(int fd, const char *command)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "%s\n", command);

	if (fd < 0)
		return -ENOTCONN;
	if (send(fd, line, (size_t)len, MSG_NOSIGNAL) == len)
		return 0;
	return -EAGAIN;
}
