/* layout.h - where everything lies in the guest's physical address space and port space.
 *
 * Threads:   constants only.
 * Ownership: none.
 * Failure:   none. All values are bytes, guest-physical addresses or port numbers. */
#ifndef RINGWAY_VMM_LAYOUT_H
#define RINGWAY_VMM_LAYOUT_H

#include <stdint.h>

enum {
	LAYOUT_PAGE = 4096,
	LAYOUT_GDT = 0x500,
	LAYOUT_ZERO_PAGE = 0x7000, /* boot_params, or hvm_start_info for an ELF kernel */
	LAYOUT_CMDLINE = 0x20000,
	LAYOUT_LOW_RAM_END = 0x9fc00, /* the rest below 1 MiB is reserved */
	LAYOUT_ACPI = 0xe0000,	      /* RSDP first; inside the area that kernels scan */
	LAYOUT_BIOS_ENTRY = 0xffff0,  /* where a CPU starts after a reset: ffff:0000 */
	LAYOUT_HIGH_RAM = 0x100000,
	LAYOUT_KERNEL = 0x1000000, /* pref_address of distribution kernels */
};

static const uint64_t LAYOUT_RAM_HOLE = 0xc0000000; /* RAM below ends here at the latest */
static const uint64_t LAYOUT_PCI_WINDOW = 0xc0000000;
static const uint64_t LAYOUT_PCI_WINDOW_END = 0xfec00000;
static const uint64_t LAYOUT_IOAPIC = 0xfec00000;
static const uint64_t LAYOUT_LAPIC = 0xfee00000;
static const uint64_t LAYOUT_IDENTITY_MAP = 0xfffbc000; /* one page, for the kernel side of KVM */
static const uint64_t LAYOUT_TSS = 0xfffbd000;		/* three pages, likewise */
static const uint64_t LAYOUT_RAM_ABOVE = 0x100000000;

enum {
	PORT_I8042 = 0x64,
	PORT_COM1 = 0x3f8,
	PORT_SLEEP_CONTROL = 0x600,
	PORT_SLEEP_STATUS = 0x601,
	PORT_RESET = 0x604,
	PORT_EXIT = 0x6f0,  /* a byte n written here ends the launcher with exit code n */
	PORT_READY = 0x6f1, /* any byte written here reports that the guest is ready */
	PORT_PCI_ADDRESS = 0xcf8,
	PORT_PCI_DATA = 0xcfc,

	SLEEP_VALUE_S5 = 0x34, /* (type 5 << 2) | enable, as \_S5 in the DSDT says */
	RESET_VALUE = 0x01,
	I8042_RESET = 0xfe,

	GSI_POWER_BUTTON = 5, /* edge; the generic event device of the DSDT */
	GSI_COM1 = 4,
	GSI_MSI_FIRST = 24, /* 0 to 23 are the pins of the IOAPIC */
};

#endif
