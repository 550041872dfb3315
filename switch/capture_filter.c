#include "switch/capture_filter.h"
#include "ports/frame.h"

#include <errno.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <string.h>

enum { IP_HEADER_MAX = 60 }; /* what LDX MSH can make of a byte (4 * 15) */

static uint32_t load_size(const struct bpf_insn *insn)
{
	switch (BPF_SIZE(insn->code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	default:
		return 4;
	}
}

static uint32_t reach_of_load(const struct bpf_insn *insn, uint32_t base)
{
	uint64_t reach = (uint64_t)insn->k + load_size(insn) + base;

	return reach < FRAME_LEN_MAX ? (uint32_t)reach : FRAME_LEN_MAX;
}

/* Whether every value that the index register can have is the length of an IP header. */
static bool index_is_header_length(const struct bpf_program *program)
{
	for (unsigned i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *insn = &program->bf_insns[i];

		if (BPF_CLASS(insn->code) == BPF_LDX && BPF_MODE(insn->code) != BPF_MSH)
			return false;
		if (BPF_CLASS(insn->code) == BPF_MISC && BPF_MISCOP(insn->code) == BPF_TAX)
			return false;
	}
	return true;
}

static uint32_t reach_of(const struct bpf_program *program)
{
	uint32_t base = index_is_header_length(program) ? IP_HEADER_MAX : FRAME_LEN_MAX;
	uint32_t reach = 0;

	for (unsigned i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *insn = &program->bf_insns[i];
		uint32_t this = 0;

		if (BPF_CLASS(insn->code) == BPF_LDX && BPF_MODE(insn->code) == BPF_MSH)
			this = insn->k < FRAME_LEN_MAX ? insn->k + 1 : FRAME_LEN_MAX;
		else if (BPF_CLASS(insn->code) == BPF_LD && BPF_MODE(insn->code) == BPF_ABS)
			this = reach_of_load(insn, 0);
		else if (BPF_CLASS(insn->code) == BPF_LD && BPF_MODE(insn->code) == BPF_IND)
			this = reach_of_load(insn, base);
		if (this > reach)
			reach = this;
	}
	return reach;
}

int capture_filter_compile(struct capture_filter *filter, const char *text,
			   char why[CAPTURE_FILTER_WHY_LEN])
{
	pcap_t *pcap;
	int ret = 0;

	*filter = (struct capture_filter){0};
	if (!text[0])
		return 0;
	pcap = pcap_open_dead(DLT_EN10MB, FRAME_LEN_MAX);
	if (!pcap) {
		snprintf(why, CAPTURE_FILTER_WHY_LEN, "no memory to compile it");
		return -ENOMEM;
	}
	if (pcap_compile(pcap, &filter->program, text, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		snprintf(why, CAPTURE_FILTER_WHY_LEN, "%s: see pcap-filter(7)", pcap_geterr(pcap));
		ret = -EINVAL;
	} else if (filter->program.bf_len > CAPTURE_FILTER_MAX) {
		snprintf(why, CAPTURE_FILTER_WHY_LEN,
			 "it makes %u instructions, at most %d are allowed: write a shorter one",
			 filter->program.bf_len, CAPTURE_FILTER_MAX);
		pcap_freecode(&filter->program);
		ret = -EINVAL;
	}
	pcap_close(pcap);
	if (ret < 0)
		*filter = (struct capture_filter){0};
	else
		filter->reach = reach_of(&filter->program);
	return ret;
}

void capture_filter_free(struct capture_filter *filter)
{
	pcap_freecode(&filter->program);
	*filter = (struct capture_filter){0};
}

bool capture_filter_match(const struct capture_filter *filter, const uint8_t *data,
			  uint32_t data_len, uint32_t len)
{
	if (filter->program.bf_len == 0)
		return true;
	if (filter->native) {
		/* One segment, and a length that may be more than is there: reads end at reach. */
		struct rte_mbuf mbuf = {
			.buf_addr = (void *)(uintptr_t)data,
			.data_len = (uint16_t)(data_len < UINT16_MAX ? data_len : UINT16_MAX),
			.pkt_len = len};

		return filter->native(&mbuf) != 0;
	}
	return bpf_filter(filter->program.bf_insns, data, len, data_len) != 0;
}
