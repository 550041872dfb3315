#include "guest_memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_LEN = 2 << 20 };

int guest_memory_open(struct guest_memory *memory, size_t len, bool hugepages)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (hugepages ? MFD_HUGETLB : 0u);
	int err;

	*memory =
		(struct guest_memory){.fd = -1, .len = (len + HUGE_LEN - 1) / HUGE_LEN * HUGE_LEN};
	memory->fd = memfd_create("vgen-guest", flags);
	if (memory->fd < 0)
		return -errno;
	if (ftruncate(memory->fd, (off_t)memory->len) < 0 ||
	    fcntl(memory->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		goto fail;
	/* Populated, so that no page fault falls into a measurement. */
	memory->va = mmap(NULL, memory->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			  memory->fd, 0);
	if (memory->va == MAP_FAILED)
		goto fail;
	return 0;
fail:
	err = errno;
	memory->va = NULL;
	guest_memory_close(memory);
	return -err;
}

void guest_memory_close(struct guest_memory *memory)
{
	if (memory->va)
		munmap(memory->va, memory->len);
	if (memory->fd >= 0)
		close(memory->fd);
	memory->va = NULL;
	memory->fd = -1;
}

void *guest_memory_take(struct guest_memory *memory, size_t len, size_t align)
{
	size_t start = (memory->taken + align - 1) & ~(align - 1);

	assert(start <= memory->len && len <= memory->len - start);
	memory->taken = start + len;
	return memory->va + start;
}
