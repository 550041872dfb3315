#include "switch/worker.h"
#include "tests/suite.h"
#include "tests/switch/fake_port.h"

#include <pthread.h>
#include <rte_rcu_qsbr.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_PORTS = 4 };

/* Four fake ports on one bridge, one worker. */
struct rig {
	struct fake_port fakes[N_PORTS];
	struct port *ports[N_PORTS];
	bool linked[N_PORTS];
	uint16_t bridge_of[N_PORTS];
	struct bridge_conf conf;
	struct bridge *bridge;
	_Atomic(struct snapshot *) snapshot;
	struct worker *worker;
};

static void rig_link(struct rig *rig)
{
	struct snapshot *last = rig->snapshot;

	rig->snapshot = snapshot_new(&(struct snapshot_conf){.ports = rig->ports,
							     .linked = rig->linked,
							     .bridge_of = rig->bridge_of,
							     .n_ports = N_PORTS,
							     .bridges = &rig->bridge,
							     .n_bridges = 1,
							     .n_workers = 1});
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->snapshot);
	snapshot_free(last);
}

static struct rig *rig_new(enum bridge_mode mode)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	for (uint16_t i = 0; i < N_PORTS; i++) {
		fake_port_init(&rig->fakes[i], i);
		rig->ports[i] = &rig->fakes[i].base;
		rig->linked[i] = mode != BRIDGE_WIRE || i < 2;
	}
	rig->conf = (struct bridge_conf){.mode = mode, .ageing_s = 300, .max_macs = 64};
	rig->bridge = bridge_new(&rig->conf, N_PORTS, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->bridge);
	rig_link(rig);
	rig->worker = worker_new(&(struct worker_conf){
		.n_ports = N_PORTS, .tsc_hz = 1000000000, .snapshot = &rig->snapshot});
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->worker);
	return rig;
}

static uint64_t count(const struct rig *rig, uint16_t port, enum port_counter which)
{
	return worker_port_counters(rig->worker, port)->count[which];
}

static uint64_t drops(const struct rig *rig, uint16_t port, enum drop_reason why)
{
	return worker_port_counters(rig->worker, port)->drops[why];
}

static uint64_t sum_of_drops(const struct rig *rig, uint16_t port, unsigned from, unsigned to)
{
	uint64_t sum = 0;

	for (unsigned why = from; why < to; why++)
		sum += drops(rig, port, why);
	return sum;
}

/* Every copy that was offered was delivered or dropped; every buffer that was taken was given back.
 * STA-01 */
static void rig_check_conservation_and_free(struct rig *rig)
{
	uint64_t copies = 0, ended = 0;

	for (uint16_t i = 0; i < N_PORTS; i++) {
		copies += count(rig, i, COUNT_COPIES);
		ended += count(rig, i, COUNT_TX_FRAMES) +
			 sum_of_drops(rig, i, DROP_LINK_DOWN, DROP_N);
		CU_ASSERT_EQUAL(count(rig, i, COUNT_TX_FRAMES), rig->fakes[i].n_got);
		CU_ASSERT_EQUAL(count(rig, i, COUNT_RX_FRAMES), rig->fakes[i].n_released);
		CU_ASSERT_EQUAL(rig->fakes[i].n_held, 0);
		CU_ASSERT_FALSE(rig->fakes[i].unpublished);
	}
	CU_ASSERT_EQUAL(copies, ended);
	worker_free(rig->worker);
	snapshot_free(rig->snapshot);
	bridge_free(rig->bridge);
	free(rig);
}

static unsigned sweep(struct rig *rig)
{
	return worker_sweep(rig->worker, rig->snapshot);
}

/* Ports 0..3 have sent a frame each: the bridge knows 52:54:00:00:00:0i on port i. */
static void teach(struct rig *rig)
{
	for (uint8_t i = 0; i < N_PORTS; i++)
		fake_port_send(&rig->fakes[i], 0xff, i, 64, 0);
	sweep(rig);
	for (unsigned i = 0; i < N_PORTS; i++) {
		CU_ASSERT_EQUAL(rig->fakes[i].n_got, N_PORTS - 1);
		rig->fakes[i].n_notified = rig->fakes[i].n_notify_calls = 0;
	}
}

static void broadcast_reaches_all_others_once(void) /* FDB-01 */
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	fake_port_send(&rig->fakes[2], 0xff, 2, 100, 7);
	CU_ASSERT_EQUAL(sweep(rig), 1);
	for (unsigned i = 0; i < N_PORTS; i++)
		CU_ASSERT_EQUAL(rig->fakes[i].n_got, i == 2 ? 0 : 1);
	CU_ASSERT_EQUAL(memcmp(rig->fakes[0].got[0].bytes, rig->fakes[2].waiting[0].bytes, 100), 0);
	CU_ASSERT_EQUAL(count(rig, 2, COUNT_COPIES), 3);
	rig_check_conservation_and_free(rig);
}

static void unicast_to_a_known_address_reaches_one_port(void) /* FDB-02 */
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	teach(rig);
	fake_port_send(&rig->fakes[0], 3, 0, 1500, 9);
	sweep(rig);
	CU_ASSERT_EQUAL(rig->fakes[3].n_got, 4);
	CU_ASSERT_EQUAL(rig->fakes[1].n_got, 3);
	CU_ASSERT_EQUAL(rig->fakes[3].got[3].len, 1500);
	CU_ASSERT_EQUAL(memcmp(rig->fakes[3].got[3].bytes, rig->fakes[0].waiting[1].bytes, 1500),
			0);
	CU_ASSERT_EQUAL(count(rig, 0, COUNT_RX_BYTES), 64 + 1500);
	CU_ASSERT_EQUAL(count(rig, 3, COUNT_TX_BYTES), 3 * 64 + 1500);
	rig_check_conservation_and_free(rig);
}

static void a_burst_is_notified_once_per_destination(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	teach(rig);
	for (unsigned i = 0; i < BURST_MAX; i++)
		fake_port_send(&rig->fakes[0], i % 2 ? 1 : 2, 0, 64, (uint8_t)i);
	for (unsigned i = 0; i < BURST_MAX; i++)
		fake_port_send(&rig->fakes[3], 1, 3, 64, (uint8_t)i);
	CU_ASSERT_EQUAL(sweep(rig), 2 * BURST_MAX);
	CU_ASSERT_EQUAL(rig->fakes[1].n_got, 3 + BURST_MAX / 2 + BURST_MAX);
	CU_ASSERT_EQUAL(rig->fakes[1].n_notified, 1);
	CU_ASSERT_EQUAL(rig->fakes[1].n_notify_calls, 1);
	CU_ASSERT_EQUAL(rig->fakes[2].n_notified, 1);
	CU_ASSERT_EQUAL(rig->fakes[3].n_notified, 0);
	rig_check_conservation_and_free(rig);
}

static void order_within_a_source_is_kept(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	teach(rig);
	for (unsigned i = 0; i < 100; i++)
		fake_port_send(&rig->fakes[0], 1, 0, 60 + i, (uint8_t)i);
	while (sweep(rig))
		;
	CU_ASSERT_EQUAL_FATAL(rig->fakes[1].n_got, 103);
	for (unsigned i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(rig->fakes[1].got[3 + i].len, 60 + i);
	rig_check_conservation_and_free(rig);
}

static void a_full_destination_loses_the_rest_under_tx_full(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	teach(rig);
	rig->fakes[1].room = rig->fakes[1].n_got + 5;
	for (unsigned i = 0; i < 20; i++)
		fake_port_send(&rig->fakes[0], i < 16 ? 1 : 2, 0, 64, 0);
	sweep(rig);
	CU_ASSERT_EQUAL(drops(rig, 1, DROP_TX_FULL), 11);
	CU_ASSERT_EQUAL(rig->fakes[2].n_got, 3 + 4);
	rig_check_conservation_and_free(rig);
}

static void one_frame_too_big_does_not_stop_the_others(void) /* MRG-04 */
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	teach(rig);
	rig->fakes[1].refuse_len = 1600;
	for (unsigned i = 0; i < 32; i++)
		fake_port_send(&rig->fakes[0], 1, 0, i == 2 || i == 31 ? 1600 : 64, 0);
	sweep(rig);
	CU_ASSERT_EQUAL(rig->fakes[1].n_got, 3 + 30);
	CU_ASSERT_EQUAL(drops(rig, 1, DROP_TOO_BIG), 2);
	rig_check_conservation_and_free(rig);
}

static void a_busy_port_is_tried_again_and_loses_nothing(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	teach(rig);
	rig->fakes[1].n_busy = 3;
	rig->fakes[3].base.offloads = 0;
	rig->fakes[3].n_busy = 2;
	for (unsigned i = 0; i < 30; i++)
		fake_port_send(&rig->fakes[0], (uint8_t)(1 + i % 3), 0, 60 + i, 0);
	rig->fakes[0].waiting[1 + 2].vnet = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
	rig->fakes[0].waiting[1 + 2].needs = FRAME_NEEDS_CSUM;
	sweep(rig);
	for (unsigned p = 1; p < N_PORTS; p++) {
		CU_ASSERT_EQUAL_FATAL(rig->fakes[p].n_got, 3 + 10);
		for (unsigned i = 0; i < 10; i++)
			CU_ASSERT_EQUAL(rig->fakes[p].got[3 + i].len, 60 + 3 * i + p - 1);
	}
	CU_ASSERT_EQUAL(rig->fakes[1].n_tx_calls, 1 + 3 + 3);
	rig_check_conservation_and_free(rig);
}

/* n_flows conversations in one burst, to a port that receives on four queues. */
static void send_flows(struct rig *rig, unsigned n_flows)
{
	rig->fakes[1].base.n_tx_queues = 4;
	for (uint8_t i = 0; i < BURST_MAX; i++) {
		fake_port_send(&rig->fakes[0], 1, 0, 100, i);
		/* UDP, of which the source port says which conversation it is. */
		memcpy(rig->fakes[0].waiting[i + 1].bytes + 14,
		       (uint8_t[24]){0x45, [9] = 17, [21] = (uint8_t)(i % n_flows)}, 24);
	}
}

static void a_flow_stays_on_one_queue_and_many_use_them_all(void) /* MQ-01, MQ-04 */
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);
	unsigned queue_of[16];
	uint8_t last_of[16] = {0};
	unsigned used = 0;

	teach(rig);
	send_flows(rig, 16);
	CU_ASSERT_EQUAL(sweep(rig), BURST_MAX);
	CU_ASSERT_EQUAL_FATAL(rig->fakes[1].n_got, N_PORTS - 1 + BURST_MAX);
	for (unsigned i = N_PORTS - 1; i < rig->fakes[1].n_got; i++) {
		const struct fake_frame *got = &rig->fakes[1].got[i];
		unsigned flow = got->bytes[14 + 21];
		uint8_t seq = got->bytes[99];

		if (seq < 16)
			queue_of[flow] = got->queue;
		CU_ASSERT_EQUAL(got->queue, queue_of[flow]);
		CU_ASSERT(seq == 0 || seq > last_of[flow]);
		last_of[flow] = seq;
		used |= 1u << got->queue;
	}
	CU_ASSERT_EQUAL(used, 0xf);
	CU_ASSERT_EQUAL(rig->fakes[1].n_notified, 4);
	rig_check_conservation_and_free(rig);
}

static void a_full_queue_does_not_stop_the_others(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);
	unsigned n_lost;

	teach(rig);
	send_flows(rig, 16);
	rig->fakes[1].full_queues = 1 << 1;
	CU_ASSERT_EQUAL(sweep(rig), BURST_MAX);
	n_lost = N_PORTS - 1 + BURST_MAX - rig->fakes[1].n_got;
	CU_ASSERT(n_lost > 0 && n_lost < BURST_MAX / 2);
	CU_ASSERT_EQUAL(drops(rig, 1, DROP_TX_FULL), n_lost);
	for (unsigned i = 0; i < rig->fakes[1].n_got; i++)
		CU_ASSERT_NOT_EQUAL(rig->fakes[1].got[i].queue, 1);
	rig_check_conservation_and_free(rig);
}

static void a_busy_queue_is_tried_again_and_keeps_its_order(void)
{
	for (unsigned n_busy = 1; n_busy < 6; n_busy++) {
		struct rig *rig = rig_new(BRIDGE_SWITCH);
		int last_of[16];

		memset(last_of, 0xff, sizeof(last_of));
		teach(rig);
		send_flows(rig, 16);
		rig->fakes[0].waiting[20].needs = FRAME_NEEDS_CSUM;
		rig->fakes[0].waiting[20].vnet = (struct virtio_net_hdr){
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6};
		rig->fakes[1].base.offloads = 0;
		rig->fakes[1].n_busy = n_busy;
		CU_ASSERT_EQUAL(sweep(rig), BURST_MAX);
		CU_ASSERT_EQUAL(rig->fakes[1].n_got, N_PORTS - 1 + BURST_MAX);
		for (unsigned i = N_PORTS - 1; i < rig->fakes[1].n_got; i++) {
			const struct fake_frame *got = &rig->fakes[1].got[i];
			unsigned flow = got->bytes[14 + 21];

			CU_ASSERT(got->bytes[99] > last_of[flow]);
			last_of[flow] = got->bytes[99];
		}
		rig_check_conservation_and_free(rig);
	}
}

static void frames_to_a_broken_or_vanished_port_are_counted_there(void)
{
	static const enum drop_reason reasons[] = {DROP_LINK_DOWN, DROP_QUEUE_BROKEN, DROP_TX_FULL};

	for (unsigned r = 0; r < 3; r++) {
		struct rig *rig = rig_new(BRIDGE_SWITCH);

		teach(rig);
		rig->fakes[1].room = rig->fakes[1].n_got;
		rig->fakes[1].full_reason = reasons[r];
		rig->fakes[1].n_tx_calls = 0;
		for (unsigned i = 0; i < 40; i++)
			fake_port_send(&rig->fakes[0], 1, 0, 64, 0);
		while (sweep(rig))
			;
		CU_ASSERT_EQUAL(drops(rig, 1, reasons[r]), 40);
		/* Once a burst, not once a frame. */
		CU_ASSERT_EQUAL(rig->fakes[1].n_tx_calls, 2);
		rig_check_conservation_and_free(rig);
	}
}

static void what_a_source_refuses_is_charged_to_it(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	rig->fakes[0].refuse_next = DROP_RUNT;
	rig->fakes[0].n_refuse = 5;
	fake_port_send(&rig->fakes[0], 0xff, 0, 64, 0);
	CU_ASSERT_EQUAL(sweep(rig), 6);
	CU_ASSERT_EQUAL(drops(rig, 0, DROP_RUNT), 5);
	CU_ASSERT_EQUAL(count(rig, 0, COUNT_RX_FRAMES), 6);
	/* Only refused ones: there is nothing to forward, and all is given back. */
	rig->fakes[0].refuse_next = DROP_BAD_VNET;
	rig->fakes[0].n_refuse = 3;
	CU_ASSERT_EQUAL(sweep(rig), 3);
	CU_ASSERT_EQUAL(drops(rig, 0, DROP_BAD_VNET), 3);
	rig_check_conservation_and_free(rig);
}

static void a_port_without_link_is_neither_polled_nor_flooded(void) /* FDB-11 */
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	rig->linked[1] = false;
	rig_link(rig);
	fake_port_send(&rig->fakes[0], 0xff, 0, 64, 0);
	fake_port_send(&rig->fakes[1], 0xff, 1, 64, 0);
	CU_ASSERT_EQUAL(sweep(rig), 1);
	CU_ASSERT_EQUAL(rig->fakes[1].n_got, 0);
	CU_ASSERT_EQUAL(rig->fakes[2].n_got, 1);
	rig_check_conservation_and_free(rig);
}

static void the_last_port_with_a_link_talks_to_nobody(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	rig->linked[1] = rig->linked[2] = rig->linked[3] = false;
	rig_link(rig);
	fake_port_send(&rig->fakes[0], 0xff, 0, 64, 0);
	sweep(rig);
	CU_ASSERT_EQUAL(drops(rig, 0, DROP_NO_PORT), 1);
	rig_check_conservation_and_free(rig);
}

static void an_offload_the_destination_has_passes_untouched(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	teach(rig);
	fake_port_send(&rig->fakes[0], 1, 0, 200, 0);
	rig->fakes[0].waiting[1].vnet = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
	rig->fakes[0].waiting[1].needs = FRAME_NEEDS_CSUM;
	sweep(rig);
	CU_ASSERT_EQUAL(rig->fakes[1].got[3].needs, FRAME_NEEDS_CSUM);
	CU_ASSERT_EQUAL(rig->fakes[1].got[3].vnet.csum_start, 34);
	CU_ASSERT_EQUAL(count(rig, 1, COUNT_SEGMENTED), 0);
	rig_check_conservation_and_free(rig);
}

static void an_offload_the_destination_lacks_is_completed_in_order(void) /* OFL-02 */
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	teach(rig);
	rig->fakes[1].base.offloads = 0;
	for (unsigned i = 0; i < 5; i++) {
		fake_port_send(&rig->fakes[0], 1, 0, 200 + i, 0);
		if (i % 2 == 0)
			continue;
		rig->fakes[0].waiting[1 + i].vnet = (struct virtio_net_hdr){
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
		rig->fakes[0].waiting[1 + i].needs = FRAME_NEEDS_CSUM;
	}
	sweep(rig);
	CU_ASSERT_EQUAL_FATAL(rig->fakes[1].n_got, 3 + 5);
	for (unsigned i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(rig->fakes[1].got[3 + i].len, 200 + i);
		CU_ASSERT_EQUAL(rig->fakes[1].got[3 + i].needs, 0);
	}
	CU_ASSERT_EQUAL(count(rig, 1, COUNT_SEGMENTED), 2);
	rig_check_conservation_and_free(rig);
}

static void what_cannot_be_completed_is_dropped_under_its_reason(void)
{
	struct rig *rig = rig_new(BRIDGE_SWITCH);

	teach(rig);
	rig->fakes[1].base.offloads = FRAME_NEEDS_CSUM;
	/* Says TCP over IPv4, holds nothing of the kind. */
	fake_port_send(&rig->fakes[0], 1, 0, 1800, 0xee);
	rig->fakes[0].waiting[1].vnet =
		(struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					.gso_size = 500,
					.csum_start = 34,
					.csum_offset = 16};
	rig->fakes[0].waiting[1].needs = FRAME_NEEDS_CSUM | FRAME_NEEDS_TSO4;
	sweep(rig);
	CU_ASSERT_EQUAL(rig->fakes[1].n_got, 3);
	CU_ASSERT_EQUAL(drops(rig, 1, DROP_NO_OFFLOAD), 1);
	rig_check_conservation_and_free(rig);
}

struct running {
	struct rig *rig;
	struct rte_rcu_qsbr *qsbr;
	pthread_t thread;
};

static void *run(void *arg)
{
	worker_run(((struct running *)arg)->rig->worker);
	return NULL;
}

static void wait_for_count(const struct worker *worker, enum worker_counter which, uint64_t n)
{
	while (worker_count(worker, which) < n)
		usleep(100);
}

/* The worker of the rig again, with a thread of its own. */
static void start(struct running *running)
{
	struct rig *rig = running->rig = rig_new(BRIDGE_SWITCH);

	running->qsbr = aligned_alloc(64, rte_rcu_qsbr_get_memsize(1));
	CU_ASSERT_PTR_NOT_NULL_FATAL(running->qsbr);
	rte_rcu_qsbr_init(running->qsbr, 1);
	worker_free(rig->worker);
	rig->worker = worker_new(&(struct worker_conf){.n_ports = N_PORTS,
						       .idle = IDLE_ADAPTIVE,
						       .tsc_hz = 1000000000,
						       .qsbr = running->qsbr,
						       .snapshot = &rig->snapshot});
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->worker);
}

static void stop(struct running *running)
{
	worker_stop(running->rig->worker);
	pthread_join(running->thread, NULL);
	free(running->qsbr);
	rig_check_conservation_and_free(running->rig);
}

static void a_worker_sleeps_when_idle_and_wakes_when_told(void)
{
	struct running running;
	int kick[2];

	start(&running);
	CU_ASSERT_EQUAL_FATAL(pipe(kick), 0);
	CU_ASSERT_EQUAL(worker_watch(running.rig->worker, kick[0]), 0);
	pthread_create(&running.thread, NULL, run, &running);
	wait_for_count(running.rig->worker, WORKER_SLEEPS, 1);
	/* A grace period does not wait for a sleeper. */
	rte_rcu_qsbr_synchronize(running.qsbr, RTE_QSBR_THRID_INVALID);
	CU_ASSERT_EQUAL(write(kick[1], "", 1), 1);
	wait_for_count(running.rig->worker, WORKER_SLEEPS, 2);
	worker_wake(running.rig->worker);
	wait_for_count(running.rig->worker, WORKER_SLEEPS, 3);
	CU_ASSERT_TRUE(running.rig->fakes[0].n_armed >= 3);
	CU_ASSERT_TRUE(running.rig->fakes[0].n_disarmed >= 2);
	worker_unwatch(running.rig->worker, kick[0]);
	close(kick[0]);
	close(kick[1]);
	stop(&running);
}

static void a_worker_does_not_sleep_on_frames_that_came_while_it_armed(void)
{
	struct running running;

	start(&running);
	running.rig->fakes[0].says_work = true;
	pthread_create(&running.thread, NULL, run, &running);
	while (__atomic_load_n(&running.rig->fakes[0].n_armed, __ATOMIC_RELAXED) < 5)
		usleep(100);
	CU_ASSERT_EQUAL(worker_count(running.rig->worker, WORKER_SLEEPS), 0);
	stop(&running);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"broadcast_reaches_all_others_once", broadcast_reaches_all_others_once},
		{"unicast_to_a_known_address_reaches_one_port",
		 unicast_to_a_known_address_reaches_one_port},
		{"a_burst_is_notified_once_per_destination",
		 a_burst_is_notified_once_per_destination},
		{"order_within_a_source_is_kept", order_within_a_source_is_kept},
		{"a_full_destination_loses_the_rest_under_tx_full",
		 a_full_destination_loses_the_rest_under_tx_full},
		{"one_frame_too_big_does_not_stop_the_others",
		 one_frame_too_big_does_not_stop_the_others},
		{"a_busy_port_is_tried_again_and_loses_nothing",
		 a_busy_port_is_tried_again_and_loses_nothing},
		{"a_flow_stays_on_one_queue_and_many_use_them_all",
		 a_flow_stays_on_one_queue_and_many_use_them_all},
		{"a_full_queue_does_not_stop_the_others", a_full_queue_does_not_stop_the_others},
		{"a_busy_queue_is_tried_again_and_keeps_its_order",
		 a_busy_queue_is_tried_again_and_keeps_its_order},
		{"frames_to_a_broken_or_vanished_port_are_counted_there",
		 frames_to_a_broken_or_vanished_port_are_counted_there},
		{"what_a_source_refuses_is_charged_to_it", what_a_source_refuses_is_charged_to_it},
		{"a_port_without_link_is_neither_polled_nor_flooded",
		 a_port_without_link_is_neither_polled_nor_flooded},
		{"the_last_port_with_a_link_talks_to_nobody",
		 the_last_port_with_a_link_talks_to_nobody},
		{"an_offload_the_destination_has_passes_untouched",
		 an_offload_the_destination_has_passes_untouched},
		{"an_offload_the_destination_lacks_is_completed_in_order",
		 an_offload_the_destination_lacks_is_completed_in_order},
		{"what_cannot_be_completed_is_dropped_under_its_reason",
		 what_cannot_be_completed_is_dropped_under_its_reason},
		{"a_worker_sleeps_when_idle_and_wakes_when_told",
		 a_worker_sleeps_when_idle_and_wakes_when_told},
		{"a_worker_does_not_sleep_on_frames_that_came_while_it_armed",
		 a_worker_does_not_sleep_on_frames_that_came_while_it_armed},
		CU_TEST_INFO_NULL,
	};
	return suite_run("worker", tests);
}
