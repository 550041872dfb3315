#include "tests/switch/worker_rig.h"
#include "tests/suite.h"

void worker_rig_link(struct worker_rig *rig)
{
	struct snapshot *last = rig->snapshot;

	rig->snapshot = snapshot_new(&(struct snapshot_conf){.ports = rig->ports,
							     .linked = rig->linked,
							     .bridge_of = rig->bridge_of,
							     .n_ports = WORKER_RIG_PORTS,
							     .bridges = &rig->bridge,
							     .n_bridges = 1,
							     .n_workers = 1});
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->snapshot);
	snapshot_free(last);
}

struct worker_rig *worker_rig_new(enum bridge_mode mode)
{
	struct worker_rig *rig = calloc(1, sizeof(*rig));

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	for (uint16_t i = 0; i < WORKER_RIG_PORTS; i++) {
		fake_port_init(&rig->fakes[i], i);
		rig->ports[i] = &rig->fakes[i].base;
		rig->linked[i] = mode != BRIDGE_WIRE || i < 2;
	}
	rig->conf = (struct bridge_conf){.mode = mode, .ageing_s = 300, .max_macs = 64};
	rig->bridge = bridge_new(&rig->conf, WORKER_RIG_PORTS, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->bridge);
	worker_rig_link(rig);
	rig->worker = worker_new(&(struct worker_conf){
		.n_ports = WORKER_RIG_PORTS, .tsc_hz = 1000000000, .snapshot = &rig->snapshot});
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->worker);
	return rig;
}

uint64_t worker_rig_count(const struct worker_rig *rig, uint16_t port, enum port_counter which)
{
	return worker_port_counters(rig->worker, port)->count[which];
}

uint64_t worker_rig_drops(const struct worker_rig *rig, uint16_t port, enum drop_reason why)
{
	return worker_port_counters(rig->worker, port)->drops[why];
}

static uint64_t sum_of_drops(const struct worker_rig *rig, uint16_t port, unsigned from,
			     unsigned to)
{
	uint64_t sum = 0;

	for (unsigned why = from; why < to; why++)
		sum += worker_rig_drops(rig, port, why);
	return sum;
}

void worker_rig_check_and_free(struct worker_rig *rig)
{
	uint64_t copies = 0, ended = 0;

	for (uint16_t i = 0; i < WORKER_RIG_PORTS; i++) {
		copies += worker_rig_count(rig, i, COUNT_COPIES);
		ended += worker_rig_count(rig, i, COUNT_TX_FRAMES) +
			 sum_of_drops(rig, i, DROP_LINK_DOWN, DROP_N);
		CU_ASSERT_EQUAL(worker_rig_count(rig, i, COUNT_TX_FRAMES), rig->fakes[i].n_got);
		CU_ASSERT_EQUAL(worker_rig_count(rig, i, COUNT_RX_FRAMES),
				rig->fakes[i].n_released);
		CU_ASSERT_EQUAL(rig->fakes[i].n_held, 0);
		CU_ASSERT_FALSE(rig->fakes[i].unpublished);
	}
	CU_ASSERT_EQUAL(copies, ended);
	worker_free(rig->worker);
	snapshot_free(rig->snapshot);
	bridge_free(rig->bridge);
	free(rig);
}

unsigned worker_rig_sweep(struct worker_rig *rig)
{
	return worker_sweep(rig->worker, rig->snapshot);
}

void worker_rig_teach(struct worker_rig *rig)
{
	for (uint8_t i = 0; i < WORKER_RIG_PORTS; i++)
		fake_port_send(&rig->fakes[i], 0xff, i, 64, 0);
	worker_rig_sweep(rig);
	for (unsigned i = 0; i < WORKER_RIG_PORTS; i++) {
		CU_ASSERT_EQUAL(rig->fakes[i].n_got, WORKER_RIG_PORTS - 1);
		rig->fakes[i].n_notified = rig->fakes[i].n_notify_calls = 0;
	}
}
