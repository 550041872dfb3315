#include "tests/fuzz/guest_reads.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_AREAS = 24 };

struct area {
	uint8_t *start;
	size_t len;
	bool writable;
};

/* The compiler's calls bring no context along. */
static struct {
	struct area areas[MAX_AREAS];
	unsigned n_areas;
	unsigned n_reads;
	struct input *in;
} state;

/* What sits at the borders of rings, regions and types. */
static const uint64_t borders[] = {
	0,
	1,
	2,
	10,
	11,
	12,
	13,
	14,
	15,
	16,
	26,
	64,
	76,
	255,
	256,
	0x7ff,
	0x800,
	0x7fff,
	0x8000,
	0xffff,
	0x10000,
	0x1000d,
	0x1001d,
	0x1001e,
	0x10fff,
	0x11000,
	0x20000,
	0x2002f,
	UINT32_MAX - 11,
	UINT32_MAX,
	UINT64_MAX - 15,
	UINT64_MAX,
};

void __sanitizer_cov_load1(uint8_t *addr);
void __sanitizer_cov_load2(uint16_t *addr);
void __sanitizer_cov_load4(uint32_t *addr);
void __sanitizer_cov_load8(uint64_t *addr);
void __sanitizer_cov_load16(void *addr);
void __sanitizer_cov_store1(uint8_t *addr);
void __sanitizer_cov_store2(uint16_t *addr);
void __sanitizer_cov_store4(uint32_t *addr);
void __sanitizer_cov_store8(uint64_t *addr);
void __sanitizer_cov_store16(void *addr);
void *__real___asan_memcpy(void *dst, const void *src, size_t len);
void *__wrap___asan_memcpy(void *dst, const void *src, size_t len);

static struct area *area_of(const void *addr)
{
	for (unsigned i = 0; i < state.n_areas; i++)
		if ((uintptr_t)addr - (uintptr_t)state.areas[i].start < state.areas[i].len)
			return &state.areas[i];
	return NULL;
}

void guest_reads_add(uint8_t *start, size_t len, bool writable)
{
	if (state.n_areas == MAX_AREAS)
		abort();
	state.areas[state.n_areas++] =
		(struct area){.start = start, .len = len, .writable = writable};
}

void guest_reads_allow(const uint8_t *start, bool writable)
{
	area_of(start)->writable = writable;
}

void guest_reads_begin(struct input *in)
{
	state.in = in;
	state.n_reads = 0;
}

void guest_reads_end(void)
{
	state.in = NULL;
	state.n_areas = 0;
}

unsigned guest_reads_count(void)
{
	unsigned n = state.n_reads;

	state.n_reads = 0;
	return n;
}

/* The guest's turn, just before we read up to 16 bytes. One byte of input says what it does. */
static void change(uint8_t *at, size_t len)
{
	uint8_t how = (uint8_t)input_take_back(state.in, 1);
	size_t width = len < 8 ? len : 8;
	uint64_t value = 0;

	for (size_t i = 0; i < width; i++)
		value |= (uint64_t)at[i] << 8 * i;
	switch (how >> 5) {
	case 3:
		value = input_take_back(state.in, width);
		break;
	case 4:
		value = input_take_back(state.in, 2);
		break;
	case 5:
		value += (uint64_t)(how & 31) - 8;
		break;
	case 6:
		value ^= UINT64_C(1) << (input_take_back(state.in, 1) & 63);
		break;
	case 7:
		value = borders[how & 31];
		break;
	default:
		return;
	}
	for (size_t i = 0; i < width; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static void before_load(void *addr, size_t len)
{
	struct area *area = state.in ? area_of(addr) : NULL;
	uint8_t *at = addr;

	if (!area)
		return;
	state.n_reads++;
	/* What lies outside is for the address sanitizer to say. */
	if (len > (size_t)(area->start + area->len - at))
		len = (size_t)(area->start + area->len - at);
	for (size_t done = 0; done < len && done < 16 && state.in->left; done += 8)
		change(at + done, len - done);
}

static void before_store(const void *addr)
{
	struct area *area = state.in ? area_of(addr) : NULL;

	if (!area || area->writable)
		return;
	fprintf(stderr, "a store into memory that is the guest's to write\n");
	abort();
}

void __sanitizer_cov_load1(uint8_t *addr)
{
	before_load(addr, 1);
}

void __sanitizer_cov_load2(uint16_t *addr)
{
	before_load(addr, 2);
}

void __sanitizer_cov_load4(uint32_t *addr)
{
	before_load(addr, 4);
}

void __sanitizer_cov_load8(uint64_t *addr)
{
	before_load(addr, 8);
}

void __sanitizer_cov_load16(void *addr)
{
	before_load(addr, 16);
}

void __sanitizer_cov_store1(uint8_t *addr)
{
	before_store(addr);
}

void __sanitizer_cov_store2(uint16_t *addr)
{
	before_store(addr);
}

void __sanitizer_cov_store4(uint32_t *addr)
{
	before_store(addr);
}

void __sanitizer_cov_store8(uint64_t *addr)
{
	before_store(addr);
}

void __sanitizer_cov_store16(void *addr)
{
	before_store(addr);
}

void *__wrap___asan_memcpy(void *dst, const void *src, size_t len)
{
	if (len > 0) {
		before_store(dst);
		before_load((void *)(uintptr_t)src, len);
	}
	return __real___asan_memcpy(dst, src, len);
}
