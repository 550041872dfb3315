/* What the front-end makes of back-ends that lie, stall, refuse or go away. VMM-18, VUP-33 from the
 * other side. */
#include "tests/open_fds.h"
#include "tests/suite.h"
#include "vhost_user_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FEATURE(bit) (1ull << (bit))

enum { SHORT_TIMEOUT_MS = 20 };

static const int fault_errno[] = {
	[FAULT_CLOSE] = -ECONNRESET,
	[FAULT_CLOSE_IN_HEADER] = -ECONNRESET,
	[FAULT_CLOSE_IN_PAYLOAD] = -ECONNRESET,
	[FAULT_SILENCE] = -ETIMEDOUT,
	[FAULT_HALF_THEN_QUIET] = -ETIMEDOUT,
	[FAULT_WRONG_ID] = -EPROTO,
	[FAULT_SHORT] = -EPROTO,
	[FAULT_LONG] = -EPROTO,
	[FAULT_HUGE] = -EPROTO,
	[FAULT_NOT_A_REPLY] = -EPROTO,
	[FAULT_VERSION] = -EPROTO,
	[FAULT_EXTRA_FD] = -EPROTO,
	[FAULT_MANY_FDS] = -EPROTO,
	[FAULT_FD_IN_PAYLOAD] = -EPROTO,
	[FAULT_NACK] = -EREMOTEIO,
};
static_assert(sizeof(fault_errno) / sizeof(fault_errno[0]) == FAULT_N, "every fault has a code");

static bool has_answer(const struct scripted_message *message)
{
	switch (message->request) {
	case VHOST_USER_GET_FEATURES:
	case VHOST_USER_GET_PROTOCOL_FEATURES:
	case VHOST_USER_GET_QUEUE_NUM:
	case VHOST_USER_GET_STATUS:
	case VHOST_USER_GET_VRING_BASE:
		return true;
	default:
		return message->flags & VHOST_USER_FLAG_NEED_REPLY;
	}
}

/* One life with the fault at one message: the right code, a sentence, no socket and no descriptor
 * left. */
static void expect_fault(enum scripted_fault fault, unsigned at, int expected, bool acks)
{
	unsigned n_fds = open_fds();
	struct rig rig;
	int ret;

	rig_init(&rig);
	if (!acks)
		rig.backend.protocol_features &= ~(1ull << VHOST_USER_PROTOCOL_REPLY_ACK);
	rig.backend.fault = fault;
	rig.backend.fault_at = at;
	if (expected == -ETIMEDOUT)
		rig.vu.timeout_ms = SHORT_TIMEOUT_MS;
	rig_connect(&rig);
	ret = rig_whole_life(&rig);
	if (ret != expected)
		fprintf(stderr, "fault %d at message %u: %d, not %d (%s)\n", fault, at, ret,
			expected, rig.vu.error);
	CU_ASSERT_EQUAL(ret, expected);
	CU_ASSERT_EQUAL(rig.vu.fd, -1);
	CU_ASSERT_EQUAL(rig.vu.state, VHOST_USER_CLOSED);
	CU_ASSERT_TRUE(strlen(rig.vu.error) > 20);
	rig_disconnect(&rig);
	rig_fini(&rig);
	CU_ASSERT_EQUAL(open_fds(), n_fds);
}

static void learn_the_dialogue(struct rig *rig)
{
	rig_init(rig);
	rig_connect(rig);
	CU_ASSERT_EQUAL(rig_whole_life(rig), 0);
	rig_disconnect(rig);
	rig_fini(rig);
	CU_ASSERT_TRUE(rig->backend.n_messages > 30);
}

static void every_answer_is_checked(void)
{
	enum scripted_fault fault;
	struct rig good;
	unsigned i;

	learn_the_dialogue(&good);
	for (fault = FAULT_CLOSE; fault < FAULT_NACK; fault++)
		for (i = 0; i < good.backend.n_messages; i++)
			if (has_answer(&good.backend.messages[i]))
				expect_fault(fault, i, fault_errno[fault], true);
}

static void every_refusal_is_an_error(void)
{
	struct rig good;
	unsigned i, n = 0;

	learn_the_dialogue(&good);
	for (i = 0; i < good.backend.n_messages; i++)
		if (good.backend.messages[i].flags & VHOST_USER_FLAG_NEED_REPLY) {
			expect_fault(FAULT_NACK, i, -EREMOTEIO, true);
			n++;
		}
	CU_ASSERT_TRUE(n > 20);
}

/* Without acknowledgements a loss shows later, at the next question; but it shows. */
static void back_end_may_go_away_at_any_message(void)
{
	struct rig good;
	unsigned i;

	learn_the_dialogue(&good);
	for (i = 0; i + 1 < good.backend.n_messages; i++)
		expect_fault(FAULT_CLOSE, i, -ECONNRESET, true);
	/* The last request of all, SET_STATUS 0, has no answer then, so its loss does not matter.
	 */
	for (i = 0; i + 1 < good.backend.n_messages; i++)
		expect_fault(FAULT_CLOSE, i, -ECONNRESET, false);
}

static void back_end_that_does_not_read_is_given_up(void)
{
	static const char junk[4096];
	struct vhost_user vu;
	int ends[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	while (send(ends[0], junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
	vhost_user_init(&vu);
	vu.timeout_ms = SHORT_TIMEOUT_MS;
	CU_ASSERT_EQUAL(vhost_user_adopt(&vu, ends[0]), 0);
	CU_ASSERT_EQUAL(vhost_user_handshake(&vu, 0), -ETIMEDOUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(vu.error, "SET_OWNER"));
	vhost_user_close(&vu);
	close(ends[1]);
}

static void back_end_without_version_1_is_refused(void)
{
	struct rig rig;

	rig_init(&rig);
	rig.backend.features &= ~FEATURE(VIRTIO_F_VERSION_1);
	rig_connect(&rig);
	CU_ASSERT_EQUAL(vhost_user_handshake(&rig.vu, 0), -ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(rig.vu.error, "VERSION_1"));
	CU_ASSERT_EQUAL(rig.vu.state, VHOST_USER_CLOSED);
	rig_disconnect(&rig);
	rig_fini(&rig);
}

static void back_end_that_lacks_what_the_guest_uses_cannot_carry_on(void)
{
	const uint64_t lacking = FEATURE(VIRTIO_NET_F_MRG_RXBUF);
	struct rig rig;

	rig_init(&rig);
	rig.backend.features &= ~lacking;
	rig_connect(&rig);
	CU_ASSERT_EQUAL(vhost_user_handshake(&rig.vu, 0), 0);
	CU_ASSERT_EQUAL(vhost_user_can_carry(&rig.vu, rig.dev.features & ~lacking, 4), 0);
	CU_ASSERT_EQUAL(vhost_user_start(&rig.vu, &rig.dev), -ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(rig.vu.error, "MRG_RXBUF"));
	CU_ASSERT_EQUAL(rig.vu.state, VHOST_USER_CLOSED);
	rig_disconnect(&rig);
	CU_ASSERT_EQUAL(rig.backend.n_messages, 5);
	rig_fini(&rig);
}

static void back_end_with_too_few_queues_cannot_carry_on(void)
{
	struct rig rig;

	rig_init(&rig);
	rig.backend.n_queues = 1;
	rig_connect(&rig);
	CU_ASSERT_EQUAL(vhost_user_handshake(&rig.vu, 0), 0);
	CU_ASSERT_EQUAL(rig.vu.max_queues, 2);
	CU_ASSERT_EQUAL(vhost_user_can_carry(&rig.vu, rig.dev.features, 2), 0);
	CU_ASSERT_EQUAL(vhost_user_can_carry(&rig.vu, rig.dev.features, 4), -ENOTSUP);
	CU_ASSERT_EQUAL(rig.vu.state, VHOST_USER_CLOSED);
	rig_disconnect(&rig);
	rig_fini(&rig);
}

static void queue_counts_are_taken_with_a_grain_of_salt(void)
{
	static const struct {
		uint64_t told;
		int ret;
		unsigned max_queues;
	} cases[] = {
		{0, -EPROTO, 2},
		{1, 0, 2},
		{3, 0, 6},
		{127, 0, 254},
		{128, 0, 256},
		{300, 0, 256},
		{UINT64_MAX, 0, 256},
		{1ull << 32, 0, 256},
	};
	unsigned i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig rig;

		rig_init(&rig);
		rig.backend.n_queues = cases[i].told;
		rig_connect(&rig);
		CU_ASSERT_EQUAL(vhost_user_handshake(&rig.vu, 0), cases[i].ret);
		CU_ASSERT_EQUAL(rig.vu.max_queues, cases[i].max_queues);
		rig_disconnect(&rig);
		rig_fini(&rig);
	}
}

static void features_ok_taken_back_is_a_refusal(void)
{
	struct rig rig;

	rig_init(&rig);
	rig.backend.status_mask = 0xff & ~VIRTIO_CONFIG_S_FEATURES_OK;
	rig_connect(&rig);
	CU_ASSERT_EQUAL(rig_whole_life(&rig), -EREMOTEIO);
	rig_disconnect(&rig);
	rig_fini(&rig);
}

static void base_of_another_queue_is_not_taken(void)
{
	struct rig rig;

	rig_init(&rig);
	rig.backend.wrong_vring = true;
	rig_connect(&rig);
	CU_ASSERT_EQUAL(rig_whole_life(&rig), -EPROTO);
	CU_ASSERT_EQUAL(rig.queues[0].base, 0);
	rig_disconnect(&rig);
	rig_fini(&rig);
}

static void packed_rings_may_have_any_size(void)
{
	struct rig rig;

	rig_init(&rig);
	rig.dev.features |= FEATURE(VIRTIO_F_RING_PACKED);
	rig.queues[0].size = 255;
	rig.queues[0].base = VHOST_USER_PACKED_BASE;
	rig_connect(&rig);
	CU_ASSERT_EQUAL(rig_whole_life(&rig), 0);
	rig_disconnect(&rig);
	rig_fini(&rig);
}

int main(void)
{
	CU_TestInfo tests[] = {
		SUITE_TEST(every_answer_is_checked),
		SUITE_TEST(every_refusal_is_an_error),
		SUITE_TEST(back_end_may_go_away_at_any_message),
		SUITE_TEST(back_end_that_does_not_read_is_given_up),
		SUITE_TEST(back_end_without_version_1_is_refused),
		SUITE_TEST(back_end_that_lacks_what_the_guest_uses_cannot_carry_on),
		SUITE_TEST(back_end_with_too_few_queues_cannot_carry_on),
		SUITE_TEST(queue_counts_are_taken_with_a_grain_of_salt),
		SUITE_TEST(features_ok_taken_back_is_a_refusal),
		SUITE_TEST(base_of_another_queue_is_not_taken),
		SUITE_TEST(packed_rings_may_have_any_size),
		CU_TEST_INFO_NULL,
	};

	return suite_run("hostile vhost-user back-ends", tests);
}
