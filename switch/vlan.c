#include "switch/vlan.h"

#include <string.h>

enum {
	TYPE_OFFSET = 12, /* of the EtherType, or of the tag */
	TAG_LEN = 4,
	TYPE_VLAN = 0x8100,
	VLAN_MASK = 0x0fff,
	PRIORITY_MASK = 0xf000,
	PCP_MASK = 0xe000,
};

static uint16_t load_be16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void store_be16(uint8_t *bytes, uint16_t number)
{
	bytes[0] = (uint8_t)(number >> 8);
	bytes[1] = (uint8_t)number;
}

/* Whether there is a tag at this offset, whole and with the type behind it. */
static bool has_tag(const struct frame *frame, unsigned offset)
{
	return frame->head_len >= offset + TAG_LEN + 2 &&
	       load_be16(frame->head + offset) == TYPE_VLAN;
}

/* Whether the offsets of the header stay in a frame whose tag is pushed or popped. */
static bool offsets_can_move(const struct frame *frame, bool tagged)
{
	return frame->vnet.csum_start >= FRAME_LEN_MIN + (tagged ? TAG_LEN : 0) &&
	       frame->vnet.csum_start <= UINT16_MAX - TAG_LEN &&
	       frame->vnet.hdr_len <= UINT16_MAX - TAG_LEN;
}

static void parse(const struct frame *frame, struct vlan_frame *entered)
{
	uint16_t tag;

	*entered = (struct vlan_frame){.form = VLAN_BARE};
	if (has_tag(frame, TYPE_OFFSET)) {
		tag = load_be16(frame->head + TYPE_OFFSET + 2);
		entered->vlan = tag & VLAN_MASK;
		entered->priority = tag & PRIORITY_MASK;
		entered->form = entered->vlan ? VLAN_TAGGED : VLAN_PRIORITY;
		if (has_tag(frame, TYPE_OFFSET + TAG_LEN))
			entered->inner =
				load_be16(frame->head + TYPE_OFFSET + TAG_LEN + 2) & VLAN_MASK;
	}
	entered->forms[entered->form] = frame;
}

static bool enter_tunnel(const struct port_rules *rules, const struct frame *frame,
			 struct vlan_frame *entered)
{
	uint16_t inner = entered->vlan;

	*entered = (struct vlan_frame){.vlan = rules->vlan,
				       .inner = inner,
				       .from_tunnel = true,
				       .form = VLAN_BARE,
				       .forms = {[VLAN_BARE] = frame}};
	return rules->any_inner || vlan_set_has(&rules->vlans, inner);
}

static bool is_member(const struct port_rules *rules, struct vlan_frame *entered)
{
	switch (rules->mode) {
	case PORT_ACCESS:
		/* Whoever sends tags to an access port asks for a VLAN that is not its own. */
		if (entered->vlan)
			return false;
		entered->vlan = rules->vlan;
		return true;
	case PORT_TRUNK:
		if (!entered->vlan)
			entered->vlan = rules->vlan;
		return vlan_set_has(&rules->vlans, entered->vlan);
	default:
		return true;
	}
}

bool vlan_enter(const struct port_rules *rules, const struct frame *frame,
		struct vlan_frame *entered, enum drop_reason *why)
{
	parse(frame, entered);
	if (frame->needs && !offsets_can_move(frame, entered->form != VLAN_BARE)) {
		*why = DROP_BAD_VNET;
		return false;
	}
	/* A tag that is cut off hides the VLAN. */
	if (rules->mode != PORT_TRANSPARENT && load_be16(frame->head + TYPE_OFFSET) == TYPE_VLAN &&
	    !has_tag(frame, TYPE_OFFSET)) {
		*why = DROP_RUNT;
		return false;
	}
	*why = DROP_VLAN;
	if (rules->mode == PORT_TUNNEL)
		return enter_tunnel(rules, frame, entered);
	return is_member(rules, entered);
}

static enum vlan_form without_vlan(const struct port_rules *rules, const struct vlan_frame *entered)
{
	return rules->priority_tags && (entered->priority & PCP_MASK) ? VLAN_PRIORITY : VLAN_BARE;
}

enum vlan_form vlan_leave(const struct port_rules *rules, const struct vlan_frame *entered)
{
	switch (rules->mode) {
	case PORT_TRANSPARENT:
		return entered->vlan ? VLAN_TAGGED : entered->form;
	case PORT_ACCESS:
		/* What is left of a frame with two tags has one, and an access port none. */
		if (entered->vlan != rules->vlan || entered->inner)
			return VLAN_NOT_HERE;
		return without_vlan(rules, entered);
	case PORT_TUNNEL:
		if (entered->vlan != rules->vlan ||
		    (!rules->any_inner && !vlan_set_has(&rules->vlans, entered->inner)))
			return VLAN_NOT_HERE;
		return without_vlan(rules, entered);
	case PORT_TRUNK:
		break;
	}
	if (!vlan_set_has(&rules->vlans, entered->vlan))
		return VLAN_NOT_HERE;
	/* Were the tag of the native VLAN popped from a trunk's frame with two of them, the inner
	 * one would carry it into a VLAN that its sender may not be in. */
	if (entered->vlan != rules->vlan || rules->native_tagged ||
	    (entered->inner && !entered->from_tunnel))
		return VLAN_TAGGED;
	return without_vlan(rules, entered);
}

static void move_offsets(struct frame *frame, int by)
{
	frame->len = (uint32_t)((int)frame->len + by);
	frame->head_len = (uint16_t)(frame->head_len + by);
	if (!frame->needs)
		return;
	frame->vnet.csum_start = (uint16_t)(frame->vnet.csum_start + by);
	if (frame->vnet.hdr_len >= FRAME_LEN_MIN + TAG_LEN)
		frame->vnet.hdr_len = (uint16_t)(frame->vnet.hdr_len + by);
}

static void push(struct frame *frame)
{
	memmove(frame->head + TYPE_OFFSET + TAG_LEN, frame->head + TYPE_OFFSET,
		frame->head_len - TYPE_OFFSET);
	move_offsets(frame, TAG_LEN);
	store_be16(frame->head + TYPE_OFFSET, TYPE_VLAN);
}

static void pop(struct frame *frame)
{
	memmove(frame->head + TYPE_OFFSET, frame->head + TYPE_OFFSET + TAG_LEN,
		frame->head_len - TYPE_OFFSET - TAG_LEN);
	move_offsets(frame, -TAG_LEN);
}

void vlan_make(const struct vlan_frame *entered, enum vlan_form form, struct frame *made)
{
	*made = *entered->forms[entered->form];
	if (form == VLAN_BARE) {
		pop(made);
		return;
	}
	if (entered->form == VLAN_BARE)
		push(made);
	store_be16(made->head + TYPE_OFFSET + 2,
		   entered->priority | (form == VLAN_TAGGED ? entered->vlan : 0));
}
