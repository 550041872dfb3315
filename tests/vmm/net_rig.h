/* net_rig.h - a virtio network device with memory, buses and a fake KVM, driven like a guest drives
 * it.
 *
 * Threads:   that of the test.
 * Ownership: the rig keeps everything between net_rig_open() and net_rig_close().
 * Failure:   aborts when the machine lacks the means. */
#ifndef TESTS_VMM_NET_RIG_H
#define TESTS_VMM_NET_RIG_H

#include "fake_events.h"
#include "vmm/virtio_net.h"

enum {
	RIG_RAM = 8 << 20,
	RIG_QUEUE_SIZE = 64,
	RIG_RINGS = 0x200000, /* queue i has its rings at RIG_RINGS + i * RIG_RING_STRIDE */
	RIG_RING_STRIDE = 0x10000,
	RIG_DRIVER = 0x4000, /* offset of the available ring in the stride */
	RIG_DEVICE = 0x8000,
	RIG_MSI = 0xfee00000,
};

struct net_rig {
	struct guest_ram ram;
	struct bus io, mmio;
	struct pci_host pci;
	struct fake_events events;
	struct virtio_world virtio;
	struct virtio_net net;
	int wake_fd;
};

/* A device with so many pairs, offered on a back-end that can everything. */
void net_rig_open(struct net_rig *rig, unsigned pairs);
void net_rig_close(struct net_rig *rig);

/* Registers of the common configuration. */
uint64_t net_rig_read(struct net_rig *rig, unsigned offset, unsigned width);
void net_rig_write(struct net_rig *rig, unsigned offset, unsigned width, uint64_t value);

/* What a driver does, up to FEATURES_OK, DRIVER_OK. */
void net_rig_enable_memory(struct net_rig *rig);
void net_rig_negotiate(struct net_rig *rig, uint64_t features);
void net_rig_set_queue(struct net_rig *rig, unsigned queue, unsigned vector);
void net_rig_unmask(struct net_rig *rig, unsigned vector, uint32_t data);
void net_rig_drive(struct net_rig *rig, uint64_t features, unsigned n_queues);

/* An access to a PCI configuration register of a slot, through the ports. */
uint32_t net_rig_config_read(struct net_rig *rig, unsigned slot, unsigned reg, unsigned width);
void net_rig_config_write(struct net_rig *rig, unsigned slot, unsigned reg, unsigned width,
			  uint32_t value);

#endif
