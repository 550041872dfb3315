#include "nic.h"

#include "machine.h"

enum {
	PCI_ADDRESS = 0xcf8,
	PCI_DATA = 0xcfc,
	PCI_SLOTS = 32,
	VIRTIO_NET_ID = 0x10411af4,
	CAP_VENDOR = 0x09,
	CAP_MSIX = 0x11,
	CFG_COMMON = 1,
	CFG_NOTIFY,
	CFG_ISR,
	CFG_DEVICE,
	COMMAND_MEMORY_MASTER = 6,

	STATUS_ACKNOWLEDGE = 1,
	STATUS_DRIVER = 2,
	STATUS_DRIVER_OK = 4,
	STATUS_FEATURES_OK = 8,
	FEATURE_MAC = 1 << 5,
	FEATURE_STATUS = 1 << 16,
	FEATURE_HIGH_VERSION_1 = 1, /* bit 32 */

	RING_LEN = 64,
	BUFFER_LEN = 2048,
	VNET_LEN = 12,
	DESC_WRITE = 2,
	AVAIL_NO_INTERRUPT = 1,
	USED_NO_NOTIFY = 1,
	RECEIVE_QUEUE = 0,
	TRANSMIT_QUEUE = 1,
	NO_VECTOR = 0xffff,
};

struct common {
	uint32_t offered_select, offered, acked_select, acked;
	uint16_t config_vector, n_queues;
	uint8_t status, generation;
	uint16_t queue_select, queue_size, queue_vector, queue_enable, queue_notify;
	uint32_t desc[2], driver[2], device[2];
};

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct ring {
	struct desc desc[RING_LEN];
	struct {
		uint16_t flags, idx, entry[RING_LEN], used_event;
	} avail;
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} entry[RING_LEN];
	} used __attribute__((aligned(4)));
	uint16_t avail_idx, used_idx; /* ours */
	volatile uint16_t *doorbell;
} __attribute__((aligned(16)));

static struct ring receive, transmit;
static uint8_t receive_buffer[RING_LEN][BUFFER_LEN] __attribute__((aligned(64)));
static uint8_t transmit_buffer[RING_LEN][BUFFER_LEN] __attribute__((aligned(64)));
static volatile struct common *common;
static volatile uint8_t *device;
static uint32_t notify_base, notify_multiplier, bar0;

static uint32_t pci_read(unsigned slot, unsigned reg)
{
	out32(PCI_ADDRESS, 1u << 31 | slot << 11 | reg);
	return in32(PCI_DATA);
}

static void pci_write(unsigned slot, unsigned reg, uint32_t value)
{
	out32(PCI_ADDRESS, 1u << 31 | slot << 11 | reg);
	out32(PCI_DATA, value);
}

static void msix_vector(volatile uint32_t *table, unsigned entry, unsigned vector)
{
	volatile uint32_t *e = table + 4 * entry;

	e[0] = 0xfee00000; /* to CPU 0 */
	e[1] = 0;
	e[2] = vector;
	e[3] = 0;
}

static void use_capability(unsigned slot, unsigned at)
{
	uint32_t head = pci_read(slot, at);
	uint32_t offset = pci_read(slot, at + 8);

	if ((head & 0xff) == CAP_MSIX) {
		volatile uint32_t *table =
			(volatile uint32_t *)(bar0 + (pci_read(slot, at + 4) & ~7u));

		msix_vector(table, 0, VECTOR_CONFIG);
		msix_vector(table, 1, VECTOR_RECEIVE);
		pci_write(slot, at, head | 1u << 31);
		return;
	}
	if ((head & 0xff) != CAP_VENDOR)
		return;
	switch (head >> 24) {
	case CFG_COMMON:
		common = (volatile struct common *)(bar0 + offset);
		break;
	case CFG_NOTIFY:
		notify_base = bar0 + offset;
		notify_multiplier = pci_read(slot, at + 16);
		break;
	case CFG_DEVICE:
		device = (volatile uint8_t *)(bar0 + offset);
		break;
	default:
		break;
	}
}

static bool find(unsigned index)
{
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		unsigned at;

		if (pci_read(slot, 0) != VIRTIO_NET_ID || index-- != 0)
			continue;
		bar0 = pci_read(slot, 0x10) & ~15u;
		pci_write(slot, 4, COMMAND_MEMORY_MASTER);
		at = pci_read(slot, 0x34) & 0xfc;
		for (unsigned i = 0; at && i < 48; i++) {
			use_capability(slot, at);
			at = pci_read(slot, at) >> 8 & 0xfc;
		}
		return common && device && notify_base;
	}
	return false;
}

static void set_address(volatile uint32_t *reg, const void *where)
{
	reg[0] = (uint32_t)(uintptr_t)where;
	reg[1] = 0;
}

static void set_queue(struct ring *ring, unsigned queue, unsigned vector)
{
	common->queue_select = (uint16_t)queue;
	common->queue_size = RING_LEN;
	common->queue_vector = (uint16_t)vector;
	set_address(common->desc, ring->desc);
	set_address(common->driver, &ring->avail);
	set_address(common->device, &ring->used);
	ring->doorbell =
		(volatile uint16_t *)(notify_base + notify_multiplier * common->queue_notify);
	common->queue_enable = 1;
}

static bool negotiate(void)
{
	common->status = 0;
	while (common->status)
		;
	common->status = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
	common->offered_select = 0;
	common->acked_select = 0;
	common->acked = common->offered & (FEATURE_MAC | FEATURE_STATUS);
	common->acked_select = 1;
	common->acked = FEATURE_HIGH_VERSION_1;
	common->status = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
	return common->status & STATUS_FEATURES_OK;
}

static void fill_rings(void)
{
	for (unsigned i = 0; i < RING_LEN; i++) {
		receive.desc[i] = (struct desc){(uint32_t)(uintptr_t)receive_buffer[i], BUFFER_LEN,
						DESC_WRITE, 0};
		receive.avail.entry[i] = (uint16_t)i;
		transmit.desc[i] = (struct desc){(uint32_t)(uintptr_t)transmit_buffer[i], 0, 0, 0};
		transmit.avail.entry[i] = (uint16_t)i;
	}
	receive.avail.idx = receive.avail_idx = RING_LEN;
	transmit.avail.flags = AVAIL_NO_INTERRUPT;
}

bool nic_init(unsigned index, uint8_t mac[6])
{
	if (!find(index) || !negotiate())
		return false;
	fill_rings();
	common->config_vector = 0;
	set_queue(&receive, RECEIVE_QUEUE, 1);
	set_queue(&transmit, TRANSMIT_QUEUE, NO_VECTOR);
	for (unsigned i = 0; i < 6; i++)
		mac[i] = device[i];
	common->status = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
	*receive.doorbell = RECEIVE_QUEUE;
	return true;
}

bool nic_link_up(void)
{
	return device[6] & 1;
}

/* The device looks at what was published before it looks at whether to be told. */
static void publish(struct ring *ring, unsigned queue, bool notify)
{
	__atomic_store_n(&ring->avail.idx, ring->avail_idx, __ATOMIC_RELEASE);
	if (!notify)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&ring->used.flags, __ATOMIC_RELAXED) & USED_NO_NOTIFY))
		*ring->doorbell = (uint16_t)queue;
}

static unsigned receive_id(void)
{
	return receive.used.entry[receive.used_idx % RING_LEN].id % RING_LEN;
}

uint8_t *nic_receive(uint32_t *len)
{
	uint32_t total;

	for (;;) {
		if (__atomic_load_n(&receive.used.idx, __ATOMIC_ACQUIRE) == receive.used_idx)
			return 0;
		total = receive.used.entry[receive.used_idx % RING_LEN].len;
		if (total > VNET_LEN && total <= BUFFER_LEN)
			break;
		nic_done();
	}
	*len = total - VNET_LEN;
	return receive_buffer[receive_id()] + VNET_LEN;
}

void nic_done(void)
{
	receive.avail.entry[receive.avail_idx % RING_LEN] = (uint16_t)receive_id();
	receive.avail_idx++;
	receive.used_idx++;
	publish(&receive, RECEIVE_QUEUE, false);
}

void nic_refilled(void)
{
	publish(&receive, RECEIVE_QUEUE, true);
}

uint8_t *nic_transmit_buffer(void)
{
	/* Descriptors are used in turn, and the device finishes them in turn or not at all. */
	if ((uint16_t)(transmit.avail_idx -
		       __atomic_load_n(&transmit.used.idx, __ATOMIC_ACQUIRE)) >= RING_LEN)
		return 0;
	return transmit_buffer[transmit.avail_idx % RING_LEN] + VNET_LEN;
}

void nic_transmit(uint32_t len)
{
	transmit.desc[transmit.avail_idx % RING_LEN].len = len + VNET_LEN;
	transmit.avail_idx++;
	publish(&transmit, TRANSMIT_QUEUE, true);
}
