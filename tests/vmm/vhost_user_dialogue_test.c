/* What the front-end says to a back-end that behaves, in which order, and what it makes of the
 * answers. */
#include "tests/suite.h"
#include "vhost_user_rig.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define FEATURE(bit)  (1ull << (bit))
#define PROTOCOL(bit) (1ull << VHOST_USER_PROTOCOL_##bit)

static const struct scripted_message *find(const struct rig *rig, uint32_t request)
{
	unsigned i;

	for (i = 0; i < rig->backend.n_messages; i++)
		if (rig->backend.messages[i].request == request)
			return &rig->backend.messages[i];
	return NULL;
}

static unsigned count(const struct rig *rig, uint32_t request)
{
	unsigned i, n = 0;

	for (i = 0; i < rig->backend.n_messages; i++)
		n += rig->backend.messages[i].request == request;
	return n;
}

static void expect_order(const struct rig *rig, const uint32_t *order, unsigned n)
{
	unsigned i;

	CU_ASSERT_EQUAL(rig->backend.n_messages, n);
	for (i = 0; i < n && i < rig->backend.n_messages; i++)
		if (rig->backend.messages[i].request != order[i]) {
			fprintf(stderr, "message %u is %u, not %u\n", i,
				rig->backend.messages[i].request, order[i]);
			CU_FAIL("order of the messages");
			return;
		}
}

/* VUP-01 */
static void front_end_starts_and_stops_in_the_order_every_back_end_accepts(void)
{
	static const uint32_t order[] = {
		3,  1,	15, 16, 17, 20,	    /* owner, features, protocol features, queues, MTU */
		39, 2,	39, 40,		    /* status around the features */
		5,  8,	8,		    /* memory, sizes */
		10, 9,	13, 12,		    /* base, addresses, call, kick: queue 0 */
		10, 9,	13, 12, 18, 18, 39, /* queue 1, enables, DRIVER_OK */
		18, 18, 11, 11, 39,	    /* stop */
	};
	struct rig rig;

	rig_init(&rig);
	rig.dev.n_queues = 2;
	rig_connect(&rig);
	CU_ASSERT_EQUAL(vhost_user_handshake(&rig.vu, 1500), 0);
	CU_ASSERT_EQUAL(rig.vu.state, VHOST_USER_READY);
	CU_ASSERT_EQUAL(vhost_user_start(&rig.vu, &rig.dev), 0);
	CU_ASSERT_EQUAL(rig.vu.state, VHOST_USER_RUNNING);
	CU_ASSERT_EQUAL(vhost_user_stop(&rig.vu, &rig.dev), 0);
	CU_ASSERT_EQUAL(rig.vu.state, VHOST_USER_READY);
	rig_disconnect(&rig);
	expect_order(&rig, order, sizeof(order) / sizeof(order[0]));
	rig_fini(&rig);
}

static void front_end_asks_only_what_an_old_back_end_knows(void)
{
	static const uint32_t order[] = {3,  1,	 2,  5, 1,  8,	8, 10, 9,
					 13, 12, 10, 9, 13, 12, 1, 11, 11};
	struct rig rig;

	rig_init(&rig);
	rig.dev.n_queues = 2;
	rig.backend.features &= ~FEATURE(VHOST_USER_FEATURE_PROTOCOL);
	rig_connect(&rig);
	CU_ASSERT_EQUAL(vhost_user_handshake(&rig.vu, 1500), 0);
	CU_ASSERT_EQUAL(rig.vu.max_queues, 2);
	CU_ASSERT_EQUAL(vhost_user_start(&rig.vu, &rig.dev), 0);
	CU_ASSERT_EQUAL(vhost_user_stop(&rig.vu, &rig.dev), 0);
	rig_disconnect(&rig);
	expect_order(&rig, order, sizeof(order) / sizeof(order[0]));
	CU_ASSERT_FALSE(find(&rig, VHOST_USER_SET_FEATURES)->payload.u64 &
			FEATURE(VHOST_USER_FEATURE_PROTOCOL));
	rig_fini(&rig);
}

static void front_end_agrees_only_to_what_both_know(void)
{
	struct rig rig;

	rig_init(&rig);
	rig.backend.protocol_features = PROTOCOL(MTU) | PROTOCOL(REPLY_ACK) | 1ull << 63;
	rig_connect(&rig);
	CU_ASSERT_EQUAL(vhost_user_handshake(&rig.vu, 1500), 0);
	CU_ASSERT_EQUAL(rig.vu.protocol_features, PROTOCOL(MTU) | PROTOCOL(REPLY_ACK));
	CU_ASSERT_EQUAL(rig.vu.max_queues, 2);
	CU_ASSERT_FALSE(rig.vu.features & FEATURE(VHOST_USER_FEATURE_PROTOCOL));
	CU_ASSERT_FALSE(rig.vu.features & FEATURE(VHOST_USER_FEATURE_LOG_ALL));
	rig_disconnect(&rig);
	CU_ASSERT_EQUAL(find(&rig, VHOST_USER_SET_PROTOCOL_FEATURES)->payload.u64,
			PROTOCOL(MTU) | PROTOCOL(REPLY_ACK));
	CU_ASSERT_EQUAL(find(&rig, VHOST_USER_NET_SET_MTU)->payload.u64, 1500);
	rig_fini(&rig);
}

static void front_end_keeps_to_itself_what_only_it_answers(void)
{
	struct rig rig;
	uint64_t told;

	rig_init(&rig);
	rig.backend.features &= ~VHOST_USER_LOCAL_FEATURES;
	rig.dev.features |= FEATURE(VIRTIO_NET_F_CTRL_VQ) | FEATURE(VHOST_USER_FEATURE_LOG_ALL);
	rig_connect(&rig);
	CU_ASSERT_EQUAL(vhost_user_handshake(&rig.vu, 0), 0);
	rig.dev.features &= ~FEATURE(VHOST_USER_FEATURE_LOG_ALL);
	CU_ASSERT_EQUAL(vhost_user_start(&rig.vu, &rig.dev), 0);
	rig_disconnect(&rig);
	told = find(&rig, VHOST_USER_SET_FEATURES)->payload.u64;
	CU_ASSERT_EQUAL(told, FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_NET_F_MRG_RXBUF) |
				      FEATURE(VHOST_USER_FEATURE_PROTOCOL));
	CU_ASSERT_PTR_NULL(find(&rig, VHOST_USER_NET_SET_MTU));
	rig_fini(&rig);
}

static void front_end_tells_memory_and_rings_as_the_caller_gave_them(void)
{
	const struct scripted_message *message;
	struct rig rig;

	rig_init(&rig);
	rig.queues[0].base = 0x1234;
	rig.queues[0].kickfd = -1;
	rig_connect(&rig);
	CU_ASSERT_EQUAL(vhost_user_handshake(&rig.vu, 0), 0);
	CU_ASSERT_EQUAL(vhost_user_start(&rig.vu, &rig.dev), 0);
	rig_disconnect(&rig);
	message = find(&rig, VHOST_USER_SET_MEM_TABLE);
	CU_ASSERT_EQUAL(message->n_fds, 1);
	CU_ASSERT_EQUAL(message->size, 8 + 32);
	CU_ASSERT_EQUAL(message->payload.memory.n_regions, 1);
	CU_ASSERT_EQUAL(message->payload.memory.regions[0].gpa, rig.dev.memory.regions[0].gpa);
	CU_ASSERT_EQUAL(message->payload.memory.regions[0].va, rig.dev.memory.regions[0].va);
	CU_ASSERT_EQUAL(message->payload.memory.regions[0].size, RIG_MEMORY_LEN);
	message = find(&rig, VHOST_USER_SET_VRING_ADDR);
	CU_ASSERT_EQUAL(message->payload.addr.desc, rig.queues[0].desc);
	CU_ASSERT_EQUAL(message->payload.addr.avail, rig.queues[0].avail);
	CU_ASSERT_EQUAL(message->payload.addr.used, rig.queues[0].used);
	CU_ASSERT_EQUAL(find(&rig, VHOST_USER_SET_VRING_BASE)->payload.state.num, 0x1234);
	message = find(&rig, VHOST_USER_SET_VRING_KICK);
	CU_ASSERT_EQUAL(message->payload.u64, VHOST_USER_VRING_NO_FD);
	CU_ASSERT_EQUAL(message->n_fds, 0);
	message = find(&rig, VHOST_USER_SET_VRING_CALL);
	CU_ASSERT_EQUAL(message->payload.u64, 0);
	CU_ASSERT_EQUAL(message->n_fds, 1);
	rig_fini(&rig);
}

static void front_end_kicks_every_queue_once_it_runs(void)
{
	struct rig rig;
	uint64_t n;
	unsigned i;

	rig_init(&rig);
	rig_connect(&rig);
	CU_ASSERT_EQUAL(vhost_user_handshake(&rig.vu, 0), 0);
	CU_ASSERT_EQUAL(vhost_user_start(&rig.vu, &rig.dev), 0);
	for (i = 0; i < RIG_QUEUES; i++) {
		CU_ASSERT_EQUAL(read(rig.queues[i].kickfd, &n, sizeof(n)), (ssize_t)sizeof(n));
		CU_ASSERT_TRUE(read(rig.queues[i].callfd, &n, sizeof(n)) < 0);
	}
	rig_disconnect(&rig);
	rig_fini(&rig);
}

static void front_end_enables_only_the_pairs_in_use(void)
{
	struct rig rig;
	unsigned i, n = 0;

	rig_init(&rig);
	rig_connect(&rig);
	CU_ASSERT_EQUAL(rig_whole_life(&rig), 0);
	rig_disconnect(&rig);
	/* 4 at start, 2 for the pair, 4 at stop. */
	CU_ASSERT_EQUAL(count(&rig, VHOST_USER_SET_VRING_ENABLE), 10);
	for (i = 0; i < rig.backend.n_messages; i++) {
		const struct scripted_message *message = &rig.backend.messages[i];

		if (message->request != VHOST_USER_SET_VRING_ENABLE)
			continue;
		CU_ASSERT_EQUAL(message->payload.state.index, n < 4 ? n : n < 6 ? n - 2 : n - 6);
		CU_ASSERT_EQUAL(message->payload.state.num, n < 2 || n == 4 || n == 5);
		n++;
	}
	CU_ASSERT_TRUE(rig.queues[2].enabled && rig.queues[3].enabled);
	rig_fini(&rig);
}

static void enabling_a_pair_without_a_back_end_is_only_noted(void)
{
	struct rig rig;

	rig_init(&rig);
	CU_ASSERT_EQUAL(vhost_user_enable_pair(&rig.vu, &rig.dev, 1, true), 0);
	CU_ASSERT_TRUE(rig.queues[2].enabled && rig.queues[3].enabled);
	rig_fini(&rig);
}

static void stop_says_where_the_back_end_was(void)
{
	struct rig rig;

	rig_init(&rig);
	rig_connect(&rig);
	CU_ASSERT_EQUAL(rig_whole_life(&rig), 0);
	CU_ASSERT_EQUAL(rig.queues[0].base, 100);
	CU_ASSERT_EQUAL(rig.queues[3].base, 103);
	rig_disconnect(&rig);
	rig_fini(&rig);
}

static void answers_may_trickle(void)
{
	struct rig rig;

	rig_init(&rig);
	rig.backend.byte_by_byte = true;
	rig_connect(&rig);
	CU_ASSERT_EQUAL(rig_whole_life(&rig), 0);
	rig_disconnect(&rig);
	rig_fini(&rig);
}

static void note_signal(int number)
{
	(void)number;
}

static void signals_do_not_disturb(void)
{
	struct sigaction action = {.sa_handler = note_signal};
	struct rig rig;

	sigaction(SIGUSR1, &action, NULL);
	rig_init(&rig);
	rig.backend.signals = true;
	rig.backend.signal_to = pthread_self();
	rig_connect(&rig);
	CU_ASSERT_EQUAL(rig_whole_life(&rig), 0);
	rig_disconnect(&rig);
	rig_fini(&rig);
}

static void feature_lists_say_when_they_were_cut(void)
{
	char buf[64];

	vhost_user_feature_names(FEATURE(15) | FEATURE(32) | FEATURE(50), buf, sizeof(buf));
	CU_ASSERT_STRING_EQUAL(buf, "MRG_RXBUF, VERSION_1, bit 50");
	vhost_user_feature_names(UINT64_MAX, buf, 20);
	CU_ASSERT_STRING_EQUAL(buf, "CSUM, GUEST_CSUM...");
	vhost_user_feature_names(FEATURE(0) | FEATURE(1), buf, 17);
	CU_ASSERT_STRING_EQUAL(buf, "CSUM, GUEST_CSUM");
	vhost_user_feature_names(FEATURE(0) | FEATURE(1), buf, 16);
	CU_ASSERT_STRING_EQUAL(buf, "CSUM, GUEST_...");
	vhost_user_feature_names(0, buf, sizeof(buf));
	CU_ASSERT_STRING_EQUAL(buf, "");
}

int main(void)
{
	CU_TestInfo tests[] = {
		SUITE_TEST(front_end_starts_and_stops_in_the_order_every_back_end_accepts),
		SUITE_TEST(front_end_asks_only_what_an_old_back_end_knows),
		SUITE_TEST(front_end_agrees_only_to_what_both_know),
		SUITE_TEST(front_end_keeps_to_itself_what_only_it_answers),
		SUITE_TEST(front_end_tells_memory_and_rings_as_the_caller_gave_them),
		SUITE_TEST(front_end_kicks_every_queue_once_it_runs),
		SUITE_TEST(front_end_enables_only_the_pairs_in_use),
		SUITE_TEST(enabling_a_pair_without_a_back_end_is_only_noted),
		SUITE_TEST(stop_says_where_the_back_end_was),
		SUITE_TEST(answers_may_trickle),
		SUITE_TEST(signals_do_not_disturb),
		SUITE_TEST(feature_lists_say_when_they_were_cut),
		CU_TEST_INFO_NULL,
	};

	return suite_run("vhost-user dialogue", tests);
}
