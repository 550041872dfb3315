/* machine.h - ports, time and interrupts of the tiny guest.
 *
 * Threads:   one; the flags are set by interrupt handlers.
 * Ownership: the machine is ours.
 * Failure:   a fault ends the VM with exit code 99. */
#ifndef TESTS_GUEST_MACHINE_H
#define TESTS_GUEST_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	VECTOR_TIMER = 0x40,
	VECTOR_RECEIVE,
	VECTOR_CONFIG,
	VECTOR_BUTTON,
	VECTOR_SPURIOUS = 0xff,
};

extern volatile uint32_t timer_fired, receive_fired, config_fired, button_fired;

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* Interrupt table, local APIC, power button. */
void machine_init(void);

/* Ticks of the TSC in a microsecond. */
uint32_t machine_ticks_per_us(void);
/* Ticks to microseconds, for spans of up to an hour. */
uint32_t machine_us(uint64_t span);

/* Sleeps until any interrupt has come since the flags were last looked at, at most `us`
 * microseconds (up to 4 s). Interrupts are off before and after. */
void machine_sleep(uint32_t us);

_Noreturn void machine_exit(uint8_t code);
_Noreturn void machine_power_off(void);

#endif
