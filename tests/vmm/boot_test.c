/* Kernels that are right, and every way in which they are not. */
#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suite.h"
#include "vmm/boot.h"
#include "vmm/layout.h"

enum {
	RAM_LEN = 64 << 20,
	SETUP_SECTS = 4,
	SETUP_LEN = (SETUP_SECTS + 1) * 512,
	PAYLOAD_LEN = 4096,
	IMAGE_LEN = SETUP_LEN + PAYLOAD_LEN,
	HEADER = 0x1f1,
	ELF_LEN = 0x2000,
	ELF_NOTE = 0x200,
	ELF_CODE = 0x1000,
};

struct rig {
	struct guest_ram ram;
	struct boot boot;
	struct refusal why;
	uint8_t image[IMAGE_LEN > ELF_LEN ? IMAGE_LEN : ELF_LEN];
};

static void rig_open(struct rig *rig, uint64_t ram_len)
{
	memset(rig, 0, sizeof(*rig));
	if (guest_ram_open(&rig->ram, ram_len, LAYOUT_PAGE, false, &rig->why) < 0)
		abort();
	rig->boot.ram = &rig->ram;
	rig->boot.cmdline = "console=ttyS0";
	rig->boot.kernel.bytes = rig->image;
	rig->boot.kernel.name = "test";
}

static void rig_close(struct rig *rig)
{
	guest_ram_close(&rig->ram);
}

static struct setup_header header_of(const struct rig *rig)
{
	struct setup_header hdr;

	memcpy(&hdr, rig->image + HEADER, sizeof(hdr));
	return hdr;
}

static void set_header(struct rig *rig, const struct setup_header *hdr)
{
	memcpy(rig->image + HEADER, hdr, 0x26c - HEADER);
}

/* Like a real one, the first sector is full of bytes that are no settings. */
static void make_bzimage(struct rig *rig)
{
	struct setup_header hdr = {.setup_sects = SETUP_SECTS,
				   .boot_flag = 0xaa55,
				   .header = 0x53726448,
				   .version = 0x20f,
				   .loadflags = LOADED_HIGH,
				   .xloadflags = XLF_KERNEL_64,
				   .jump = 0x6aeb, /* the header ends at 0x202 + 0x6a */
				   .syssize = PAYLOAD_LEN / 16,
				   .initrd_addr_max = 0x7fffffff,
				   .cmdline_size = 2047,
				   .init_size = 8 << 20,
				   .kernel_alignment = 2 << 20};

	memset(rig->image, 0xff, IMAGE_LEN);
	set_header(rig, &hdr);
	rig->boot.kernel.len = IMAGE_LEN;
}

static int load(struct rig *rig)
{
	rig->why.text[0] = '\0';
	return boot_load(&rig->boot, &rig->why);
}

static void bzimage_is_loaded_with_a_clean_zero_page(void)
{
	const struct boot_params *params;
	struct rig rig;

	rig_open(&rig, RAM_LEN);
	make_bzimage(&rig);
	CU_ASSERT_EQUAL(load(&rig), 0);
	CU_ASSERT_FALSE(rig.boot.is_pvh);
	CU_ASSERT_EQUAL(rig.boot.entry, LAYOUT_KERNEL);
	CU_ASSERT_EQUAL(rig.boot.kernel_end, LAYOUT_KERNEL + (8 << 20));
	params = guest_ram_at(&rig.ram, LAYOUT_ZERO_PAGE, sizeof(*params));
	/* 0xff here makes a kernel clean half of the page, and stumble over what is left. */
	CU_ASSERT_EQUAL(params->sentinel, 0);
	CU_ASSERT_EQUAL(params->hdr.type_of_loader, 0xff);
	CU_ASSERT_EQUAL(params->hdr.cmd_line_ptr, LAYOUT_CMDLINE);
	CU_ASSERT_EQUAL(params->acpi_rsdp_addr, LAYOUT_ACPI);
	CU_ASSERT_EQUAL(params->e820_entries, 3);
	CU_ASSERT_EQUAL(params->e820_table[2].addr + params->e820_table[2].size, RAM_LEN);
	CU_ASSERT_EQUAL(params->screen_info.orig_video_isVGA, 0);
	CU_ASSERT_EQUAL(params->edd_mbr_sig_buffer[0], 0);
	CU_ASSERT_STRING_EQUAL(guest_ram_at(&rig.ram, LAYOUT_CMDLINE, 14), "console=ttyS0");
	CU_ASSERT_EQUAL(memcmp(guest_ram_at(&rig.ram, LAYOUT_KERNEL, PAYLOAD_LEN),
			       rig.image + SETUP_LEN, PAYLOAD_LEN),
			0);
	rig_close(&rig);
}

/* VMM-02: cut at every length up to the payload. */
static void bzimage_that_is_cut_short_is_refused_at_every_length(void)
{
	struct rig rig;

	rig_open(&rig, RAM_LEN);
	make_bzimage(&rig);
	for (size_t len = 0; len < IMAGE_LEN - 16; len++) {
		rig.boot.kernel.len = len;
		CU_ASSERT_TRUE(load(&rig) < 0);
		CU_ASSERT_NOT_EQUAL(rig.why.text[0], '\0');
	}
	rig_close(&rig);
}

/* VMM-03 */
static void bzimage_with_a_lying_header_is_refused(void)
{
	struct rig rig;

	for (unsigned lie = 0; lie < 7; lie++) {
		struct setup_header hdr;

		rig_open(&rig, RAM_LEN);
		make_bzimage(&rig);
		hdr = header_of(&rig);
		switch (lie) {
		case 0:
			hdr.setup_sects = 255;
			break;
		case 1:
			hdr.version = 0x20b;
			break;
		case 2:
			hdr.syssize = 0xffffffff;
			break;
		case 3:
			hdr.init_size = 0xffffffff;
			break;
		case 4:
			hdr.xloadflags = 0;
			break;
		case 5:
			hdr.boot_flag = 0;
			break;
		case 6:
			hdr.jump = 0x00eb; /* a header of no length */
			break;
		}
		set_header(&rig, &hdr);
		CU_ASSERT_TRUE(load(&rig) < 0);
		rig_close(&rig);
	}
}

static void setup_sects_of_zero_means_four(void)
{
	struct setup_header hdr;
	struct rig rig;

	rig_open(&rig, RAM_LEN);
	make_bzimage(&rig);
	hdr = header_of(&rig);
	hdr.setup_sects = 0;
	set_header(&rig, &hdr);
	rig.image[SETUP_LEN] = 0x42;
	CU_ASSERT_EQUAL(load(&rig), 0);
	CU_ASSERT_EQUAL(*(uint8_t *)guest_ram_at(&rig.ram, LAYOUT_KERNEL, 1), 0x42);
	rig_close(&rig);
}

/* VMM-05 */
static void initrd_lies_high_and_never_over_the_kernel(void)
{
	static const uint8_t *initrd;
	size_t most = RAM_LEN - LAYOUT_KERNEL - (8 << 20);
	struct boot_params *params;
	struct rig rig;

	rig_open(&rig, RAM_LEN);
	make_bzimage(&rig);
	initrd = calloc(1, most + 1);
	rig.boot.initrd = (struct boot_file){initrd, 5000, "initrd"};
	CU_ASSERT_EQUAL(load(&rig), 0);
	CU_ASSERT_EQUAL(rig.boot.initrd_start, RAM_LEN - 8192);
	params = guest_ram_at(&rig.ram, LAYOUT_ZERO_PAGE, sizeof(*params));
	CU_ASSERT_EQUAL(params->hdr.ramdisk_image, RAM_LEN - 8192);
	CU_ASSERT_EQUAL(params->hdr.ramdisk_size, 5000);
	rig.boot.initrd.len = most;
	CU_ASSERT_EQUAL(load(&rig), 0);
	CU_ASSERT_EQUAL(rig.boot.initrd_start, rig.boot.kernel_end);
	rig.boot.initrd.len = most + 1;
	CU_ASSERT_EQUAL(load(&rig), -ENOSPC);
	free((void *)(uintptr_t)initrd);
	rig_close(&rig);
}

static void initrd_stays_below_what_the_kernel_can_reach(void)
{
	static const uint8_t initrd[100];
	struct setup_header hdr;
	struct rig rig;

	rig_open(&rig, RAM_LEN);
	make_bzimage(&rig);
	hdr = header_of(&rig);
	hdr.initrd_addr_max = (40 << 20) - 1;
	set_header(&rig, &hdr);
	rig.boot.initrd = (struct boot_file){initrd, sizeof(initrd), "initrd"};
	CU_ASSERT_EQUAL(load(&rig), 0);
	CU_ASSERT_EQUAL(rig.boot.initrd_start, (40 << 20) - LAYOUT_PAGE);
	hdr.initrd_addr_max = LAYOUT_KERNEL; /* below where the kernel ends */
	set_header(&rig, &hdr);
	CU_ASSERT_EQUAL(load(&rig), -ENOSPC);
	rig_close(&rig);
}

static void command_line_that_is_too_long_is_refused(void)
{
	char line[2050];
	struct rig rig;

	rig_open(&rig, RAM_LEN);
	make_bzimage(&rig);
	memset(line, 'x', sizeof(line));
	line[2047] = '\0';
	rig.boot.cmdline = line;
	CU_ASSERT_EQUAL(load(&rig), 0);
	line[2047] = 'x';
	line[2048] = '\0';
	CU_ASSERT_EQUAL(load(&rig), -E2BIG);
	rig_close(&rig);
}

static void kernel_that_needs_more_memory_says_how_much(void)
{
	struct rig rig;

	rig_open(&rig, 20 << 20);
	make_bzimage(&rig);
	CU_ASSERT_EQUAL(load(&rig), -ENOSPC);
	CU_ASSERT_PTR_NOT_NULL(strstr(rig.why.text, "24 MiB"));
	CU_ASSERT_PTR_NOT_NULL(strstr(rig.why.text, "--memory"));
	rig_close(&rig);
}

static void what_is_no_kernel_is_called_by_its_name(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *word;
	} cases[] = {{"", 0, "unknown kind"},
		     {"x", 1, "unknown"},
		     {"\037\213\b\0", 4, "gzip"},
		     {"\3757zXZ\0", 6, "xz"},
		     {"\050\265\057\375", 4, "zstd"},
		     {"070701", 6, "initrd"},
		     {"#!/bin/sh\n", 10, "script"},
		     {"QFI\373", 4, "qcow2"},
		     {"MZ\0\0", 4, "EFI"},
		     {"!<arch>\ndebian", 14, "deb"},
		     {"\177ELF", 4, "cut short"}};
	struct rig rig;

	rig_open(&rig, RAM_LEN);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig.boot.kernel.bytes = (const uint8_t *)cases[i].bytes;
		rig.boot.kernel.len = cases[i].len;
		CU_ASSERT_EQUAL(load(&rig), -ENOEXEC);
		CU_ASSERT_PTR_NOT_NULL(strstr(rig.why.text, cases[i].word));
	}
	rig_close(&rig);
}

static void make_elf(struct rig *rig)
{
	Elf64_Ehdr eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			 .e_machine = EM_X86_64,
			 .e_phoff = sizeof(eh),
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 2};
	Elf64_Phdr ph[2] = {{.p_type = PT_LOAD,
			     .p_offset = ELF_CODE,
			     .p_paddr = 0x200000,
			     .p_filesz = 0x1000,
			     .p_memsz = 0x3000},
			    {.p_type = PT_NOTE, .p_offset = ELF_NOTE, .p_filesz = 64}};
	struct {
		Elf32_Nhdr other;
		char other_name[4];
		uint32_t other_desc;
		Elf32_Nhdr pvh;
		char name[4];
		uint64_t entry;
	} __attribute__((packed)) notes = {{4, 4, 1}, "Xen", 7, {4, 8, 18}, "Xen", 0x200010};

	memset(rig->image, 0x90, ELF_LEN);
	memcpy(rig->image, &eh, sizeof(eh));
	memcpy(rig->image + sizeof(eh), ph, sizeof(ph));
	memset(rig->image + ELF_NOTE, 0, 64);
	memcpy(rig->image + ELF_NOTE, &notes, sizeof(notes));
	rig->boot.kernel.len = ELF_LEN;
}

static Elf64_Phdr *segment_of(struct rig *rig, unsigned i)
{
	return (Elf64_Phdr *)(void *)(rig->image + sizeof(Elf64_Ehdr)) + i;
}

static void elf_with_a_pvh_note_is_entered_there(void)
{
	static const uint8_t initrd[10];
	const uint32_t *info;
	struct rig rig;

	rig_open(&rig, RAM_LEN);
	make_elf(&rig);
	rig.boot.initrd = (struct boot_file){initrd, sizeof(initrd), "initrd"};
	CU_ASSERT_EQUAL(load(&rig), 0);
	CU_ASSERT_TRUE(rig.boot.is_pvh);
	CU_ASSERT_EQUAL(rig.boot.entry, 0x200010);
	CU_ASSERT_EQUAL(rig.boot.kernel_end, 0x203000);
	info = guest_ram_at(&rig.ram, LAYOUT_ZERO_PAGE, 56);
	CU_ASSERT_EQUAL(info[0], 0x336ec578);
	CU_ASSERT_EQUAL(info[3], 1);		  /* one module */
	CU_ASSERT_EQUAL(info[6], LAYOUT_CMDLINE); /* low half of the pointer */
	CU_ASSERT_EQUAL(*(uint8_t *)guest_ram_at(&rig.ram, 0x200fff, 1), 0x90);
	CU_ASSERT_EQUAL(*(uint8_t *)guest_ram_at(&rig.ram, 0x201000, 1), 0);
	rig_close(&rig);
}

/* VMM-04 */
static void elf_that_lies_is_refused(void)
{
	struct rig rig;

	for (unsigned lie = 0; lie < 12; lie++) {
		Elf64_Ehdr *eh = (Elf64_Ehdr *)(void *)rig.image;

		rig_open(&rig, RAM_LEN);
		make_elf(&rig);
		switch (lie) {
		case 0:
			segment_of(&rig, 0)->p_offset = ~UINT64_C(0) - 10;
			break;
		case 1:
			segment_of(&rig, 0)->p_filesz = ELF_LEN;
			break;
		case 2:
			segment_of(&rig, 0)->p_memsz = ~UINT64_C(0);
			break;
		case 3:
			segment_of(&rig, 0)->p_memsz = 0x10; /* less than in the file */
			break;
		case 4:
			segment_of(&rig, 0)->p_paddr = 0x7000; /* over our own tables */
			break;
		case 5:
			segment_of(&rig, 0)->p_paddr = RAM_LEN - 1;
			break;
		case 6:
			eh->e_phoff = ~UINT64_C(0) - 1;
			break;
		case 7:
			eh->e_phnum = 0xffff;
			break;
		case 8:
			eh->e_phnum = 0;
			break;
		case 9:
			eh->e_machine = EM_AARCH64;
			break;
		case 10:
			segment_of(&rig, 1)->p_type = PT_NULL; /* no note */
			break;
		case 11:
			segment_of(&rig, 0)->p_paddr = 0x400000; /* the entry lies elsewhere */
			break;
		}
		CU_ASSERT_TRUE(load(&rig) < 0);
		rig_close(&rig);
	}
}

/* Notes of all lengths, at the end of the file too: no read passes it (the sanitizers look). */
static void elf_notes_of_any_length_end_the_walk(void)
{
	struct rig rig;

	rig_open(&rig, RAM_LEN);
	for (uint32_t len = 0; len < 64; len++) {
		Elf32_Nhdr note = {.n_namesz = len % 2 ? 4 : len * 0x05555555u,
				   .n_descsz = ~len,
				   .n_type = 18};

		make_elf(&rig);
		segment_of(&rig, 1)->p_offset = ELF_LEN - len;
		segment_of(&rig, 1)->p_filesz = len;
		if (len >= sizeof(note))
			memcpy(rig.image + ELF_LEN - len, &note, sizeof(note));
		CU_ASSERT_EQUAL(load(&rig), -ENOEXEC);
	}
	rig_close(&rig);
}

/* VMM-06 */
static void memory_map_leaves_the_hole_below_four_gib(void)
{
	struct boot_e820_entry range[BOOT_MAX_RANGES];
	struct guest_ram ram;
	struct refusal why;

	CU_ASSERT_EQUAL(guest_ram_open(&ram, UINT64_C(5) << 30, LAYOUT_PAGE, false, &why), 0);
	CU_ASSERT_EQUAL(boot_memory_map(&ram, range), 4);
	CU_ASSERT_EQUAL(range[2].addr + range[2].size, LAYOUT_RAM_HOLE);
	CU_ASSERT_EQUAL(range[3].addr, LAYOUT_RAM_ABOVE);
	CU_ASSERT_EQUAL(range[3].size, UINT64_C(2) << 30);
	CU_ASSERT_PTR_NULL(guest_ram_at(&ram, LAYOUT_RAM_HOLE - 1, 2));
	CU_ASSERT_PTR_NULL(guest_ram_at(&ram, LAYOUT_RAM_HOLE, 1));
	CU_ASSERT_PTR_NOT_NULL(guest_ram_at(&ram, LAYOUT_RAM_ABOVE, UINT64_C(2) << 30));
	CU_ASSERT_PTR_NULL(guest_ram_at(&ram, LAYOUT_RAM_ABOVE + 1, UINT64_C(2) << 30));
	CU_ASSERT_PTR_NULL(guest_ram_at(&ram, ~UINT64_C(0), 2));
	CU_ASSERT_PTR_NULL(guest_ram_at(&ram, 1, ~UINT64_C(0)));
	guest_ram_close(&ram);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"bzimage_is_loaded_with_a_clean_zero_page",
		 bzimage_is_loaded_with_a_clean_zero_page},
		{"bzimage_that_is_cut_short_is_refused_at_every_length",
		 bzimage_that_is_cut_short_is_refused_at_every_length},
		{"bzimage_with_a_lying_header_is_refused", bzimage_with_a_lying_header_is_refused},
		{"setup_sects_of_zero_means_four", setup_sects_of_zero_means_four},
		{"initrd_lies_high_and_never_over_the_kernel",
		 initrd_lies_high_and_never_over_the_kernel},
		{"initrd_stays_below_what_the_kernel_can_reach",
		 initrd_stays_below_what_the_kernel_can_reach},
		{"command_line_that_is_too_long_is_refused",
		 command_line_that_is_too_long_is_refused},
		{"kernel_that_needs_more_memory_says_how_much",
		 kernel_that_needs_more_memory_says_how_much},
		{"what_is_no_kernel_is_called_by_its_name",
		 what_is_no_kernel_is_called_by_its_name},
		{"elf_with_a_pvh_note_is_entered_there", elf_with_a_pvh_note_is_entered_there},
		{"elf_that_lies_is_refused", elf_that_lies_is_refused},
		{"elf_notes_of_any_length_end_the_walk", elf_notes_of_any_length_end_the_walk},
		{"memory_map_leaves_the_hole_below_four_gib",
		 memory_map_leaves_the_hole_below_four_gib},
		CU_TEST_INFO_NULL,
	};

	return suite_run("boot", tests);
}
