#include <assert.h>
#include <elf.h>
#include <errno.h>
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

/* What matters of an ELF file and of one of its program headers, of either class. */
struct elf {
	const struct boot_file *file;
	bool is64;
	uint64_t offset; /* of the program headers */
	unsigned n, stride, machine;
};

struct segment {
	uint32_t type;
	uint64_t offset;
	uint64_t file_len;
	uint64_t paddr;
	uint64_t mem_len;
};

#define SEGMENT(p) ((struct segment){p.p_type, p.p_offset, p.p_filesz, p.p_paddr, p.p_memsz})

/* Copies what may stand unaligned; false if it passes the end of the file. */
static bool read_file(const struct boot_file *file, uint64_t offset, void *to, uint64_t len)
{
	if (offset > file->len || len > file->len - offset)
		return false;
	memcpy(to, file->bytes + offset, len);
	return true;
}

static bool segment_at(const struct elf *elf, unsigned i, struct segment *s)
{
	uint64_t at = elf->offset + (uint64_t)i * elf->stride;
	Elf64_Phdr p64;
	Elf32_Phdr p32;

	if (elf->offset > elf->file->len ||
	    !read_file(elf->file, at, elf->is64 ? (void *)&p64 : &p32,
		       elf->is64 ? sizeof(p64) : sizeof(p32)))
		return false;
	*s = elf->is64 ? SEGMENT(p64) : SEGMENT(p32);
	return s->offset <= elf->file->len && s->file_len <= elf->file->len - s->offset;
}

static int read_header(struct elf *elf, const struct boot_file *file, struct refusal *why)
{
	Elf64_Ehdr e64;
	Elf32_Ehdr e32;

	*elf = (struct elf){.file = file,
			    .is64 = file->len > EI_CLASS && file->bytes[EI_CLASS] == ELFCLASS64};
	if (!read_file(file, 0, elf->is64 ? (void *)&e64 : &e32,
		       elf->is64 ? sizeof(e64) : sizeof(e32)))
		return refuse(why, ENOEXEC, "ELF header is cut short");
	elf->offset = elf->is64 ? e64.e_phoff : e32.e_phoff;
	elf->n = elf->is64 ? e64.e_phnum : e32.e_phnum;
	elf->stride = elf->is64 ? e64.e_phentsize : e32.e_phentsize;
	elf->machine = elf->is64 ? e64.e_machine : e32.e_machine;
	if (file->bytes[EI_DATA] != ELFDATA2LSB ||
	    (elf->machine != EM_X86_64 && elf->machine != EM_386))
		return refuse(why, ENOEXEC, "ELF file of machine %u; x86 is needed", elf->machine);
	if (elf->n == 0 || elf->n > MAX_PROGRAM_HEADERS)
		return refuse(why, ENOEXEC, "ELF file with %u program headers", elf->n);
	return 0;
}

/* Looks for the PVH entry in one note segment. Every step moves on by at least a note header, so
 * the length of the file bounds the walk. Returns 0 when there is none. */
static uint64_t pvh_entry_in(const struct boot_file *file, const struct segment *segment)
{
	uint64_t at = segment->offset, left = segment->file_len;

	while (left >= sizeof(Elf32_Nhdr)) {
		Elf32_Nhdr note;
		uint64_t name_len, desc_len, entry = 0;

		memcpy(&note, file->bytes + at, sizeof(note));
		at += sizeof(note);
		left -= sizeof(note);
		name_len = ((uint64_t)note.n_namesz + 3) & ~UINT64_C(3);
		desc_len = ((uint64_t)note.n_descsz + 3) & ~UINT64_C(3);
		if (name_len > left || desc_len > left - name_len)
			return 0;
		if (note.n_type == NOTE_PHYS32_ENTRY && note.n_namesz == 4 &&
		    memcmp(file->bytes + at, "Xen", 4) == 0 &&
		    (note.n_descsz == 4 || note.n_descsz == 8)) {
			memcpy(&entry, file->bytes + at + name_len, note.n_descsz);
			return entry;
		}
		at += name_len + desc_len;
		left -= name_len + desc_len;
	}
	return 0;
}

static int load_segment(struct boot *boot, const struct segment *segment, struct refusal *why)
{
	uint8_t *place;

	if (segment->mem_len == 0)
		return 0;
	if (segment->file_len > segment->mem_len)
		return refuse(why, ENOEXEC, "ELF segment larger in the file than in memory");
	/* Below 1 MiB the launcher's own tables lie. */
	place = segment->paddr >= LAYOUT_HIGH_RAM
			? guest_ram_at(boot->ram, segment->paddr, segment->mem_len)
			: NULL;
	if (!place || segment->paddr >= LAYOUT_RAM_HOLE)
		return refuse(why, ENOSPC,
			      "ELF segment at 0x%lx, %lu KiB, lies outside of the memory from 1 "
			      "MiB to %lu MiB; raise --memory",
			      segment->paddr, segment->mem_len >> 10,
			      guest_ram_low_end(boot->ram) >> 20);
	memcpy(place, boot->kernel.bytes + segment->offset, segment->file_len);
	if (boot->kernel_start == 0 || segment->paddr < boot->kernel_start)
		boot->kernel_start = segment->paddr;
	if (segment->paddr + segment->mem_len > boot->kernel_end)
		boot->kernel_end = segment->paddr + segment->mem_len;
	return 0;
}

/* Notes first: what has no entry for us is not loaded. */
static int load_segments(struct boot *boot, struct refusal *why)
{
	const struct boot_file *file = &boot->kernel;
	struct elf elf;
	struct segment s[MAX_PROGRAM_HEADERS];
	int rc = read_header(&elf, file, why);

	for (unsigned i = 0; rc == 0 && i < elf.n; i++) {
		if (!segment_at(&elf, i, &s[i]))
			return refuse(why, ENOEXEC,
				      "ELF segment %u passes the end of the file: truncated file",
				      i);
		if (s[i].type == PT_NOTE && boot->entry == 0)
			boot->entry = pvh_entry_in(file, &s[i]);
	}
	if (rc == 0 && boot->entry == 0)
		return refuse(why, ENOEXEC,
			      "ELF file without a PVH entry note; build with CONFIG_PVH=y or give "
			      "the bzImage");
	for (unsigned i = 0; rc == 0 && i < elf.n; i++)
		if (s[i].type == PT_LOAD)
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
	int rc = load_segments(boot, why);

	if (rc < 0)
		return rc;
	if (boot->entry < boot->kernel_start || boot->entry >= boot->kernel_end)
		return refuse(why, ENOEXEC, "PVH entry 0x%lx lies in no segment", boot->entry);
	rc = boot_place_initrd(boot, LAYOUT_RAM_HOLE, why)
		     ?: boot_place_cmdline(boot, CMDLINE_MAX, why);
	if (rc < 0)
		return rc;
	fill_start_page(boot);
	boot->mode = BOOT_PROTECTED_MODE;
	boot->argument = LAYOUT_ZERO_PAGE;
	return 0;
}
