#include "net_rig.h"

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/layout.h"

enum {
	SLOT = PCI_FIRST_FREE_SLOT,
	ALL_QUEUES = 256,
};

void net_rig_open(struct net_rig *rig, unsigned pairs)
{
	const struct options_net wish = {.pairs = pairs, .mac = {2, 0, 0, 0, 0, 7}, .mtu = 1500};
	struct refusal why;

	memset(rig, 0, sizeof(*rig));
	fake_events_init(&rig->events);
	rig->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	rig->virtio = (struct virtio_world){&rig->events.base, &rig->ram, &rig->mmio, rig->wake_fd};
	if (guest_ram_open(&rig->ram, RIG_RAM, LAYOUT_PAGE, false, &why) < 0 ||
	    virtio_net_open(&rig->net, &rig->virtio, 0, &wish, &why) < 0)
		abort();
	pci_host_init(&rig->pci, &rig->io);
	pci_host_add(&rig->pci, 0, &rig->net.vp.pci);
	virtio_net_offer(&rig->net, ~UINT64_C(0), ALL_QUEUES);
}

void net_rig_close(struct net_rig *rig)
{
	virtio_net_close(&rig->net);
	fake_events_fini(&rig->events);
	guest_ram_close(&rig->ram);
	close(rig->wake_fd);
}

uint64_t net_rig_read(struct net_rig *rig, unsigned offset, unsigned width)
{
	return bus_read(&rig->mmio, LAYOUT_PCI_WINDOW + offset, width);
}

void net_rig_write(struct net_rig *rig, unsigned offset, unsigned width, uint64_t value)
{
	bus_write(&rig->mmio, LAYOUT_PCI_WINDOW + offset, width, value);
}

uint32_t net_rig_config_read(struct net_rig *rig, unsigned slot, unsigned reg, unsigned width)
{
	bus_write(&rig->io, PORT_PCI_ADDRESS, 4, 1u << 31 | slot << 11 | (reg & 0xfc));
	return (uint32_t)bus_read(&rig->io, PORT_PCI_DATA + (reg & 3), width);
}

void net_rig_config_write(struct net_rig *rig, unsigned slot, unsigned reg, unsigned width,
			  uint32_t value)
{
	bus_write(&rig->io, PORT_PCI_ADDRESS, 4, 1u << 31 | slot << 11 | (reg & 0xfc));
	bus_write(&rig->io, PORT_PCI_DATA + (reg & 3), width, value);
}

void net_rig_enable_memory(struct net_rig *rig)
{
	net_rig_config_write(rig, SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void net_rig_negotiate(struct net_rig *rig, uint64_t features)
{
	unsigned status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	net_rig_write(rig, VIRTIO_PCI_COMMON_STATUS, 1, status);
	net_rig_write(rig, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	net_rig_write(rig, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)features);
	net_rig_write(rig, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	net_rig_write(rig, VIRTIO_PCI_COMMON_GF, 4, features >> 32);
	net_rig_write(rig, VIRTIO_PCI_COMMON_STATUS, 1, status | VIRTIO_CONFIG_S_FEATURES_OK);
}

void net_rig_set_queue(struct net_rig *rig, unsigned queue, unsigned vector)
{
	uint64_t at = RIG_RINGS + (uint64_t)queue * RIG_RING_STRIDE;

	net_rig_write(rig, VIRTIO_PCI_COMMON_Q_SELECT, 2, queue);
	net_rig_write(rig, VIRTIO_PCI_COMMON_Q_SIZE, 2, RIG_QUEUE_SIZE);
	net_rig_write(rig, VIRTIO_PCI_COMMON_Q_DESCLO, 4, at);
	net_rig_write(rig, VIRTIO_PCI_COMMON_Q_DESCHI, 4, 0);
	net_rig_write(rig, VIRTIO_PCI_COMMON_Q_AVAILLO, 4, at + RIG_DRIVER);
	net_rig_write(rig, VIRTIO_PCI_COMMON_Q_AVAILHI, 4, 0);
	net_rig_write(rig, VIRTIO_PCI_COMMON_Q_USEDLO, 4, at + RIG_DEVICE);
	net_rig_write(rig, VIRTIO_PCI_COMMON_Q_USEDHI, 4, 0);
	net_rig_write(rig, VIRTIO_PCI_COMMON_Q_MSIX, 2, vector);
	net_rig_write(rig, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

void net_rig_unmask(struct net_rig *rig, unsigned vector, uint32_t data)
{
	unsigned at = VIRTIO_BAR_MSIX_TABLE + vector * MSIX_ENTRY_LEN;

	net_rig_write(rig, at, 4, RIG_MSI);
	net_rig_write(rig, at + 4, 4, 0);
	net_rig_write(rig, at + 8, 4, data);
	net_rig_write(rig, at + 12, 4, 0);
	net_rig_config_write(rig, SLOT, rig->net.vp.msix_at + PCI_MSIX_FLAGS, 2,
			     PCI_MSIX_FLAGS_ENABLE);
}

void net_rig_drive(struct net_rig *rig, uint64_t features, unsigned n_queues)
{
	net_rig_enable_memory(rig);
	net_rig_negotiate(rig, features | UINT64_C(1) << VIRTIO_F_VERSION_1);
	for (unsigned i = 0; i < n_queues; i++) {
		net_rig_unmask(rig, i + 1, 0x40 + i);
		net_rig_set_queue(rig, i, i + 1);
	}
	net_rig_write(rig, VIRTIO_PCI_COMMON_STATUS, 1,
		      VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			      VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
}
