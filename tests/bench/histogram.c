#include "histogram.h"

enum { SUB = 1 << HISTOGRAM_SUB_BITS };

static unsigned bin_of(uint64_t value)
{
	unsigned exponent;

	if (value < SUB)
		return (unsigned)value;
	exponent = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	return ((exponent + 1) << HISTOGRAM_SUB_BITS) + (unsigned)(value >> exponent) - SUB;
}

static uint64_t top_of(unsigned bin)
{
	unsigned exponent = (bin >> HISTOGRAM_SUB_BITS) - 1;

	if (bin < SUB)
		return bin;
	return (((uint64_t)(bin & (SUB - 1)) + SUB + 1) << exponent) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	if (histogram->n == 0 || value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->n++;
	histogram->bins[bin_of(value)]++;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
	uint64_t want = (uint64_t)(share * (double)histogram->n + 0.5), seen = 0;
	unsigned bin;

	if (histogram->n == 0)
		return 0;
	for (bin = 0; bin < HISTOGRAM_BINS; bin++) {
		seen += histogram->bins[bin];
		if (seen >= want && seen > 0)
			return top_of(bin) < histogram->max ? top_of(bin) : histogram->max;
	}
	return histogram->max;
}
