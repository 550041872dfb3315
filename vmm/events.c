#include "vmm/events.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "vmm/layout.h"

enum {
	PIC_PINS = 16,
	IOAPIC_PINS = 24,
};

static int call_kvm(struct events *events, unsigned long request, void *argument)
{
	return ioctl(events->vm_fd, request, argument) < 0 ? -errno : 0;
}

int events_init(struct events *events, int vm_fd, unsigned n_gsis)
{
	size_t n = PIC_PINS + IOAPIC_PINS + n_gsis;
	struct kvm_irq_routing_entry *entry;

	*events = (struct events){.vm_fd = vm_fd, .call = call_kvm};
	events->table = calloc(1, sizeof(*events->table) + n * sizeof(events->table->entries[0]));
	if (!events->table)
		return -ENOMEM;
	events->table->nr = (uint32_t)n;
	entry = events->table->entries;
	for (unsigned i = 0; i < PIC_PINS + IOAPIC_PINS; i++, entry++) {
		bool is_pic = i < PIC_PINS;

		entry->gsi = is_pic ? i : i - PIC_PINS;
		entry->type = KVM_IRQ_ROUTING_IRQCHIP;
		/* Master and slave are numbers 0 and 1. */
		entry->u.irqchip.irqchip = is_pic ? i / 8 : KVM_IRQCHIP_IOAPIC;
		entry->u.irqchip.pin = is_pic ? i % 8 : i - PIC_PINS;
	}
	for (unsigned i = 0; i < n_gsis; i++, entry++) {
		entry->gsi = GSI_MSI_FIRST + i;
		entry->type = KVM_IRQ_ROUTING_MSI;
		entry->u.msi.address_lo = LAYOUT_LAPIC;
	}
	return 0;
}

void events_fini(struct events *events)
{
	free(events->table);
	events->table = NULL;
}

int events_route(struct events *events, unsigned gsi, const struct msi_message *message)
{
	unsigned at = PIC_PINS + IOAPIC_PINS + gsi - GSI_MSI_FIRST;

	if (gsi < GSI_MSI_FIRST || at >= events->table->nr)
		return -EINVAL;
	events->table->entries[at].u.msi = (struct kvm_irq_routing_msi){
		message->address_lo, message->address_hi, message->data, {0}};
	events->n_route_updates++;
	return events->call(events, KVM_SET_GSI_ROUTING, events->table);
}

int events_attach(struct events *events, unsigned gsi, int fd, bool on)
{
	struct kvm_irqfd request = {
		.fd = (uint32_t)fd, .gsi = gsi, .flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN};

	return events->call(events, KVM_IRQFD, &request);
}

int events_send(struct events *events, const struct msi_message *message)
{
	struct kvm_msi msi = {.address_lo = message->address_lo,
			      .address_hi = message->address_hi,
			      .data = message->data};

	return events->call(events, KVM_SIGNAL_MSI, &msi);
}

int events_doorbell(struct events *events, uint64_t addr, int fd, bool on)
{
	/* Length 0 puts the doorbell on the fast bus of KVM, where no instruction is decoded. */
	struct kvm_ioeventfd request = {
		.addr = addr, .len = 0, .fd = fd, .flags = on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN};

	return events->call(events, KVM_IOEVENTFD, &request);
}

int events_set_pin(struct events *events, unsigned gsi, bool level)
{
	struct kvm_irq_level line = {.irq = gsi, .level = level};

	return events->call(events, KVM_IRQ_LINE, &line);
}
