#include "vmm/boot.h"

#include <errno.h>
#include <string.h>

#include "vmm/layout.h"

struct signature {
	size_t offset;
	size_t len;
	const char *bytes;
	const char *name;
	int (*load)(struct boot *boot, struct refusal *why);
};

/* In the order of trial: an EFI stub bzImage starts with MZ, too. */
static const struct signature signatures[] = {
	{0x202, 4, "HdrS", "a bzImage", boot_bzimage_load},
	{0, 4, "\177ELF", "an ELF file", boot_elf_load},
	{0, 2, "\037\213", "a gzip file: unpack it with `gunzip`", NULL},
	{0, 6, "\3757zXZ\0", "an xz file: unpack it with `unxz`", NULL},
	{0, 4, "\050\265\057\375", "a zstd file: unpack it with `unzstd`", NULL},
	{0, 6, "070701", "a cpio archive: that is an initrd, not a kernel", NULL},
	{0, 4, "QFI\373", "a qcow2 disk image, not a kernel", NULL},
	{0, 8, "!<arch>\n",
	 "a .deb or .a archive: unpack it with `dpkg-deb -x` and use boot/vmlinuz-*", NULL},
	{0, 2, "MZ",
	 "an EFI program without a Linux setup header (a unified kernel image?): give the "
	 "vmlinuz it was made of",
	 NULL},
	{0, 2, "#!", "a script", NULL},
};

static const struct signature *signature_of(const struct boot_file *file)
{
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		const struct signature *s = &signatures[i];

		if (file->len >= s->offset + s->len &&
		    memcmp(file->bytes + s->offset, s->bytes, s->len) == 0)
			return s;
	}
	return NULL;
}

int boot_load(struct boot *boot, struct refusal *why)
{
	const struct signature *s = signature_of(&boot->kernel);
	struct refusal inner;
	int rc;

	boot->entry = boot->kernel_start = boot->kernel_end = boot->initrd_start = 0;
	if (!s || !s->load)
		return refuse(why, ENOEXEC,
			      "kernel %s: is %s; give a bzImage (/boot/vmlinuz-*) or an ELF "
			      "vmlinux with a PVH note",
			      boot->kernel.name, s ? s->name : "a file of unknown kind");
	rc = s->load(boot, &inner);
	return rc < 0 ? refuse(why, -rc, "kernel %s: %s", boot->kernel.name, inner.text) : 0;
}

int boot_place_cmdline(const struct boot *boot, size_t max_len, struct refusal *why)
{
	size_t len = strlen(boot->cmdline);
	char *place = guest_ram_at(boot->ram, LAYOUT_CMDLINE, len + 1);

	if (len > max_len || !place)
		return refuse(
			why, E2BIG,
			"command line: %zu characters, the kernel takes %zu; shorten --append", len,
			max_len);
	memcpy(place, boot->cmdline, len + 1);
	return 0;
}

int boot_place_initrd(struct boot *boot, uint64_t ceiling, struct refusal *why)
{
	const struct boot_file *initrd = &boot->initrd;
	const uint64_t page_mask = LAYOUT_PAGE - 1;
	uint64_t floor = (boot->kernel_end + page_mask) & ~page_mask;
	void *place;

	if (initrd->len == 0)
		return 0;
	if (ceiling > guest_ram_low_end(boot->ram))
		ceiling = guest_ram_low_end(boot->ram);
	boot->initrd_start = (ceiling - initrd->len) & ~page_mask;
	place = guest_ram_at(boot->ram, boot->initrd_start, initrd->len);
	if (initrd->len > ceiling || boot->initrd_start < floor || !place)
		return refuse(why, ENOSPC,
			      "initrd %s: %zu KiB do not fit above the kernel, which ends at %lu "
			      "MiB; raise --memory",
			      initrd->name, initrd->len >> 10, floor >> 20);
	memcpy(place, initrd->bytes, initrd->len);
	return 0;
}

unsigned boot_memory_map(const struct guest_ram *ram, struct boot_e820_entry *range)
{
	const struct boot_e820_entry all[BOOT_MAX_RANGES] = {
		{0, LAYOUT_LOW_RAM_END, BOOT_RANGE_RAM},
		{LAYOUT_LOW_RAM_END, LAYOUT_HIGH_RAM - LAYOUT_LOW_RAM_END, BOOT_RANGE_RESERVED},
		{LAYOUT_HIGH_RAM, guest_ram_low_end(ram) - LAYOUT_HIGH_RAM, BOOT_RANGE_RAM},
		{ram->region[1].gpa, ram->region[1].size, BOOT_RANGE_RAM}};

	memcpy(range, all, sizeof(all));
	return ram->n_regions > 1 ? 4 : 3;
}
