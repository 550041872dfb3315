#include "switch/bridge_rules.h"
#include "switch/mac.h"
#include "switch/vlan.h"

/* One frame on its way through the bridge. */
struct passage {
	const struct bridge_view *view;
	const struct frame *frame;
	struct outbox *out;
	struct port_rules *from;
	uint16_t src;
	uint32_t now_s;
	struct vlan_frame vlan;
	uint64_t src_mac;
	uint64_t dst_mac;
};

static const struct frame *frame_in_form(struct passage *passage, enum vlan_form form)
{
	struct frame *made;

	if (passage->vlan.forms[form])
		return passage->vlan.forms[form];
	made = &passage->out->made[passage->out->n_made++];
	vlan_make(&passage->vlan, form, made);
	passage->vlan.forms[form] = made;
	return made;
}

/* Gives the frame to a port, or says why the port is none for it. */
static enum drop_reason send_to(struct passage *passage, uint16_t port)
{
	const struct port_rules *to = &passage->view->bridge->rules[port];
	enum vlan_form form;

	if (passage->from->isolated && to->isolated)
		return DROP_ISOLATED;
	form = vlan_leave(to, &passage->vlan);
	if (form == VLAN_NOT_HERE)
		return DROP_VLAN;
	outbox_add(passage->out, port, frame_in_form(passage, form));
	return DROP_N;
}

static void flood(struct passage *passage)
{
	const struct bridge_view *view = passage->view;
	unsigned n_copies = passage->out->n_copies;

	if (!port_rules_allow_flood(passage->from, passage->now_s)) {
		outbox_drop(passage->out, passage->frame, DROP_STORM);
		return;
	}
	for (unsigned i = 0; i < view->n_members; i++)
		if (view->members[i] != passage->src)
			send_to(passage, view->members[i]);
	if (passage->out->n_copies == n_copies)
		outbox_drop(passage->out, passage->frame, DROP_NO_PORT);
}

static void forward_known(struct passage *passage, uint16_t port)
{
	enum drop_reason why = DROP_SAME_PORT;

	if (port != passage->src)
		why = send_to(passage, port);
	if (why != DROP_N)
		outbox_drop(passage->out, passage->frame, why);
}

static bool is_refused(const struct passage *passage, enum drop_reason *why)
{
	const struct bridge_conf *conf = passage->view->bridge->conf;
	bool learns = conf->mode == BRIDGE_SWITCH;

	if (learns && (mac_is_group(passage->src_mac) || passage->src_mac == 0))
		*why = DROP_BAD_SOURCE;
	else if (!port_rules_allow_mac(passage->from, passage->src_mac))
		*why = DROP_SPOOFED;
	else if (learns && conf->l2cp == L2CP_DROP && mac_is_l2cp(passage->dst_mac))
		*why = DROP_L2CP;
	else
		return false;
	return true;
}

static void forward_frame(struct passage *passage)
{
	struct fdb *fdb = passage->view->bridge->fdb;
	fdb_key vlan;
	uint16_t port;
	enum drop_reason why;

	passage->src_mac = mac_load(passage->frame->head + 6);
	passage->dst_mac = mac_load(passage->frame->head);
	if (!vlan_enter(passage->from, passage->frame, &passage->vlan, &why) ||
	    is_refused(passage, &why)) {
		outbox_drop(passage->out, passage->frame, why);
		return;
	}
	if (!fdb) {
		flood(passage);
		return;
	}
	vlan = (fdb_key)passage->vlan.vlan << 48;
	if (!fdb_learn(fdb, passage->src_mac | vlan, passage->src, passage->now_s)) {
		outbox_drop(passage->out, passage->frame, DROP_MAX_MACS);
		return;
	}
	if (mac_is_group(passage->dst_mac)) {
		flood(passage);
		return;
	}
	port = fdb_lookup(fdb, passage->dst_mac | vlan, passage->now_s);
	if (port == FDB_NO_PORT)
		flood(passage);
	else
		forward_known(passage, port);
}

void bridge_rules_forward(const struct bridge_view *view, uint16_t src, const struct burst *burst,
			  uint32_t now_s, struct outbox *out)
{
	struct passage passage = {.view = view,
				  .out = out,
				  .from = &view->bridge->rules[src],
				  .src = src,
				  .now_s = now_s};

	for (unsigned i = 0; i < burst->n; i++) {
		passage.frame = &burst->frames[i];
		forward_frame(&passage);
	}
}
