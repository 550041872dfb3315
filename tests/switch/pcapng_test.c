#include "switch/pcapng.h"
#include "tests/suite.h"

#include <string.h>

static uint32_t word(const uint8_t *block, size_t offset)
{
	uint32_t value;

	memcpy(&value, block + offset, sizeof(value));
	return value;
}

static void pcapng_section_is_as_the_draft_draws_it(void)
{
	static const uint8_t expected[] = {
		0x0a, 0x0d, 0x0d, 0x0a, 44,   0,    0,	  0,	0x4d, 0x3c, 0x2b, 0x1a, 1, 0,	0,
		0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 4,    0,	  5,	0, 'a', ' ',
		'1',  '.',  '0',  0,	0,    0,    0,	  0,	0,    0,    44,	  0,	0, 0,
	};
	uint8_t block[64];

	CU_ASSERT_EQUAL_FATAL(pcapng_section(block, sizeof(block), "a 1.0"), sizeof(expected));
	CU_ASSERT_EQUAL(memcmp(block, expected, sizeof(expected)), 0);
}

static void pcapng_interface_has_name_description_filter_and_nanoseconds(void)
{
	static const uint8_t expected[] = {
		1,  0, 0, 0, 68,  0,   0,   0,	 /* type, length */
		1,  0, 0, 0, 128, 0,   0,   0,	 /* Ethernet, snaplen */
		2,  0, 3, 0, 'v', 'm', '1', 0,	 /* if_name */
		3,  0, 4, 0, 'd', 'e', 's', 'c', /* if_description */
		11, 0, 4, 0, 0,	  'a', 'r', 'p', /* if_filter: libpcap's text */
		9,  0, 1, 0, 9,	  0,   0,   0,	 /* if_tsresol 10^-9 */
		0,  0, 0, 0, 68,  0,   0,   0,
	};
	uint8_t block[128];
	size_t len = pcapng_interface(
		block, sizeof(block),
		&(struct pcapng_interface){
			.name = "vm1", .description = "desc", .filter = "arp", .snaplen = 128});
	uint8_t fixed[sizeof(expected)];

	memcpy(fixed, expected, sizeof(fixed));
	fixed[4] = fixed[sizeof(fixed) - 4] = sizeof(fixed);
	CU_ASSERT_EQUAL_FATAL(len, sizeof(expected));
	CU_ASSERT_EQUAL(memcmp(block, fixed, len), 0);
}

static void pcapng_packet_pads_its_bytes_and_says_where_they_came_from(void)
{
	const uint8_t data[] = {1, 2, 3, 4, 5};
	uint8_t block[256];
	size_t len = pcapng_packet(block, sizeof(block),
				   &(struct pcapng_packet){.interface = 3,
							   .flags = PCAPNG_OUTBOUND,
							   .ns = UINT64_C(0x1122334455667788),
							   .data = data,
							   .cap_len = 5,
							   .len = 1500,
							   .queue = 2,
							   .n_lost = 7,
							   .comment = "dropped: tx_full"});

	CU_ASSERT_EQUAL_FATAL(len, 28 + 8 + 20 + 8 + 12 + 8 + 4 + 4);
	CU_ASSERT_EQUAL(word(block, 0), 6);
	CU_ASSERT_EQUAL(word(block, 4), len);
	CU_ASSERT_EQUAL(word(block, 8), 3);
	CU_ASSERT_EQUAL(word(block, 12), 0x11223344); /* high half first */
	CU_ASSERT_EQUAL(word(block, 16), 0x55667788);
	CU_ASSERT_EQUAL(word(block, 20), 5);
	CU_ASSERT_EQUAL(word(block, 24), 1500);
	CU_ASSERT_EQUAL(memcmp(block + 28, "\1\2\3\4\5\0\0\0", 8), 0);
	CU_ASSERT_EQUAL(memcmp(block + 36, "\1\0\20\0dropped: tx_full", 20), 0);
	CU_ASSERT_EQUAL(memcmp(block + 56, "\2\0\4\0\2\0\0\0", 8), 0);
	CU_ASSERT_EQUAL(memcmp(block + 64, "\4\0\10\0\7\0\0\0\0\0\0\0", 12), 0);
	CU_ASSERT_EQUAL(memcmp(block + 76, "\6\0\4\0\2\0\0\0", 8), 0);
	CU_ASSERT_EQUAL(word(block, 84), 0);
	CU_ASSERT_EQUAL(word(block, len - 4), len);
}

static void pcapng_packet_may_be_empty(void)
{
	uint8_t block[64];
	size_t len = pcapng_packet(block, sizeof(block),
				   &(struct pcapng_packet){.flags = PCAPNG_INBOUND, .len = 9});

	CU_ASSERT_EQUAL(len, 28 + 8 + 8 + 4 + 4);
	CU_ASSERT_EQUAL(word(block, 20), 0);
	CU_ASSERT_EQUAL(word(block, 24), 9);
}

static void pcapng_statistics_tell_what_was_missed(void)
{
	uint8_t block[256];
	size_t len =
		pcapng_statistics(block, sizeof(block),
				  &(struct pcapng_statistics){.interface = 1,
							      .start_ns = UINT64_C(1) << 32 | 5,
							      .end_ns = UINT64_C(2) << 32 | 6,
							      .n_received = 10,
							      .n_dropped = 1,
							      .n_accepted = 9,
							      .n_missed = 2,
							      .n_delivered = 7});

	CU_ASSERT_EQUAL_FATAL(len, 20 + 7 * 12 + 4 + 4);
	CU_ASSERT_EQUAL(word(block, 0), 5);
	CU_ASSERT_EQUAL(word(block, 8), 1);
	CU_ASSERT_EQUAL(memcmp(block + 20, "\2\0\10\0\1\0\0\0\5\0\0\0", 12), 0);
	CU_ASSERT_EQUAL(memcmp(block + 32, "\3\0\10\0\2\0\0\0\6\0\0\0", 12), 0);
	CU_ASSERT_EQUAL(memcmp(block + 44, "\4\0\10\0\12\0\0\0\0\0\0\0", 12), 0);
	CU_ASSERT_EQUAL(memcmp(block + 56, "\5\0\10\0\1\0\0\0\0\0\0\0", 12), 0);
	CU_ASSERT_EQUAL(memcmp(block + 68, "\6\0\10\0\11\0\0\0\0\0\0\0", 12), 0);
	CU_ASSERT_EQUAL(memcmp(block + 80, "\7\0\10\0\2\0\0\0\0\0\0\0", 12), 0);
	CU_ASSERT_EQUAL(memcmp(block + 92, "\10\0\10\0\7\0\0\0\0\0\0\0", 12), 0);
}

/* Whatever the room, a block is there as a whole or not at all, and nothing behind it is touched.
 */
static void pcapng_never_writes_a_part_of_a_block(void)
{
	const uint8_t data[64] = {0};
	const struct pcapng_packet packet = {
		.data = data, .cap_len = 63, .len = 63, .n_lost = 1, .comment = "why"};
	uint8_t block[256];
	size_t whole = pcapng_packet(block, sizeof(block), &packet);

	for (size_t room = 0; room < sizeof(block); room++) {
		memset(block, 0xa5, sizeof(block));
		CU_ASSERT_EQUAL(pcapng_packet(block, room, &packet), room < whole ? 0 : whole);
		CU_ASSERT_EQUAL(block[room], 0xa5);
	}
	CU_ASSERT(whole <= sizeof("why") + 63 + PCAPNG_PACKET_EXTRA);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"pcapng_section_is_as_the_draft_draws_it",
		 pcapng_section_is_as_the_draft_draws_it},
		{"pcapng_interface_has_name_description_filter_and_nanoseconds",
		 pcapng_interface_has_name_description_filter_and_nanoseconds},
		{"pcapng_packet_pads_its_bytes_and_says_where_they_came_from",
		 pcapng_packet_pads_its_bytes_and_says_where_they_came_from},
		{"pcapng_packet_may_be_empty", pcapng_packet_may_be_empty},
		{"pcapng_statistics_tell_what_was_missed", pcapng_statistics_tell_what_was_missed},
		{"pcapng_never_writes_a_part_of_a_block", pcapng_never_writes_a_part_of_a_block},
		CU_TEST_INFO_NULL,
	};

	return suite_run("pcapng", tests);
}
