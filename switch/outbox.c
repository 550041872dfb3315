#include "switch/outbox.h"

struct outbox *outbox_new(unsigned n_ports)
{
	struct outbox *out = calloc(1, sizeof(*out) + n_ports * sizeof(out->to[0]));

	if (!out)
		return NULL;
	out->touched = calloc(n_ports, sizeof(out->touched[0]));
	out->made = aligned_alloc(64, OUTBOX_FORMS_MAX * sizeof(out->made[0]));
	if (!out->touched || !out->made) {
		outbox_free(out);
		return NULL;
	}
	return out;
}

void outbox_free(struct outbox *out)
{
	if (!out)
		return;
	free(out->touched);
	free(out->made);
	free(out);
}
