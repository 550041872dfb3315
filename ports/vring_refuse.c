#include "ports/vring_frame.h"

void vring_refuse_length(const struct vring *vr, struct burst *burst, struct chain *chain)
{
	struct frame *frame = &burst->frames[burst->n];

	/* More pieces than the arena has: nobody knows how many. */
	if (chain->len == UINT64_MAX) {
		burst_refuse(burst, DROP_OVERSIZE);
		return;
	}
	*frame = (struct frame){0};
	if (chain->len > vr->hdr_len) {
		frame->len =
			chain->len < UINT32_MAX ? (uint32_t)chain->len - vr->hdr_len : UINT32_MAX;
		read_chain(vr, frame, chain);
	}
	burst->n_segments += chain->n;
	burst_refuse_and_keep(burst, chain->len > FRAME_LEN_MAX ? DROP_OVERSIZE : DROP_RUNT);
}
