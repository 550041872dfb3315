#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "vmm/boot.h"
#include "vmm/layout.h"
#include "vmm/options.h"

enum {
	FADT_NO_VGA = 1 << 2,
	FADT_NO_CMOS_RTC = 1 << 5,
	FADT_PWR_BUTTON = 1 << 4, /* not fixed hardware, but a device of the DSDT */
	FADT_SLP_BUTTON = 1 << 5,
	FADT_RESET_REG = 1 << 10,
	FADT_HW_REDUCED = 1 << 20,
	MADT_TYPE_LAPIC = 0,
	MADT_TYPE_IOAPIC = 1,
	MADT_TYPE_OVERRIDE = 2,
	MADT_LAPIC_ENABLED = 1,
};

static const uint8_t dsdt_aml[] = {
#include "vmm/dsdt.hex"
};

struct header {
	char signature[4];
	uint32_t len;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct gas {
	uint8_t space; /* 1: system I/O */
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access; /* 1: byte */
	uint64_t addr;
} __attribute__((packed));

struct rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t len;
	uint64_t xsdt;
	uint8_t checksum_all;
	uint8_t reserved[3];
} __attribute__((packed));

struct xsdt {
	struct header header;
	uint64_t fadt, madt;
} __attribute__((packed));

struct fadt {
	struct header header;
	uint8_t before_boot_arch[109 - 36];
	uint16_t boot_arch;
	uint8_t reserved;
	uint32_t flags;
	struct gas reset;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor;
	uint64_t x_firmware_control;
	uint64_t x_dsdt;
	struct gas fixed[8]; /* fixed hardware, which hardware-reduced platforms have not */
	struct gas sleep_control;
	struct gas sleep_status;
	char hypervisor[8];
} __attribute__((packed));

struct madt_lapic {
	uint8_t type, len, processor, apic;
	uint32_t flags;
} __attribute__((packed));

struct madt_ioapic {
	uint8_t type, len, id, reserved;
	uint32_t addr;
	uint32_t gsi_base;
} __attribute__((packed));

struct madt_override {
	uint8_t type, len, bus, irq;
	uint32_t gsi;
	uint16_t flags; /* 0: as the bus has it, ISA: edge, active high */
} __attribute__((packed));

struct madt {
	struct header header;
	uint32_t lapic;
	uint32_t flags;
	struct madt_ioapic ioapic;
	struct madt_override override;
	struct madt_lapic cpu[OPTIONS_MAX_CPUS]; /* only as many as there are */
} __attribute__((packed));

/* As they stand in the area. */
struct tables {
	struct rsdp rsdp;
	struct xsdt xsdt;
	struct fadt fadt;
	uint8_t dsdt[sizeof(dsdt_aml)];
	struct madt madt;
} __attribute__((packed));

static_assert(sizeof(struct header) == 36, "ACPI table header");
static_assert(sizeof(struct rsdp) == 36, "RSDP of revision 2");
static_assert(offsetof(struct fadt, x_dsdt) == 140, "FADT X_DSDT");
static_assert(offsetof(struct fadt, sleep_control) == 244, "FADT sleep control");
static_assert(sizeof(struct fadt) == 276, "FADT of revision 6");
static_assert(offsetof(struct madt, cpu) == 44 + 12 + 10, "MADT interrupt source override");
static_assert(sizeof(struct madt_lapic) == 8, "MADT local APIC");
static_assert(sizeof(struct tables) <= ACPI_AREA_LEN, "ACPI tables of most CPUs");

#define HEADER(name, revision) name, 0, revision, 0, "RINGWY", "RINGWAY ", 1, "RNGW", 1
#define PORT(number)	       1, 8, 0, 1, number
#define ADDRESS(member)	       (LAYOUT_ACPI + offsetof(struct tables, member))

/* Lengths, checksums, CPUs and DSDT come later. */
static const struct tables blank = {
	.rsdp = {.signature = "RSD PTR ",
		 .oem_id = "RINGWY",
		 .revision = 2,
		 .len = sizeof(struct rsdp),
		 .xsdt = ADDRESS(xsdt)},
	.xsdt = {.header = {HEADER("XSDT", 1)}, .fadt = ADDRESS(fadt), .madt = ADDRESS(madt)},
	.fadt = {.header = {HEADER("FACP", 6)},
		 .boot_arch = FADT_NO_VGA | FADT_NO_CMOS_RTC,
		 .flags = FADT_HW_REDUCED | FADT_RESET_REG | FADT_PWR_BUTTON | FADT_SLP_BUTTON,
		 .reset = {PORT(PORT_RESET)},
		 .reset_value = RESET_VALUE,
		 .minor = 4,
		 .x_dsdt = ADDRESS(dsdt),
		 .sleep_control = {PORT(PORT_SLEEP_CONTROL)},
		 .sleep_status = {PORT(PORT_SLEEP_STATUS)},
		 .hypervisor = "RINGWAY"},
	.madt = {.header = {HEADER("APIC", 5)},
		 .ioapic = {MADT_TYPE_IOAPIC, sizeof(struct madt_ioapic), 0, 0, 0, 0},
		 /* Hardware-reduced kernels do not take ISA interrupts for granted. */
		 .override = {MADT_TYPE_OVERRIDE, sizeof(struct madt_override), 0, GSI_COM1,
			      GSI_COM1, 0}},
};

static uint8_t checksum_of(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + b[i]);
	return (uint8_t)-sum;
}

static void seal(struct header *header, size_t len)
{
	header->len = (uint32_t)len;
	header->checksum = checksum_of(header, len);
}

void acpi_build(uint8_t area[ACPI_AREA_LEN], unsigned n_cpus)
{
	struct tables *t = (struct tables *)(void *)area;

	*t = blank;
	memcpy(t->dsdt, dsdt_aml, sizeof(dsdt_aml));
	t->madt.lapic = (uint32_t)LAYOUT_LAPIC;
	t->madt.ioapic.addr = (uint32_t)LAYOUT_IOAPIC;
	t->madt.ioapic.id = (uint8_t)n_cpus;
	for (unsigned i = 0; i < n_cpus; i++)
		t->madt.cpu[i] = (struct madt_lapic){MADT_TYPE_LAPIC, sizeof(struct madt_lapic),
						     (uint8_t)i, (uint8_t)i, MADT_LAPIC_ENABLED};
	seal(&t->xsdt.header, sizeof(t->xsdt));
	seal(&t->fadt.header, sizeof(t->fadt));
	seal(&t->madt.header, offsetof(struct madt, cpu[n_cpus]));
	t->rsdp.checksum = checksum_of(&t->rsdp, 20);
	t->rsdp.checksum_all = checksum_of(&t->rsdp, sizeof(t->rsdp));
}

int acpi_dump(const uint8_t *area, const char *directory)
{
	static const size_t tables[] = {
		offsetof(struct tables, xsdt), offsetof(struct tables, fadt),
		offsetof(struct tables, madt), offsetof(struct tables, dsdt)};
	bool failed = false;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !failed; i++) {
		const struct header *header = (const struct header *)(area + tables[i]);
		char path[512];
		FILE *file;

		snprintf(path, sizeof(path), "%s/%.4s.aml", directory, header->signature);
		file = fopen(path, "we");
		failed = !file || fwrite(header, header->len, 1, file) != 1;
		failed |= file && fclose(file) != 0;
	}
	return failed ? -errno : 0;
}
