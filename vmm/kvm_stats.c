#include "vmm/kvm_stats.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <unistd.h>

enum {
	NAME_MAX_LEN = 64,
	MAX_COUNTERS = 512,
};

/* A description and the name behind it. */
union described {
	struct kvm_stats_desc fixed;
	uint8_t room[sizeof(struct kvm_stats_desc) + NAME_MAX_LEN];
};

int kvm_stats_read(int stats_fd, const char *name, uint64_t *value)
{
	struct kvm_stats_header header;

	if (stats_fd < 0)
		return -ENOENT;
	if (pread(stats_fd, &header, sizeof(header), 0) != sizeof(header))
		return -EIO;
	if (header.name_size > NAME_MAX_LEN || header.num_desc > MAX_COUNTERS)
		return -EPROTO;
	for (uint32_t i = 0; i < header.num_desc; i++) {
		size_t len = sizeof(struct kvm_stats_desc) + header.name_size;
		union described d;

		memset(&d, 0, sizeof(d));
		if (pread(stats_fd, &d, len, (off_t)(header.desc_offset + i * len)) != (ssize_t)len)
			return -EIO;
		if (strncmp(d.fixed.name, name, header.name_size) != 0)
			continue;
		if (pread(stats_fd, value, sizeof(*value),
			  (off_t)(header.data_offset + d.fixed.offset)) != sizeof(*value))
			return -EIO;
		return 0;
	}
	return -ENOENT;
}
