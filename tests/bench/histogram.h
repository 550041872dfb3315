/* histogram.h - round trip times with a relative error of 3 %.
 *
 * Threads:   one.
 * Ownership: plain values.
 * Failure:   none. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB_BITS = 5, HISTOGRAM_BINS = 64 << HISTOGRAM_SUB_BITS };

struct histogram {
	uint64_t n, min, max;
	uint64_t bins[HISTOGRAM_BINS];
};

void histogram_add(struct histogram *histogram, uint64_t value);
/* The value that the given share (0 to 1) of all is not above; 0 if there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
