#include "tests/suite.h"
#include "tests/switch/worker_rig.h"

#include <string.h>

static void broadcast_reaches_all_others_once(void) /* FDB-01 */
{
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);

	fake_port_send(&rig->fakes[2], 0xff, 2, 100, 7);
	CU_ASSERT_EQUAL(worker_rig_sweep(rig), 1);
	for (unsigned i = 0; i < WORKER_RIG_PORTS; i++)
		CU_ASSERT_EQUAL(rig->fakes[i].n_got, i == 2 ? 0 : 1);
	CU_ASSERT_EQUAL(memcmp(rig->fakes[0].got[0].bytes, rig->fakes[2].waiting[0].bytes, 100), 0);
	CU_ASSERT_EQUAL(worker_rig_count(rig, 2, COUNT_COPIES), 3);
	worker_rig_check_and_free(rig);
}

static void unicast_to_a_known_address_reaches_one_port(void) /* FDB-02 */
{
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);

	worker_rig_teach(rig);
	fake_port_send(&rig->fakes[0], 3, 0, 1500, 9);
	worker_rig_sweep(rig);
	CU_ASSERT_EQUAL(rig->fakes[3].n_got, 4);
	CU_ASSERT_EQUAL(rig->fakes[1].n_got, 3);
	CU_ASSERT_EQUAL(rig->fakes[3].got[3].len, 1500);
	CU_ASSERT_EQUAL(memcmp(rig->fakes[3].got[3].bytes, rig->fakes[0].waiting[1].bytes, 1500),
			0);
	CU_ASSERT_EQUAL(worker_rig_count(rig, 0, COUNT_RX_BYTES), 64 + 1500);
	CU_ASSERT_EQUAL(worker_rig_count(rig, 3, COUNT_TX_BYTES), 3 * 64 + 1500);
	worker_rig_check_and_free(rig);
}

static void a_burst_is_notified_once_per_destination(void)
{
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);

	worker_rig_teach(rig);
	for (unsigned i = 0; i < BURST_MAX; i++)
		fake_port_send(&rig->fakes[0], i % 2 ? 1 : 2, 0, 64, (uint8_t)i);
	for (unsigned i = 0; i < BURST_MAX; i++)
		fake_port_send(&rig->fakes[3], 1, 3, 64, (uint8_t)i);
	CU_ASSERT_EQUAL(worker_rig_sweep(rig), 2 * BURST_MAX);
	CU_ASSERT_EQUAL(rig->fakes[1].n_got, 3 + BURST_MAX / 2 + BURST_MAX);
	CU_ASSERT_EQUAL(rig->fakes[1].n_notified, 1);
	CU_ASSERT_EQUAL(rig->fakes[1].n_notify_calls, 1);
	CU_ASSERT_EQUAL(rig->fakes[2].n_notified, 1);
	CU_ASSERT_EQUAL(rig->fakes[3].n_notified, 0);
	worker_rig_check_and_free(rig);
}

static void order_within_a_source_is_kept(void)
{
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);

	worker_rig_teach(rig);
	for (unsigned i = 0; i < 100; i++)
		fake_port_send(&rig->fakes[0], 1, 0, 60 + i, (uint8_t)i);
	while (worker_rig_sweep(rig))
		;
	CU_ASSERT_EQUAL_FATAL(rig->fakes[1].n_got, 103);
	for (unsigned i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(rig->fakes[1].got[3 + i].len, 60 + i);
	worker_rig_check_and_free(rig);
}

static void a_full_destination_loses_the_rest_under_tx_full(void)
{
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);

	worker_rig_teach(rig);
	rig->fakes[1].room = rig->fakes[1].n_got + 5;
	for (unsigned i = 0; i < 20; i++)
		fake_port_send(&rig->fakes[0], i < 16 ? 1 : 2, 0, 64, 0);
	worker_rig_sweep(rig);
	CU_ASSERT_EQUAL(worker_rig_drops(rig, 1, DROP_TX_FULL), 11);
	CU_ASSERT_EQUAL(rig->fakes[2].n_got, 3 + 4);
	worker_rig_check_and_free(rig);
}

static void one_frame_too_big_does_not_stop_the_others(void) /* MRG-04 */
{
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);

	worker_rig_teach(rig);
	rig->fakes[1].refuse_len = 1600;
	for (unsigned i = 0; i < 32; i++)
		fake_port_send(&rig->fakes[0], 1, 0, i == 2 || i == 31 ? 1600 : 64, 0);
	worker_rig_sweep(rig);
	CU_ASSERT_EQUAL(rig->fakes[1].n_got, 3 + 30);
	CU_ASSERT_EQUAL(worker_rig_drops(rig, 1, DROP_TOO_BIG), 2);
	worker_rig_check_and_free(rig);
}

static void a_busy_port_is_tried_again_and_loses_nothing(void)
{
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);

	worker_rig_teach(rig);
	rig->fakes[1].n_busy = 3;
	rig->fakes[3].base.offloads = 0;
	rig->fakes[3].n_busy = 2;
	for (unsigned i = 0; i < 30; i++)
		fake_port_send(&rig->fakes[0], (uint8_t)(1 + i % 3), 0, 60 + i, 0);
	rig->fakes[0].waiting[1 + 2].vnet = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
	rig->fakes[0].waiting[1 + 2].needs = FRAME_NEEDS_CSUM;
	worker_rig_sweep(rig);
	for (unsigned p = 1; p < WORKER_RIG_PORTS; p++) {
		CU_ASSERT_EQUAL_FATAL(rig->fakes[p].n_got, 3 + 10);
		for (unsigned i = 0; i < 10; i++)
			CU_ASSERT_EQUAL(rig->fakes[p].got[3 + i].len, 60 + 3 * i + p - 1);
	}
	CU_ASSERT_EQUAL(rig->fakes[1].n_tx_calls, 1 + 3 + 3);
	worker_rig_check_and_free(rig);
}

/* n_flows conversations in one burst, to a port that receives on four queues. */
static void send_flows(struct worker_rig *rig, unsigned n_flows)
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
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);
	unsigned queue_of[16];
	uint8_t last_of[16] = {0};
	unsigned used = 0;

	worker_rig_teach(rig);
	send_flows(rig, 16);
	CU_ASSERT_EQUAL(worker_rig_sweep(rig), BURST_MAX);
	CU_ASSERT_EQUAL_FATAL(rig->fakes[1].n_got, WORKER_RIG_PORTS - 1 + BURST_MAX);
	for (unsigned i = WORKER_RIG_PORTS - 1; i < rig->fakes[1].n_got; i++) {
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
	worker_rig_check_and_free(rig);
}

static void a_full_queue_does_not_stop_the_others(void)
{
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);
	unsigned n_lost;

	worker_rig_teach(rig);
	send_flows(rig, 16);
	rig->fakes[1].full_queues = 1 << 1;
	CU_ASSERT_EQUAL(worker_rig_sweep(rig), BURST_MAX);
	n_lost = WORKER_RIG_PORTS - 1 + BURST_MAX - rig->fakes[1].n_got;
	CU_ASSERT(n_lost > 0 && n_lost < BURST_MAX / 2);
	CU_ASSERT_EQUAL(worker_rig_drops(rig, 1, DROP_TX_FULL), n_lost);
	for (unsigned i = 0; i < rig->fakes[1].n_got; i++)
		CU_ASSERT_NOT_EQUAL(rig->fakes[1].got[i].queue, 1);
	worker_rig_check_and_free(rig);
}

static void a_busy_queue_is_tried_again_and_keeps_its_order(void)
{
	for (unsigned n_busy = 1; n_busy < 6; n_busy++) {
		struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);
		int last_of[16];

		memset(last_of, 0xff, sizeof(last_of));
		worker_rig_teach(rig);
		send_flows(rig, 16);
		rig->fakes[0].waiting[20].needs = FRAME_NEEDS_CSUM;
		rig->fakes[0].waiting[20].vnet = (struct virtio_net_hdr){
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6};
		rig->fakes[1].base.offloads = 0;
		rig->fakes[1].n_busy = n_busy;
		CU_ASSERT_EQUAL(worker_rig_sweep(rig), BURST_MAX);
		CU_ASSERT_EQUAL(rig->fakes[1].n_got, WORKER_RIG_PORTS - 1 + BURST_MAX);
		for (unsigned i = WORKER_RIG_PORTS - 1; i < rig->fakes[1].n_got; i++) {
			const struct fake_frame *got = &rig->fakes[1].got[i];
			unsigned flow = got->bytes[14 + 21];

			CU_ASSERT(got->bytes[99] > last_of[flow]);
			last_of[flow] = got->bytes[99];
		}
		worker_rig_check_and_free(rig);
	}
}

static void frames_to_a_broken_or_vanished_port_are_counted_there(void)
{
	static const enum drop_reason reasons[] = {DROP_LINK_DOWN, DROP_QUEUE_BROKEN, DROP_TX_FULL};

	for (unsigned r = 0; r < 3; r++) {
		struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);

		worker_rig_teach(rig);
		rig->fakes[1].room = rig->fakes[1].n_got;
		rig->fakes[1].full_reason = reasons[r];
		rig->fakes[1].n_tx_calls = 0;
		for (unsigned i = 0; i < BURST_MAX + 8; i++)
			fake_port_send(&rig->fakes[0], 1, 0, 64, 0);
		while (worker_rig_sweep(rig))
			;
		CU_ASSERT_EQUAL(worker_rig_drops(rig, 1, reasons[r]), BURST_MAX + 8);
		/* Once a burst, not once a frame. */
		CU_ASSERT_EQUAL(rig->fakes[1].n_tx_calls, 2);
		worker_rig_check_and_free(rig);
	}
}

static void what_a_source_refuses_is_charged_to_it(void)
{
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);

	rig->fakes[0].refuse_next = DROP_RUNT;
	rig->fakes[0].n_refuse = 5;
	fake_port_send(&rig->fakes[0], 0xff, 0, 64, 0);
	CU_ASSERT_EQUAL(worker_rig_sweep(rig), 6);
	CU_ASSERT_EQUAL(worker_rig_drops(rig, 0, DROP_RUNT), 5);
	CU_ASSERT_EQUAL(worker_rig_count(rig, 0, COUNT_RX_FRAMES), 6);
	/* Only refused ones: there is nothing to forward, and all is given back. */
	rig->fakes[0].refuse_next = DROP_BAD_VNET;
	rig->fakes[0].n_refuse = 3;
	CU_ASSERT_EQUAL(worker_rig_sweep(rig), 3);
	CU_ASSERT_EQUAL(worker_rig_drops(rig, 0, DROP_BAD_VNET), 3);
	worker_rig_check_and_free(rig);
}

static void a_port_without_link_is_neither_polled_nor_flooded(void) /* FDB-11 */
{
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);

	rig->linked[1] = false;
	worker_rig_link(rig);
	fake_port_send(&rig->fakes[0], 0xff, 0, 64, 0);
	fake_port_send(&rig->fakes[1], 0xff, 1, 64, 0);
	CU_ASSERT_EQUAL(worker_rig_sweep(rig), 1);
	CU_ASSERT_EQUAL(rig->fakes[1].n_got, 0);
	CU_ASSERT_EQUAL(rig->fakes[2].n_got, 1);
	worker_rig_check_and_free(rig);
}

static void the_last_port_with_a_link_talks_to_nobody(void)
{
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);

	rig->linked[1] = rig->linked[2] = rig->linked[3] = false;
	worker_rig_link(rig);
	fake_port_send(&rig->fakes[0], 0xff, 0, 64, 0);
	worker_rig_sweep(rig);
	CU_ASSERT_EQUAL(worker_rig_drops(rig, 0, DROP_NO_PORT), 1);
	worker_rig_check_and_free(rig);
}

static void an_offload_the_destination_has_passes_untouched(void)
{
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);

	worker_rig_teach(rig);
	fake_port_send(&rig->fakes[0], 1, 0, 200, 0);
	rig->fakes[0].waiting[1].vnet = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
	rig->fakes[0].waiting[1].needs = FRAME_NEEDS_CSUM;
	worker_rig_sweep(rig);
	CU_ASSERT_EQUAL(rig->fakes[1].got[3].needs, FRAME_NEEDS_CSUM);
	CU_ASSERT_EQUAL(rig->fakes[1].got[3].vnet.csum_start, 34);
	CU_ASSERT_EQUAL(worker_rig_count(rig, 1, COUNT_SEGMENTED), 0);
	worker_rig_check_and_free(rig);
}

static void an_offload_the_destination_lacks_is_completed_in_order(void) /* OFL-02 */
{
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);

	worker_rig_teach(rig);
	rig->fakes[1].base.offloads = 0;
	for (unsigned i = 0; i < 5; i++) {
		fake_port_send(&rig->fakes[0], 1, 0, 200 + i, 0);
		if (i % 2 == 0)
			continue;
		rig->fakes[0].waiting[1 + i].vnet = (struct virtio_net_hdr){
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
		rig->fakes[0].waiting[1 + i].needs = FRAME_NEEDS_CSUM;
	}
	worker_rig_sweep(rig);
	CU_ASSERT_EQUAL_FATAL(rig->fakes[1].n_got, 3 + 5);
	for (unsigned i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(rig->fakes[1].got[3 + i].len, 200 + i);
		CU_ASSERT_EQUAL(rig->fakes[1].got[3 + i].needs, 0);
	}
	CU_ASSERT_EQUAL(worker_rig_count(rig, 1, COUNT_SEGMENTED), 2);
	worker_rig_check_and_free(rig);
}

static void what_cannot_be_completed_is_dropped_under_its_reason(void)
{
	struct worker_rig *rig = worker_rig_new(BRIDGE_SWITCH);

	worker_rig_teach(rig);
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
	worker_rig_sweep(rig);
	CU_ASSERT_EQUAL(rig->fakes[1].n_got, 3);
	CU_ASSERT_EQUAL(worker_rig_drops(rig, 1, DROP_NO_OFFLOAD), 1);
	worker_rig_check_and_free(rig);
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
		CU_TEST_INFO_NULL,
	};
	return suite_run("worker", tests);
}
