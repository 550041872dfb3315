#include "switch/capture_filter.h"
#include "tests/suite.h"

#include <errno.h>
#include <string.h>

/* A UDP packet over IPv4 to port 53, its header 4 * ihl long, behind n_tags VLAN tags. */
static uint32_t make_dns(uint8_t *frame, unsigned ihl, unsigned n_tags)
{
	uint32_t at = 12;

	memset(frame, 0, 256);
	for (unsigned i = 0; i < n_tags; i++, at += 4)
		memcpy(frame + at, "\x81\x00\x00\x05", 4);
	memcpy(frame + at, "\x08\x00", 2);
	at += 2;
	frame[at] = (uint8_t)(0x40 | ihl);
	frame[at + 9] = 17;
	memcpy(frame + at + 4 * ihl + 2, "\x00\x35", 2);
	return at + 4 * ihl + 8;
}

static bool matches(const char *text, const uint8_t *frame, uint32_t data_len, uint32_t len)
{
	struct capture_filter filter;
	char why[CAPTURE_FILTER_WHY_LEN];
	bool match;

	CU_ASSERT_EQUAL_FATAL(capture_filter_compile(&filter, text, why), 0);
	/* What match() is promised. */
	CU_ASSERT(data_len >= filter.reach || data_len == len);
	match = capture_filter_match(&filter, frame, data_len, len);
	capture_filter_free(&filter);
	return match;
}

static uint32_t reach(const char *text)
{
	struct capture_filter filter;
	char why[CAPTURE_FILTER_WHY_LEN];
	uint32_t n;

	CU_ASSERT_EQUAL_FATAL(capture_filter_compile(&filter, text, why), 0);
	n = filter.reach;
	capture_filter_free(&filter);
	return n;
}

static void capture_filter_without_text_lets_everything_pass(void)
{
	uint8_t frame[64] = {0};

	CU_ASSERT(matches("", frame, 64, 64));
	CU_ASSERT_EQUAL(reach(""), 0);
}

static void capture_filter_finds_what_tcpdump_would(void)
{
	uint8_t frame[256];
	uint32_t len = make_dns(frame, 5, 0);

	CU_ASSERT(matches("udp port 53", frame, len, len));
	CU_ASSERT_FALSE(matches("udp port 54", frame, len, len));
	CU_ASSERT_FALSE(matches("arp", frame, len, len));
	CU_ASSERT(matches("greater 42", frame, len, len));
	CU_ASSERT_FALSE(matches("greater 43", frame, len, len));
	len = make_dns(frame, 5, 1);
	CU_ASSERT(matches("vlan 5 and udp port 53", frame, len, len));
}

static void capture_filter_length_is_that_of_the_whole_frame(void)
{
	uint8_t frame[64] = {0};

	CU_ASSERT(matches("greater 1500", frame, 64, 1500));
}

static void capture_filter_says_how_far_it_looks(void)
{
	CU_ASSERT_EQUAL(reach("arp"), 14);
	CU_ASSERT_EQUAL(reach("ether[200] = 1"), 201);
	/* Behind an IP header of up to 60 bytes: destination port. */
	CU_ASSERT(reach("udp port 53") >= 14 + 60 + 4);
	CU_ASSERT(reach("udp port 53") < 256);
	/* Computed indices may go anywhere. */
	CU_ASSERT(reach("ether[ether[20]] = 1") > 256);
	CU_ASSERT(reach("ip6 protochain 6") > 65535);
}

/* The promise that reach makes: what lies behind it does not matter. */
static void capture_filter_sees_options_that_push_ports_behind_the_head(void)
{
	static const char *const filters[] = {"udp port 53", "udp[2:2] = 53",
					      "vlan and udp port 53"};
	uint8_t frame[256];

	for (unsigned n_tags = 0; n_tags <= 1; n_tags++) {
		uint32_t len = make_dns(frame, 15, n_tags);
		const char *text = filters[n_tags ? 2 : 0];
		uint32_t n = reach(text) < len ? reach(text) : len;

		CU_ASSERT(n > 64);
		CU_ASSERT(matches(text, frame, n, len));
		if (!n_tags)
			CU_ASSERT(matches(filters[1], frame, len, len));
	}
}

/* CAP-10 */
static void capture_filter_refuses_what_libpcap_cannot_read_and_says_why(void)
{
	static const char *const bad[] = {"no such word here",	"port 99999", "((", "ether[",
					  "ip proto \\nothing", "vlan 5000"};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct capture_filter filter;
		char why[CAPTURE_FILTER_WHY_LEN] = "";

		CU_ASSERT_EQUAL(capture_filter_compile(&filter, bad[i], why), -EINVAL);
		CU_ASSERT(strlen(why) > 0);
		CU_ASSERT_EQUAL(filter.program.bf_len, 0);
	}
}

/* CAP-10 */
static void capture_filter_refuses_a_huge_program(void)
{
	static char text[300000];
	struct capture_filter filter;
	char why[CAPTURE_FILTER_WHY_LEN] = "";
	size_t len = 0;

	for (unsigned i = 0; i < 3000; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%sether[%u:4] = %u",
					i ? " or " : "", i % 1000, i * 7919);
	CU_ASSERT_EQUAL(capture_filter_compile(&filter, text, why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "instructions"));
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"capture_filter_without_text_lets_everything_pass",
		 capture_filter_without_text_lets_everything_pass},
		{"capture_filter_finds_what_tcpdump_would",
		 capture_filter_finds_what_tcpdump_would},
		{"capture_filter_length_is_that_of_the_whole_frame",
		 capture_filter_length_is_that_of_the_whole_frame},
		{"capture_filter_says_how_far_it_looks", capture_filter_says_how_far_it_looks},
		{"capture_filter_sees_options_that_push_ports_behind_the_head",
		 capture_filter_sees_options_that_push_ports_behind_the_head},
		{"capture_filter_refuses_what_libpcap_cannot_read_and_says_why",
		 capture_filter_refuses_what_libpcap_cannot_read_and_says_why},
		{"capture_filter_refuses_a_huge_program", capture_filter_refuses_a_huge_program},
		CU_TEST_INFO_NULL,
	};

	return suite_run("capture_filter", tests);
}
