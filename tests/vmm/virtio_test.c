/* The common configuration as a driver, honest or not, writes it; vectors and doorbells. */
#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <unistd.h>

#include "net_rig.h"
#include "tests/suite.h"
#include "vmm/layout.h"

enum {
	SLOT = PCI_FIRST_FREE_SLOT,
	ACKNOWLEDGE = VIRTIO_CONFIG_S_ACKNOWLEDGE,
	DRIVER = VIRTIO_CONFIG_S_DRIVER,
	FEATURES_OK = VIRTIO_CONFIG_S_FEATURES_OK,
	DRIVER_OK = VIRTIO_CONFIG_S_DRIVER_OK,
};

#define VERSION_1 (UINT64_C(1) << VIRTIO_F_VERSION_1)

static unsigned status_of(struct net_rig *rig)
{
	return (unsigned)net_rig_read(rig, VIRTIO_PCI_COMMON_STATUS, 1);
}

/* VMM-11, CVE-2026-5747 */
static void queue_registers_cannot_change_after_driver_ok(void)
{
	static const struct {
		unsigned offset, width;
		uint64_t value;
	} writes[] = {{VIRTIO_PCI_COMMON_Q_SIZE, 2, 8},
		      {VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0xdeadbeef},
		      {VIRTIO_PCI_COMMON_Q_DESCHI, 4, 0xdeadbeef},
		      {VIRTIO_PCI_COMMON_Q_AVAILLO, 4, 0xdeadbeef},
		      {VIRTIO_PCI_COMMON_Q_USEDLO, 4, 0xdeadbeef},
		      {VIRTIO_PCI_COMMON_Q_MSIX, 2, 3},
		      {VIRTIO_PCI_COMMON_Q_ENABLE, 2, 0}};
	struct net_rig rig;

	net_rig_open(&rig, 1);
	net_rig_drive(&rig, 0, 2);
	CU_ASSERT_TRUE(rig.net.running);
	net_rig_write(&rig, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		uint64_t before = net_rig_read(&rig, writes[i].offset, writes[i].width);

		net_rig_write(&rig, writes[i].offset, writes[i].width, writes[i].value);
		CU_ASSERT_EQUAL(net_rig_read(&rig, writes[i].offset, writes[i].width), before);
	}
	CU_ASSERT_EQUAL(rig.net.vp.n_refused, sizeof(writes) / sizeof(writes[0]));
	/* A queue that the driver forgot cannot come later. */
	net_rig_set_queue(&rig, 2, 0);
	CU_ASSERT_FALSE(rig.net.vp.queue[2].enabled);
	net_rig_close(&rig);
}

/* VMM-12 */
static void queue_that_does_not_exist_reads_zero_and_takes_nothing(void)
{
	static const unsigned beyond[] = {3, 4, 100, 0xffff};
	struct net_rig rig;

	net_rig_open(&rig, 1);
	net_rig_enable_memory(&rig);
	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		net_rig_set_queue(&rig, beyond[i], 1);
		CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_PCI_COMMON_Q_SIZE, 2), 0);
		CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
		CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_PCI_COMMON_Q_DESCLO, 4), 0);
	}
	net_rig_write(&rig, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	net_rig_write(&rig, VIRTIO_PCI_COMMON_Q_MSIX, 2, 4);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_PCI_COMMON_Q_MSIX, 2), MSIX_NO_VECTOR);
	net_rig_write(&rig, VIRTIO_PCI_COMMON_MSIX, 2, 4);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_PCI_COMMON_MSIX, 2), MSIX_NO_VECTOR);
	net_rig_write(&rig, VIRTIO_PCI_COMMON_MSIX, 2, 3);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_PCI_COMMON_MSIX, 2), 3);
	net_rig_close(&rig);
}

/* VMM-13: every offset and width of the whole BAR, beyond its end too. */
static void every_register_survives_every_access(void)
{
	static const unsigned widths[] = {1, 2, 4, 8};
	struct net_rig rig;

	net_rig_open(&rig, 1);
	net_rig_enable_memory(&rig);
	for (unsigned at = 0; at < VIRTIO_BAR_LEN; at++) {
		for (unsigned w = 0; w < 4; w++) {
			net_rig_read(&rig, at, widths[w]);
			net_rig_write(&rig, at, widths[w], ~UINT64_C(0));
			net_rig_write(&rig, at, widths[w], 0);
		}
	}
	CU_ASSERT_EQUAL(status_of(&rig), 0);
	CU_ASSERT_FALSE(rig.net.running);
	CU_ASSERT_EQUAL(rig.net.config.mac[5], 7);
	net_rig_close(&rig);
}

static void features_ok_is_withheld_from_a_wrong_choice(void)
{
	struct net_rig rig;

	net_rig_open(&rig, 1);
	net_rig_enable_memory(&rig);
	net_rig_negotiate(&rig, 0); /* no VERSION_1 */
	CU_ASSERT_EQUAL(status_of(&rig), ACKNOWLEDGE | DRIVER);
	net_rig_write(&rig, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	net_rig_negotiate(&rig, VERSION_1 | UINT64_C(1) << VIRTIO_NET_F_MQ); /* one pair only */
	CU_ASSERT_EQUAL(status_of(&rig), ACKNOWLEDGE | DRIVER);
	net_rig_write(&rig, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	net_rig_negotiate(&rig, VERSION_1);
	CU_ASSERT_EQUAL(status_of(&rig), ACKNOWLEDGE | DRIVER | FEATURES_OK);
	/* Too late. */
	net_rig_write(&rig, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	net_rig_write(&rig, VIRTIO_PCI_COMMON_GF, 4, 0xffffffff);
	CU_ASSERT_EQUAL(rig.net.vp.acked, VERSION_1);
	net_rig_close(&rig);
}

/* VMM-14: all sequences of three status writes. */
static void device_starts_only_by_the_way_of_the_specification(void)
{
	for (unsigned s = 0; s < 16 * 16 * 16; s++) {
		unsigned step[3] = {s & 15, s >> 4 & 15, s >> 8};
		struct net_rig rig;
		bool right;

		net_rig_open(&rig, 1);
		rig.net.vp.n_complaints = VIRTIO_MAX_COMPLAINTS; /* hundreds else */
		net_rig_enable_memory(&rig);
		net_rig_write(&rig, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
		net_rig_write(&rig, VIRTIO_PCI_COMMON_GF, 4, 1);
		for (unsigned i = 0; i < 3; i++)
			net_rig_write(&rig, VIRTIO_PCI_COMMON_STATUS, 1, step[i]);
		right = (status_of(&rig) & DRIVER_OK) != 0;
		CU_ASSERT_TRUE(!right || (status_of(&rig) & FEATURES_OK));
		CU_ASSERT_EQUAL(rig.net.vp.started, right);
		CU_ASSERT_FALSE(rig.net.running); /* no queues */
		net_rig_close(&rig);
	}
}

static void status_bits_go_away_by_reset_only(void)
{
	struct net_rig rig;

	net_rig_open(&rig, 1);
	net_rig_drive(&rig, 0, 2);
	net_rig_write(&rig, VIRTIO_PCI_COMMON_STATUS, 1, ACKNOWLEDGE);
	CU_ASSERT_EQUAL(status_of(&rig), ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	net_rig_write(&rig, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	/* Not before the back-end has let go. */
	CU_ASSERT_NOT_EQUAL(status_of(&rig), 0);
	CU_ASSERT_FALSE(rig.net.running);
	net_rig_set_queue(&rig, 0, 1);
	CU_ASSERT_EQUAL(rig.net.vp.queue[0].size, RIG_QUEUE_SIZE);
	virtio_pci_reset_done(&rig.net.vp);
	CU_ASSERT_EQUAL(status_of(&rig), 0);
	CU_ASSERT_EQUAL(rig.events.n_doorbells, 0);
	CU_ASSERT_EQUAL(rig.events.n_attaches, rig.events.n_detaches);
	CU_ASSERT_FALSE(rig.net.vp.queue[0].enabled);
	net_rig_close(&rig);
}

/* VMM-15 */
static void ring_outside_of_memory_never_reaches_the_back_end(void)
{
	static const uint64_t bad[] = {RIG_RAM, RIG_RAM - 16, 0xfee00000, 0x200008,
				       ~UINT64_C(0) & ~15};
	struct net_rig rig;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		net_rig_open(&rig, 1);
		net_rig_enable_memory(&rig);
		net_rig_negotiate(&rig, VERSION_1);
		net_rig_set_queue(&rig, 0, 1);
		net_rig_set_queue(&rig, 1, 2);
		rig.net.vp.queue[1].enabled = false;
		net_rig_write(&rig, VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
		net_rig_write(&rig, VIRTIO_PCI_COMMON_Q_DESCLO, 4, (uint32_t)bad[i]);
		net_rig_write(&rig, VIRTIO_PCI_COMMON_Q_DESCHI, 4, bad[i] >> 32);
		net_rig_write(&rig, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
		net_rig_write(&rig, VIRTIO_PCI_COMMON_STATUS, 1,
			      ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
		CU_ASSERT_FALSE(rig.net.running);
		CU_ASSERT_TRUE(status_of(&rig) & VIRTIO_CONFIG_S_NEEDS_RESET);
		net_rig_write(&rig, VIRTIO_PCI_COMMON_STATUS, 1, 0);
		CU_ASSERT_EQUAL(status_of(&rig), 0);
		net_rig_close(&rig);
	}
}

static void queue_size_takes_only_powers_of_two_up_to_its_maximum(void)
{
	static const unsigned bad[] = {0, 3, 1000, 2048, 0xffff};
	struct net_rig rig;

	net_rig_open(&rig, 1);
	net_rig_enable_memory(&rig);
	net_rig_write(&rig, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_PCI_COMMON_Q_SIZE, 2), VIRTIO_QUEUE_SIZE);
	net_rig_write(&rig, VIRTIO_PCI_COMMON_Q_SIZE, 2, 128);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		net_rig_write(&rig, VIRTIO_PCI_COMMON_Q_SIZE, 2, bad[i]);
	/* The right value in the wrong width. */
	net_rig_write(&rig, VIRTIO_PCI_COMMON_Q_SIZE, 1, 64);
	net_rig_write(&rig, VIRTIO_PCI_COMMON_Q_SIZE, 4, 64);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_PCI_COMMON_Q_SIZE, 2), 128);
	net_rig_close(&rig);
}

static void route_is_written_before_the_interrupt_is_attached(void)
{
	struct net_rig rig;

	net_rig_open(&rig, 1);
	net_rig_drive(&rig, 0, 2);
	CU_ASSERT_FALSE(rig.events.attached_without_route);
	CU_ASSERT_EQUAL(rig.events.attached_fd[0], rig.net.vp.queue[0].call_fd);
	CU_ASSERT_EQUAL(rig.events.attached_fd[1], rig.net.vp.queue[1].call_fd);
	CU_ASSERT_EQUAL(rig.events.route[1].data, 0x41);
	net_rig_close(&rig);
}

static void masking_detaches_and_keeps_the_route(void)
{
	const unsigned control = VIRTIO_BAR_MSIX_TABLE + 1 * MSIX_ENTRY_LEN + 12;
	struct net_rig rig;
	unsigned n_routes;

	net_rig_open(&rig, 1);
	net_rig_drive(&rig, 0, 2);
	n_routes = rig.events.n_routes;
	net_rig_write(&rig, control, 4, 1);
	CU_ASSERT_EQUAL(rig.events.attached_fd[0], 0);
	CU_ASSERT_TRUE(rig.events.routed[0]);
	/* The back-end calls meanwhile: that shows as pending. */
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_BAR_MSIX_PBA, 8), 0);
	virtio_net_nudge(&rig.net, false, true);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_BAR_MSIX_PBA, 8), 1 << 1);
	net_rig_write(&rig, control, 4, 0);
	CU_ASSERT_EQUAL(rig.events.attached_fd[0], rig.net.vp.queue[0].call_fd);
	/* The same message needs no new table. */
	CU_ASSERT_EQUAL(rig.events.n_routes, n_routes);
	/* The whole function. */
	net_rig_config_write(&rig, SLOT, rig.net.vp.msix_at + PCI_MSIX_FLAGS, 2,
			     PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	CU_ASSERT_EQUAL(rig.events.attached_fd[0], 0);
	CU_ASSERT_EQUAL(rig.events.attached_fd[1], 0);
	net_rig_close(&rig);
}

static void config_interrupt_waits_while_its_vector_is_masked(void)
{
	const unsigned control = VIRTIO_BAR_MSIX_TABLE + 12;
	struct net_rig rig;

	net_rig_open(&rig, 1);
	net_rig_enable_memory(&rig);
	net_rig_unmask(&rig, 0, 0x99);
	net_rig_write(&rig, VIRTIO_PCI_COMMON_MSIX, 2, 0);
	net_rig_drive(&rig, 0, 2);
	virtio_net_set_link(&rig.net, true, false);
	CU_ASSERT_EQUAL(rig.events.n_sent, 1);
	CU_ASSERT_EQUAL(rig.events.last_sent.data, 0x99);
	net_rig_write(&rig, control, 4, 1);
	virtio_net_set_link(&rig.net, false, false);
	CU_ASSERT_EQUAL(rig.events.n_sent, 1);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_BAR_MSIX_PBA, 4), 1);
	net_rig_write(&rig, control, 4, 0);
	CU_ASSERT_EQUAL(rig.events.n_sent, 2);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_BAR_MSIX_PBA, 4), 0);
	net_rig_close(&rig);
}

static void kick_goes_through_the_launcher_only_when_nothing_else_is_there(void)
{
	struct net_rig rig;
	uint64_t count = 0;

	net_rig_open(&rig, 1);
	net_rig_drive(&rig, 0, 2);
	CU_ASSERT_EQUAL(rig.events.n_doorbells, 2);
	CU_ASSERT_EQUAL(rig.net.vp.n_slow_kicks, 0);
	net_rig_write(&rig, VIRTIO_BAR_NOTIFY + 4, 2, 1);
	CU_ASSERT_EQUAL(rig.net.vp.n_slow_kicks, 1);
	CU_ASSERT_EQUAL(read(rig.net.vp.queue[1].kick_fd, &count, sizeof(count)), 8);
	CU_ASSERT_EQUAL(count, 1);
	net_rig_write(&rig, VIRTIO_BAR_NOTIFY + 4 * 50, 2, 50);
	CU_ASSERT_EQUAL(rig.net.vp.n_refused, 1);
	net_rig_close(&rig);
}

static void generation_counts_and_link_shows_in_the_configuration(void)
{
	struct net_rig rig;
	uint64_t generation;

	net_rig_open(&rig, 1);
	net_rig_enable_memory(&rig);
	generation = net_rig_read(&rig, VIRTIO_PCI_COMMON_CFGGENERATION, 1);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_BAR_DEVICE + 6, 2), 0);
	virtio_net_set_link(&rig.net, true, false);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_BAR_DEVICE + 6, 2), VIRTIO_NET_S_LINK_UP);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_PCI_COMMON_CFGGENERATION, 1), generation + 1);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_BAR_DEVICE + 10, 2), 1500);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_BAR_DEVICE + 0xffe, 4), 0);
	/* What lies behind it in the launcher's memory is not for guests. */
	rig.net.control = (struct virtio_control){true, 0xffff, 0xffff, ~UINT64_C(0)};
	for (unsigned at = sizeof(rig.net.config) - 1; at < sizeof(rig.net.config) + 64; at++)
		CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_BAR_DEVICE + at, 4), 0);
	virtio_net_hold_down(&rig.net, true);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_BAR_DEVICE + 6, 2), 0);
	net_rig_close(&rig);
}

/* The PIC is at vector 0 with nobody to mask it. */
static void pins_lead_to_the_ioapic_alone(void)
{
	struct fake_events fake;
	const struct kvm_irq_routing *table;

	fake_events_init(&fake);
	table = fake.base.table;
	for (unsigned i = 0; i < GSI_MSI_FIRST; i++) {
		CU_ASSERT_EQUAL(table->entries[i].gsi, i);
		CU_ASSERT_EQUAL(table->entries[i].type, KVM_IRQ_ROUTING_IRQCHIP);
		CU_ASSERT_EQUAL(table->entries[i].u.irqchip.irqchip, KVM_IRQCHIP_IOAPIC);
		CU_ASSERT_EQUAL(table->entries[i].u.irqchip.pin, i);
	}
	for (unsigned i = GSI_MSI_FIRST; i < table->nr; i++)
		CU_ASSERT_EQUAL(table->entries[i].type, KVM_IRQ_ROUTING_MSI);
	fake_events_fini(&fake);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"queue_registers_cannot_change_after_driver_ok",
		 queue_registers_cannot_change_after_driver_ok},
		{"queue_that_does_not_exist_reads_zero_and_takes_nothing",
		 queue_that_does_not_exist_reads_zero_and_takes_nothing},
		{"every_register_survives_every_access", every_register_survives_every_access},
		{"features_ok_is_withheld_from_a_wrong_choice",
		 features_ok_is_withheld_from_a_wrong_choice},
		{"device_starts_only_by_the_way_of_the_specification",
		 device_starts_only_by_the_way_of_the_specification},
		{"status_bits_go_away_by_reset_only", status_bits_go_away_by_reset_only},
		{"ring_outside_of_memory_never_reaches_the_back_end",
		 ring_outside_of_memory_never_reaches_the_back_end},
		{"queue_size_takes_only_powers_of_two_up_to_its_maximum",
		 queue_size_takes_only_powers_of_two_up_to_its_maximum},
		{"route_is_written_before_the_interrupt_is_attached",
		 route_is_written_before_the_interrupt_is_attached},
		{"masking_detaches_and_keeps_the_route", masking_detaches_and_keeps_the_route},
		{"config_interrupt_waits_while_its_vector_is_masked",
		 config_interrupt_waits_while_its_vector_is_masked},
		{"kick_goes_through_the_launcher_only_when_nothing_else_is_there",
		 kick_goes_through_the_launcher_only_when_nothing_else_is_there},
		{"generation_counts_and_link_shows_in_the_configuration",
		 generation_counts_and_link_shows_in_the_configuration},
		{"pins_lead_to_the_ioapic_alone", pins_lead_to_the_ioapic_alone},
		CU_TEST_INFO_NULL,
	};

	return suite_run("virtio", tests);
}
