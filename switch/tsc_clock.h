/* tsc_clock.h - turns time-stamp counters of the processor into nanoseconds since 1970, and never
 * runs backwards.
 *
 * Threads:   one.
 * Failure:   none. A host whose clock is set back makes this one run at half speed until both
 * agree; one that is set forward is followed at once.
 *
 * Needs a counter that all cores share (constant_tsc, nonstop_tsc), as DPDK does. */
#ifndef SWITCH_TSC_CLOCK_H
#define SWITCH_TSC_CLOCK_H

#include <stdint.h>

struct tsc_clock {
	uint64_t tsc; /* the two agree here ... */
	uint64_t ns;
	uint64_t ns_per_tick;	   /* ... and from here on go like this; 32 bits of fraction */
	uint64_t true_ns_per_tick; /* as measured since first_tsc */
	uint64_t first_tsc;
	uint64_t first_ns;
	uint64_t hz;
};

/* tsc and ns were read at the same moment; hz is how fast the counter is said to go. */
void tsc_clock_init(struct tsc_clock *clock, uint64_t hz, uint64_t tsc, uint64_t ns);

/* Now and then: the real-time clock says ns at tsc. */
void tsc_clock_discipline(struct tsc_clock *clock, uint64_t tsc, uint64_t ns);

/* tsc may lie before the last moment of discipline. */
uint64_t tsc_clock_ns(const struct tsc_clock *clock, uint64_t tsc);

#endif
