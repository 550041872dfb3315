#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "vmm/boot.h"
#include "vmm/layout.h"
#include "vmm/options.h"

static const uint8_t dsdt_aml[] = {
#include "vmm/dsdt.hex"
};

/* Where the tables stand in the area, and their lengths in bytes. */
enum {
	RSDP = 0x000,
	RSDP_LEN = 36,
	XSDT = 0x040,
	XSDT_LEN = 36 + 2 * 8,
	FADT = 0x080,
	FADT_LEN = 276,
	MADT = 0x200,
	MADT_CPUS = MADT + 44 + 12 + 10, /* behind one IOAPIC and one override */
	MADT_CPU_LEN = 8,
	DSDT = 0x600,
};
static_assert(MADT_CPUS + OPTIONS_MAX_CPUS * MADT_CPU_LEN <= DSDT, "MADT of most CPUs");
static_assert(DSDT + sizeof(dsdt_aml) <= ACPI_AREA_LEN, "ACPI tables");

enum {
	FADT_NO_VGA = 1 << 2,
	FADT_NO_CMOS_RTC = 1 << 5,
	FADT_PWR_BUTTON = 1 << 4, /* not fixed hardware, but a device of the DSDT */
	FADT_SLP_BUTTON = 1 << 5,
	FADT_RESET_REG = 1 << 10,
	FADT_HW_REDUCED = 1 << 20,
	PORT_OF_A_BYTE = 0x01000801, /* generic address: access 1, offset 0, 8 bits, space 1 */
};

/* All that is neither zero nor computed; little endian. Each table begins with a header of 36
 * bytes, see seal(). */
static const struct {
	uint16_t at;
	uint8_t width;
	uint64_t value;
} fields[] = {
	{RSDP + 15, 1, 2}, /* revision */
	{RSDP + 20, 4, RSDP_LEN},
	{RSDP + 24, 8, LAYOUT_ACPI + XSDT},
	{XSDT + 36, 8, LAYOUT_ACPI + FADT},
	{XSDT + 44, 8, LAYOUT_ACPI + MADT},
	{FADT + 109, 2, FADT_NO_VGA | FADT_NO_CMOS_RTC}, /* boot architecture */
	{FADT + 112, 4, FADT_HW_REDUCED | FADT_RESET_REG | FADT_PWR_BUTTON | FADT_SLP_BUTTON},
	{FADT + 116, 4, PORT_OF_A_BYTE}, /* reset register */
	{FADT + 120, 8, PORT_RESET},
	{FADT + 128, 1, RESET_VALUE},
	{FADT + 131, 1, 4}, /* minor revision */
	{FADT + 140, 8, LAYOUT_ACPI + DSDT},
	{FADT + 244, 4, PORT_OF_A_BYTE}, /* sleep control register */
	{FADT + 248, 8, PORT_SLEEP_CONTROL},
	{FADT + 256, 4, PORT_OF_A_BYTE}, /* sleep status register */
	{FADT + 260, 8, PORT_SLEEP_STATUS},
	{MADT + 44, 2, 1 | 12 << 8}, /* type IOAPIC and length; its GSIs begin at 0 */
	/* Hardware-reduced kernels do not take ISA interrupts for granted: type override and
	   length, then bus 0, and the flags of that bus, edge and active high. */
	{MADT + 56, 2, 2 | 10 << 8},
	{MADT + 59, 1, GSI_COM1},
	{MADT + 60, 4, GSI_COM1},
};

static void put(uint8_t *at, uint64_t value, unsigned width)
{
	memcpy(at, &value, width);
}

static uint8_t checksum_of(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum - *bytes++);
	return sum;
}

/* Fills in the header of a table. */
static void seal(uint8_t *table, const char *signature, uint8_t revision, size_t len)
{
	memcpy(table, signature, 4);
	put(table + 4, len, 4);
	table[8] = revision;
	memcpy(table + 10, "RINGWYRINGWAY \1\0\0\0RNGW\1", 23); /* OEM and creator */
	table[9] = checksum_of(table, len);
}

void acpi_build(uint8_t area[ACPI_AREA_LEN], unsigned n_cpus)
{
	memset(area, 0, ACPI_AREA_LEN);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		put(area + fields[i].at, fields[i].value, fields[i].width);
	put(area + MADT + 36, LAYOUT_LAPIC, 4);
	put(area + MADT + 46, n_cpus, 1); /* the id of the IOAPIC, which no CPU has */
	put(area + MADT + 48, LAYOUT_IOAPIC, 4);
	for (uint8_t i = 0; i < n_cpus; i++) {
		/* Type local APIC, length, processor, APIC; enabled. */
		const uint8_t cpu[MADT_CPU_LEN] = {0, MADT_CPU_LEN, i, i, 1};

		memcpy(area + MADT_CPUS + i * MADT_CPU_LEN, cpu, sizeof(cpu));
	}
	memcpy(area + DSDT, dsdt_aml, sizeof(dsdt_aml));
	seal(area + XSDT, "XSDT", 1, XSDT_LEN);
	memcpy(area + FADT + 268, "RINGWAY", 7); /* hypervisor vendor */
	seal(area + FADT, "FACP", 6, FADT_LEN);
	seal(area + MADT, "APIC", 5, MADT_CPUS - MADT + n_cpus * MADT_CPU_LEN);
	memcpy(area + RSDP, "RSD PTR ", 8);
	memcpy(area + RSDP + 9, "RINGWY", 6);
	area[RSDP + 8] = checksum_of(area + RSDP, 20); /* of the part that revision 0 had */
	area[RSDP + 32] = checksum_of(area + RSDP, RSDP_LEN);
}

int acpi_dump(const uint8_t *area, const char *directory)
{
	static const uint16_t tables[] = {XSDT, FADT, MADT, DSDT};
	bool failed = false;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !failed; i++) {
		const uint8_t *table = area + tables[i];
		char path[512];
		uint32_t len;
		FILE *file;

		memcpy(&len, table + 4, sizeof(len));
		snprintf(path, sizeof(path), "%s/%.4s.aml", directory, (const char *)table);
		file = fopen(path, "we");
		failed = !file || fwrite(table, len, 1, file) != 1;
		failed |= file && fclose(file) != 0;
	}
	return failed ? -errno : 0;
}
