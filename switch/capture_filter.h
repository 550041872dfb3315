/* capture_filter.h - a pcap-filter(7), compiled, that says whether a capture wants a frame.
 *
 * Threads:   compile, jit and free on the control thread; match on any number of workers at once.
 * Ownership: the caller's struct; free takes back what compile and jit put into it.
 * Failure:   compile: -EINVAL with libpcap's sentence. jit: without it match() interprets. */
#ifndef SWITCH_CAPTURE_FILTER_H
#define SWITCH_CAPTURE_FILTER_H

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_bpf;

struct capture_filter {
	struct bpf_program program; /* no instructions: everything passes */
	/* No frame is looked at behind this many bytes, so match() needs no more of it. */
	uint32_t reach;
	uint64_t (*native)(void *mbuf); /* NULL: interpreted */
	struct rte_bpf *bpf;
};

enum {
	CAPTURE_FILTER_WHY_LEN = 256,
	CAPTURE_FILTER_MAX = 4096, /* instructions; what kernels accept too (BPF_MAXINSNS) */
};

/* text "" lets everything pass. */
int capture_filter_compile(struct capture_filter *filter, const char *text,
			   char why[CAPTURE_FILTER_WHY_LEN]);
/* Translates it into machine code; needs the EAL. False: it stays interpreted. */
bool capture_filter_jit(struct capture_filter *filter);
void capture_filter_unjit(struct capture_filter *filter);
/* After unjit. */
void capture_filter_free(struct capture_filter *filter);

/* data holds the first min(len, reach) bytes at least of a frame of len bytes. */
bool capture_filter_match(const struct capture_filter *filter, const uint8_t *data,
			  uint32_t data_len, uint32_t len);

#endif
