#include "vmm/guest_ram.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/layout.h"

enum {
	HUGE_SHIFT = 26, /* MFD_HUGE_SHIFT: log2 of the page size goes here */
};

static int memfd_of(uint64_t size, uint64_t page_size, struct refusal *why)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd;

	if (page_size > LAYOUT_PAGE)
		flags |= MFD_HUGETLB | ((unsigned)__builtin_ctzll(page_size) << HUGE_SHIFT);
	fd = memfd_create("ringway-guest-ram", flags);
	if (fd < 0)
		return refuse(why, errno, "memory: memfd_create: %m");
	if (ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		int error = errno;

		close(fd);
		return refuse(why, error, "memory: cannot size and seal %lu MiB: %s", size >> 20,
			      strerror(error));
	}
	return fd;
}

static int region_open(struct guest_ram_region *region, const struct guest_ram_wish *wish,
		       struct refusal *why)
{
	const bool huge = wish->page_size > LAYOUT_PAGE;
	const char *advice = huge ? "raise /proc/sys/vm/nr_hugepages or leave --hugepages out"
				  : "ask for less with --memory";
	void *hva;

	region->fd = memfd_of(region->size, wish->page_size, why);
	if (region->fd < 0)
		return region->fd;
	hva = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		   region->fd, 0);
	if (hva == MAP_FAILED)
		return refuse(why, errno, "memory: cannot map %lu MiB: %m; %s", region->size >> 20,
			      advice);
	region->hva = hva;
	/* Cores would otherwise carry the secrets of the guest. */
	madvise(hva, region->size, MADV_DONTDUMP);
	if ((wish->prealloc || huge) && madvise(hva, region->size, MADV_POPULATE_WRITE) < 0)
		return refuse(why, errno, "memory: cannot allocate %lu MiB%s: %m; %s",
			      region->size >> 20, huge ? " of huge pages" : "", advice);
	return 0;
}

int guest_ram_open(struct guest_ram *ram, const struct guest_ram_wish *wish, struct refusal *why)
{
	uint64_t low = wish->size < LAYOUT_RAM_HOLE ? wish->size : LAYOUT_RAM_HOLE;
	int rc = 0;

	*ram = (struct guest_ram){.n_regions = wish->size > low ? 2 : 1};
	ram->region[0] = (struct guest_ram_region){.gpa = 0, .size = low, .fd = -1};
	ram->region[1] = (struct guest_ram_region){
		.gpa = LAYOUT_RAM_ABOVE, .size = wish->size - low, .fd = -1};
	if (wish->size == 0 || wish->size % wish->page_size != 0)
		return refuse(why, EINVAL,
			      "memory: %lu bytes is not a multiple of the %lu KiB page", wish->size,
			      wish->page_size >> 10);
	for (unsigned i = 0; i < ram->n_regions && rc == 0; i++)
		rc = region_open(&ram->region[i], wish, why);
	if (rc < 0)
		guest_ram_close(ram);
	return rc;
}

void guest_ram_close(struct guest_ram *ram)
{
	for (unsigned i = 0; i < ram->n_regions; i++) {
		if (ram->region[i].hva)
			munmap(ram->region[i].hva, ram->region[i].size);
		if (ram->region[i].fd >= 0)
			close(ram->region[i].fd);
	}
	ram->n_regions = 0;
}

void *guest_ram_at(const struct guest_ram *ram, uint64_t gpa, uint64_t len)
{
	for (unsigned i = 0; i < ram->n_regions; i++) {
		const struct guest_ram_region *region = &ram->region[i];
		uint64_t offset = gpa - region->gpa;

		if (gpa >= region->gpa && offset < region->size && len <= region->size - offset)
			return region->hva + offset;
	}
	return NULL;
}

uint64_t guest_ram_low_end(const struct guest_ram *ram)
{
	return ram->n_regions ? ram->region[0].gpa + ram->region[0].size : 0;
}
