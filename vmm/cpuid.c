#include "vmm/cpuid.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>

enum {
	MAX_ENTRIES = 256,
	SPARE_ENTRIES = 4,
	LEAF_HYPERVISOR = 0x40000000,
	LEAF_TIMING = 0x40000010, /* eax: kHz of the TSC, ebx: kHz of the APIC bus */
	APIC_BUS_KHZ = 1000000,
	CLFLUSH_QUADWORDS = 8,

	ECX1_VMX = 1 << 5,
	ECX1_PDCM = 1 << 15,
	ECX1_TSC_DEADLINE = 1 << 24,
	ECX1_HYPERVISOR = 1u << 31,
	EDX1_HTT = 1 << 28,
	EDX1_MTRR = 1 << 12,
	ECX81_SVM = 1 << 2,
	EDX7_AMX = 1 << 22 | 1 << 24 | 1 << 25,
	LEVEL_SMT = 1 << 8,
	LEVEL_CORE = 2 << 8,
};

struct kvm_cpuid2 *cpuid_supported(int kvm_fd)
{
	struct kvm_cpuid2 *table = calloc(1, sizeof(*table) + (MAX_ENTRIES + SPARE_ENTRIES) *
								      sizeof(table->entries[0]));
	int error;

	if (!table)
		return NULL;
	table->nent = MAX_ENTRIES;
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, table) == 0)
		return table;
	error = errno;
	free(table);
	errno = error;
	return NULL;
}

static void adapt_leaf_1(struct kvm_cpuid_entry2 *e, const struct cpuid_topology *t)
{
	e->ebx = (e->ebx & 0xff) | CLFLUSH_QUADWORDS << 8 | (t->n_cpus & 0xff) << 16 | t->id << 24;
	e->ecx = (e->ecx & ~(uint32_t)(ECX1_VMX | ECX1_PDCM | ECX1_TSC_DEADLINE)) | ECX1_HYPERVISOR;
	if (t->tsc_deadline)
		e->ecx |= ECX1_TSC_DEADLINE;
	e->edx |= EDX1_MTRR;
	e->edx &= ~(uint32_t)EDX1_HTT;
	if (t->n_cpus > 1)
		e->edx |= EDX1_HTT;
}

/* Extended topology: one thread a core, all cores in one package. */
static void adapt_topology_leaf(struct kvm_cpuid_entry2 *e, const struct cpuid_topology *t)
{
	unsigned shift = 0;

	while ((1u << shift) < t->n_cpus)
		shift++;
	e->edx = t->id;
	e->ecx = e->index;
	e->eax = e->index == 1 ? shift : 0;
	e->ebx = e->index == 0 ? 1 : e->index == 1 ? t->n_cpus : 0;
	if (e->index < 2)
		e->ecx |= e->index == 0 ? LEVEL_SMT : LEVEL_CORE;
}

static void adapt_entry(struct kvm_cpuid_entry2 *e, const struct cpuid_topology *t)
{
	switch (e->function) {
	case 0x1:
		adapt_leaf_1(e, t);
		break;
	case 0x7:
		e->edx &= ~(uint32_t)EDX7_AMX;
		break;
	case 0xa: /* no performance counters */
		e->eax = e->ebx = e->ecx = e->edx = 0;
		break;
	case 0xb:
	case 0x1f:
		adapt_topology_leaf(e, t);
		break;
	case LEAF_HYPERVISOR:
		if (e->eax < LEAF_TIMING)
			e->eax = LEAF_TIMING;
		break;
	case 0x80000001:
		e->ecx &= ~(uint32_t)ECX81_SVM;
		break;
	default:
		break;
	}
}

static bool has_entry(const struct kvm_cpuid2 *table, uint32_t function, uint32_t index)
{
	for (unsigned i = 0; i < table->nent; i++)
		if (table->entries[i].function == function && table->entries[i].index == index)
			return true;
	return false;
}

void cpuid_adapt(struct kvm_cpuid2 *table, const struct cpuid_topology *topology)
{
	/* The second level may be missing where the host has one CPU. */
	if (has_entry(table, 0xb, 0) && !has_entry(table, 0xb, 1))
		table->entries[table->nent++] = (struct kvm_cpuid_entry2){
			.function = 0xb, .index = 1, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX};
	for (unsigned i = 0; i < table->nent; i++)
		adapt_entry(&table->entries[i], topology);
	if (topology->tsc_khz && !has_entry(table, LEAF_TIMING, 0))
		table->entries[table->nent++] = (struct kvm_cpuid_entry2){
			.function = LEAF_TIMING, .eax = topology->tsc_khz, .ebx = APIC_BUS_KHZ};
}
