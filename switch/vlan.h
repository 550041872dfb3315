/* vlan.h - to which VLAN a frame belongs, and with which tag it leaves a port (IEEE 802.1Q, 6.9 and
 * 8.6.2).
 *
 * Threads:   any worker, on its own frames.
 *
 * Only the outer 802.1Q tag (0x8100) counts. An 802.1ad tag (0x88a8) is payload: its frame has no
 * tag for us. A frame is kept in the form it came in, and gets another form only when a port asks
 * for it: at most one tag is pushed, popped or rewritten, and the offsets of its virtio_net_hdr
 * move along. */
#ifndef SWITCH_VLAN_H
#define SWITCH_VLAN_H

#include "ports/frame.h"
#include "switch/port_rules.h"

enum vlan_form {
	VLAN_BARE,     /* without a tag of ours */
	VLAN_TAGGED,   /* with the tag of its VLAN */
	VLAN_PRIORITY, /* with a tag of VLAN 0, that tells the priority only */
	VLAN_FORM_N,
	VLAN_NOT_HERE /* the port is not one of the VLAN's */
};

/* What one frame is, as its port of entry has it. */
struct vlan_frame {
	uint16_t vlan;	   /* 0: none, as only transparent ports have it */
	uint16_t priority; /* the upper four bits of a tag: priority and DEI */
	uint16_t inner;	   /* VLAN of the tag behind ours; 0: none */
	bool from_tunnel;
	enum vlan_form form;			/* in which it came */
	const struct frame *forms[VLAN_FORM_N]; /* NULL: not made yet */
};

/* Classifies a frame that came in by a port with these rules. Returns false with a reason when it
 * may not come in. */
bool vlan_enter(const struct port_rules *rules, const struct frame *frame,
		struct vlan_frame *entered, enum drop_reason *why);

/* In which form the frame leaves a port with these rules. */
enum vlan_form vlan_leave(const struct port_rules *rules, const struct vlan_frame *entered);

/* Makes the form of a frame in made. */
void vlan_make(const struct vlan_frame *entered, enum vlan_form form, struct frame *made);

#endif
