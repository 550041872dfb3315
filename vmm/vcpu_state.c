#include "vmm/vcpu_state.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/cpuid.h"
#include "vmm/layout.h"

enum {
	CR0_PE = 1 << 0,
	CR0_ET = 1 << 4,
	CR0_NE = 1 << 5,
	CR0_WP = 1 << 16,
	CR4_PAE = 1 << 5,
	EFER_LME = 1 << 8,
	EFER_LMA = 1 << 10,
	SELECTOR_CODE = 0x10,
	SELECTOR_DATA = 0x18,
	SELECTOR_TSS = 0x20,
	GDT_ENTRIES = 5,
	TSS_LIMIT = 0x67,
	PAGE_PRESENT_WRITABLE = 3,
	PAGE_LARGE = 1 << 7,
	PAGE_SHIFT_2M = 21,
	PAGES_PER_TABLE = 512,
	N_DIRECTORIES = 4, /* 1 GiB each */
	RFLAGS_ALWAYS = 2,
	LVT0 = 0x350,
	LVT1 = 0x360,
	LVT_EXTINT = 0x700,
	LVT_NMI = 0x400,
	LVT_MODE_MASK = 0x700,
};

#define CR0_PG (UINT64_C(1) << 31)

static const struct kvm_msr_entry first_msrs[] = {
	{.index = 0x174, .data = 0},	  /* SYSENTER_CS */
	{.index = 0x175, .data = 0},	  /* SYSENTER_ESP */
	{.index = 0x176, .data = 0},	  /* SYSENTER_EIP */
	{.index = 0xc0000081, .data = 0}, /* STAR */
	{.index = 0xc0000082, .data = 0}, /* LSTAR */
	{.index = 0xc0000083, .data = 0}, /* CSTAR */
	{.index = 0xc0000084, .data = 0}, /* SYSCALL_MASK */
	{.index = 0xc0000102, .data = 0}, /* KERNEL_GS_BASE */
	{.index = 0x10, .data = 0},	  /* TSC */
	{.index = 0x1a0, .data = 1},	  /* MISC_ENABLE: fast strings */
	{.index = 0x2ff, .data = 0x806},  /* MTRR default: enabled, write-back */
};

/* One by one: KVMs without hardware refuse some of them, and the guest can live without. */
static void set_msrs(int fd)
{
	for (size_t i = 0; i < sizeof(first_msrs) / sizeof(first_msrs[0]); i++) {
		union {
			struct kvm_msrs msrs;
			uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
		} request = {.msrs.nmsrs = 1};

		request.msrs.entries[0] = first_msrs[i];
		ioctl(fd, KVM_SET_MSRS, &request);
	}
}

static int set_interrupt_pins(int fd, unsigned id, struct refusal *why)
{
	struct kvm_lapic_state lapic;
	uint32_t lvt0 = 0, lvt1 = 0;

	if (ioctl(fd, KVM_GET_LAPIC, &lapic) < 0)
		return refuse(why, errno, "vcpu%u: KVM_GET_LAPIC: %s", id, strerror(errno));
	memcpy(&lvt0, lapic.regs + LVT0, sizeof(lvt0));
	memcpy(&lvt1, lapic.regs + LVT1, sizeof(lvt1));
	lvt0 = (lvt0 & ~(uint32_t)LVT_MODE_MASK) | LVT_EXTINT;
	lvt1 = (lvt1 & ~(uint32_t)LVT_MODE_MASK) | LVT_NMI;
	memcpy(lapic.regs + LVT0, &lvt0, sizeof(lvt0));
	memcpy(lapic.regs + LVT1, &lvt1, sizeof(lvt1));
	if (ioctl(fd, KVM_SET_LAPIC, &lapic) < 0)
		return refuse(why, errno, "vcpu%u: KVM_SET_LAPIC: %s", id, strerror(errno));
	return 0;
}

static int set_cpuid(int fd, const struct kvm *kvm, unsigned id, unsigned n_cpus,
		     struct refusal *why)
{
	struct kvm_cpuid2 *table = cpuid_supported(kvm->fd);
	int khz = ioctl(fd, KVM_GET_TSC_KHZ, 0);
	struct cpuid_topology topology = {.id = id,
					  .n_cpus = n_cpus,
					  .tsc_deadline = kvm->has_tsc_deadline,
					  .tsc_khz = khz > 0 ? (unsigned)khz : 0};
	int rc = 0;

	if (!table)
		return refuse(why, errno, "KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
	cpuid_adapt(table, &topology);
	if (ioctl(fd, KVM_SET_CPUID2, table) < 0)
		rc = refuse(why, errno, "vcpu%u: KVM_SET_CPUID2: %s", id, strerror(errno));
	free(table);
	return rc;
}

int vcpu_state_init(int fd, const struct kvm *kvm, unsigned id, unsigned n_cpus,
		    struct refusal *why)
{
	int rc = set_cpuid(fd, kvm, id, n_cpus, why);

	if (rc < 0)
		return rc;
	set_msrs(fd);
	return set_interrupt_pins(fd, id, why);
}

static struct kvm_segment segment_of(uint16_t selector, uint8_t type, bool long_mode)
{
	bool is_tss = selector == SELECTOR_TSS, is_code = selector == SELECTOR_CODE;

	return (struct kvm_segment){.selector = selector,
				    .limit = is_tss ? TSS_LIMIT : 0xffffffff,
				    .type = type,
				    .present = 1,
				    .s = !is_tss,
				    .db = !is_tss && !(is_code && long_mode),
				    .l = is_code && long_mode,
				    .g = !is_tss};
}

/* The descriptor that gives the same segment when the kernel loads it again. */
static uint64_t descriptor_of(const struct kvm_segment *s)
{
	uint64_t limit = s->g ? s->limit >> 12 : s->limit;
	uint64_t access = s->type | (uint64_t)s->s << 4 | (uint64_t)s->present << 7;
	uint64_t flags = (uint64_t)s->l << 1 | (uint64_t)s->db << 2 | (uint64_t)s->g << 3;

	return (limit & 0xffff) | access << 40 | (limit >> 16 & 0xf) << 48 | flags << 52;
}

static void set_segments(struct kvm_sregs *sregs, const struct guest_ram *ram, bool long_mode)
{
	enum { CODE_READ = 0xb, DATA_WRITE = 0x3, TSS_BUSY = 0xb };
	struct kvm_segment code = segment_of(SELECTOR_CODE, CODE_READ, long_mode);
	struct kvm_segment data = segment_of(SELECTOR_DATA, DATA_WRITE, long_mode);
	struct kvm_segment tss = segment_of(SELECTOR_TSS, TSS_BUSY, long_mode);
	uint64_t gdt[GDT_ENTRIES] = {0, 0, descriptor_of(&code), descriptor_of(&data),
				     descriptor_of(&tss)};

	memcpy(guest_ram_at(ram, LAYOUT_GDT, sizeof(gdt)), gdt, sizeof(gdt));
	sregs->cs = code;
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->tr = tss;
	sregs->gdt.base = LAYOUT_GDT;
	sregs->gdt.limit = sizeof(gdt) - 1;
	sregs->idt.base = 0;
	sregs->idt.limit = 0;
}

/* Identity map of the first 4 GiB in pages of 2 MiB: PML4, PDPT and directories one behind the
 * other. */
static void build_page_tables(const struct guest_ram *ram)
{
	const uint64_t pdpt = LAYOUT_PML4 + LAYOUT_PAGE, directory = pdpt + LAYOUT_PAGE;
	const uint64_t len = (2 + N_DIRECTORIES) * (uint64_t)LAYOUT_PAGE;
	uint64_t *table = guest_ram_at(ram, LAYOUT_PML4, len);

	memset(table, 0, len);
	table[0] = pdpt | PAGE_PRESENT_WRITABLE;
	for (unsigned i = 0; i < N_DIRECTORIES; i++)
		table[PAGES_PER_TABLE + i] =
			(directory + i * (uint64_t)LAYOUT_PAGE) | PAGE_PRESENT_WRITABLE;
	for (uint64_t i = 0; i < (uint64_t)N_DIRECTORIES * PAGES_PER_TABLE; i++)
		table[2 * PAGES_PER_TABLE + i] =
			i << PAGE_SHIFT_2M | PAGE_PRESENT_WRITABLE | PAGE_LARGE;
}

int vcpu_state_enter(int fd, const struct guest_ram *ram, const struct boot_plan *plan,
		     struct refusal *why)
{
	bool long_mode = plan->mode == BOOT_LONG_MODE;
	struct kvm_regs regs = {.rip = plan->entry, .rflags = RFLAGS_ALWAYS};
	struct kvm_fpu fpu = {.fcw = 0x37f, .mxcsr = 0x1f80};
	struct kvm_sregs sregs;

	if (ioctl(fd, KVM_GET_SREGS, &sregs) < 0)
		return refuse(why, errno, "KVM_GET_SREGS: %s", strerror(errno));
	set_segments(&sregs, ram, long_mode);
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE;
	if (long_mode) {
		build_page_tables(ram);
		sregs.cr0 |= CR0_PG | CR0_WP;
		sregs.cr3 = LAYOUT_PML4;
		sregs.cr4 = CR4_PAE;
		sregs.efer |= EFER_LME | EFER_LMA;
		regs.rsi = plan->argument;
		regs.rsp = LAYOUT_BOOT_STACK;
	} else {
		regs.rbx = plan->argument;
	}
	if (ioctl(fd, KVM_SET_SREGS, &sregs) < 0)
		return refuse(why, errno, "KVM_SET_SREGS: %s", strerror(errno));
	if (ioctl(fd, KVM_SET_REGS, &regs) < 0 || ioctl(fd, KVM_SET_FPU, &fpu) < 0)
		return refuse(why, errno, "KVM_SET_REGS: %s", strerror(errno));
	return 0;
}
