/* The ACPI tables, read back as a kernel reads them. */
#include <stdlib.h>
#include <string.h>

#include "tests/suite.h"
#include "vmm/boot.h"
#include "vmm/layout.h"

enum {
	XSDT_POINTER = 24,
	TABLE_ENTRIES = 36,
	FADT_FLAGS = 112,
	FADT_RESET = 116,
	FADT_X_DSDT = 140,
	FADT_SLEEP_CONTROL = 244,
	FADT_SLEEP_STATUS = 256,
	GAS_ADDRESS = 4,
	HW_REDUCED = 1 << 20,
};

struct rig {
	uint8_t area[ACPI_AREA_LEN];
};

static uint8_t sum_of(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *bytes++);
	return sum;
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* Follows a pointer; it must stay in the area. */
static const uint8_t *follow(const struct rig *rig, const uint8_t *at)
{
	uint64_t gpa;

	memcpy(&gpa, at, sizeof(gpa));
	if (gpa < LAYOUT_ACPI || gpa - LAYOUT_ACPI > ACPI_AREA_LEN - 36)
		abort();
	return rig->area + (gpa - LAYOUT_ACPI);
}

static void expect_table(const struct rig *rig, const uint8_t *table, const char *signature)
{
	uint32_t len = get32(table + 4);

	CU_ASSERT_EQUAL(memcmp(table, signature, 4), 0);
	CU_ASSERT_TRUE(len >= 36 && len <= ACPI_AREA_LEN - (size_t)(table - rig->area));
	CU_ASSERT_EQUAL(sum_of(table, len), 0);
}

/* VMM-07 */
static void every_table_is_found_whole_and_sums_to_zero(void)
{
	const uint8_t *xsdt, *fadt;
	static struct rig rig;

	acpi_build(rig.area, 2);
	CU_ASSERT_EQUAL(memcmp(rig.area, "RSD PTR ", 8), 0);
	CU_ASSERT_EQUAL(sum_of(rig.area, 20), 0);
	CU_ASSERT_EQUAL(sum_of(rig.area, 36), 0);
	xsdt = follow(&rig, rig.area + XSDT_POINTER);
	expect_table(&rig, xsdt, "XSDT");
	CU_ASSERT_EQUAL(get32(xsdt + 4), TABLE_ENTRIES + 2 * 8);
	fadt = follow(&rig, xsdt + TABLE_ENTRIES);
	expect_table(&rig, fadt, "FACP");
	expect_table(&rig, follow(&rig, xsdt + TABLE_ENTRIES + 8), "APIC");
	expect_table(&rig, follow(&rig, fadt + FADT_X_DSDT), "DSDT");
}

static void fadt_names_the_ports_that_the_launcher_answers(void)
{
	static struct rig rig;
	const uint8_t *fadt;

	acpi_build(rig.area, 1);
	fadt = follow(&rig, follow(&rig, rig.area + XSDT_POINTER) + TABLE_ENTRIES);
	CU_ASSERT_TRUE(get32(fadt + FADT_FLAGS) & HW_REDUCED);
	CU_ASSERT_EQUAL(get32(fadt + FADT_RESET + GAS_ADDRESS), PORT_RESET);
	CU_ASSERT_EQUAL(get32(fadt + FADT_SLEEP_CONTROL + GAS_ADDRESS), PORT_SLEEP_CONTROL);
	CU_ASSERT_EQUAL(get32(fadt + FADT_SLEEP_STATUS + GAS_ADDRESS), PORT_SLEEP_STATUS);
}

static void madt_lists_every_cpu_once(void)
{
	static struct rig rig;

	for (unsigned n_cpus = 1; n_cpus <= 64; n_cpus++) {
		const uint8_t *madt, *at, *end;
		unsigned n = 0, n_ioapics = 0;

		acpi_build(rig.area, n_cpus);
		madt = follow(&rig, follow(&rig, rig.area + XSDT_POINTER) + TABLE_ENTRIES + 8);
		end = madt + get32(madt + 4);
		for (at = madt + 44; at < end; at += at[1] ? at[1] : 100) {
			CU_ASSERT_TRUE(at[0] != 0 || (at[2] == n && at[3] == n && (at[4] & 1)));
			n += at[0] == 0;
			n_ioapics += at[0] == 1;
		}
		CU_ASSERT_PTR_EQUAL(at, end);
		CU_ASSERT_EQUAL(n, n_cpus);
		CU_ASSERT_EQUAL(n_ioapics, 1);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"every_table_is_found_whole_and_sums_to_zero",
		 every_table_is_found_whole_and_sums_to_zero},
		{"fadt_names_the_ports_that_the_launcher_answers",
		 fadt_names_the_ports_that_the_launcher_answers},
		{"madt_lists_every_cpu_once", madt_lists_every_cpu_once},
		CU_TEST_INFO_NULL,
	};

	return suite_run("acpi", tests);
}
