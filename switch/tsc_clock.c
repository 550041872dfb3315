#include "switch/tsc_clock.h"

#include <stdbool.h>

#define NS_PER_S UINT64_C(1000000000)

enum {
	FRACTION_BITS = 32,
	/* What is measured may differ this much from what the counter is said to do, one part in;
	   else somebody set the clock. DPDK rounds to 10 MHz, which is 0.5 % at 1 GHz. */
	PLAUSIBLE = 64,
};

void tsc_clock_init(struct tsc_clock *clock, uint64_t hz, uint64_t tsc, uint64_t ns)
{
	uint64_t rate = (uint64_t)(((unsigned __int128)NS_PER_S << FRACTION_BITS) / hz);

	*clock = (struct tsc_clock){.tsc = tsc,
				    .ns = ns,
				    .ns_per_tick = rate,
				    .true_ns_per_tick = rate,
				    .first_tsc = tsc,
				    .first_ns = ns,
				    .hz = hz};
}

uint64_t tsc_clock_ns(const struct tsc_clock *clock, uint64_t tsc)
{
	__int128 ticks = (__int128)tsc - clock->tsc;

	return clock->ns + (uint64_t)(ticks * (__int128)clock->ns_per_tick >> FRACTION_BITS);
}

/* A second and more after the first look the rate is measured better than it was told. */
static void measure(struct tsc_clock *clock, uint64_t tsc, uint64_t ns)
{
	uint64_t nominal = (uint64_t)(((unsigned __int128)NS_PER_S << FRACTION_BITS) / clock->hz);
	uint64_t ticks = tsc - clock->first_tsc;
	__int128 rate, off;

	if (ticks < clock->hz)
		return;
	/* May be negative: a multiplication, because that cannot be shifted. */
	rate = ((__int128)ns - clock->first_ns) * ((__int128)1 << FRACTION_BITS) / ticks;
	off = rate > nominal ? rate - nominal : nominal - rate;
	if (off * PLAUSIBLE < nominal) {
		clock->true_ns_per_tick = (uint64_t)rate;
		return;
	}
	clock->first_tsc = tsc;
	clock->first_ns = ns;
}

void tsc_clock_discipline(struct tsc_clock *clock, uint64_t tsc, uint64_t ns)
{
	uint64_t ours = tsc_clock_ns(clock, tsc);
	uint64_t ahead = ours > ns ? ours - ns : 0;

	measure(clock, tsc, ns);
	clock->tsc = tsc;
	clock->ns = ahead ? ours : ns;
	/* Lose what we are ahead over the next second, or go at half speed. */
	if (ahead > NS_PER_S / 2)
		ahead = NS_PER_S / 2;
	clock->ns_per_tick = (uint64_t)((unsigned __int128)clock->true_ns_per_tick *
					(NS_PER_S - ahead) / NS_PER_S);
}
