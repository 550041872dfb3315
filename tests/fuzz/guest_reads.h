/* guest_reads.h - a guest that may change its memory before each single read of ours: every load
 * from it draws a new value from the fuzzer's input, so whoever reads a thing twice and has checked
 * it once is found out.
 *
 * Threads:   that of the fuzz target.
 * Ownership: borrows areas and input until guest_reads_end().
 * Failure:   a store to an area that is read-only stops the program.
 *
 * The compiler reports each load and store of files built with -fsanitize-coverage=trace-loads,
 * trace-stores before it happens, and the linker each memcpy() (--wrap): the product knows nothing
 * of it. */
#ifndef TESTS_FUZZ_GUEST_READS_H
#define TESTS_FUZZ_GUEST_READS_H

#include "tests/fuzz/input.h"

#include <stdbool.h>

/* From now on len bytes at start are the guest's. */
void guest_reads_add(uint8_t *start, size_t len, bool writable);
/* Changes come from the back of this input, until it is used up: then memory stays as it is. */
void guest_reads_begin(struct input *in);
/* Forgets all areas. */
void guest_reads_end(void);
/* Reads since the last call. */
unsigned guest_reads_count(void);
/* Whether we may write to the area that start is in. */
void guest_reads_allow(const uint8_t *start, bool writable);

#endif
