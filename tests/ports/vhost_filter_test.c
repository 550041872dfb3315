#include "ports/vhost_filter.h"
#include "ports/vhost_wire.h"
#include "tests/suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { NEED_REPLY = 1 << 3, KIB = 1024 };

/* A message as it lies on the wire. */
struct wire {
	struct vhost_user_message msg;
	unsigned n_fds;
};

static struct wire plain(uint32_t request)
{
	return (struct wire){.msg.header = {.request = request, .flags = VHOST_USER_VERSION}};
}

static struct wire u64(uint32_t request, uint64_t value, unsigned n_fds)
{
	struct wire wire = plain(request);

	wire.msg.header.size = 8;
	wire.msg.payload.u64 = value;
	wire.n_fds = n_fds;
	return wire;
}

static struct wire state(uint32_t request, uint32_t index, uint32_t num)
{
	return u64(request, index | (uint64_t)num << 32, 0);
}

static struct wire addr(uint32_t index, uint32_t flags, uint64_t desc, uint64_t avail,
			uint64_t used)
{
	struct wire wire = plain(VHOST_USER_SET_VRING_ADDR);

	wire.msg.header.size = sizeof(wire.msg.payload.addr);
	wire.msg.payload.addr = (struct vhost_user_addr){
		.index = index, .flags = flags, .desc = desc, .avail = avail, .used = used};
	return wire;
}

/* n regions of 1 MiB side by side. */
static struct wire memory(unsigned n)
{
	struct wire wire = plain(VHOST_USER_SET_MEM_TABLE);

	wire.msg.header.size = 8 + 32 * n;
	wire.msg.payload.memory.n_regions = n;
	wire.n_fds = n;
	for (unsigned i = 0; i < n && i < VHOST_USER_MAX_REGIONS; i++)
		wire.msg.payload.memory.regions[i] =
			(struct vhost_user_region){.gpa = (uint64_t)i * KIB * KIB,
						   .size = KIB * KIB,
						   .va = 0x7f0000000000 + (uint64_t)i * KIB * KIB};
	return wire;
}

static struct wire region(uint64_t gpa, uint64_t size, uint64_t va, uint64_t offset)
{
	struct wire wire = memory(1);

	wire.msg.payload.memory.regions[0] =
		(struct vhost_user_region){.gpa = gpa, .size = size, .va = va, .offset = offset};
	return wire;
}

static const char *judge(const struct wire *wire)
{
	return vhost_filter_refuses(&wire->msg, sizeof(wire->msg.header) + wire->msg.header.size,
				    wire->n_fds);
}

/* VUP-01: what QEMU, virtio_user and our launcher say, in their order. */
static void what_front_ends_say_passes(void)
{
	const struct wire dialogue[] = {
		plain(VHOST_USER_GET_FEATURES),
		plain(VHOST_USER_GET_PROTOCOL_FEATURES),
		u64(VHOST_USER_SET_PROTOCOL_FEATURES, 0x10019, 0),
		plain(VHOST_USER_GET_QUEUE_NUM),
		plain(VHOST_USER_SET_OWNER),
		u64(VHOST_USER_NET_SET_MTU, 68, 0),
		u64(VHOST_USER_NET_SET_MTU, 65535, 0),
		u64(VHOST_USER_SET_VRING_CALL, 0, 1),
		u64(VHOST_USER_SET_VRING_ERR, 0, 1),
		u64(VHOST_USER_SET_VRING_CALL, 1 | VHOST_USER_VRING_NO_FD, 0),
		u64(VHOST_USER_SET_FEATURES, 0x140008000, 0),
		memory(2),
		memory(8),
		memory(0),
		region(0, UINT64_C(4) << 40, 0, 0),
		state(VHOST_USER_SET_VRING_NUM, 0, 1024),
		state(VHOST_USER_SET_VRING_NUM, 15, 32768),
		state(VHOST_USER_SET_VRING_NUM, 1, 1),
		state(VHOST_USER_SET_VRING_BASE, 0, 0x80008000),
		addr(1, 0, 0x7f0000000010, 0x7f0000000002, 0x7f0000000004),
		u64(VHOST_USER_SET_VRING_KICK, 1, 1),
		u64(VHOST_USER_SET_VRING_KICK, 0 | VHOST_USER_VRING_NO_FD, 0),
		state(VHOST_USER_SET_VRING_ENABLE, 0, 1),
		state(VHOST_USER_SET_VRING_ENABLE, 1, 0),
		u64(VHOST_USER_SET_STATUS, 15, 0),
		plain(VHOST_USER_GET_STATUS),
		state(VHOST_USER_GET_VRING_BASE, 0, 0),
		plain(VHOST_USER_RESET_OWNER),
	};

	bool said[VHOST_USER_REQUEST_N] = {false};

	for (unsigned i = 0; i < sizeof(dialogue) / sizeof(dialogue[0]); i++) {
		struct wire asks_for_reply = dialogue[i];

		said[dialogue[i].msg.header.request] = true;

		asks_for_reply.msg.header.flags |= NEED_REPLY;
		CU_ASSERT_PTR_NULL(judge(&dialogue[i]));
		CU_ASSERT_PTR_NULL(judge(&asks_for_reply));
	}
	/* Nothing is allowed that was not tried here. */
	for (uint32_t request = 0; request < VHOST_USER_REQUEST_N; request++)
		CU_ASSERT_EQUAL(said[request],
				strcmp(vhost_filter_name(request), "unknown request") != 0);
}

static struct wire with_flags(uint32_t flags)
{
	struct wire wire = plain(VHOST_USER_GET_FEATURES);

	wire.msg.header.flags = flags;
	return wire;
}

static struct wire two_regions_of(uint64_t size)
{
	struct wire wire = memory(2);

	wire.msg.payload.memory.regions[0].size = size;
	wire.msg.payload.memory.regions[1].gpa = size;
	wire.msg.payload.memory.regions[1].size = size;
	return wire;
}

static struct wire overlapping_regions(void)
{
	struct wire wire = memory(2);

	wire.msg.payload.memory.regions[1].gpa--;
	return wire;
}

static struct wire region_inside_another(void)
{
	struct wire wire = memory(3);

	wire.msg.payload.memory.regions[2].gpa = 4 * KIB;
	wire.msg.payload.memory.regions[2].size = 1;
	return wire;
}

static struct wire more_regions_than_said(void)
{
	struct wire wire = memory(2);

	wire.msg.payload.memory.n_regions = 3;
	wire.n_fds = 3;
	return wire;
}

static struct wire regions_beyond_count(uint32_t n)
{
	struct wire wire = memory(8);

	wire.msg.payload.memory.n_regions = n;
	return wire;
}

static struct wire with_fds(struct wire wire, unsigned n)
{
	wire.n_fds = n;
	return wire;
}

/* VUP-05, VUP-07, VUP-08, VUP-09, VUP-11, VUP-12, VUP-14, VUP-18, VUP-20, VUP-26. */
static void what_no_front_end_says_is_refused(void)
{
	const struct {
		struct wire wire;
		const char *why;
	} malformed[] = {
		{with_flags(0), "version"},
		{with_flags(2), "version"},
		{with_flags(3), "version"},
		{with_flags(VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY), "reply"},
		{state(VHOST_USER_SET_VRING_NUM, 0, 0), "1 to 32768"},
		{state(VHOST_USER_SET_VRING_NUM, 0, 32769), "1 to 32768"},
		{state(VHOST_USER_SET_VRING_NUM, 0, 1u << 31), "1 to 32768"},
		{state(VHOST_USER_SET_VRING_NUM, 16, 256), "no queue"},
		{state(VHOST_USER_SET_VRING_NUM, 65536, 256), "no queue"},
		{state(VHOST_USER_SET_VRING_BASE, UINT32_MAX, 0), "no queue"},
		{state(VHOST_USER_GET_VRING_BASE, 255, 0), "no queue"},
		{state(VHOST_USER_SET_VRING_ENABLE, 256, 1), "no queue"},
		{state(VHOST_USER_SET_VRING_ENABLE, 0, 2), "neither 0 nor 1"},
		{state(VHOST_USER_SET_VRING_ENABLE, 0, UINT32_MAX), "neither 0 nor 1"},
		{u64(VHOST_USER_SET_VRING_KICK, 16, 1), "no queue"},
		{u64(VHOST_USER_SET_VRING_CALL, 255, 1), "no queue"},
		{u64(VHOST_USER_SET_VRING_CALL, 65536, 1), "reserved"},
		{u64(VHOST_USER_SET_VRING_ERR, UINT64_MAX, 0), "reserved"},
		{addr(16, 0, 0, 0, 0), "no queue"},
		{addr(0, 1, 0, 0, 0), "logging"},
		{addr(0, 0, 8, 0, 0), "misaligned"},
		{addr(0, 0, 0, 1, 0), "misaligned"},
		{addr(0, 0, 0, 0, 2), "misaligned"},
		{region(0, 0, 0, 0), "empty"},
		{region(UINT64_MAX, 2, 0, 0), "past the end"},
		{region(0, 4096, UINT64_MAX - 4094, 0), "past the end"},
		{region(0, 4096, 0, UINT64_MAX), "past the end"},
		{region(0, 4096, 0, INT64_MAX - 4095), "past the end"},
		{region(0, UINT64_MAX, 0, 0), "past the end"},
		{region(0, (UINT64_C(4) << 40) - 4095, 0, 4096), "4 TiB"},
		{two_regions_of(UINT64_C(3) << 40), "4 TiB"},
		{overlapping_regions(), "overlap"},
		{region_inside_another(), "overlap"},
		{more_regions_than_said(), "too short"},
		{regions_beyond_count(9), "more than 8"},
		{regions_beyond_count(UINT32_MAX), "more than 8"},
		{with_fds(regions_beyond_count(7), 8), "too many"},
		{u64(VHOST_USER_NET_SET_MTU, 67, 0), "mtu"},
		{u64(VHOST_USER_NET_SET_MTU, 65536, 0), "mtu"},
		{u64(VHOST_USER_SET_STATUS, 256, 0), "8 bits"},
		{with_fds(plain(VHOST_USER_GET_FEATURES), 1), "too many"},
		{with_fds(state(VHOST_USER_SET_VRING_NUM, 0, 256), 8), "too many"},
		{with_fds(memory(1), 0), "too few"},
		{with_fds(memory(1), 2), "too many"},
		{with_fds(u64(VHOST_USER_SET_VRING_CALL, 0, 0), 0), "too few"},
		{with_fds(u64(VHOST_USER_SET_VRING_CALL, 0, 0), 2), "too many"},
		{with_fds(u64(VHOST_USER_SET_VRING_KICK, VHOST_USER_VRING_NO_FD, 0), 1),
		 "too many"},
	};

	for (unsigned i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		const char *why = judge(&malformed[i].wire);

		if (!why || !strstr(why, malformed[i].why))
			printf("\n    %s: \"%s\" expected, \"%s\" said",
			       vhost_filter_name(malformed[i].wire.msg.header.request),
			       malformed[i].why, why ? why : "");
		CU_ASSERT(why && strstr(why, malformed[i].why));
	}
}

/* VUP-08, VUP-25, VUP-28, VUP-29, VUP-37, VUP-38: logs, in-flight tables, post-copy, sessions, ...
 */
static void requests_that_nobody_needs_are_refused(void)
{
	const uint32_t unknown[] = {0,	6,  7,	19, 21, 22, 23, 24, 25,	 26,	     27,	28,
				    29, 30, 31, 32, 33, 34, 38, 41, 255, 0x10000001, UINT32_MAX};

	for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		for (unsigned size = 0; size <= 24; size += 8) {
			struct wire wire = plain(unknown[i]);
			const char *why;

			wire.msg.header.size = size;
			why = judge(&wire);
			CU_ASSERT(why && strstr(why, "not a request"));
		}
	CU_ASSERT_STRING_EQUAL(vhost_filter_name(31), "unknown request");
	CU_ASSERT_STRING_EQUAL(vhost_filter_name(VHOST_USER_SET_MEM_TABLE), "SET_MEM_TABLE");
}

/* VUP-06: nothing but the size that the specification says. */
static void other_sizes_are_refused(void)
{
	static const uint8_t zeros[sizeof(struct vhost_user_header) + 4096];

	for (uint32_t request = 0; request < VHOST_USER_REQUEST_N; request++) {
		const uint32_t sizes[] = {1, 7, 9, 39, 41, 265, 4096, UINT32_MAX};

		for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			uint8_t bytes[sizeof(zeros)];
			struct vhost_user_header header = {
				.request = request, .flags = VHOST_USER_VERSION, .size = sizes[i]};
			bool may_be_a_table = request == VHOST_USER_SET_MEM_TABLE &&
					      sizes[i] >= 8 &&
					      sizes[i] <= sizeof(struct vhost_user_memory);

			memcpy(bytes, zeros, sizeof(bytes));
			memcpy(bytes, &header, sizeof(header));
			if (!may_be_a_table)
				CU_ASSERT_PTR_NOT_NULL(
					vhost_filter_refuses(bytes, sizeof(bytes), 0));
		}
	}
}

/* VUP-21: it is known how much has to come, and nothing is read that has not come. */
static void half_a_message_lacks_the_other_half(void)
{
	const struct wire wire = memory(2);
	const size_t whole = sizeof(wire.msg.header) + 8 + 2 * 32;

	for (size_t len = 0; len < whole; len++) {
		uint8_t *bytes = malloc(len);

		memcpy(bytes, &wire.msg, len);
		CU_ASSERT_EQUAL(vhost_filter_lacks(bytes, len),
				len < sizeof(wire.msg.header) ? sizeof(wire.msg.header) - len
							      : whole - len);
		CU_ASSERT_STRING_EQUAL(vhost_filter_refuses(bytes, len, 2), "half a message");
		free(bytes);
	}
	CU_ASSERT_EQUAL(vhost_filter_lacks(&wire.msg, whole), 0);
	CU_ASSERT_EQUAL(vhost_filter_lacks(&wire.msg, sizeof(wire.msg)), 0);
}

static void a_message_that_is_refused_is_not_waited_for(void)
{
	struct wire endless = plain(VHOST_USER_SET_VRING_NUM);

	endless.msg.header.size = UINT32_MAX;
	CU_ASSERT_EQUAL(vhost_filter_lacks(&endless.msg, sizeof(endless.msg.header)), 0);
	endless = plain(UINT32_MAX);
	endless.msg.header.size = 8;
	CU_ASSERT_EQUAL(vhost_filter_lacks(&endless.msg, sizeof(endless.msg.header)), 0);
}

int main(void)
{
	CU_TestInfo tests[] = {SUITE_TEST(what_front_ends_say_passes),
			       SUITE_TEST(what_no_front_end_says_is_refused),
			       SUITE_TEST(requests_that_nobody_needs_are_refused),
			       SUITE_TEST(other_sizes_are_refused),
			       SUITE_TEST(half_a_message_lacks_the_other_half),
			       SUITE_TEST(a_message_that_is_refused_is_not_waited_for),
			       CU_TEST_INFO_NULL};

	return suite_run("vhost_filter", tests);
}
