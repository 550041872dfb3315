/* input.h - the bytes that a fuzzer made up: what is done is taken from the front, what changes
 * meanwhile from the back, so that neither moves the other.
 *
 * Threads:   that of the fuzz target.
 * Ownership: borrows the bytes.
 * Failure:   where they meet there are only zeros. */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
	const uint8_t *at;
	size_t left;
};

/* What libFuzzer calls. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* An integer of n bytes, at most 8, the lowest first. */
static inline uint64_t input_take(struct input *in, size_t n)
{
	uint64_t value = 0;

	if (n > in->left)
		n = in->left;
	memcpy(&value, in->at, n);
	in->at += n;
	in->left -= n;
	return value;
}

/* The same from the other end, the lowest last. */
static inline uint64_t input_take_back(struct input *in, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n && in->left > 0; i++)
		value |= (uint64_t)in->at[--in->left] << 8 * i;
	return value;
}

#endif
