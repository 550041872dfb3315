/* boot.h - puts a kernel, its initrd and its command line into guest RAM and says how to enter it.
 *
 * Threads:   before the vCPUs run.
 * Ownership: borrows the image and initrd for the call.
 * Failure:   0 or -errno with a refusal that says what the file is, or what does not fit.
 *
 * Both kinds of kernel are entered in 32-bit protected mode without paging. Sources: Linux
 * Documentation/arch/x86/boot.rst (protocol 2.12 and later, 32-bit entry) and the x86/HVM direct
 * boot ABI (PVH). */
#ifndef RINGWAY_VMM_BOOT_H
#define RINGWAY_VMM_BOOT_H

#include <asm/bootparam.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/guest_ram.h"
#include "vmm/refusal.h"

struct boot_file {
	const uint8_t *bytes;
	size_t len;
	const char *name; /* for refusals */
};

struct boot {
	const struct guest_ram *ram;
	struct boot_file kernel;
	struct boot_file initrd; /* len 0: none */
	const char *cmdline;
	/* Written by boot_load(). */
	bool is_pvh; /* and no bzImage */
	uint64_t entry;
	uint64_t kernel_start;
	uint64_t kernel_end; /* what the kernel needs in place, exclusive */
	uint64_t initrd_start;
};

/* Loads whichever kind of kernel it is. */
int boot_load(struct boot *boot, struct refusal *why);

/* boot_elf.c, for boot_load(), which puts the name of the kernel before what it refuses. */
int boot_elf_load(struct boot *boot, struct refusal *why);

/* For both kinds: the command line at LAYOUT_CMDLINE (max_len without the NUL), and the initrd as
 * high as possible between the end of the kernel and ceiling. */
int boot_place_cmdline(const struct boot *boot, size_t max_len, struct refusal *why);
int boot_place_initrd(struct boot *boot, uint64_t ceiling, struct refusal *why);

enum {
	ACPI_AREA_LEN = 0x4000,
	BOOT_MAX_RANGES = 4,
	BOOT_RANGE_RAM = 1, /* the same numbers in e820 and PVH */
	BOOT_RANGE_RESERVED = 2,
};

/* The memory map that the kernel is told: at most BOOT_MAX_RANGES. Returns how many. */
unsigned boot_memory_map(const struct guest_ram *ram, struct boot_e820_entry *range);

/* The kernel that runs when no other is given: the ELF file of tests/guest. */
extern const uint8_t built_in_guest[];
extern const size_t built_in_guest_len;

/* acpi.c: writes the hardware-reduced ACPI tables, by which a guest powers off, reboots, and finds
 * its CPUs (at most OPTIONS_MAX_CPUS) and devices, to the area, which stands at LAYOUT_ACPI. ACPI
 * 6.4 sections 4.1 (hardware-reduced), 5.2.5 (RSDP), 5.2.8 (XSDT), 5.2.9 (FADT), 5.2.12 (MADT). */
void acpi_build(uint8_t area[ACPI_AREA_LEN], unsigned n_cpus);
/* Writes each table of the area to a file of its own, DIRECTORY/XSDT.aml and so on. */
int acpi_dump(const uint8_t *area, const char *directory);

#endif
