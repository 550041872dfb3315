/* report.h - the result of a load as JSON.
 *
 * Threads:   none.
 * Ownership: borrows.
 * Failure:   0 or -1 after a line on stderr. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "load.h"

int report_write(const struct load *load);
/* A figure of two cores. */
int report_write_cores(const struct options *options, const char *what, uint64_t cycles);

#endif
