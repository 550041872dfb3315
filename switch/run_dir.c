#include "switch/run_dir.h"
#include "ports/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_path(const char *path)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

int run_dir_claim(const char *path)
{
	int ret = make_path(path);
	int fd;

	if (ret < 0) {
		log_event(LOG_ERROR,
			  "run-dir %s: cannot be made: %s: choose another with run-dir =", path,
			  strerror(-ret));
		return ret;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
		log_event(LOG_ERROR,
			  "run-dir %s: cannot be used: %s: choose another with run-dir =", path,
			  strerror(-ret));
		return ret;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		ret = -errno;
		log_event(LOG_ERROR,
			  "run-dir %s: another switch is running there: stop it, or choose another "
			  "name or run-dir",
			  path);
		close(fd);
		return ret;
	}
	return fd;
}

void run_dir_release(const char *path, int fd)
{
	/* Only goes away when nothing is left in it; somebody else's files stay. */
	if (rmdir(path) < 0 && errno != ENOTEMPTY && errno != EEXIST)
		log_event(LOG_WARNING, "run-dir %s: %s", path, strerror(errno));
	close(fd);
}
