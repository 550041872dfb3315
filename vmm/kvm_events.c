#include "vmm/kvm_events.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "vmm/layout.h"

enum {
	PIC_PINS = 16,
	PIC_PINS_EACH = 8,
	IOAPIC_PINS = 24,
};

static struct kvm_events *self_of(struct events *events)
{
	return (struct kvm_events *)events;
}

static struct kvm_irq_routing_entry *entry_of(struct kvm_events *self, unsigned gsi)
{
	for (unsigned i = PIC_PINS + IOAPIC_PINS; i < self->table->nr; i++)
		if (self->table->entries[i].gsi == gsi)
			return &self->table->entries[i];
	return NULL;
}

static int kvm_route(struct events *events, unsigned gsi, const struct msi_message *message)
{
	struct kvm_events *self = self_of(events);
	struct kvm_irq_routing_entry *entry = entry_of(self, gsi);

	if (!entry)
		return -EINVAL;
	entry->type = KVM_IRQ_ROUTING_MSI;
	entry->u.msi.address_lo = (uint32_t)message->addr;
	entry->u.msi.address_hi = (uint32_t)(message->addr >> 32);
	entry->u.msi.data = message->data;
	self->n_route_updates++;
	return ioctl(self->vm_fd, KVM_SET_GSI_ROUTING, self->table) < 0 ? -errno : 0;
}

static int irqfd(struct events *events, unsigned gsi, int fd, uint32_t flags)
{
	struct kvm_irqfd request = {.fd = (uint32_t)fd, .gsi = gsi, .flags = flags};

	return ioctl(self_of(events)->vm_fd, KVM_IRQFD, &request) < 0 ? -errno : 0;
}

static int kvm_attach(struct events *events, unsigned gsi, int fd)
{
	return irqfd(events, gsi, fd, 0);
}

static int kvm_detach(struct events *events, unsigned gsi, int fd)
{
	return irqfd(events, gsi, fd, KVM_IRQFD_FLAG_DEASSIGN);
}

static int kvm_send(struct events *events, const struct msi_message *message)
{
	struct kvm_msi msi = {.address_lo = (uint32_t)message->addr,
			      .address_hi = (uint32_t)(message->addr >> 32),
			      .data = message->data};

	return ioctl(self_of(events)->vm_fd, KVM_SIGNAL_MSI, &msi) < 0 ? -errno : 0;
}

/* Length 0 puts the doorbell on the fast bus of KVM, where no instruction is decoded. */
static int ioeventfd(struct events *events, uint64_t addr, int fd, uint32_t flags)
{
	struct kvm_ioeventfd request = {.addr = addr, .len = 0, .fd = fd, .flags = flags};

	return ioctl(self_of(events)->vm_fd, KVM_IOEVENTFD, &request) < 0 ? -errno : 0;
}

static int kvm_add_doorbell(struct events *events, uint64_t addr, int fd)
{
	return ioeventfd(events, addr, fd, 0);
}

static int kvm_remove_doorbell(struct events *events, uint64_t addr, int fd)
{
	return ioeventfd(events, addr, fd, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

static int kvm_set_pin(struct events *events, unsigned gsi, int level)
{
	struct kvm_irq_level line = {.irq = gsi, .level = (uint32_t)level};

	return ioctl(self_of(events)->vm_fd, KVM_IRQ_LINE, &line) < 0 ? -errno : 0;
}

static const struct event_ops kvm_event_ops = {
	.route = kvm_route,
	.attach = kvm_attach,
	.detach = kvm_detach,
	.send = kvm_send,
	.add_doorbell = kvm_add_doorbell,
	.remove_doorbell = kvm_remove_doorbell,
	.set_pin = kvm_set_pin,
};

static void add_pin(struct kvm_irq_routing *table, unsigned gsi, unsigned chip, unsigned pin)
{
	table->entries[table->nr++] =
		(struct kvm_irq_routing_entry){.gsi = gsi,
					       .type = KVM_IRQ_ROUTING_IRQCHIP,
					       .u.irqchip = {.irqchip = chip, .pin = pin}};
}

int kvm_events_init(struct kvm_events *events, int vm_fd, unsigned n_gsis)
{
	size_t n = PIC_PINS + IOAPIC_PINS + n_gsis;

	*events = (struct kvm_events){.base.ops = &kvm_event_ops, .vm_fd = vm_fd, .n_gsis = n_gsis};
	events->table = calloc(1, sizeof(*events->table) + n * sizeof(events->table->entries[0]));
	if (!events->table)
		return -ENOMEM;
	for (unsigned i = 0; i < PIC_PINS; i++)
		add_pin(events->table, i,
			i < PIC_PINS_EACH ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
			i % PIC_PINS_EACH);
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		add_pin(events->table, i, KVM_IRQCHIP_IOAPIC, i);
	for (unsigned i = 0; i < n_gsis; i++)
		events->table->entries[events->table->nr++] = (struct kvm_irq_routing_entry){
			.gsi = GSI_MSI_FIRST + i,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = {.address_lo = (uint32_t)LAYOUT_LAPIC}};
	return 0;
}

void kvm_events_fini(struct kvm_events *events)
{
	free(events->table);
	events->table = NULL;
}
