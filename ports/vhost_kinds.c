#include "ports/vhost_kinds.h"

#include <linux/magic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { XFS_MAGIC = 0x58465342 }; /* not in linux/magic.h */

static bool is_eventfd(int fd)
{
	static const char eventfd[] = "anon_inode:[eventfd]";
	char path[sizeof("/proc/self/fd/") + 10], target[sizeof(eventfd)];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target));
	return n == sizeof(eventfd) - 1 && memcmp(target, eventfd, sizeof(eventfd) - 1) == 0;
}

/* File systems whose pages this kernel finds by itself: shared memory, huge pages, local disks. */
static bool is_local(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	switch ((unsigned long)fs.f_type) {
	case TMPFS_MAGIC:
	case HUGETLBFS_MAGIC:
	case RAMFS_MAGIC:
	case EXT4_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case XFS_MAGIC:
		return true;
	default:
		return false;
	}
}

static const char *refuse_region(const struct vhost_user_region *region, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return "memory that is no file: share a memfd, or a file in /dev/shm or hugetlbfs";
	if (!is_local(fd))
		return "memory in a file system that others serve: share a memfd, or a file in "
		       "/dev/shm or hugetlbfs";
	if ((uint64_t)st.st_size < region->offset + region->size)
		return "a region past the end of its file";
	return NULL;
}

const char *vhost_kinds_refuse(const struct vhost_user_message *message, const int *fds,
			       unsigned n_fds)
{
	const char *why = NULL;

	switch (message->header.request) {
	case VHOST_USER_SET_VRING_KICK:
	case VHOST_USER_SET_VRING_CALL:
		if (n_fds && !is_eventfd(fds[0]))
			why = "the descriptor is no eventfd";
		break;
	case VHOST_USER_SET_MEM_TABLE:
		for (unsigned i = 0; i < n_fds && !why; i++) {
			struct vhost_user_region region = message->payload.memory.regions[i];

			why = refuse_region(&region, fds[i]);
		}
		break;
	default:
		break;
	}
	return why;
}
