#include "vmm/boot.h"

#include <errno.h>
#include <string.h>

#include "vmm/layout.h"

enum {
	SETUP_HEADER_START = 0x1f1,
	SETUP_JUMP_TARGET = 0x201,    /* one byte: the header ends this far behind 0x202 */
	SETUP_HEADER_MIN_END = 0x268, /* up to and with init_size */
	BOOT_FLAG = 0xaa55,
	PROTOCOL_64BIT = 0x20c,
	LOADER_UNDEFINED = 0xff,
	SECTOR = 512,
	CMDLINE_PLAUSIBLE = 0xffff, /* the header's cmdline_size is believed up to here */
};

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

static int check_header(const struct setup_header *hdr, struct refusal *why)
{
	if (hdr->boot_flag != BOOT_FLAG)
		return refuse(why, ENOEXEC, "boot flag is 0x%x, not 0xaa55: damaged file",
			      hdr->boot_flag);
	if (hdr->version < PROTOCOL_64BIT)
		return refuse(why, ENOEXEC,
			      "boot protocol %u.%u is too old; 2.12 (Linux 3.8) or newer is needed",
			      hdr->version >> 8, hdr->version & 0xff);
	/* We enter at the 32-bit entry, which every kernel has; those for amd64 have both. */
	if (!(hdr->loadflags & LOADED_HIGH) || !(hdr->xloadflags & XLF_KERNEL_64))
		return refuse(why, ENOEXEC, "has no 64-bit entry; an amd64 bzImage is needed");
	return 0;
}

/* Copies the header only: the rest of the first sector is code, and would be taken for settings. */
static int read_header(const struct boot_file *kernel, struct setup_header *hdr,
		       struct refusal *why)
{
	size_t end = 0;

	/* The header ends where the image says, but never outside of the structure. */
	if (kernel->len >= SETUP_HEADER_MIN_END)
		end = 0x202 + kernel->bytes[SETUP_JUMP_TARGET];
	if (end > SETUP_HEADER_START + sizeof(*hdr))
		end = SETUP_HEADER_START + sizeof(*hdr);
	memset(hdr, 0, sizeof(*hdr));
	if (end < SETUP_HEADER_MIN_END || end > kernel->len)
		return refuse(
			why, ENOEXEC,
			"setup header is cut short (%zu bytes): damaged file or too old a kernel",
			kernel->len);
	memcpy(hdr, kernel->bytes + SETUP_HEADER_START, end - SETUP_HEADER_START);
	return check_header(hdr, why);
}

static int place_payload(struct boot *boot, const struct setup_header *hdr, struct refusal *why)
{
	const struct boot_file *kernel = &boot->kernel;
	/* Zero means four, for very old kernels. */
	size_t setup_len = ((hdr->setup_sects ? hdr->setup_sects : 4) + 1) * (size_t)SECTOR;
	size_t payload_len, need;
	void *place;

	if (setup_len >= kernel->len)
		return refuse(why, ENOEXEC,
			      "setup part of %zu bytes in a file of %zu: damaged file", setup_len,
			      kernel->len);
	payload_len = kernel->len - setup_len;
	if ((uint64_t)hdr->syssize * 16 > (uint64_t)payload_len + 15)
		return refuse(why, ENOEXEC,
			      "header tells of %u bytes, the file has %zu: truncated file",
			      hdr->syssize * 16, payload_len);
	need = hdr->init_size > payload_len ? hdr->init_size : payload_len;
	place = guest_ram_at(boot->ram, LAYOUT_KERNEL, need);
	if (!place)
		return refuse(why, ENOSPC, "needs %lu MiB of memory to start; raise --memory",
			      (LAYOUT_KERNEL + need + 0xfffff) >> 20);
	memcpy(place, kernel->bytes + setup_len, payload_len);
	boot->kernel_start = LAYOUT_KERNEL;
	boot->kernel_end = LAYOUT_KERNEL + need;
	return 0;
}

static void fill_zero_page(const struct boot *boot, const struct setup_header *hdr)
{
	struct boot_params *params =
		guest_ram_at(boot->ram, LAYOUT_ZERO_PAGE, sizeof(struct boot_params));

	memset(params, 0, sizeof(*params));
	params->hdr = *hdr;
	params->hdr.type_of_loader = LOADER_UNDEFINED;
	params->hdr.cmd_line_ptr = LAYOUT_CMDLINE;
	params->hdr.ramdisk_image = (uint32_t)boot->initrd_start;
	params->hdr.ramdisk_size = (uint32_t)boot->initrd.len;
	params->hdr.setup_data = 0;
	params->acpi_rsdp_addr = LAYOUT_ACPI;
	params->e820_entries = (uint8_t)boot_memory_map(boot->ram, params->e820_table);
}

static int load_bzimage(struct boot *boot, struct refusal *why)
{
	struct setup_header hdr;
	int rc = read_header(&boot->kernel, &hdr, why) ?: place_payload(boot, &hdr, why);

	if (rc < 0)
		return rc;
	if (hdr.cmdline_size > CMDLINE_PLAUSIBLE)
		hdr.cmdline_size = CMDLINE_PLAUSIBLE;
	rc = boot_place_initrd(boot, (uint64_t)hdr.initrd_addr_max + 1, why)
		     ?: boot_place_cmdline(boot, hdr.cmdline_size, why);
	if (rc < 0)
		return rc;
	fill_zero_page(boot, &hdr);
	boot->entry = boot->kernel_start;
	return 0;
}

struct signature {
	size_t offset;
	size_t len;
	const char *bytes;
	const char *name;
	int (*load)(struct boot *boot, struct refusal *why);
};

/* In the order of trial: an EFI stub bzImage starts with MZ, too. */
static const struct signature signatures[] = {
	{0x202, 4, "HdrS", "a bzImage", load_bzimage},
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
	boot->is_pvh = false;
	if (!s || !s->load)
		return refuse(why, ENOEXEC,
			      "kernel %s: is %s; give a bzImage (/boot/vmlinuz-*) or an ELF "
			      "vmlinux with a PVH note",
			      boot->kernel.name, s ? s->name : "a file of unknown kind");
	rc = s->load(boot, &inner);
	return rc < 0 ? refuse(why, -rc, "kernel %s: %s", boot->kernel.name, inner.text) : 0;
}
