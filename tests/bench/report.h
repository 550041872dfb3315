/* report.h - the result of a load as JSON.
 *
 * Threads:   none.
 * Ownership: borrows.
 * Failure:   0 or -1 after a line on stderr. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "load.h"

int report_write(const struct load *load);
int report_write_placement(const struct options *options, uint64_t cycles);

#endif
