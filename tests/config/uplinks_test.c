/* What may be written about ports that are not a virtual machine's, and what is told of mistakes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/config/load_rig.h"
#include "tests/suite.h"

#define P   "[port p]\n"
#define TAP "[port p]\ntype = tap\n"

struct refusal {
	const char *text;
	const char *told;
};

static void judge(const struct refusal *refusal)
{
	struct told told = {.text = NULL};
	struct topology topo;

	CU_ASSERT_EQUAL(rig_load(&topo, refusal->text, &told), -EINVAL);
	if (strcmp(told.text ? told.text : "", refusal->told) != 0) {
		printf("\nfile:\n%s\nexpected:\n%stold:\n%s", refusal->text, refusal->told,
		       told.text ? told.text : "");
		CU_FAIL("another text was told");
	}
	told_fini(&told);
}

#define JUDGE_ALL(cases)                                                                           \
	do {                                                                                       \
		for (size_t i = 0; i < sizeof(cases) / sizeof((cases)[0]); i++)                    \
			judge(&(cases)[i]);                                                        \
	} while (0)

static void load(struct topology *topo, const char *text)
{
	struct told told = {.text = NULL};

	if (rig_load(topo, text, &told) != 0) {
		printf("\nfile:\n%s\ntold:\n%s", text, told.text ? told.text : "");
		CU_FAIL_FATAL("a sound file is refused");
	}
	told_fini(&told);
}

static bool dump_has(const struct topology *topo, const char *line)
{
	char *dump = rig_dump(topo);
	bool has = strstr(dump, line) != NULL;

	if (!has)
		printf("\nno \"%s\" in:\n%s", line, dump);
	free(dump);
	return has;
}

static void a_tap_has_the_name_of_its_port_and_no_socket(void)
{
	struct topology topo;

	load(&topo, TAP);
	CU_ASSERT_EQUAL(topo.ports[0].type, PORT_TAP);
	CU_ASSERT_STRING_EQUAL(topo.ports[0].ifname, "p");
	CU_ASSERT_STRING_EQUAL(topo.ports[0].socket, "");
	CU_ASSERT_EQUAL(topo.ports[0].address.version, 0);
	CU_ASSERT_EQUAL(topo.ports[0].persist, NO);
	CU_ASSERT_EQUAL(topo.ports[0].owner, (uid_t)-1);
	CU_ASSERT_TRUE(dump_has(&topo, "ifname = p\n"));
	topology_fini(&topo);
}

static void a_tap_takes_an_address_of_either_family(void)
{
	struct topology topo;

	load(&topo, TAP "address = 192.168.50.1/24\nifname = tap-0.b\npersist = yes\nowner = 7\n");
	CU_ASSERT_EQUAL(topo.ports[0].address.version, 4);
	CU_ASSERT_EQUAL(topo.ports[0].address.prefix_len, 24);
	CU_ASSERT_EQUAL(memcmp(topo.ports[0].address.bytes, "\xc0\xa8\x32\x01", 4), 0);
	CU_ASSERT_STRING_EQUAL(topo.ports[0].ifname, "tap-0.b");
	CU_ASSERT_EQUAL(topo.ports[0].persist, YES);
	CU_ASSERT_EQUAL(topo.ports[0].owner, 7);
	CU_ASSERT_TRUE(dump_has(&topo, "address = 192.168.50.1/24\n"));
	topology_fini(&topo);

	load(&topo, TAP "address = FD00:0::1/64\n");
	CU_ASSERT_EQUAL(topo.ports[0].address.version, 6);
	CU_ASSERT_TRUE(dump_has(&topo, "address = fd00::1/64\n"));
	topology_fini(&topo);
}

static void an_address_that_no_interface_can_have_is_refused(void)
{
	static const struct refusal cases[] = {
		{TAP "address = 10.0.0.1\n",
		 "t.ini:3: [port p] address: \"10.0.0.1\" has no prefix length; write it as in "
		 "192.168.50.1/24\n"},
		{TAP "address = 10.0.0.256/8\n",
		 "t.ini:3: [port p] address: \"10.0.0.256\" is not an address; write one as in "
		 "192.168.50.1/24 or fd00::1/64\n"},
		{TAP "address = /8\n", "t.ini:3: [port p] address: \"\" is not an address; write "
				       "one as in 192.168.50.1/24 or fd00::1/64\n"},
		{TAP "address = 10.0.0.1/0\n",
		 "t.ini:3: [port p] address: \"0\" is not a prefix length; write 1 to 32\n"},
		{TAP "address = 10.0.0.1/33\n",
		 "t.ini:3: [port p] address: \"33\" is not a prefix length; write 1 to 32\n"},
		{TAP "address = fd00::1/129\n",
		 "t.ini:3: [port p] address: \"129\" is not a prefix length; write 1 to 128\n"},
		{TAP "address = 10.0.0.1/8/8\n",
		 "t.ini:3: [port p] address: \"8/8\" is not a prefix length; write 1 to 32\n"},
		{TAP "address = 224.0.0.1/8\n",
		 "t.ini:3: [port p] address: 224.0.0.1 cannot be an interface's address\n"},
		{TAP "address = ff02::1/64\n",
		 "t.ini:3: [port p] address: ff02::1 cannot be an interface's address\n"},
	};

	JUDGE_ALL(cases);
}

static void an_interface_has_a_short_name_of_its_own(void)
{
	static const struct refusal cases[] = {
		{TAP "ifname = sixteen-letters-\n",
		 "t.ini:3: [port p] ifname: the name is too long: 16 characters, at most 15 are "
		 "allowed\n"},
		{TAP "ifname = tap/0\n", "t.ini:3: [port p] ifname: \"tap/0\" is not a name; use "
					 "letters, digits, - _ and . only\n"},
		{TAP "ifname = tap%d\n", "t.ini:3: [port p] ifname: \"tap%d\" is not a name; use "
					 "letters, digits, - _ and . only\n"},
		{"[port a-rather-long-name]\ntype = tap\n",
		 "t.ini:1: [port a-rather-long-name] ifname: the port's name is too long for an "
		 "interface (at most 15 characters); write ifname = NAME\n"},
		{TAP "[port q]\ntype = tap\nifname = p\n",
		 "t.ini:5: [port q] ifname: the same interface as that of [port p] in line 1; give "
		 "each port its own\n"},
	};

	JUDGE_ALL(cases);
}

static void keys_of_another_type_of_port_are_refused(void)
{
	static const struct refusal cases[] = {
		{TAP "socket = s\n", "t.ini:3: [port p] socket: the key has a meaning only with "
				     "type = vhost-user; remove it\n"},
		{"[port p]\nifname = tap0\n", "t.ini:2: [port p] ifname: the key has a meaning "
					      "only with type = tap; remove it\n"},
		{TAP "persist = true\n", "t.ini:3: [port p] persist: \"true\" is not known; write "
					 "one of no, yes\n"},
	};

	JUDGE_ALL(cases);
}

static void a_trunk_takes_vlans_and_ranges(void)
{
	struct topology topo;

	load(&topo, "[port p]\ntrunk = 20-29, 10,4094 ,11\nnative = 7\nnative-tagged = yes\n");
	CU_ASSERT_TRUE(vlan_set_has(&topo.ports[0].trunk, 10));
	CU_ASSERT_TRUE(vlan_set_has(&topo.ports[0].trunk, 29));
	CU_ASSERT_TRUE(vlan_set_has(&topo.ports[0].trunk, 4094));
	CU_ASSERT_FALSE(vlan_set_has(&topo.ports[0].trunk, 19));
	CU_ASSERT_FALSE(vlan_set_has(&topo.ports[0].trunk, 30));
	CU_ASSERT_EQUAL(topo.ports[0].native, 7);
	CU_ASSERT_TRUE(dump_has(&topo, "trunk = 10-11,20-29,4094\n"));
	topology_fini(&topo);
}

static void vlans_that_do_not_exist_are_refused(void)
{
	static const struct refusal cases[] = {
		{P "vlan = 0\n", "t.ini:2: [port p] vlan: 0 is out of range; write 1 to 4094\n"},
		{P "vlan = 4095\n",
		 "t.ini:2: [port p] vlan: 4095 is out of range; write 1 to 4094\n"},
		{P "trunk = 0\n",
		 "t.ini:2: [port p] trunk: VLAN 0 is out of range; write 1 to 4094\n"},
		{P "trunk = 1-4095\n",
		 "t.ini:2: [port p] trunk: VLAN 4095 is out of range; write 1 to 4094\n"},
		{P "trunk = 29-20\n",
		 "t.ini:2: [port p] trunk: the range 29-20 runs backwards; write 20-29\n"},
		{P "trunk = 10,9-11\n",
		 "t.ini:2: [port p] trunk: VLAN 10 is named twice; name it once\n"},
		{P "trunk = all\n", "t.ini:2: [port p] trunk: \"all\" is not a VLAN; write numbers "
				    "and ranges, as in 10,20-29\n"},
		{P "trunk = 10,\n", "t.ini:2: [port p] trunk: \"\" is not a VLAN; write numbers "
				    "and ranges, as in 10,20-29\n"},
		{P "trunk = 10-\n", "t.ini:2: [port p] trunk: \"\" is not a VLAN; write numbers "
				    "and ranges, as in 10,20-29\n"},
	};

	JUDGE_ALL(cases);
}

static void rules_that_contradict_each_other_are_refused(void)
{
	static const struct refusal cases[] = {
		{P "vlan = 1\ntrunk = 2\n", "t.ini:2: [port p] vlan: a port is either an access "
					    "port or a trunk; remove vlan or trunk\n"},
		{P "vlan = 1\ntunnel = 2\n", "t.ini:2: [port p] vlan: a port is either an access "
					     "port or a tunnel; remove one of them\n"},
		{P "native = 1\n", "t.ini:2: [port p] native: only a trunk has a native VLAN; add "
				   "trunk, or write vlan instead\n"},
		{P "trunk = 2\nnative-tagged = yes\n",
		 "t.ini:3: [port p] native-tagged: there is no native VLAN; add native, or remove "
		 "this\n"},
		{P "trunk = 2\npriority-tags = if-nonzero\n",
		 "t.ini:3: [port p] priority-tags: no frame leaves this port without its VLAN; "
		 "remove it, or add vlan, native or tunnel\n"},
		{P "bridge = w\nvlan = 1\n[port q]\nbridge = w\n[bridge w]\nmode = wire\n",
		 "t.ini:3: [port p] vlan: a wire passes everything, so this would be ignored; "
		 "remove it, or write mode = switch for its bridge\n"},
		{P "bridge = h\nmax-macs = 1\n[bridge h]\nmode = hub\n",
		 "t.ini:3: [port p] max-macs: a hub learns no addresses, so this would be ignored; "
		 "remove it, or write mode = switch for its bridge\n"},
	};

	JUDGE_ALL(cases);
}

static void a_port_is_bound_to_addresses(void)
{
	static const struct refusal cases[] = {
		{P "mac = 52:54:00:12:34\n", "t.ini:2: [port p] mac: \"52:54:00:12:34\" is not a "
					     "MAC address; write it as in 52:54:00:12:34:56\n"},
		{P "mac = 52-54-00-12-34-56\n",
		 "t.ini:2: [port p] mac: \"52-54-00-12-34-56\" is not a MAC address; write it as "
		 "in 52:54:00:12:34:56\n"},
		{P "mac = 52:54:00:12:34:5g\n",
		 "t.ini:2: [port p] mac: \"52:54:00:12:34:5g\" is not a MAC address; write it as "
		 "in 52:54:00:12:34:56\n"},
		{P "mac = 53:54:00:12:34:56\n", "t.ini:2: [port p] mac: 53:54:00:12:34:56 cannot "
						"be a source address; write a station's\n"},
		{P "mac = 00:00:00:00:00:00\n", "t.ini:2: [port p] mac: 00:00:00:00:00:00 cannot "
						"be a source address; write a station's\n"},
		{P "mac = 52:54:00:12:34:56,52:54:00:12:34:56\n",
		 "t.ini:2: [port p] mac: 52:54:00:12:34:56 is named twice; name it once\n"},
		{P "storm = 0\n",
		 "t.ini:2: [port p] storm: 0 is out of range; write 1 to 100000000\n"},
		{P "max-macs = 0\n",
		 "t.ini:2: [port p] max-macs: 0 is out of range; write 1 to 1000000\n"},
	};
	struct topology topo;

	load(&topo, P "mac = 52:54:00:AB:00:01, 52:54:00:ab:00:02\nisolated = yes\nstorm = "
		      "1000\nmax-macs = 2\n");
	CU_ASSERT_EQUAL(topo.ports[0].mac.n, 2);
	CU_ASSERT_EQUAL(memcmp(topo.ports[0].mac.macs[1], "\x52\x54\0\xab\0\x02", 6), 0);
	CU_ASSERT_EQUAL(topo.ports[0].isolated, YES);
	CU_ASSERT_EQUAL(topo.ports[0].storm, 1000);
	CU_ASSERT_EQUAL(topo.ports[0].max_macs, 2);
	CU_ASSERT_TRUE(dump_has(&topo, "mac = 52:54:00:ab:00:01, 52:54:00:ab:00:02\n"));
	topology_fini(&topo);
	JUDGE_ALL(cases);
}

static void a_device_is_a_pci_address_or_a_virtual_one(void)
{
	static const struct refusal cases[] = {
		{P "type = ethdev\n",
		 "t.ini:1: [port p] device: a port of type ethdev needs one; write device = "
		 "0000:03:00.0 (a NIC) or device = net_af_packet0,iface=eth1\n"},
		{P "type = ethdev\ndevice = eth0\n",
		 "t.ini:3: [port p] device: \"eth0\" is no device; write a PCI address as in "
		 "0000:03:00.0, or a virtual device with its number, as in "
		 "net_af_packet0,iface=eth1\n"},
		{P "type = ethdev\ndevice = net_af_packet,iface=eth0\n",
		 "t.ini:3: [port p] device: \"net_af_packet,iface=eth0\" is no device; write a PCI "
		 "address as in 0000:03:00.0, or a virtual device with its number, as in "
		 "net_af_packet0,iface=eth1\n"},
		{P "type = ethdev\ndevice = 03:00\n",
		 "t.ini:3: [port p] device: \"03:00\" is no device; write a PCI address as in "
		 "0000:03:00.0, or a virtual device with its number, as in "
		 "net_af_packet0,iface=eth1\n"},
		{P "type = ethdev\ndevice = net_null0\n[port q]\ntype = ethdev\ndevice = "
		   "net_null0,size=64\n",
		 "t.ini:6: [port q] device: the same device as that of [port p] in line 3; give "
		 "each port its own, virtual ones by another number\n"},
		{P "device = 03:00.0\n", "t.ini:2: [port p] device: the key has a meaning only "
					 "with type = ethdev; remove it\n"},
	};
	struct topology topo;

	load(&topo, P "type = ethdev\ndevice = 0A:1f.3\n[port q]\ntype = ethdev\ndevice = "
		      "net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap\n");
	CU_ASSERT_TRUE(topo.ports[0].device_is_pci);
	CU_ASSERT_STRING_EQUAL(topo.ports[0].device, "0000:0a:1f.3");
	CU_ASSERT_FALSE(topo.ports[1].device_is_pci);
	CU_ASSERT_TRUE(dump_has(&topo, "device = net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap\n"));
	topology_fini(&topo);
	JUDGE_ALL(cases);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a_tap_has_the_name_of_its_port_and_no_socket",
		 a_tap_has_the_name_of_its_port_and_no_socket},
		{"a_tap_takes_an_address_of_either_family",
		 a_tap_takes_an_address_of_either_family},
		{"an_address_that_no_interface_can_have_is_refused",
		 an_address_that_no_interface_can_have_is_refused},
		{"an_interface_has_a_short_name_of_its_own",
		 an_interface_has_a_short_name_of_its_own},
		{"keys_of_another_type_of_port_are_refused",
		 keys_of_another_type_of_port_are_refused},
		{"a_trunk_takes_vlans_and_ranges", a_trunk_takes_vlans_and_ranges},
		{"vlans_that_do_not_exist_are_refused", vlans_that_do_not_exist_are_refused},
		{"rules_that_contradict_each_other_are_refused",
		 rules_that_contradict_each_other_are_refused},
		{"a_port_is_bound_to_addresses", a_port_is_bound_to_addresses},
		{"a_device_is_a_pci_address_or_a_virtual_one",
		 a_device_is_a_pci_address_or_a_virtual_one},
		CU_TEST_INFO_NULL,
	};

	return suite_run("uplinks", tests);
}
