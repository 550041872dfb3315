/* The PCI bus as a kernel probes it: configuration mechanism 1, sizing, capabilities, moves of the
 * BAR. */
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <string.h>

#include "net_rig.h"
#include "tests/suite.h"
#include "vmm/layout.h"

enum {
	SLOT = PCI_FIRST_FREE_SLOT,
	NO_DEVICE = 0xffffffff,
};

static void pci_latch_takes_only_whole_words(void)
{
	struct net_rig rig;

	net_rig_open(&rig, 1);
	bus_write(&rig.io, PORT_PCI_ADDRESS, 4, 0x80001234);
	/* What Linux' pci_check_type1() does first. */
	bus_write(&rig.io, PORT_PCI_ADDRESS + 3, 1, 0x01);
	bus_write(&rig.io, PORT_PCI_ADDRESS, 2, 0xffff);
	CU_ASSERT_EQUAL(bus_read(&rig.io, PORT_PCI_ADDRESS, 4), 0x80001234);
	CU_ASSERT_EQUAL(bus_read(&rig.io, PORT_PCI_ADDRESS + 1, 1), 0xff);
	net_rig_close(&rig);
}

static void pci_shows_a_host_bridge_and_nothing_where_nothing_is(void)
{
	struct net_rig rig;

	net_rig_open(&rig, 1);
	CU_ASSERT_EQUAL(net_rig_config_read(&rig, 0, PCI_CLASS_DEVICE, 2), 0x0600);
	CU_ASSERT_EQUAL(net_rig_config_read(&rig, 1, PCI_VENDOR_ID, 4), NO_DEVICE);
	CU_ASSERT_EQUAL(net_rig_config_read(&rig, SLOT, PCI_VENDOR_ID, 4), 0x10411af4);
	CU_ASSERT_EQUAL(net_rig_config_read(&rig, SLOT, PCI_INTERRUPT_PIN, 1), 0);
	/* Another function, another bus, a latch that is not enabled. */
	bus_write(&rig.io, PORT_PCI_ADDRESS, 4, 1u << 31 | SLOT << 11 | 1 << 8);
	CU_ASSERT_EQUAL(bus_read(&rig.io, PORT_PCI_DATA, 4), NO_DEVICE);
	bus_write(&rig.io, PORT_PCI_ADDRESS, 4, 1u << 31 | 1 << 16 | SLOT << 11);
	CU_ASSERT_EQUAL(bus_read(&rig.io, PORT_PCI_DATA, 4), NO_DEVICE);
	bus_write(&rig.io, PORT_PCI_ADDRESS, 4, SLOT << 11);
	CU_ASSERT_EQUAL(bus_read(&rig.io, PORT_PCI_DATA, 2), 0xffff);
	net_rig_close(&rig);
}

static void pci_access_across_the_register_reads_ones_and_writes_nothing(void)
{
	struct net_rig rig;

	net_rig_open(&rig, 1);
	bus_write(&rig.io, PORT_PCI_ADDRESS, 4, 1u << 31 | SLOT << 11 | PCI_COMMAND);
	CU_ASSERT_EQUAL(bus_read(&rig.io, PORT_PCI_DATA + 3, 2), 0xffff);
	bus_write(&rig.io, PORT_PCI_DATA + 1, 4, NO_DEVICE);
	CU_ASSERT_EQUAL(net_rig_config_read(&rig, SLOT, PCI_COMMAND, 2), 0);
	net_rig_close(&rig);
}

static void pci_read_only_fields_stay_whatever_is_written(void)
{
	uint8_t before[PCI_CONFIG_LEN];
	struct net_rig rig;

	net_rig_open(&rig, 1);
	memcpy(before, rig.net.vp.pci.config, sizeof(before));
	for (unsigned reg = 0; reg < PCI_CONFIG_LEN; reg++)
		if (rig.net.vp.pci.writable[reg] == 0)
			net_rig_config_write(&rig, SLOT, reg, 1, (uint8_t)~before[reg]);
	CU_ASSERT_EQUAL(memcmp(before, rig.net.vp.pci.config, sizeof(before)), 0);
	net_rig_close(&rig);
}

static void bar_is_sized_without_moving_the_device(void)
{
	struct net_rig rig;

	net_rig_open(&rig, 1);
	net_rig_enable_memory(&rig);
	net_rig_config_write(&rig, SLOT, PCI_BASE_ADDRESS_0, 4, NO_DEVICE);
	CU_ASSERT_EQUAL(net_rig_config_read(&rig, SLOT, PCI_BASE_ADDRESS_0, 4),
			(uint32_t) ~(VIRTIO_BAR_LEN - 1));
	CU_ASSERT_FALSE(rig.net.vp.pci.bar_enabled);
	CU_ASSERT_EQUAL(rig.net.vp.pci.bar_base, LAYOUT_PCI_WINDOW);
	net_rig_config_write(&rig, SLOT, PCI_BASE_ADDRESS_0, 4, (uint32_t)LAYOUT_PCI_WINDOW);
	CU_ASSERT_TRUE(rig.net.vp.pci.bar_enabled);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_PCI_COMMON_NUMQ, 2), 3);
	net_rig_config_write(&rig, SLOT, PCI_BASE_ADDRESS_1, 4, NO_DEVICE);
	CU_ASSERT_EQUAL(net_rig_config_read(&rig, SLOT, PCI_BASE_ADDRESS_1, 4), 0);
	net_rig_close(&rig);
}

static void bar_answers_only_while_memory_decode_is_on(void)
{
	struct net_rig rig;

	net_rig_open(&rig, 1);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_PCI_COMMON_NUMQ, 2), 0xffff);
	CU_ASSERT_EQUAL(rig.mmio.n_strays, 1);
	net_rig_enable_memory(&rig);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_PCI_COMMON_NUMQ, 2), 3);
	net_rig_config_write(&rig, SLOT, PCI_COMMAND, 2, 0);
	CU_ASSERT_EQUAL(net_rig_read(&rig, VIRTIO_PCI_COMMON_NUMQ, 2), 0xffff);
	net_rig_close(&rig);
}

static void bar_moves_with_its_doorbells_and_not_over_ram_or_apics(void)
{
	const uint32_t elsewhere = (uint32_t)LAYOUT_PCI_WINDOW + 0x100000;
	struct net_rig rig;

	net_rig_open(&rig, 1);
	net_rig_drive(&rig, 0, 2);
	CU_ASSERT_EQUAL(rig.events.n_doorbells, 2);
	net_rig_config_write(&rig, SLOT, PCI_BASE_ADDRESS_0, 4, elsewhere);
	CU_ASSERT_EQUAL(rig.events.n_doorbells, 2);
	CU_ASSERT_EQUAL(rig.events.doorbell[0].addr & ~0xfffull, elsewhere + VIRTIO_BAR_NOTIFY);
	CU_ASSERT_EQUAL(bus_read(&rig.mmio, elsewhere + VIRTIO_PCI_COMMON_NUMQ, 2), 3);
	net_rig_config_write(&rig, SLOT, PCI_BASE_ADDRESS_0, 4, 0x100000);
	CU_ASSERT_FALSE(rig.net.vp.pci.bar_enabled);
	CU_ASSERT_EQUAL(rig.events.n_doorbells, 0);
	net_rig_config_write(&rig, SLOT, PCI_BASE_ADDRESS_0, 4, (uint32_t)LAYOUT_LAPIC);
	CU_ASSERT_FALSE(rig.net.vp.pci.bar_enabled);
	net_rig_close(&rig);
}

static void capabilities_form_a_chain_with_all_that_virtio_demands(void)
{
	unsigned seen = 0, msix = 0, steps = 0, at;
	struct net_rig rig;

	net_rig_open(&rig, VIRTIO_MAX_PAIRS);
	CU_ASSERT_TRUE(net_rig_config_read(&rig, SLOT, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	at = net_rig_config_read(&rig, SLOT, PCI_CAPABILITY_LIST, 1);
	for (; at && steps < 20; steps++) {
		if (net_rig_config_read(&rig, SLOT, at, 1) == PCI_CAP_ID_MSIX)
			msix++;
		else
			seen |= 1u << net_rig_config_read(&rig, SLOT, at + 3, 1);
		at = net_rig_config_read(&rig, SLOT, at + PCI_CAP_LIST_NEXT, 1);
	}
	CU_ASSERT_EQUAL(msix, 1);
	CU_ASSERT_EQUAL(steps, 6);
	CU_ASSERT_EQUAL(seen, 0x3e); /* common, notify, isr, device, pci */
	net_rig_close(&rig);
}

static void configuration_window_reaches_registers_and_no_further(void)
{
	struct net_rig rig;
	unsigned at;

	net_rig_open(&rig, 1);
	at = rig.net.vp.window_at;
	net_rig_config_write(&rig, SLOT, at + 8, 4, VIRTIO_PCI_COMMON_NUMQ);
	net_rig_config_write(&rig, SLOT, at + 12, 4, 2);
	CU_ASSERT_EQUAL(net_rig_config_read(&rig, SLOT, at + 16, 2), 3);
	net_rig_config_write(&rig, SLOT, at + 8, 4, 0xfffffffe);
	net_rig_config_write(&rig, SLOT, at + 16, 4, 0x55aa);
	CU_ASSERT_EQUAL(net_rig_config_read(&rig, SLOT, at + 16, 2), 0x55aa);
	net_rig_config_write(&rig, SLOT, at + 8, 4, VIRTIO_PCI_COMMON_Q_SELECT);
	net_rig_config_write(&rig, SLOT, at + 16, 4, 2);
	CU_ASSERT_EQUAL(rig.net.vp.queue_select, 2);
	net_rig_close(&rig);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"pci_latch_takes_only_whole_words", pci_latch_takes_only_whole_words},
		{"pci_shows_a_host_bridge_and_nothing_where_nothing_is",
		 pci_shows_a_host_bridge_and_nothing_where_nothing_is},
		{"pci_access_across_the_register_reads_ones_and_writes_nothing",
		 pci_access_across_the_register_reads_ones_and_writes_nothing},
		{"pci_read_only_fields_stay_whatever_is_written",
		 pci_read_only_fields_stay_whatever_is_written},
		{"bar_is_sized_without_moving_the_device", bar_is_sized_without_moving_the_device},
		{"bar_answers_only_while_memory_decode_is_on",
		 bar_answers_only_while_memory_decode_is_on},
		{"bar_moves_with_its_doorbells_and_not_over_ram_or_apics",
		 bar_moves_with_its_doorbells_and_not_over_ram_or_apics},
		{"capabilities_form_a_chain_with_all_that_virtio_demands",
		 capabilities_form_a_chain_with_all_that_virtio_demands},
		{"configuration_window_reaches_registers_and_no_further",
		 configuration_window_reaches_registers_and_no_further},
		CU_TEST_INFO_NULL,
	};

	return suite_run("pci", tests);
}
