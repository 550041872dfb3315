#include "machine.h"

enum {
	LAPIC_SPURIOUS = 0xf0,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_TIMER_COUNT = 0x380,
	LAPIC_TIMER_DIVIDE = 0x3e0,
	LAPIC_ENABLE = 0x100,
	DIVIDE_BY_ONE = 0xb,
	IOAPIC_BUTTON = 0x10 + 2 * 5, /* redirection of pin 5: edge, active high, to CPU 0 */
	GATE_INTERRUPT_32 = 0x8e00,
	N_EXCEPTIONS = 32,
	LEAF_TIMING = 0x40000010,
	DEFAULT_TICKS_PER_US = 2000,
	NS_PER_US = 1000, /* the timer of KVM's local APIC counts nanoseconds */
	PORT_EXIT = 0x6f0,
	PORT_SLEEP = 0x600,
	SLEEP_S5 = 0x34,
};

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint16_t flags;
	uint16_t offset_high;
};

volatile uint32_t timer_fired, receive_fired, config_fired, button_fired;

static struct gate idt[256];
static uint32_t ticks_per_us;

void irq_timer(void);
void irq_receive(void);
void irq_config(void);
void irq_button(void);
void irq_spurious(void);
void irq_fault(void);

static volatile uint32_t *lapic(uint32_t reg)
{
	return (volatile uint32_t *)(0xfee00000 + reg);
}

static void set_gate(unsigned vector, void (*handler)(void))
{
	uint32_t at = (uint32_t)(uintptr_t)handler;
	uint16_t cs;

	__asm__("mov %%cs, %0" : "=r"(cs));
	idt[vector] =
		(struct gate){(uint16_t)at, cs, (uint16_t)GATE_INTERRUPT_32, (uint16_t)(at >> 16)};
}

static uint32_t timing_leaf(void)
{
	uint32_t eax = 0x40000000, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	if (eax < LEAF_TIMING)
		return 0;
	eax = LEAF_TIMING;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return eax;
}

void machine_init(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) idtr = {sizeof(idt) - 1, (uint32_t)(uintptr_t)idt};
	volatile uint32_t *ioapic = (volatile uint32_t *)0xfec00000;
	uint32_t khz = timing_leaf();

	ticks_per_us = khz ? khz / 1000 : DEFAULT_TICKS_PER_US;
	for (unsigned i = 0; i < N_EXCEPTIONS; i++)
		set_gate(i, irq_fault);
	set_gate(VECTOR_TIMER, irq_timer);
	set_gate(VECTOR_RECEIVE, irq_receive);
	set_gate(VECTOR_CONFIG, irq_config);
	set_gate(VECTOR_BUTTON, irq_button);
	set_gate(VECTOR_SPURIOUS, irq_spurious);
	__asm__ volatile("lidt %0" : : "m"(idtr));
	*lapic(LAPIC_SPURIOUS) = LAPIC_ENABLE | VECTOR_SPURIOUS;
	*lapic(LAPIC_TIMER_DIVIDE) = DIVIDE_BY_ONE;
	*lapic(LAPIC_LVT_TIMER) = VECTOR_TIMER;
	ioapic[0] = IOAPIC_BUTTON + 1;
	ioapic[4] = 0;
	ioapic[0] = IOAPIC_BUTTON;
	ioapic[4] = VECTOR_BUTTON;
}

uint32_t machine_ticks_per_us(void)
{
	return ticks_per_us;
}

/* One instruction: there is no library here that would divide 64 bits. */
uint32_t machine_us(uint64_t span)
{
	uint32_t us, rest;

	__asm__("divl %4"
		: "=a"(us), "=d"(rest)
		: "a"((uint32_t)span), "d"((uint32_t)(span >> 32)), "rm"(ticks_per_us));
	return us;
}

void machine_sleep(uint32_t us)
{
	timer_fired = 0;
	*lapic(LAPIC_TIMER_COUNT) = us * NS_PER_US;
	/* The CPU takes no interrupt between sti and hlt, so none that came earlier is slept over.
	 */
	__asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
}

void machine_exit(uint8_t code)
{
	out8(PORT_EXIT, code);
	for (;;)
		__asm__ volatile("cli\n\thlt");
}

void machine_power_off(void)
{
	out8(PORT_SLEEP, SLEEP_S5);
	for (;;)
		__asm__ volatile("cli\n\thlt");
}
