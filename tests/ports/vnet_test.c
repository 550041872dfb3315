/* What a guest may say in a virtio_net_hdr, and what is left of it. */
#include "ports/vnet.h"
#include "tests/ports/frames.h"
#include "tests/suite.h"

#include <string.h>

enum {
	ALL = FRAME_NEEDS_CSUM | FRAME_NEEDS_TSO4 | FRAME_NEEDS_TSO6,
	LEN = 1514,
	NEEDS_CSUM = VIRTIO_NET_HDR_F_NEEDS_CSUM,
};

static const struct virtio_net_hdr nothing = {.num_buffers = 1};
static const struct virtio_net_hdr tcp4 = {.flags = NEEDS_CSUM,
					   .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					   .hdr_len = 54,
					   .gso_size = 1448,
					   .csum_start = 34,
					   .csum_offset = 16,
					   .num_buffers = 1};

static bool same(const struct virtio_net_hdr *a, const struct virtio_net_hdr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* OFL-06: DATA_VALID and RSC_INFO (4) are the device's words, not the driver's; num_buffers is not
 * the sender's to say. */
static void vnet_clears_all_of_a_header_that_asks_for_nothing(void)
{
	for (unsigned flags = 0; flags < 256; flags += 2) {
		struct virtio_net_hdr hdr = {.flags = (uint8_t)flags,
					     .hdr_len = 77,
					     .gso_size = 88,
					     .csum_start = 60000,
					     .csum_offset = 60000,
					     .num_buffers = 9};

		CU_ASSERT_EQUAL(vnet_check(&hdr, LEN, ALL), 0);
		CU_ASSERT(same(&hdr, &nothing));
	}
}

/* EVL-05, EVL-06, CVE-2024-11614: both bytes of the checksum lie in the frame, or it is refused; no
 * sum wraps. */
static void vnet_wants_the_checksum_within_the_frame(void)
{
	static const uint32_t lens[] = {14, 60, 1514, 65535, FRAME_LEN_MAX};

	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		for (uint32_t start = 0; start < 65536; start += start % 97 ? 1 : 31) {
			for (uint32_t offset = 0; offset < 65536; offset += 1 + offset * 3) {
				struct virtio_net_hdr hdr = {.flags = NEEDS_CSUM,
							     .csum_start = (uint16_t)start,
							     .csum_offset = (uint16_t)offset};
				bool within =
					start >= FRAME_LEN_MIN && start + offset + 2 <= lens[i];

				if ((vnet_check(&hdr, lens[i], ALL) == FRAME_NEEDS_CSUM) != within)
					CU_FAIL("checksum's place");
			}
		}
	for (uint32_t last = 20; last < 30; last++) {
		struct virtio_net_hdr hdr = {.flags = NEEDS_CSUM,
					     .csum_start = 18,
					     .csum_offset = (uint16_t)(last - 18)};

		CU_ASSERT_EQUAL(vnet_check(&hdr, 28, ALL), last <= 26 ? FRAME_NEEDS_CSUM : -1);
	}
	for (uint16_t start = 0; start < 20; start++) {
		struct virtio_net_hdr hdr = {.flags = NEEDS_CSUM, .csum_start = start};

		CU_ASSERT_EQUAL(vnet_check(&hdr, 60, ALL), start >= 14 ? FRAME_NEEDS_CSUM : -1);
	}
}

/* EVL-07, OFL-05: every byte there is as gso_type; only the two that were negotiated pass. */
static void vnet_knows_two_kinds_of_segmentation(void)
{
	for (unsigned allowed = 0; allowed <= ALL; allowed++)
		for (unsigned type = 0; type < 256; type++) {
			struct virtio_net_hdr hdr = tcp4;
			int needs = FRAME_NEEDS_CSUM | (type == 1   ? FRAME_NEEDS_TSO4
							: type == 4 ? FRAME_NEEDS_TSO6
								    : 0);
			bool known = type == 0 || type == 1 || type == 4;

			hdr.gso_type = (uint8_t)type;
			CU_ASSERT_EQUAL(vnet_check(&hdr, LEN, (uint8_t)allowed),
					known && !(needs & ~(int)allowed) ? needs : -1);
		}
}

/* EVL-07 */
static void vnet_refuses_segmentation_that_cannot_be(void)
{
	struct virtio_net_hdr hdr = tcp4;

	hdr.gso_size = 0;
	CU_ASSERT_EQUAL(vnet_check(&hdr, LEN, ALL), -1);
	for (unsigned flags = 0; flags < 256; flags += 2) {
		hdr = tcp4;
		hdr.flags = (uint8_t)flags;
		CU_ASSERT_EQUAL(vnet_check(&hdr, LEN, ALL), -1);
	}
	hdr = tcp4;
	hdr.gso_size = 1;
	CU_ASSERT_EQUAL(vnet_check(&hdr, LEN, ALL), FRAME_NEEDS_CSUM | FRAME_NEEDS_TSO4);
	CU_ASSERT_EQUAL(hdr.gso_size, 1);
	hdr.gso_size = 65535;
	CU_ASSERT_EQUAL(vnet_check(&hdr, LEN, ALL), FRAME_NEEDS_CSUM | FRAME_NEEDS_TSO4);
	CU_ASSERT_EQUAL(hdr.gso_size, 65535);
}

/* "MUST NOT rely on hdr_len" (5.1.6.2.2), so nobody behind us gets one that lies past the frame. */
static void vnet_passes_on_only_what_it_understood(void)
{
	struct virtio_net_hdr hdr = tcp4;

	CU_ASSERT_EQUAL(vnet_check(&hdr, LEN, ALL), FRAME_NEEDS_CSUM | FRAME_NEEDS_TSO4);
	CU_ASSERT(same(&hdr, &tcp4));
	hdr.flags = 0xff;
	hdr.hdr_len = LEN + 1;
	hdr.num_buffers = 0xffff;
	CU_ASSERT_EQUAL(vnet_check(&hdr, LEN, ALL), FRAME_NEEDS_CSUM | FRAME_NEEDS_TSO4);
	CU_ASSERT_EQUAL(hdr.flags, NEEDS_CSUM);
	CU_ASSERT_EQUAL(hdr.hdr_len, LEN);
	CU_ASSERT_EQUAL(hdr.num_buffers, 1);
	hdr = tcp4;
	hdr.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	CU_ASSERT_EQUAL(vnet_check(&hdr, LEN, ALL), FRAME_NEEDS_CSUM);
	CU_ASSERT_EQUAL(hdr.gso_size, 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"vnet_clears_all_of_a_header_that_asks_for_nothing",
		 vnet_clears_all_of_a_header_that_asks_for_nothing},
		{"vnet_wants_the_checksum_within_the_frame",
		 vnet_wants_the_checksum_within_the_frame},
		{"vnet_knows_two_kinds_of_segmentation", vnet_knows_two_kinds_of_segmentation},
		{"vnet_refuses_segmentation_that_cannot_be",
		 vnet_refuses_segmentation_that_cannot_be},
		{"vnet_passes_on_only_what_it_understood", vnet_passes_on_only_what_it_understood},
		CU_TEST_INFO_NULL,
	};

	return suite_run("vnet", tests);
}
