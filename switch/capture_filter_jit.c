#define ALLOW_EXPERIMENTAL_API /* rte_bpf_convert */
#include "switch/capture_filter.h"

#include <rte_bpf.h>
#include <rte_malloc.h>

/* The converter of DPDK 22.11 takes bit 3 of a load's code, which is part of its size, for "the
 * index is X": words and bytes would be loaded relative to the accumulator. It keeps X in register
 * 7. */
static void mend_indexed_loads(struct rte_bpf_prm *converted)
{
	struct ebpf_insn *insns = (struct ebpf_insn *)(uintptr_t)converted->ins;

	for (uint32_t i = 0; i < converted->nb_ins; i++)
		if (BPF_CLASS(insns[i].code) == BPF_LD && BPF_MODE(insns[i].code) == BPF_IND)
			insns[i].src_reg = EBPF_REG_7;
}

/* DPDK 22.11 encodes "test register, constant" with a constant of one byte when it is small, which
 * no processor knows: what follows is taken for the rest of it. */
static bool has_small_test(const struct bpf_program *program)
{
	for (unsigned i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *insn = &program->bf_insns[i];

		if (insn->code == (BPF_JMP | BPF_JSET | BPF_K) &&
		    (int32_t)insn->k == (int8_t)insn->k)
			return true;
	}
	return false;
}

bool capture_filter_jit(struct capture_filter *filter)
{
	struct rte_bpf_prm *converted;
	struct rte_bpf_jit jit;

	/* An mbuf of ours holds no more than 65535 bytes in one piece. */
	if (filter->program.bf_len == 0 || filter->reach > UINT16_MAX ||
	    has_small_test(&filter->program))
		return false;
	converted = rte_bpf_convert(&filter->program);
	if (!converted)
		return false;
	mend_indexed_loads(converted);
	filter->bpf = rte_bpf_load(converted);
	rte_free(converted);
	if (!filter->bpf || rte_bpf_get_jit(filter->bpf, &jit) < 0 || !jit.func) {
		capture_filter_unjit(filter);
		return false;
	}
	filter->native = jit.func;
	return true;
}

void capture_filter_unjit(struct capture_filter *filter)
{
	filter->native = NULL;
	rte_bpf_destroy(filter->bpf);
	filter->bpf = NULL;
}
