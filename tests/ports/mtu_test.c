/* Which frames a port's mtu lets through. FRM-04, VLN-13, OFL-07. */
#include "ports/mtu.h"
#include "tests/suite.h"

static struct frame frame_of(uint32_t len, uint16_t ethertype, uint16_t inner)
{
	struct frame frame = {.len = len, .head_len = FRAME_HEAD_LEN};

	frame.head[12] = ethertype >> 8;
	frame.head[13] = ethertype & 0xff;
	frame.head[16] = inner >> 8;
	frame.head[17] = inner & 0xff;
	return frame;
}

static bool passes(uint16_t mtu, const struct frame *frame)
{
	struct port port = {.frame_max = mtu + FRAME_LEN_MIN};

	return mtu_n_within(&port, &frame, 1) == 1;
}

static void tags_do_not_count(void)
{
	struct frame frame = frame_of(1514, 0x0800, 0);

	CU_ASSERT_TRUE(passes(1500, &frame));
	frame = frame_of(1515, 0x0800, 0);
	CU_ASSERT_FALSE(passes(1500, &frame));
	frame = frame_of(1518, 0x8100, 0x0800);
	CU_ASSERT_TRUE(passes(1500, &frame));
	frame = frame_of(1519, 0x8100, 0x0800);
	CU_ASSERT_FALSE(passes(1500, &frame));
	frame = frame_of(1522, 0x88a8, 0x8100);
	CU_ASSERT_TRUE(passes(1500, &frame));
	frame = frame_of(1523, 0x88a8, 0x8100);
	CU_ASSERT_FALSE(passes(1500, &frame));
}

static void a_frame_to_be_segmented_is_judged_by_its_segments(void)
{
	struct frame frame = frame_of(60000, 0x0800, 0);

	frame.needs = FRAME_NEEDS_CSUM | FRAME_NEEDS_TSO4;
	frame.vnet = (struct virtio_net_hdr){.csum_start = 34, .gso_size = 1460};
	CU_ASSERT_TRUE(passes(1500, &frame));
	frame.vnet.gso_size = 8960;
	CU_ASSERT_FALSE(passes(1500, &frame));
	CU_ASSERT_TRUE(passes(9000, &frame));
	/* It becomes one segment only, and that fits with its tag. */
	frame = frame_of(1518, 0x8100, 0x0800);
	frame.needs = FRAME_NEEDS_CSUM | FRAME_NEEDS_TSO4;
	frame.vnet = (struct virtio_net_hdr){.csum_start = 38, .gso_size = 8960};
	CU_ASSERT_TRUE(passes(1500, &frame));
}

static void the_first_that_is_too_long_ends_the_count(void)
{
	struct frame small = frame_of(60, 0x0800, 0), large = frame_of(2000, 0x0800, 0);
	const struct frame *frames[] = {&small, &small, &large, &small};
	struct port port = {.frame_max = 1514};

	CU_ASSERT_EQUAL(mtu_n_within(&port, frames, 4), 2);
	port.frame_max = FRAME_LEN_MAX;
	CU_ASSERT_EQUAL(mtu_n_within(&port, frames, 4), 4);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"tags_do_not_count", tags_do_not_count},
		{"a_frame_to_be_segmented_is_judged_by_its_segments",
		 a_frame_to_be_segmented_is_judged_by_its_segments},
		{"the_first_that_is_too_long_ends_the_count",
		 the_first_that_is_too_long_ends_the_count},
		CU_TEST_INFO_NULL,
	};

	return suite_run("mtu", tests);
}
