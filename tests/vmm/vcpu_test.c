/* Exits of a vCPU that never ran: what the launcher does with each, and what it says about itself.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/suite.h"
#include "vmm/layout.h"
#include "vmm/machine.h"

enum { RUN_LEN = 3 * 4096 };

struct rig {
	struct machine machine;
	struct vcpu vcpu;
	struct kvm_run *run;
	int wake_fd;
};

static void rig_open(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	pthread_mutex_init(&rig->machine.lock, NULL);
	rig->wake_fd = eventfd(0, EFD_NONBLOCK);
	rig->run = calloc(1, RUN_LEN);
	if (rig->wake_fd < 0 || !rig->run)
		abort();
	stop_init(&rig->machine.stop, rig->wake_fd);
	stop_add_ports(&rig->machine.stop, &rig->machine.io);
	rig->vcpu = (struct vcpu){.machine = &rig->machine, .fd = -1, .stats_fd = -1};
}

static void rig_close(struct rig *rig)
{
	free(rig->run);
	close(rig->wake_fd);
}

static uint8_t *port_exit(struct rig *rig, uint16_t port, unsigned width, unsigned count, bool out)
{
	rig->run->exit_reason = KVM_EXIT_IO;
	rig->run->io.port = port;
	rig->run->io.size = (uint8_t)width;
	rig->run->io.count = count;
	rig->run->io.direction = out ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
	rig->run->io.data_offset = 4096;
	return (uint8_t *)rig->run + 4096;
}

/* VMM-08 */
static void each_way_to_end_has_its_cause_and_code(void)
{
	static const struct {
		uint16_t port;
		uint8_t value;
		enum stop_cause cause;
		int code;
	} cases[] = {{PORT_SLEEP_CONTROL, SLEEP_VALUE_S5, STOP_POWER_OFF, 0},
		     {PORT_SLEEP_CONTROL, 0x30, STOP_NONE, 0},
		     {PORT_SLEEP_STATUS, 0x80, STOP_NONE, 0},
		     {PORT_RESET, RESET_VALUE, STOP_REBOOT, 123},
		     {PORT_RESET, 0, STOP_NONE, 0},
		     {PORT_I8042, I8042_RESET, STOP_REBOOT, 123},
		     {PORT_I8042, 0xd1, STOP_NONE, 0},
		     {PORT_EXIT, 42, STOP_EXIT_PORT, 42}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig rig;

		rig_open(&rig);
		*port_exit(&rig, cases[i].port, 1, 1, true) = cases[i].value;
		vcpu_handle_exit(&rig.vcpu, rig.run);
		CU_ASSERT_EQUAL(stop_cause_of(&rig.machine.stop), cases[i].cause);
		CU_ASSERT_EQUAL(stop_exit_code(&rig.machine.stop), cases[i].code);
		rig_close(&rig);
	}
}

static void first_cause_counts(void)
{
	struct rig rig;

	rig_open(&rig);
	*port_exit(&rig, PORT_EXIT, 1, 1, true) = 5;
	vcpu_handle_exit(&rig.vcpu, rig.run);
	*port_exit(&rig, PORT_EXIT, 1, 1, true) = 6;
	vcpu_handle_exit(&rig.vcpu, rig.run);
	stop_request(&rig.machine.stop, STOP_SIGNAL);
	CU_ASSERT_EQUAL(stop_exit_code(&rig.machine.stop), 5);
	rig_close(&rig);
}

static void ready_is_reported_and_ends_nothing(void)
{
	struct rig rig;

	rig_open(&rig);
	CU_ASSERT_FALSE(rig.machine.stop.ready);
	*port_exit(&rig, PORT_READY, 1, 1, true) = 1;
	vcpu_handle_exit(&rig.vcpu, rig.run);
	CU_ASSERT_TRUE(rig.machine.stop.ready);
	CU_ASSERT_EQUAL(stop_cause_of(&rig.machine.stop), STOP_NONE);
	rig_close(&rig);
}

static void string_instruction_reaches_the_device_once_per_element(void)
{
	struct rig rig;
	uint8_t *data;

	rig_open(&rig);
	data = port_exit(&rig, 0x1234, 2, 5, false);
	vcpu_handle_exit(&rig.vcpu, rig.run);
	CU_ASSERT_EQUAL(rig.machine.io.n_strays, 5);
	CU_ASSERT_EQUAL(rig.machine.io.last_stray, 0x1234);
	for (unsigned i = 0; i < 10; i++)
		CU_ASSERT_EQUAL(data[i], 0xff);
	CU_ASSERT_EQUAL(data[10], 0);
	rig_close(&rig);
}

static void memory_that_nobody_owns_reads_ones_and_takes_writes(void)
{
	struct rig rig;

	rig_open(&rig);
	rig.run->exit_reason = KVM_EXIT_MMIO;
	rig.run->mmio.phys_addr = 0xd0000000;
	for (unsigned len = 1; len <= 8; len *= 2) {
		memset(rig.run->mmio.data, 0, 8);
		rig.run->mmio.len = len;
		rig.run->mmio.is_write = 0;
		vcpu_handle_exit(&rig.vcpu, rig.run);
		CU_ASSERT_EQUAL(rig.run->mmio.data[len - 1], 0xff);
		CU_ASSERT_TRUE(len == 8 || rig.run->mmio.data[len] == 0);
		rig.run->mmio.is_write = 1;
		vcpu_handle_exit(&rig.vcpu, rig.run);
	}
	CU_ASSERT_EQUAL(rig.machine.mmio.n_strays, 8);
	CU_ASSERT_EQUAL(rig.vcpu.n_exits[KVM_EXIT_MMIO], 8);
	rig_close(&rig);
}

/* VMM-09 */
static void exits_that_mean_the_end_end_the_vm(void)
{
	static const struct {
		unsigned reason;
		int code;
	} cases[] = {{KVM_EXIT_SHUTDOWN, 126},
		     {KVM_EXIT_FAIL_ENTRY, 127},
		     {KVM_EXIT_INTERNAL_ERROR, 127},
		     {KVM_EXIT_UNKNOWN, 127},
		     {KVM_EXIT_HLT, 127},
		     {9999, 127}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig rig;

		rig_open(&rig);
		rig.run->exit_reason = cases[i].reason;
		vcpu_handle_exit(&rig.vcpu, rig.run);
		CU_ASSERT_EQUAL(stop_exit_code(&rig.machine.stop), cases[i].code);
		rig_close(&rig);
	}
}

static const struct kvm_cpuid_entry2 *leaf(const struct kvm_cpuid2 *table, uint32_t function,
					   uint32_t index)
{
	for (unsigned i = 0; i < table->nent; i++)
		if (table->entries[i].function == function && table->entries[i].index == index)
			return &table->entries[i];
	abort();
}

static void cpu_knows_its_number_and_its_fellows(void)
{
	const struct vcpu_topology topology = {
		.id = 3, .n_cpus = 5, .tsc_deadline = true, .tsc_khz = 2400000};
	struct kvm_cpuid2 *table = calloc(1, sizeof(*table) + 16 * sizeof(table->entries[0]));
	static const uint32_t functions[] = {1, 7, 0xa, 0xb, 0x40000000, 0x80000001};

	table->nent = sizeof(functions) / sizeof(functions[0]);
	for (unsigned i = 0; i < table->nent; i++)
		table->entries[i] = (struct kvm_cpuid_entry2){
			.function = functions[i], .eax = 7, .ebx = ~0u, .ecx = ~0u, .edx = ~0u};
	vcpu_state_adapt_cpuid(table, &topology);
	CU_ASSERT_EQUAL(leaf(table, 1, 0)->ebx >> 24, 3);
	CU_ASSERT_EQUAL(leaf(table, 1, 0)->ebx >> 16 & 0xff, 5);
	CU_ASSERT_FALSE(leaf(table, 1, 0)->ecx & 1 << 5); /* no nested VMX */
	CU_ASSERT_FALSE(leaf(table, 0x80000001, 0)->ecx & 1 << 2);
	CU_ASSERT_TRUE(leaf(table, 1, 0)->ecx & 1u << 24);
	CU_ASSERT_EQUAL(leaf(table, 0xa, 0)->eax, 0);
	CU_ASSERT_EQUAL(leaf(table, 0xb, 0)->edx, 3);
	CU_ASSERT_EQUAL(leaf(table, 0xb, 1)->ebx, 5);
	CU_ASSERT_EQUAL(leaf(table, 0xb, 1)->eax, 3); /* bits for five CPUs */
	CU_ASSERT_EQUAL(leaf(table, 0x40000010, 0)->eax, 2400000);
	CU_ASSERT_TRUE(leaf(table, 0x40000000, 0)->eax >= 0x40000010);
	free(table);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"each_way_to_end_has_its_cause_and_code", each_way_to_end_has_its_cause_and_code},
		{"first_cause_counts", first_cause_counts},
		{"ready_is_reported_and_ends_nothing", ready_is_reported_and_ends_nothing},
		{"string_instruction_reaches_the_device_once_per_element",
		 string_instruction_reaches_the_device_once_per_element},
		{"memory_that_nobody_owns_reads_ones_and_takes_writes",
		 memory_that_nobody_owns_reads_ones_and_takes_writes},
		{"exits_that_mean_the_end_end_the_vm", exits_that_mean_the_end_end_the_vm},
		{"cpu_knows_its_number_and_its_fellows", cpu_knows_its_number_and_its_fellows},
		CU_TEST_INFO_NULL,
	};

	return suite_run("vcpu", tests);
}
