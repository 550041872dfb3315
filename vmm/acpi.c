#include "vmm/acpi.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "vmm/dsdt.h"
#include "vmm/layout.h"

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
static_assert(sizeof(struct header) == 36, "ACPI table header");

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
static_assert(sizeof(struct rsdp) == 36, "RSDP of revision 2");

struct gas {
	uint8_t space; /* 1: system I/O */
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access; /* 1: byte */
	uint64_t addr;
} __attribute__((packed));
static_assert(sizeof(struct gas) == 12, "generic address structure");

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
	uint64_t hypervisor;
} __attribute__((packed));
static_assert(offsetof(struct fadt, reset) == 116, "FADT reset register");
static_assert(offsetof(struct fadt, x_dsdt) == 140, "FADT X_DSDT");
static_assert(offsetof(struct fadt, sleep_control) == 244, "FADT sleep control");
static_assert(sizeof(struct fadt) == 276, "FADT of revision 6");

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

struct madt_lapic {
	uint8_t type, len, processor, apic;
	uint32_t flags;
} __attribute__((packed));
static_assert(sizeof(struct madt_lapic) == 8, "MADT local APIC");

struct madt_ioapic {
	uint8_t type, len, id, reserved;
	uint32_t addr;
	uint32_t gsi_base;
} __attribute__((packed));
static_assert(sizeof(struct madt_ioapic) == 12, "MADT IOAPIC");

struct madt_override {
	uint8_t type, len, bus, irq;
	uint32_t gsi;
	uint16_t flags; /* 0: as the bus has it, ISA: edge, active high */
} __attribute__((packed));
static_assert(sizeof(struct madt_override) == 10, "MADT interrupt source override");

/* The tables stand one behind the other, each on 16 bytes. */
struct area {
	uint8_t *bytes;
	size_t len;
	size_t used;
	uint64_t gpa;
};

static void *take(struct area *area, size_t len, uint64_t *gpa)
{
	size_t start = (area->used + 15) & ~(size_t)15;

	if (start > area->len || len > area->len - start)
		return NULL;
	area->used = start + len;
	*gpa = area->gpa + start;
	memset(area->bytes + start, 0, len);
	return area->bytes + start;
}

static uint8_t checksum_of(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + b[i]);
	return (uint8_t)-sum;
}

static void seal(struct header *header, const char *signature, uint8_t revision, size_t len)
{
	memcpy(header->signature, signature, sizeof(header->signature));
	header->len = (uint32_t)len;
	header->revision = revision;
	memcpy(header->oem_id, "RINGWY", sizeof(header->oem_id));
	memcpy(header->oem_table_id, "RINGWAY ", sizeof(header->oem_table_id));
	header->oem_revision = 1;
	memcpy(header->creator_id, "RNGW", sizeof(header->creator_id));
	header->creator_revision = 1;
	header->checksum = 0;
	header->checksum = checksum_of(header, len);
}

static struct gas port_of(uint16_t port)
{
	return (struct gas){.space = 1, .bit_width = 8, .access = 1, .addr = port};
}

static uint64_t build_fadt(struct area *area, uint64_t dsdt)
{
	uint64_t gpa;
	struct fadt *fadt = take(area, sizeof(*fadt), &gpa);

	if (!fadt)
		return 0;
	fadt->boot_arch = FADT_NO_VGA | FADT_NO_CMOS_RTC;
	fadt->flags = FADT_HW_REDUCED | FADT_RESET_REG | FADT_PWR_BUTTON | FADT_SLP_BUTTON;
	fadt->reset = port_of(PORT_RESET);
	fadt->reset_value = RESET_VALUE;
	fadt->minor = 4;
	fadt->x_dsdt = dsdt;
	fadt->sleep_control = port_of(PORT_SLEEP_CONTROL);
	fadt->sleep_status = port_of(PORT_SLEEP_STATUS);
	memcpy(&fadt->hypervisor, "RINGWAY", 8);
	seal(&fadt->header, "FACP", 6, sizeof(*fadt));
	return gpa;
}

static uint64_t build_madt(struct area *area, unsigned n_cpus)
{
	const size_t fixed = sizeof(struct header) + 8;
	const size_t len = fixed + n_cpus * sizeof(struct madt_lapic) + sizeof(struct madt_ioapic) +
			   sizeof(struct madt_override);
	const uint32_t lapic = (uint32_t)LAYOUT_LAPIC;
	uint64_t gpa;
	uint8_t *madt = take(area, len, &gpa);
	uint8_t *at;

	if (!madt)
		return 0;
	at = madt + fixed;
	memcpy(madt + sizeof(struct header), &lapic, sizeof(lapic));
	for (unsigned i = 0; i < n_cpus; i++, at += sizeof(struct madt_lapic)) {
		struct madt_lapic cpu = {MADT_TYPE_LAPIC, sizeof(cpu), (uint8_t)i, (uint8_t)i,
					 MADT_LAPIC_ENABLED};

		memcpy(at, &cpu, sizeof(cpu));
	}
	memcpy(at,
	       &(struct madt_ioapic){MADT_TYPE_IOAPIC, sizeof(struct madt_ioapic), (uint8_t)n_cpus,
				     0, (uint32_t)LAYOUT_IOAPIC, 0},
	       sizeof(struct madt_ioapic));
	at += sizeof(struct madt_ioapic);
	/* Hardware-reduced kernels do not take ISA interrupts for granted. */
	memcpy(at,
	       &(struct madt_override){MADT_TYPE_OVERRIDE, sizeof(struct madt_override), 0,
				       GSI_COM1, GSI_COM1, 0},
	       sizeof(struct madt_override));
	seal((struct header *)(void *)madt, "APIC", 5, len);
	return gpa;
}

static uint64_t build_xsdt(struct area *area, uint64_t fadt, uint64_t madt)
{
	uint64_t gpa, entry[2] = {fadt, madt};
	uint8_t *xsdt = take(area, sizeof(struct header) + sizeof(entry), &gpa);

	if (!xsdt)
		return 0;
	memcpy(xsdt + sizeof(struct header), entry, sizeof(entry));
	seal((struct header *)(void *)xsdt, "XSDT", 1, sizeof(struct header) + sizeof(entry));
	return gpa;
}

int acpi_build(uint8_t *bytes, size_t len, uint64_t gpa, unsigned n_cpus)
{
	struct area area = {.bytes = bytes, .len = len, .gpa = gpa};
	uint64_t rsdp_gpa, dsdt_gpa, fadt, madt, xsdt;
	struct rsdp *rsdp = take(&area, sizeof(*rsdp), &rsdp_gpa);
	void *dsdt = take(&area, sizeof(dsdt_aml), &dsdt_gpa);

	if (!rsdp || !dsdt)
		return -ENOSPC;
	memcpy(dsdt, dsdt_aml, sizeof(dsdt_aml));
	fadt = build_fadt(&area, dsdt_gpa);
	madt = build_madt(&area, n_cpus);
	xsdt = build_xsdt(&area, fadt, madt);
	if (!fadt || !madt || !xsdt)
		return -ENOSPC;
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, "RINGWY", sizeof(rsdp->oem_id));
	rsdp->revision = 2;
	rsdp->len = sizeof(*rsdp);
	rsdp->xsdt = xsdt;
	rsdp->checksum = checksum_of(rsdp, 20);
	rsdp->checksum_all = checksum_of(rsdp, sizeof(*rsdp));
	return 0;
}
