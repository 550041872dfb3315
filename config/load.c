#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/complaints.h"
#include "config/parse.h"
#include "config/topology.h"

enum {
	/* Every section and key at its longest takes less than half of this. */
	MAX_FILE_LEN = 1 << 20,
};

/* Opens without waiting for a FIFO's writer. */
static int open_regular(const char *path, struct complaints *complaints)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), err;

	if (fd < 0) {
		err = errno;
		complaints_add(complaints, 0, NULL, "cannot be opened: %s", strerror(err));
		return -err;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	complaints_add(complaints, 0, NULL, "is %s; name a regular file",
		       S_ISDIR(st.st_mode)    ? "a directory"
		       : S_ISFIFO(st.st_mode) ? "a pipe"
					      : "not a file");
	close(fd);
	return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
}

/* Reads until the end whatever st_size says: the file may grow or shrink meanwhile. */
static int read_file(int fd, char *text, size_t *len, struct complaints *complaints)
{
	ssize_t n = 1;

	*len = 0;
	while (n > 0 && *len <= MAX_FILE_LEN) {
		n = read(fd, text + *len, MAX_FILE_LEN + 1 - *len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			*len += n;
	}
	if (n < 0) {
		int err = errno;

		complaints_add(complaints, 0, NULL, "cannot be read: %s", strerror(err));
		return -err;
	}
	if (*len > MAX_FILE_LEN) {
		complaints_add(complaints, 0, NULL,
			       "is larger than %d bytes; this is no configuration", MAX_FILE_LEN);
		return -EFBIG;
	}
	return 0;
}

int topology_load(struct topology *topo, const char *path, topology_error *report, void *ctx)
{
	struct complaints complaints;
	char *text = NULL;
	size_t len;
	int fd, ret;

	memset(topo, 0, sizeof(*topo));
	complaints_init(&complaints, path);
	fd = ret = open_regular(path, &complaints);
	if (ret < 0)
		goto out;
	text = malloc(MAX_FILE_LEN + 1);
	if (!text) {
		complaints_add(&complaints, 0, NULL, "no memory to read the file");
		ret = -ENOMEM;
		goto out;
	}
	ret = read_file(fd, text, &len, &complaints);
	if (ret == 0)
		ret = topology_load_text(topo, text, len, path, report, ctx);
out:
	complaints_tell(&complaints, report, ctx);
	complaints_fini(&complaints);
	free(text);
	if (fd >= 0)
		close(fd);
	return ret;
}

void topology_fini(struct topology *topo)
{
	free(topo->bridges);
	free(topo->ports);
	free(topo->captures);
	free(topo->vms);
	memset(topo, 0, sizeof(*topo));
}
