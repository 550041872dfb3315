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

/* Size and seals for good, so that a back-end cannot make our mapping end in SIGBUS. */
static bool size_and_seal(int fd, uint64_t size)
{
	return ftruncate(fd, (off_t)size) == 0 &&
	       fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
}

static int region_open(struct guest_ram_region *region, const struct guest_ram_wish *wish,
		       struct refusal *why)
{
	const bool huge = wish->page_size > LAYOUT_PAGE;
	const unsigned log2 = (unsigned)__builtin_ctzll(wish->page_size);
	const unsigned flags = huge ? MFD_HUGETLB | log2 << HUGE_SHIFT : 0;
	/* Huge pages are reserved here, so that a lack of them is an error and no SIGBUS. */
	const int reserve = huge ? 0 : MAP_NORESERVE;
	const char *what = "create";
	void *hva = MAP_FAILED;

	region->fd = memfd_create("ringway-guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
	if (region->fd >= 0 && size_and_seal(region->fd, region->size)) {
		what = "map";
		hva = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED | reserve,
			   region->fd, 0);
	}
	if (hva != MAP_FAILED) {
		what = "allocate";
		region->hva = hva;
		/* Cores would otherwise carry the secrets of the guest. */
		madvise(hva, region->size, MADV_DONTDUMP);
		if ((!wish->prealloc && !huge) ||
		    madvise(hva, region->size, MADV_POPULATE_WRITE) == 0)
			return 0;
	}
	if (huge)
		return refuse(
			why, errno,
			"--hugepages: cannot %s %lu MiB in pages of %lu MiB: %m; set "
			"/sys/kernel/mm/hugepages/hugepages-%lukB/nr_hugepages to %lu or more, "
			"or leave --hugepages out",
			what, wish->size >> 20, wish->page_size >> 20, wish->page_size >> 10,
			wish->size >> log2);
	return refuse(why, errno, "memory: cannot %s %lu MiB: %m; ask for less with --memory", what,
		      wish->size >> 20);
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
