/* The words that start a VM, and which hypervisor it gets. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

#include "switch/vm_argv.h"
#include "switch/vm_host.h"
#include "tests/suite.h"

static struct port_conf ports[] = {
	{.name = "p", .socket = "/r/p.sock", .n_queues = 1},
	{.name = "q", .socket = "/r/q.sock", .n_queues = 4, .mtu = 9000, .role = ROLE_CLIENT},
};
static const struct topology topo = {
	.sw = {.name = "lab", .run_dir = "/r"}, .ports = ports, .n_ports = 2};
static const struct vm_conf tiny = {
	.name = "t", .memory_mib = 4, .n_cpus = 1, .stop_timeout_s = 10};
static const struct vm_conf stock = {.name = "s",
				     .port = {0, 1},
				     .n_ports = 2,
				     .kernel = "/boot/k",
				     .initrd = "/boot/i",
				     .append = "quiet a=\"b c\"",
				     .memory_mib = 2048,
				     .n_cpus = 2,
				     .console = VM_CONSOLE_PTY,
				     .restart = VM_RESTART_ON_FAILURE,
				     .stop_timeout_s = 30,
				     .stats = VM_STATS_YES};

static void expect_words(const struct vm_argv *argv, const char *const *words)
{
	unsigned n = 0;

	for (; words[n]; n++)
		if (n >= argv->n || strcmp(argv->word[n], words[n]) != 0) {
			printf("\nword %u: expected: %s\n          got:      %s\n", n, words[n],
			       n < argv->n ? argv->word[n] : "none");
			CU_FAIL("another word");
			return;
		}
	CU_ASSERT_EQUAL(argv->n, n);
	CU_ASSERT_PTR_NULL(argv->word[argv->n]);
	CU_ASSERT_FALSE(argv->no_memory);
}

static void ringway_vmm_gets_what_differs_from_its_defaults(void)
{
	static const char *const words[] = {"ringway-vmm",
					    "--name",
					    "t",
					    "--memory",
					    "4M",
					    "--cpus",
					    "1",
					    "--console",
					    "file:/r/t.console",
					    "--stop-timeout",
					    "10",
					    "--status-fd",
					    "3",
					    NULL};
	struct vm_argv argv = {.n = 0};
	struct vm_paths paths;

	CU_ASSERT_EQUAL(vm_paths_init(&paths, &topo, &tiny), 0);
	vm_argv_launcher(&argv, &topo, &tiny, &paths, 3);
	expect_words(&argv, words);
	vm_argv_fini(&argv);
}

static void ringway_vmm_gets_all_that_a_stock_guest_needs(void)
{
	static const char *const words[] = {
		"ringway-vmm",
		"--name",
		"s",
		"--kernel",
		"/boot/k",
		"--initrd",
		"/boot/i",
		"--append",
		"quiet a=\"b c\"",
		"--memory",
		"2048M",
		"--cpus",
		"2",
		"--net",
		"socket=/r/p.sock,mac=52:54:00:4e:80:a3,queues=1,role=client",
		"--net",
		"socket=/r/q.sock,mac=52:54:00:4e:7f:10,queues=4,mtu=9000,role=server",
		"--console",
		"pty:/r/s.tty",
		"--stop-timeout",
		"30",
		"--status-fd",
		"3",
		"--stats",
		NULL};
	struct vm_argv argv = {.n = 0};
	struct vm_paths paths;

	CU_ASSERT_EQUAL(vm_paths_init(&paths, &topo, &stock), 0);
	vm_argv_launcher(&argv, &topo, &stock, &paths, 3);
	expect_words(&argv, words);
	vm_argv_fini(&argv);
}

static void qemu_gets_the_same_vm(void)
{
	static const char *const words[] = {"qemu-system-x86_64",
					    "-name",
					    "guest=s",
					    "-nodefaults",
					    "-no-user-config",
					    "-display",
					    "none",
					    "-accel",
					    "kvm",
					    "-cpu",
					    "host",
					    "-smp",
					    "2",
					    "-m",
					    "2048M",
					    "-object",
					    "memory-backend-memfd,id=mem,size=2048M,share=on",
					    "-machine",
					    "memory-backend=mem",
					    "-kernel",
					    "/boot/k",
					    "-initrd",
					    "/boot/i",
					    "-append",
					    "console=ttyS0 panic=-1 quiet a=\"b c\"",
					    "-chardev",
					    "socket,id=console,path=/r/s.tty,server=on,wait=off",
					    "-serial",
					    "chardev:console",
					    "-chardev",
					    "socket,id=monitor,path=/r/s.mon,server=on,wait=off",
					    "-monitor",
					    "chardev:monitor",
					    "-chardev",
					    "socket,id=chr-p,path=/r/p.sock,reconnect=1",
					    "-netdev",
					    "vhost-user,id=net-p,chardev=chr-p",
					    "-device",
					    "virtio-net-pci,netdev=net-p,mac=52:54:00:4e:80:a3,rx_"
					    "queue_size=1024,tx_queue_size="
					    "1024",
					    "-chardev",
					    "socket,id=chr-q,path=/r/q.sock,server=on",
					    "-netdev",
					    "vhost-user,id=net-q,chardev=chr-q,queues=4",
					    "-device",
					    "virtio-net-pci,netdev=net-q,mac=52:54:00:4e:7f:10,rx_"
					    "queue_size=1024,tx_queue_size="
					    "1024,mq=on,vectors=10,host_mtu=9000",
					    NULL};
	struct vm_argv argv = {.n = 0};
	struct vm_paths paths;

	CU_ASSERT_EQUAL(vm_paths_init(&paths, &topo, &stock), 0);
	vm_argv_qemu(&argv, &topo, &stock, &paths, true);
	expect_words(&argv, words);
	vm_argv_fini(&argv);
}

static bool has_word(const struct vm_argv *argv, const char *word)
{
	for (unsigned i = 0; i < argv->n; i++)
		if (strcmp(argv->word[i], word) == 0)
			return true;
	return false;
}

static void qemu_without_kvm_gets_no_msix(void)
{
	struct vm_conf once = stock;
	struct vm_argv argv = {.n = 0};
	struct vm_paths paths;

	once.restart = VM_RESTART_NO;
	CU_ASSERT_EQUAL(vm_paths_init(&paths, &topo, &once), 0);
	vm_argv_qemu(&argv, &topo, &once, &paths, false);
	CU_ASSERT_TRUE(has_word(&argv, "tcg"));
	CU_ASSERT_TRUE(has_word(&argv, "max"));
	CU_ASSERT_TRUE(has_word(&argv, "-no-reboot"));
	CU_ASSERT_TRUE(has_word(&argv, "virtio-net-pci,netdev=net-p,mac=52:54:00:4e:80:a3,"
				       "rx_queue_size=1024,tx_queue_size=1024,vectors=0"));
	CU_ASSERT_TRUE(has_word(&argv,
				"virtio-net-pci,netdev=net-q,mac=52:54:00:4e:7f:10,rx_queue_size="
				"1024,tx_queue_size=1024,mq=on,vectors=0,host_mtu=9000"));
	vm_argv_fini(&argv);
}

static void what_is_pasted_names_the_accelerator_it_is_for(void)
{
	struct vm_argv argv = {.n = 0};

	vm_argv_qemu_port(&argv, &topo, &ports[0], true);
	CU_ASSERT_STRING_EQUAL(argv.word[0], "-accel");
	CU_ASSERT_STRING_EQUAL(argv.word[1], "kvm");
	CU_ASSERT_TRUE(has_word(&argv, "virtio-net-pci,netdev=net-p,mac=52:54:00:4e:80:a3,"
				       "rx_queue_size=1024,tx_queue_size=1024"));
	vm_argv_fini(&argv);
	vm_argv_qemu_port(&argv, &topo, &ports[0], false);
	CU_ASSERT_STRING_EQUAL(argv.word[1], "tcg");
	CU_ASSERT_TRUE(has_word(&argv, "virtio-net-pci,netdev=net-p,mac=52:54:00:4e:80:a3,"
				       "rx_queue_size=1024,tx_queue_size=1024,vectors=0"));
	vm_argv_fini(&argv);
}

static void a_comma_in_a_path_ends_no_option_of_qemu(void)
{
	struct port_conf with_comma = {.name = "p", .socket = "/r,s/p.sock", .n_queues = 1};
	struct topology odd = topo;
	struct vm_argv argv = {.n = 0};
	struct vm_paths paths;

	strcpy(odd.sw.run_dir, "/r,s");
	CU_ASSERT_EQUAL(vm_paths_init(&paths, &odd, &stock), 0);
	vm_argv_qemu(&argv, &odd, &stock, &paths, true);
	CU_ASSERT_TRUE(has_word(&argv, "socket,id=console,path=/r,,s/s.tty,server=on,wait=off"));
	CU_ASSERT_TRUE(has_word(&argv, "socket,id=monitor,path=/r,,s/s.mon,server=on,wait=off"));
	vm_argv_fini(&argv);
	vm_argv_qemu_port(&argv, &topo, &with_comma, true);
	CU_ASSERT_TRUE(has_word(&argv, "socket,id=chr-p,path=/r,,s/p.sock,reconnect=1"));
	vm_argv_fini(&argv);
}

/* A NIC keeps its address over restarts, and two switches on one network do not collide. */
static void a_mac_belongs_to_a_port_of_a_switch(void)
{
	struct topology other = topo;
	char mac[VM_ARGV_MAC_LEN], again[VM_ARGV_MAC_LEN];

	vm_argv_mac(&topo, &ports[0], mac);
	vm_argv_mac(&topo, &ports[0], again);
	CU_ASSERT_STRING_EQUAL(mac, again);
	vm_argv_mac(&topo, &ports[1], again);
	CU_ASSERT_STRING_NOT_EQUAL(mac, again);
	strcpy(other.sw.name, "lab2");
	vm_argv_mac(&other, &ports[0], again);
	CU_ASSERT_STRING_NOT_EQUAL(mac, again);
	CU_ASSERT_EQUAL(strncmp(mac, "52:54:00:", 9), 0);
}

static void files_with_too_long_names_are_refused(void)
{
	struct topology deep = topo;
	struct vm_paths paths;

	memset(deep.sw.run_dir, 'd', sizeof(deep.sw.run_dir) - 1);
	/* "stat" is the longest ending of a VM with console = pty. */
	deep.sw.run_dir[TOPOLOGY_PATH_LEN - sizeof("/s.stat")] = '\0';
	CU_ASSERT_EQUAL(vm_paths_init(&paths, &deep, &stock), 0);
	strcat(deep.sw.run_dir, "d");
	CU_ASSERT_EQUAL(vm_paths_init(&paths, &deep, &stock), -ENAMETOOLONG);
}

static void auto_is_kvm_where_it_can_run_the_kernel(void)
{
	static const struct {
		bool kvm, emulates, kernel;
		enum vm_hypervisor asked, gets;
	} cases[] = {
		{true, false, true, VM_HYPERVISOR_AUTO, VM_HYPERVISOR_KVM},
		{true, true, true, VM_HYPERVISOR_AUTO, VM_HYPERVISOR_QEMU},
		{false, false, true, VM_HYPERVISOR_AUTO, VM_HYPERVISOR_QEMU},
		{true, true, false, VM_HYPERVISOR_AUTO, VM_HYPERVISOR_KVM},
		{false, false, false, VM_HYPERVISOR_AUTO, VM_HYPERVISOR_KVM},
		{true, true, true, VM_HYPERVISOR_KVM, VM_HYPERVISOR_KVM},
		{true, false, true, VM_HYPERVISOR_QEMU, VM_HYPERVISOR_QEMU},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vm_host host = {.kvm = cases[i].kvm, .emulates = cases[i].emulates};
		struct vm_conf vm = cases[i].kernel ? stock : tiny;

		vm.hypervisor = cases[i].asked;
		CU_ASSERT_EQUAL(vm_host_choose(&host, &vm), cases[i].gets);
		CU_ASSERT_EQUAL(vm_host_qemu_has_kvm(&host), cases[i].kvm && !cases[i].emulates);
		/* Neither program is there. */
		CU_ASSERT_EQUAL(vm_host_check(&host, &vm), -ENOENT);
		strcpy(cases[i].gets == VM_HYPERVISOR_KVM ? host.launcher : host.qemu, "/x");
		CU_ASSERT_EQUAL(vm_host_check(&host, &vm), 0);
	}
}

#define TEST(function)                                                                             \
	{                                                                                          \
#function, function                                                                \
	}

int main(void)
{
	static CU_TestInfo tests[] = {
		TEST(ringway_vmm_gets_what_differs_from_its_defaults),
		TEST(ringway_vmm_gets_all_that_a_stock_guest_needs),
		TEST(qemu_gets_the_same_vm),
		TEST(qemu_without_kvm_gets_no_msix),
		TEST(what_is_pasted_names_the_accelerator_it_is_for),
		TEST(a_comma_in_a_path_ends_no_option_of_qemu),
		TEST(a_mac_belongs_to_a_port_of_a_switch),
		TEST(files_with_too_long_names_are_refused),
		TEST(auto_is_kvm_where_it_can_run_the_kernel),
		CU_TEST_INFO_NULL,
	};

	return suite_run("vm_argv", tests);
}
