/* acpi.h - the hardware-reduced ACPI tables: how a guest powers off, reboots, and finds its CPUs
 * and devices.
 *
 * Threads:   before the vCPUs run.
 * Ownership: writes into guest RAM from LAYOUT_ACPI; keeps nothing.
 * Failure:   of acpi_dump() 0 or -errno, what the file system says.
 *
 * Source: ACPI 6.4 sections 4.1 (hardware-reduced), 5.2.5 (RSDP), 5.2.8 (XSDT), 5.2.9 (FADT),
 * 5.2.12 (MADT). */
#ifndef RINGWAY_VMM_ACPI_H
#define RINGWAY_VMM_ACPI_H

#include <stdint.h>

enum { ACPI_AREA_LEN = 0x4000 };

/* Writes all tables to the area, which stands at LAYOUT_ACPI. At most OPTIONS_MAX_CPUS. */
void acpi_build(uint8_t area[ACPI_AREA_LEN], unsigned n_cpus);

/* Writes each table of the area to a file of its own, DIRECTORY/XSDT.aml and so on. */
int acpi_dump(const uint8_t *area, const char *directory);

#endif
