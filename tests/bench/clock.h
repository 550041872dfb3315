/* clock.h - the time stamp counter, which is what the figures are made of.
 *
 * Threads:   any.
 * Ownership: none.
 * Failure:   none. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>
#include <x86intrin.h>

static inline uint64_t clock_tsc(void)
{
	return __rdtsc();
}

/* Ticks in a second, measured; takes a twentieth of one. */
double clock_measure_hz(void);

/* Binds the calling thread; 0 or -errno. */
int clock_pin(int core);

/* TSC cycles that a cache line takes from one core to the other and back, median of many; 0 if a
 * core cannot be had. */
uint64_t clock_placement(int core, int core_peer);

/* TSC cycles from waking up a thread on the other core by an eventfd to being woken up by it, both
 * having slept for a while; median of many, 0 on failure. */
uint64_t clock_wake_up(int core, int core_peer);

#endif
