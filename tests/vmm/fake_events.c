#include "fake_events.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>

static unsigned index_of(unsigned gsi)
{
	if (gsi < FAKE_FIRST_GSI || gsi >= FAKE_FIRST_GSI + FAKE_MAX_GSIS)
		abort();
	return gsi - FAKE_FIRST_GSI;
}

/* As KVM does, the whole table each time. What has an address beyond the one that leads nowhere, or
 * data, was routed by the driver. */
static int take_routes(struct fake_events *self, const struct kvm_irq_routing *table)
{
	for (unsigned i = 0; i < table->nr; i++) {
		const struct kvm_irq_routing_entry *entry = &table->entries[i];

		if (entry->type != KVM_IRQ_ROUTING_MSI)
			continue;
		self->route[index_of(entry->gsi)] = (struct msi_message){
			entry->u.msi.address_lo, entry->u.msi.address_hi, entry->u.msi.data};
		self->routed[index_of(entry->gsi)] = entry->u.msi.data != 0;
	}
	self->n_routes++;
	return 0;
}

static int take_irqfd(struct fake_events *self, const struct kvm_irqfd *request)
{
	unsigned i = index_of(request->gsi);

	if (!(request->flags & KVM_IRQFD_FLAG_DEASSIGN)) {
		self->attached_without_route |= !self->routed[i];
		self->attached_fd[i] = (int)request->fd;
		self->n_attaches++;
		return 0;
	}
	if (self->attached_fd[i] != (int)request->fd)
		return -EINVAL;
	self->attached_fd[i] = 0;
	self->n_detaches++;
	return 0;
}

static int take_ioeventfd(struct fake_events *self, const struct kvm_ioeventfd *request)
{
	if (!(request->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)) {
		self->doorbell[self->n_doorbells++] =
			(struct fake_doorbell){request->addr, request->fd};
		return 0;
	}
	for (unsigned i = 0; i < self->n_doorbells; i++) {
		if (self->doorbell[i].addr == request->addr &&
		    self->doorbell[i].fd == request->fd) {
			self->doorbell[i] = self->doorbell[--self->n_doorbells];
			return 0;
		}
	}
	return -ENOENT;
}

static int take_message(struct fake_events *self, const struct kvm_msi *msi)
{
	self->last_sent = (struct msi_message){msi->address_lo, msi->address_hi, msi->data};
	self->n_sent++;
	return 0;
}

static int fake_call(struct kvm *kvm, unsigned long request, void *argument)
{
	struct fake_events *self = (struct fake_events *)kvm;

	switch (request) {
	case KVM_SET_GSI_ROUTING:
		return take_routes(self, argument);
	case KVM_IRQFD:
		return take_irqfd(self, argument);
	case KVM_IOEVENTFD:
		return take_ioeventfd(self, argument);
	case KVM_SIGNAL_MSI:
		return take_message(self, argument);
	case KVM_IRQ_LINE:
		self->n_pins += ((const struct kvm_irq_level *)argument)->level != 0;
		return 0;
	default:
		return -ENOTTY;
	}
}

void fake_events_init(struct fake_events *fake)
{
	*fake = (struct fake_events){.base = {.fd = -1, .vm_fd = -1, .call = fake_call}};
	if (kvm_init_routes(&fake->base, FAKE_MAX_GSIS) < 0)
		abort();
	fake->n_routes = 0;
}

void fake_events_fini(struct fake_events *fake)
{
	kvm_close(&fake->base);
}
