#include <assert.h>
#include <errno.h>
#include <gelf.h>
#include <string.h>

#include "vmm/boot.h"
#include "vmm/layout.h"

enum {
	NOTE_PHYS32_ENTRY = 18, /* XEN_ELFNOTE_PHYS32_ENTRY */
	START_INFO_MAGIC = 0x336ec578,
	START_INFO_VERSION = 1,
	MAX_PROGRAM_HEADERS = 64,
	CMDLINE_MAX = 2047,
};

/* Xen public/arch-x86/hvm/start_info.h, little endian. */
struct start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t n_modules;
	uint64_t modules;
	uint64_t cmdline;
	uint64_t rsdp;
	uint64_t memory_map;
	uint32_t n_ranges;
	uint32_t reserved;
};
static_assert(sizeof(struct start_info) == 56, "hvm_start_info");

struct start_range {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};
static_assert(sizeof(struct start_range) == 24, "hvm_memmap_table_entry");

struct start_module {
	uint64_t addr;
	uint64_t size;
	uint64_t cmdline;
	uint64_t reserved;
};
static_assert(sizeof(struct start_module) == 32, "hvm_modlist_entry");

struct start_page {
	struct start_info info;
	struct start_module initrd;
	struct start_range range[BOOT_MAX_RANGES];
};

/* Looks for the PVH entry in a segment of notes. Returns 0 when there is none. */
static uint64_t pvh_entry_in(Elf *elf, const GElf_Phdr *segment)
{
	Elf_Data *notes = elf_getdata_rawchunk(elf, (int64_t)segment->p_offset, segment->p_filesz,
					       ELF_T_NHDR);
	size_t at = 0, name, desc;
	uint64_t entry = 0;
	GElf_Nhdr note;

	while (notes && entry == 0 && (at = gelf_getnote(notes, at, &note, &name, &desc)) > 0) {
		const uint8_t *bytes = notes->d_buf;

		if (note.n_type == NOTE_PHYS32_ENTRY && note.n_namesz == 4 &&
		    memcmp(bytes + name, "Xen", 4) == 0 &&
		    (note.n_descsz == 4 || note.n_descsz == 8))
			memcpy(&entry, bytes + desc, note.n_descsz);
	}
	return entry;
}

static int load_segment(struct boot *boot, const GElf_Phdr *segment, struct refusal *why)
{
	uint8_t *place;

	if (segment->p_memsz == 0)
		return 0;
	if (segment->p_filesz > segment->p_memsz)
		return refuse(why, ENOEXEC, "ELF segment larger in the file than in memory");
	/* Below 1 MiB the launcher's own tables lie. */
	place = segment->p_paddr >= LAYOUT_HIGH_RAM
			? guest_ram_at(boot->ram, segment->p_paddr, segment->p_memsz)
			: NULL;
	if (!place || segment->p_paddr >= LAYOUT_RAM_HOLE)
		return refuse(why, ENOSPC,
			      "ELF segment at 0x%lx, %lu KiB, lies outside of the memory from 1 "
			      "MiB to %lu MiB; raise --memory",
			      segment->p_paddr, segment->p_memsz >> 10,
			      guest_ram_low_end(boot->ram) >> 20);
	memcpy(place, boot->kernel.bytes + segment->p_offset, segment->p_filesz);
	if (boot->kernel_start == 0 || segment->p_paddr < boot->kernel_start)
		boot->kernel_start = segment->p_paddr;
	if (segment->p_paddr + segment->p_memsz > boot->kernel_end)
		boot->kernel_end = segment->p_paddr + segment->p_memsz;
	return 0;
}

static int check_header(const GElf_Ehdr *header, struct refusal *why)
{
	if (header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    (header->e_machine != EM_X86_64 && header->e_machine != EM_386))
		return refuse(why, ENOEXEC, "ELF file of machine %u; x86 is needed",
			      header->e_machine);
	if (header->e_phnum == 0 || header->e_phnum > MAX_PROGRAM_HEADERS)
		return refuse(why, ENOEXEC, "ELF file with %u program headers", header->e_phnum);
	return 0;
}

/* Notes first: what has no entry for us is not loaded. */
static int load_segments(struct boot *boot, Elf *elf, struct refusal *why)
{
	const size_t len = boot->kernel.len;
	GElf_Phdr s[MAX_PROGRAM_HEADERS];
	GElf_Ehdr header;
	int rc;

	if (!elf || !gelf_getehdr(elf, &header))
		return refuse(why, ENOEXEC, "ELF header is cut short or damaged");
	rc = check_header(&header, why);
	for (int i = 0; rc == 0 && i < header.e_phnum; i++) {
		if (!gelf_getphdr(elf, i, &s[i]) || s[i].p_offset > len ||
		    s[i].p_filesz > len - s[i].p_offset)
			return refuse(why, ENOEXEC,
				      "ELF segment %d passes the end of the file: truncated file",
				      i);
		if (s[i].p_type == PT_NOTE && boot->entry == 0)
			boot->entry = pvh_entry_in(elf, &s[i]);
	}
	if (rc == 0 && boot->entry == 0)
		return refuse(why, ENOEXEC,
			      "ELF file without a PVH entry note; build with CONFIG_PVH=y or give "
			      "the bzImage");
	for (int i = 0; rc == 0 && i < header.e_phnum; i++)
		if (s[i].p_type == PT_LOAD)
			rc = load_segment(boot, &s[i], why);
	return rc;
}

static void fill_start_page(const struct boot *boot)
{
	struct start_page *page =
		guest_ram_at(boot->ram, LAYOUT_ZERO_PAGE, sizeof(struct start_page));
	struct boot_e820_entry range[BOOT_MAX_RANGES];
	unsigned n = boot_memory_map(boot->ram, range);

	*page = (struct start_page){
		.info = {.magic = START_INFO_MAGIC,
			 .version = START_INFO_VERSION,
			 .n_modules = boot->initrd.len != 0,
			 .modules = LAYOUT_ZERO_PAGE + offsetof(struct start_page, initrd),
			 .cmdline = LAYOUT_CMDLINE,
			 .rsdp = LAYOUT_ACPI,
			 .memory_map = LAYOUT_ZERO_PAGE + offsetof(struct start_page, range),
			 .n_ranges = n},
		.initrd = {.addr = boot->initrd_start, .size = boot->initrd.len}};
	for (unsigned i = 0; i < n; i++)
		page->range[i] =
			(struct start_range){range[i].addr, range[i].size, range[i].type, 0};
}

int boot_elf_load(struct boot *boot, struct refusal *why)
{
	Elf *elf;
	int rc;

	elf_version(EV_CURRENT);
	/* It is only read, although the prototype does not say so. */
	elf = elf_memory((char *)(uintptr_t)boot->kernel.bytes, boot->kernel.len);
	rc = load_segments(boot, elf, why);
	elf_end(elf);
	if (rc < 0)
		return rc;
	if (boot->entry < boot->kernel_start || boot->entry >= boot->kernel_end)
		return refuse(why, ENOEXEC, "PVH entry 0x%lx lies in no segment", boot->entry);
	rc = boot_place_initrd(boot, LAYOUT_RAM_HOLE, why)
		     ?: boot_place_cmdline(boot, CMDLINE_MAX, why);
	if (rc < 0)
		return rc;
	fill_start_page(boot);
	boot->is_pvh = true;
	return 0;
}
