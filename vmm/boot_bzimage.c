#include <errno.h>
#include <string.h>

#include "vmm/boot.h"
#include "vmm/layout.h"

enum {
	SETUP_HEADER_START = 0x1f1,
	SETUP_JUMP_TARGET = 0x201,    /* one byte: the header ends this far behind 0x202 */
	SETUP_HEADER_MIN_END = 0x268, /* up to and with init_size */
	BOOT_FLAG = 0xaa55,
	PROTOCOL_64BIT = 0x20c,
	ENTRY_64BIT = 0x200,
	LOADER_UNDEFINED = 0xff,
	SECTOR = 512,
	CMDLINE_PLAUSIBLE = 0xffff, /* the header's cmdline_size is believed up to here */
};

static int check_header(const struct setup_header *hdr, struct refusal *why)
{
	if (hdr->boot_flag != BOOT_FLAG)
		return refuse(why, ENOEXEC, "boot flag is 0x%x, not 0xaa55: damaged file",
			      hdr->boot_flag);
	if (hdr->version < PROTOCOL_64BIT)
		return refuse(why, ENOEXEC,
			      "boot protocol %u.%u is too old; 2.12 (Linux 3.8) or newer is needed",
			      hdr->version >> 8, hdr->version & 0xff);
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
	if (payload_len <= ENTRY_64BIT)
		return refuse(why, ENOEXEC, "ends before its entry: truncated file");
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

int boot_bzimage_load(struct boot *boot, struct refusal *why)
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
	boot->mode = BOOT_LONG_MODE;
	boot->entry = boot->kernel_start + ENTRY_64BIT;
	boot->argument = LAYOUT_ZERO_PAGE;
	return 0;
}
