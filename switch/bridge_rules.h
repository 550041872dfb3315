/* bridge_rules.h - forwarding in a bridge some of whose ports have rules: VLANs, bound addresses,
 * isolation, limits.
 *
 * Threads:   any number of workers at once.
 * Ownership: frames in another form than they came in are made in the outbox. */
#ifndef SWITCH_BRIDGE_RULES_H
#define SWITCH_BRIDGE_RULES_H

#include "switch/bridge.h"

/* As bridge_forward(), for a view whose bridge has rules. */
void bridge_rules_forward(const struct bridge_view *view, uint16_t src, const struct burst *burst,
			  uint32_t now_s, struct outbox *out);

#endif
