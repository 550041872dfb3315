/* A guest that reads and writes whatever it likes in port and memory space: PCI configuration, the
 * registers of a virtio network device, MSI-X, the control queue, the serial line. */
#include "tests/fuzz/guest_reads.h"
#include "tests/vmm/net_rig.h"
#include "vmm/layout.h"
#include "vmm/serial.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

enum {
	MAX_STEPS = 64,
	MAX_PAIRS = 3,
	COMMAND_AT = 0x1000, /* in guest memory */
	MAX_READS = 64 * RIG_QUEUE_SIZE * RIG_QUEUE_SIZE,
};

struct fuzzed {
	struct net_rig rig;
	struct serial serial;
	struct input in;
	uint16_t posted;
};

static void set_irq(void *ctx, bool level)
{
	(void)ctx;
	(void)level;
}

static void transmit(void *ctx, uint8_t byte)
{
	(void)ctx;
	(void)byte;
}

/* Most registers take small numbers. */
static uint64_t take_value(struct fuzzed *f, unsigned width)
{
	uint64_t value = input_take(&f->in, 1);

	return value == UINT8_MAX ? input_take(&f->in, width) : value;
}

static void access_bus(struct fuzzed *f, struct bus *bus, uint64_t addr, uint8_t how)
{
	unsigned width = 1u << (how & 3);

	if (how & 4)
		bus_write(bus, addr, width, take_value(f, width));
	else if (bus_read(bus, addr, width) & ~bus_ones(width))
		abort();
}

static void access_ports(struct fuzzed *f, uint8_t how)
{
	static const uint16_t bases[] = {PORT_PCI_ADDRESS, PORT_PCI_DATA, PORT_COM1, PORT_COM1};
	uint16_t port = bases[how >> 6] + (uint16_t)input_take(&f->in, 1);

	access_bus(f, &f->rig.io, port, how);
}

static void *ram_at(struct fuzzed *f, uint64_t at)
{
	return f->rig.ram.region[0].hva + at;
}

/* As a driver does it: one readable part, one for the answer. */
static void post_command(struct fuzzed *f)
{
	const struct virtio_net *net = &f->rig.net;
	bool mq = net->vp.acked >> VIRTIO_NET_F_MQ & 1;
	unsigned queue = mq ? 2 * net->max_pairs : 2;
	uint64_t ring = RIG_RINGS + (uint64_t)queue * RIG_RING_STRIDE;
	struct vring_desc desc[2] = {{.addr = COMMAND_AT, .flags = VRING_DESC_F_NEXT, .next = 1},
				     {.addr = 0, .len = 1, .flags = VRING_DESC_F_WRITE}};
	size_t len = desc[0].len = (uint32_t)input_take(&f->in, 1);

	for (size_t i = 0; i < len; i++)
		*(uint8_t *)ram_at(f, COMMAND_AT + i) = (uint8_t)input_take(&f->in, 1);
	memcpy(ram_at(f, ring), desc, sizeof(desc));
	f->posted++;
	memcpy((uint8_t *)ram_at(f, ring + RIG_DRIVER) + 2, &f->posted, sizeof(f->posted));
	net_rig_write(&f->rig, VIRTIO_BAR_NOTIFY + queue * VIRTIO_NOTIFY_MULTIPLIER, 4, queue);
}

/* What does not come from the guest. */
static void happen(struct fuzzed *f, uint8_t what)
{
	static const uint8_t typed[3] = "ls\n";

	switch (what & 7) {
	case 0:
		virtio_net_set_link(&f->rig.net, what & 8, what & 16);
		break;
	case 1:
		virtio_net_hold_down(&f->rig.net, what & 8);
		break;
	case 2:
		serial_receive(&f->serial, typed, sizeof(typed));
		break;
	default:
		if (f->rig.net.vp.stopping)
			virtio_pci_reset_done(&f->rig.net.vp);
	}
}

/* No interrupt, doorbell or ring that the device has not the right to. */
static void check(const struct fuzzed *f)
{
	const struct virtio_pci *vp = &f->rig.net.vp;
	const struct guest_ram *ram = &f->rig.ram;

	if (f->rig.events.attached_without_route || guest_reads_count() > MAX_READS)
		abort();
	if (!vp->started && f->rig.events.n_doorbells)
		abort();
	for (unsigned i = 0; vp->started && i < vp->n_queues; i++) {
		const struct virtio_queue *queue = &vp->queue[i];

		if (queue->enabled && !(guest_ram_at(ram, queue->desc, 16u * queue->size) &&
					guest_ram_at(ram, queue->driver, 6 + 2u * queue->size) &&
					guest_ram_at(ram, queue->device, 6 + 8u * queue->size)))
			abort();
	}
}

static void step(struct fuzzed *f)
{
	uint8_t what = (uint8_t)input_take(&f->in, 1), how = (uint8_t)input_take(&f->in, 1);
	uint64_t base = f->rig.net.vp.pci.bar_base;

	switch (what & 7) {
	case 0:
		access_ports(f, how);
		break;
	case 1:
		happen(f, how);
		break;
	case 2:
		post_command(f);
		break;
	case 3:
		access_bus(f, &f->rig.mmio, base + input_take(&f->in, 2), how);
		break;
	case 4:
		net_rig_config_write(&f->rig, how >> 6, (unsigned)input_take(&f->in, 1),
				     1u << (how & 3), (uint32_t)take_value(f, 4));
		break;
	/* Common configuration is what most depends on. */
	case 5:
		access_bus(f, &f->rig.mmio, base + (how >> 3), how);
		break;
	case 6:
		access_bus(f, &f->rig.mmio, base + 0x20 + (how >> 3), how);
		break;
	default:
		access_bus(f, &f->rig.mmio, base + VIRTIO_BAR_NOTIFY + (how >> 1), how);
	}
	check(f);
}

/* Guest memory from the heap, so that the address sanitizer sees its ends. */
static uint8_t *exchange_ram(struct guest_ram *ram, uint8_t *hva)
{
	uint8_t *old = ram->region[0].hva;

	ram->region[0].hva = hva;
	return old;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct fuzzed f;
	static uint8_t *memory;
	uint8_t *mapped;

	f = (struct fuzzed){.in = {.at = bytes, .left = len}};
	if (!memory)
		memory = malloc(RIG_RAM);
	if (!memory)
		abort();
	memset(memory, 0, RIG_RINGS + (2 * MAX_PAIRS + 1) * RIG_RING_STRIDE);
	net_rig_open(&f.rig, 1 + (unsigned)input_take(&f.in, 1) % MAX_PAIRS);
	mapped = exchange_ram(&f.rig.ram, memory);
	serial_init(&f.serial, set_irq, transmit, &f);
	bus_add(&f.rig.io, &(struct bus_range){.name = "serial",
					       .base = PORT_COM1,
					       .len = SERIAL_PORTS,
					       .enabled = true,
					       .ops = &serial_ops,
					       .device = &f.serial});
	if (f.in.left && f.in.at[0] & 1)
		net_rig_drive(&f.rig, input_take(&f.in, 8), f.rig.net.vp.n_queues);
	guest_reads_add(memory, RIG_RAM, true);
	guest_reads_begin(&f.in);
	for (unsigned i = 0; i < MAX_STEPS && f.in.left; i++)
		step(&f);
	guest_reads_end();
	exchange_ram(&f.rig.ram, mapped);
	net_rig_close(&f.rig);
	return 0;
}
