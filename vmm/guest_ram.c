#include "vmm/guest_ram.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/layout.h"

/* Returns what went wrong, in one word, with errno; NULL if nothing. */
static const char *region_open(struct guest_ram_region *region, uint64_t page_size, bool prealloc)
{
	const bool huge = page_size > LAYOUT_PAGE;
	const unsigned log2 = (unsigned)__builtin_ctzll(page_size);
	const unsigned flags = huge ? MFD_HUGETLB | log2 << MFD_HUGE_SHIFT : 0;
	/* Huge pages are reserved here, so that a lack of them is an error and no SIGBUS. */
	const int reserve = huge ? 0 : MAP_NORESERVE;
	void *hva;

	region->fd = memfd_create("ringway-guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
	/* Size and seals for good, so that no back-end makes our mapping end in SIGBUS. */
	if (region->fd < 0 || ftruncate(region->fd, (off_t)region->size) < 0 ||
	    fcntl(region->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return "create";
	hva = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED | reserve, region->fd, 0);
	if (hva == MAP_FAILED)
		return "map";
	region->hva = hva;
	/* Cores would otherwise carry the secrets of the guest. */
	madvise(hva, region->size, MADV_DONTDUMP);
	if ((prealloc || huge) && madvise(hva, region->size, MADV_POPULATE_WRITE) < 0)
		return "allocate";
	return NULL;
}

int guest_ram_open(struct guest_ram *ram, uint64_t size, uint64_t page_size, bool prealloc,
		   struct refusal *why)
{
	uint64_t low = size < LAYOUT_RAM_HOLE ? size : LAYOUT_RAM_HOLE;
	const char *failed = NULL;

	assert(size && size % page_size == 0);
	*ram = (struct guest_ram){.n_regions = size > low ? 2 : 1,
				  .region = {{.gpa = 0, .size = low, .fd = -1},
					     {LAYOUT_RAM_ABOVE, size - low, NULL, -1}}};
	for (unsigned i = 0; i < ram->n_regions && !failed; i++)
		failed = region_open(&ram->region[i], page_size, prealloc);
	if (!failed)
		return 0;
	if (page_size == LAYOUT_PAGE)
		return refuse(why, errno,
			      "memory: cannot %s %lu MiB: %m; ask for less with --memory", failed,
			      size >> 20);
	return refuse(why, errno,
		      "--hugepages: cannot %s %lu MiB in pages of %lu MiB: %m; set "
		      "/sys/kernel/mm/hugepages/hugepages-%lukB/nr_hugepages to %lu or more, or "
		      "leave --hugepages out",
		      failed, size >> 20, page_size >> 20, page_size >> 10, size / page_size);
}

void guest_ram_close(struct guest_ram *ram)
{
	for (unsigned i = 0; i < ram->n_regions; i++) {
		if (ram->region[i].hva)
			munmap(ram->region[i].hva, ram->region[i].size);
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
