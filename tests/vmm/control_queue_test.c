/* The control virtqueue: commands as drivers send them, and chains as they must not be. */
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "net_rig.h"
#include "tests/suite.h"

#define BIT(n) (UINT64_C(1) << (n))
#define FEATURES                                                                                   \
	(BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_GUEST_ANNOUNCE))
#define FEATURES_MQ (FEATURES | BIT(VIRTIO_NET_F_MQ))

enum {
	QUEUE = 2, /* one pair */
	QUEUE_MQ = 4,
	COMMAND = 0x100000, /* guest-physical */
	ACK = 0x110000,
	INDIRECT = 0x120000,
	SOUND = 0x130000, /* a table that is right */
	NO_ANSWER = 0x55,
};

struct driver {
	struct net_rig rig;
	unsigned queue;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
};

static void *at(struct driver *d, uint64_t gpa)
{
	return guest_ram_at(&d->rig.ram, gpa, 1);
}

static void driver_open(struct driver *d, unsigned pairs, uint64_t features)
{
	uint64_t ring;

	net_rig_open(&d->rig, pairs);
	d->queue = features & BIT(VIRTIO_NET_F_MQ) ? 2 * pairs : QUEUE;
	ring = RIG_RINGS + (uint64_t)d->queue * RIG_RING_STRIDE;
	d->desc = at(d, ring);
	d->avail = at(d, ring + RIG_DRIVER);
	d->used = at(d, ring + RIG_DEVICE);
	net_rig_drive(&d->rig, features, 2 * pairs + 1);
}

static void submit(struct driver *d, unsigned head)
{
	d->avail->ring[d->avail->idx % RIG_QUEUE_SIZE] = (uint16_t)head;
	d->avail->idx++;
	net_rig_write(&d->rig, VIRTIO_BAR_NOTIFY + d->queue * VIRTIO_NOTIFY_MULTIPLIER, 2,
		      d->queue);
}

/* A command in one readable and one writable descriptor; returns the answer. */
static unsigned command(struct driver *d, const void *bytes, size_t len)
{
	uint8_t *ack = at(d, ACK);

	memcpy(at(d, COMMAND), bytes, len);
	*ack = NO_ANSWER;
	d->desc[0] = (struct vring_desc){COMMAND, (uint32_t)len, VRING_DESC_F_NEXT, 1};
	d->desc[1] = (struct vring_desc){ACK, 1, VRING_DESC_F_WRITE, 0};
	submit(d, 0);
	return *ack;
}

static void every_known_command_is_answered(void)
{
	static const struct {
		uint8_t bytes[24];
		size_t len;
		unsigned answer;
	} cases[] = {
		{{VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1}, 3, VIRTIO_NET_OK},
		{{VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC}, 2, VIRTIO_NET_ERR},
		{{VIRTIO_NET_CTRL_RX, 9, 1}, 3, VIRTIO_NET_ERR},
		{{VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2,
		  3, 4, 5, 6},
		 16,
		 VIRTIO_NET_OK},
		{{VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, 0, 0, 0, 0, 2, 0, 0, 0, 1, 2,
		  3, 4, 5, 6},
		 16,
		 VIRTIO_NET_ERR},
		{{VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, 0xff, 0xff, 0xff, 0xff},
		 6,
		 VIRTIO_NET_ERR},
		{{VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, 0, 0}, 4, VIRTIO_NET_ERR},
		{{VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, 2, 0, 0, 0, 0, 0x42},
		 8,
		 VIRTIO_NET_OK},
		{{VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, 3, 0, 0, 0, 0, 0x43},
		 8,
		 VIRTIO_NET_ERR},
		{{VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, 2, 0}, 4, VIRTIO_NET_ERR},
		{{VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, 5, 0}, 4, VIRTIO_NET_OK},
		{{VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 1, 0}, 4, VIRTIO_NET_ERR},
		{{VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0, 0, 0}, 4, VIRTIO_NET_ERR},
		{{77, 0}, 2, VIRTIO_NET_ERR},
		{{VIRTIO_NET_CTRL_RX}, 1, VIRTIO_NET_ERR},
	};
	struct driver d;

	driver_open(&d, 1, FEATURES);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_EQUAL(command(&d, cases[i].bytes, cases[i].len), cases[i].answer);
	CU_ASSERT_EQUAL(d.used->idx, sizeof(cases) / sizeof(cases[0]));
	CU_ASSERT_EQUAL(d.rig.net.config.mac[5], 0x42);
	CU_ASSERT_EQUAL(d.rig.net.control.n_commands, d.used->idx);
	net_rig_close(&d.rig);
}

static void pairs_are_set_within_what_the_device_has(void)
{
	static const struct {
		uint16_t pairs;
		unsigned answer;
	} cases[] = {{2, VIRTIO_NET_OK},
		     {0, VIRTIO_NET_ERR},
		     {3, VIRTIO_NET_ERR},
		     {1, VIRTIO_NET_OK},
		     {0x8000, VIRTIO_NET_ERR}};
	struct driver d;

	driver_open(&d, 2, FEATURES_MQ);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[4] = {VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
				    (uint8_t)cases[i].pairs, (uint8_t)(cases[i].pairs >> 8)};
		unsigned before = d.rig.net.pairs;

		CU_ASSERT_EQUAL(command(&d, bytes, sizeof(bytes)), cases[i].answer);
		CU_ASSERT_EQUAL(d.rig.net.pairs,
				cases[i].answer == VIRTIO_NET_OK ? cases[i].pairs : before);
	}
	net_rig_close(&d.rig);
}

static void announcement_is_asked_for_until_it_is_acknowledged(void)
{
	static const uint8_t ack[] = {VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK};
	struct driver d;

	driver_open(&d, 1, FEATURES);
	virtio_net_set_link(&d.rig.net, true, true);
	CU_ASSERT_EQUAL(d.rig.net.config.status, VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
	CU_ASSERT_EQUAL(command(&d, ack, sizeof(ack)), VIRTIO_NET_OK);
	CU_ASSERT_EQUAL(d.rig.net.config.status, VIRTIO_NET_S_LINK_UP);
	net_rig_close(&d.rig);
}

static void command_may_come_in_an_indirect_table_and_in_pieces(void)
{
	static const uint8_t rx_on[] = {VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, 1};
	struct vring_desc *table;
	struct driver d;
	uint8_t *ack;

	driver_open(&d, 1, FEATURES | BIT(VIRTIO_RING_F_INDIRECT_DESC));
	memcpy(at(&d, COMMAND), rx_on, sizeof(rx_on));
	table = at(&d, INDIRECT);
	table[0] = (struct vring_desc){COMMAND, 2, VRING_DESC_F_NEXT, 2};
	table[2] = (struct vring_desc){COMMAND + 2, 1, VRING_DESC_F_NEXT, 1};
	table[1] = (struct vring_desc){ACK, 1, VRING_DESC_F_WRITE, 0};
	d.desc[5] = (struct vring_desc){INDIRECT, 3 * sizeof(*table), VRING_DESC_F_INDIRECT, 0};
	ack = at(&d, ACK);
	*ack = NO_ANSWER;
	submit(&d, 5);
	CU_ASSERT_EQUAL(*ack, VIRTIO_NET_OK);
	CU_ASSERT_EQUAL(d.used->ring[0].id, 5);
	CU_ASSERT_EQUAL(d.used->ring[0].len, 1);
	net_rig_close(&d.rig);
}

/* Each chain is given back, changes nothing, and ends in bounded time. */
static void malformed_chains_are_refused_and_given_back(void)
{
	enum { N = VRING_DESC_F_NEXT, W = VRING_DESC_F_WRITE, I = VRING_DESC_F_INDIRECT };
	static const struct vring_desc cases[][2] = {
		{{COMMAND, 3, N, 0}, {0, 0, 0, 0}},	       /* a loop */
		{{COMMAND, 3, N, 64}, {0, 0, 0, 0}},	       /* out of the table */
		{{COMMAND, 3, N, 0xffff}, {0, 0, 0, 0}},       /* far out */
		{{RIG_RAM - 1, 3, N, 1}, {ACK, 1, W, 0}},      /* passes the end of RAM */
		{{~UINT64_C(0), 3, N, 1}, {ACK, 1, W, 0}},     /* wraps */
		{{COMMAND, 0xffffffff, N, 1}, {ACK, 1, W, 0}}, /* 4 GiB */
		{{COMMAND, 0x10000, N, 1}, {ACK, 1, W, 0}},    /* longer than any command */
		{{ACK, 1, W | N, 1}, {COMMAND, 3, 0, 0}},      /* writable first */
		{{COMMAND, 3, 0, 0}, {0, 0, 0, 0}},	       /* nowhere to answer */
		{{SOUND, 33, I, 0}, {0, 0, 0, 0}},	       /* no whole descriptor */
		{{INDIRECT, 0, I, 0}, {0, 0, 0, 0}},	       /* none at all */
		{{SOUND, 32, I | N, 1}, {ACK, 1, W, 0}},       /* indirect and chained */
		{{SOUND, 16 * 65, I, 0}, {0, 0, 0, 0}},	       /* longer than the ring */
		{{INDIRECT, 16, I, 0}, {0, 0, 0, 0}},	       /* indirect in indirect */
		{{RIG_RAM, 16, I, 0}, {0, 0, 0, 0}},	       /* table outside of RAM */
	};
	struct vring_desc *table;
	struct driver d;

	driver_open(&d, 1, FEATURES | BIT(VIRTIO_RING_F_INDIRECT_DESC));
	memcpy(at(&d, INDIRECT), &(struct vring_desc){INDIRECT, 16, I, 0},
	       sizeof(struct vring_desc));
	memcpy(at(&d, COMMAND), "\0\0\1", 3); /* right in itself */
	table = at(&d, SOUND);
	table[0] = (struct vring_desc){COMMAND, 3, N, 1};
	table[1] = (struct vring_desc){ACK, 1, W, 0};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *ack = at(&d, ACK);

		*ack = NO_ANSWER;
		d.desc[0] = cases[i][0];
		d.desc[1] = cases[i][1];
		submit(&d, 0);
		CU_ASSERT_EQUAL(d.used->idx, i + 1);
		CU_ASSERT_TRUE(*ack == NO_ANSWER || *ack == VIRTIO_NET_ERR);
	}
	CU_ASSERT_FALSE(d.rig.net.control.broken);
	net_rig_close(&d.rig);
}

static void available_index_that_jumps_breaks_the_queue_and_nothing_else(void)
{
	static const uint8_t rx_on[] = {VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, 1};
	struct driver d;

	driver_open(&d, 1, FEATURES);
	d.avail->idx = RIG_QUEUE_SIZE + 1;
	net_rig_write(&d.rig, VIRTIO_BAR_NOTIFY + d.queue * VIRTIO_NOTIFY_MULTIPLIER, 2, 0);
	CU_ASSERT_TRUE(d.rig.net.control.broken);
	CU_ASSERT_EQUAL(d.used->idx, 0);
	CU_ASSERT_EQUAL(command(&d, rx_on, sizeof(rx_on)), NO_ANSWER);
	CU_ASSERT_TRUE(d.rig.net.running);
	net_rig_close(&d.rig);
}

static void interrupt_is_sent_only_to_a_driver_that_wants_it(void)
{
	static const uint8_t rx_on[] = {VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, 1};
	uint16_t avail_event;
	struct driver d;

	driver_open(&d, 1, FEATURES);
	command(&d, rx_on, sizeof(rx_on));
	CU_ASSERT_EQUAL(d.rig.events.n_sent, 1);
	CU_ASSERT_EQUAL(d.rig.events.last_sent.data, 0x42);
	d.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	command(&d, rx_on, sizeof(rx_on));
	CU_ASSERT_EQUAL(d.rig.events.n_sent, 1);
	net_rig_close(&d.rig);

	driver_open(&d, 1, FEATURES | BIT(VIRTIO_RING_F_EVENT_IDX));
	d.avail->ring[RIG_QUEUE_SIZE] = 1; /* used_event: after the second */
	command(&d, rx_on, sizeof(rx_on));
	CU_ASSERT_EQUAL(d.rig.events.n_sent, 0);
	command(&d, rx_on, sizeof(rx_on));
	CU_ASSERT_EQUAL(d.rig.events.n_sent, 1);
	/* avail_event: tell me about the next one. */
	memcpy(&avail_event, &d.used->ring[RIG_QUEUE_SIZE], sizeof(avail_event));
	CU_ASSERT_EQUAL(avail_event, 2);
	net_rig_close(&d.rig);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"every_known_command_is_answered", every_known_command_is_answered},
		{"pairs_are_set_within_what_the_device_has",
		 pairs_are_set_within_what_the_device_has},
		{"announcement_is_asked_for_until_it_is_acknowledged",
		 announcement_is_asked_for_until_it_is_acknowledged},
		{"command_may_come_in_an_indirect_table_and_in_pieces",
		 command_may_come_in_an_indirect_table_and_in_pieces},
		{"malformed_chains_are_refused_and_given_back",
		 malformed_chains_are_refused_and_given_back},
		{"available_index_that_jumps_breaks_the_queue_and_nothing_else",
		 available_index_that_jumps_breaks_the_queue_and_nothing_else},
		{"interrupt_is_sent_only_to_a_driver_that_wants_it",
		 interrupt_is_sent_only_to_a_driver_that_wants_it},
		CU_TEST_INFO_NULL,
	};

	return suite_run("control queue", tests);
}
