#include <asm/processor-flags.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/layout.h"
#include "vmm/vcpu.h"

enum {
	MAX_CPUID_ENTRIES = 256,
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

/* One by one: KVMs without hardware refuse some of them, and the guest can live without. */
static void set_msrs(int fd)
{
	static const struct kvm_msr_entry msrs[] = {
		{.index = 0x1a0, .data = 1},	 /* MISC_ENABLE: fast strings */
		{.index = 0x2ff, .data = 0x806}, /* MTRR default: enabled, write-back */
	};

	for (size_t i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		union {
			struct kvm_msrs msrs;
			uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
		} request = {.msrs.nmsrs = 1};

		request.msrs.entries[0] = msrs[i];
		ioctl(fd, KVM_SET_MSRS, &request);
	}
}

static void adapt_leaf_1(struct kvm_cpuid_entry2 *e, const struct vcpu_topology *t)
{
	e->ebx = (e->ebx & 0xff) | CLFLUSH_QUADWORDS << 8 | (t->n_cpus & 0xff) << 16 | t->id << 24;
	e->ecx = (e->ecx & ~(uint32_t)(ECX1_VMX | ECX1_PDCM | ECX1_TSC_DEADLINE)) |
		 ECX1_HYPERVISOR | (t->tsc_deadline ? ECX1_TSC_DEADLINE : 0);
	e->edx = (e->edx & ~(uint32_t)EDX1_HTT) | EDX1_MTRR | (t->n_cpus > 1 ? EDX1_HTT : 0);
}

/* Extended topology: one thread a core, all cores in one package. */
static void adapt_topology_leaf(struct kvm_cpuid_entry2 *e, const struct vcpu_topology *t)
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

static void adapt_entry(struct kvm_cpuid_entry2 *e, const struct vcpu_topology *t)
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

void vcpu_state_adapt_cpuid(struct kvm_cpuid2 *table, const struct vcpu_topology *topology)
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

int vcpu_state_init(int fd, const struct kvm *kvm, unsigned id, unsigned n_cpus,
		    struct refusal *why)
{
	union {
		struct kvm_cpuid2 table;
		uint8_t room[sizeof(struct kvm_cpuid2) +
			     (MAX_CPUID_ENTRIES + 2) * sizeof(struct kvm_cpuid_entry2)];
	} cpuid = {.table.nent = MAX_CPUID_ENTRIES};
	int khz = ioctl(fd, KVM_GET_TSC_KHZ, 0);
	const struct vcpu_topology topology = {.id = id,
					       .n_cpus = n_cpus,
					       .tsc_deadline = kvm->has_tsc_deadline,
					       .tsc_khz = khz > 0 ? (unsigned)khz : 0};
	int rc = KVM_CALL(kvm->fd, KVM_GET_SUPPORTED_CPUID, &cpuid, why);

	set_msrs(fd);
	if (rc < 0)
		return rc;
	vcpu_state_adapt_cpuid(&cpuid.table, &topology);
	return KVM_CALL(fd, KVM_SET_CPUID2, &cpuid, why);
}

/* Flat and present, the task state busy, once as descriptors and once as the CPU holds them: Intel
 * SDM vol. 3A, 3.4.5 and 7.2.3. The selectors are those that kernels expect. */
static void set_segments(struct kvm_sregs *sregs, const struct guest_ram *ram)
{
	static const uint64_t gdt[] = {0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff,
				       0x00008b0000000067};
	const struct kvm_segment data = {.selector = 0x18,
					 .limit = 0xffffffff,
					 .type = 3,
					 .s = 1,
					 .present = 1,
					 .db = 1,
					 .g = 1};

	memcpy(guest_ram_at(ram, LAYOUT_GDT, sizeof(gdt)), gdt, sizeof(gdt));
	sregs->gdt = (struct kvm_dtable){.base = LAYOUT_GDT, .limit = sizeof(gdt) - 1};
	sregs->idt = (struct kvm_dtable){.limit = 0};
	sregs->cs = sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->cs.selector = 0x10;
	sregs->cs.type = 0xb;
	sregs->tr =
		(struct kvm_segment){.selector = 0x20, .limit = 0x67, .type = 0xb, .present = 1};
}

int vcpu_state_enter(int fd, const struct boot *boot, struct refusal *why)
{
	/* A bzImage looks for its argument in esi and wants ebx to be 0, PVH looks in ebx. */
	struct kvm_regs regs = {.rip = boot->entry,
				.rflags = X86_EFLAGS_FIXED,
				.rsi = LAYOUT_ZERO_PAGE,
				.rbx = boot->is_pvh ? LAYOUT_ZERO_PAGE : 0};
	struct kvm_fpu fpu = {.fcw = 0x37f, .mxcsr = 0x1f80};
	struct kvm_sregs sregs;
	int rc = KVM_CALL(fd, KVM_GET_SREGS, &sregs, why);

	if (rc < 0)
		return rc;
	set_segments(&sregs, boot->ram);
	sregs.cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE;
	return KVM_CALL(fd, KVM_SET_SREGS, &sregs, why) ?: KVM_CALL(fd, KVM_SET_REGS, &regs, why)
							?: KVM_CALL(fd, KVM_SET_FPU, &fpu, why);
}
