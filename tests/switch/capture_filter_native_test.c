/* Machine code and interpreter say the same of every filter and frame. Needs the EAL, though
 * neither root nor hugepages. */
#include "switch/capture_filter.h"
#include "tests/suite.h"

#include <rte_eal.h>
#include <stdlib.h>
#include <string.h>

enum { N_FRAMES = 20000, FRAME_LEN = 200 };

static const char *const filters[] = {
	"arp",
	"icmp or arp",
	"ip",
	"ip6",
	"tcp",
	"udp port 53",
	"tcp port 80 or udp portrange 1000-2000",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
	"tcp[4:4] > 0x01020304",
	"udp[0:2] > udp[2:2]",
	"ip[0] & 0xf != 5",
	"ip[8] < 64",
	"ip[2:2] - ((ip[0] & 0xf) << 2) > 20",
	"ether[ether[20]] = 1",
	"ether[20:2] * 3 > 1000",
	"ether[20] / 7 = 3",
	"ether[20] % 5 = 2",
	"ether[100] = 0x80",
	"not ether host 01:02:03:04:05:06",
	"ether src 01:02:03:04:05:06 or ether dst ff:ff:ff:ff:ff:ff",
	"net 10.0.0.0/8 and not host 10.1.2.3",
	"vlan 5 and udp",
	"vlan and ip[9] = 17",
	"greater 100",
	"less 70",
	"len - 14 > 64",
	"ip6 and ip6[6] = 17 and ip6[40:2] > 53",
	"ether broadcast or multicast",
	"mpls",
};

/* The same frames on every machine and run. */
static unsigned dice(unsigned sides)
{
	static uint64_t state = 20260101;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % sides;
}

/* Half noise, half likely: types, protocols, ports and addresses that the filters ask for. */
static uint32_t make_frame(uint8_t frame[FRAME_LEN])
{
	static const uint8_t types[][4] = {{0x08, 0, 0x45, 0},	  {0x08, 0, 0x4f, 0},
					   {0x86, 0xdd, 0x60, 0}, {0x08, 6, 0, 1},
					   {0x81, 0, 0, 5},	  {0x88, 0x47, 0, 0}};
	static const uint8_t protocols[] = {1, 6, 17, 58};
	uint32_t at = 12, len = 14 + dice(FRAME_LEN - 14);

	for (unsigned i = 0; i < FRAME_LEN; i++)
		frame[i] = dice(4) ? (uint8_t)dice(256) : (uint8_t)dice(8);
	if (dice(4) == 0)
		memset(frame, 0xff, 6);
	if (dice(4) == 0)
		memcpy(frame + 6, "\1\2\3\4\5\6", 6);
	memcpy(frame + at, types[dice(6)], 4);
	if (frame[at] == 0x81) {
		at += 4;
		memcpy(frame + at, types[dice(3)], 4);
	}
	frame[at + 2 + (frame[at] == 0x86 ? 6 : 9)] = protocols[dice(4)];
	if (dice(2)) {
		memcpy(frame + at + 2 + 6, "\0\0", 2); /* no fragment */
		memcpy(frame + at + 2 + 20, "\0\x35\0\x50", 4);
	}
	if (dice(2))
		memcpy(frame + at + 2 + 12, "\12\1\2\3", 4);
	return len;
}

static void native_filters_say_what_the_interpreter_says(void)
{
	unsigned n_native = 0;

	for (unsigned f = 0; f < sizeof(filters) / sizeof(filters[0]); f++) {
		struct capture_filter plain, native;
		char why[CAPTURE_FILTER_WHY_LEN];
		unsigned n_matches = 0, n_differ = 0;

		CU_ASSERT_EQUAL_FATAL(capture_filter_compile(&plain, filters[f], why), 0);
		CU_ASSERT_EQUAL_FATAL(capture_filter_compile(&native, filters[f], why), 0);
		n_native += capture_filter_jit(&native);
		for (unsigned i = 0; i < N_FRAMES; i++) {
			uint8_t frame[FRAME_LEN];
			uint32_t len = make_frame(frame);
			uint32_t part = native.reach < len ? native.reach : len;
			bool match = capture_filter_match(&plain, frame, len, len);
			/* Only what reach promises is there; what lies behind must not matter. */
			uint8_t *exact = malloc(part ? part : 1);

			memcpy(exact, frame, part);
			n_matches += match;
			n_differ += match != capture_filter_match(&native, exact, part, len);
			n_differ += match != capture_filter_match(&plain, exact, part, len);
			free(exact);
		}
		CU_ASSERT_EQUAL(n_differ, 0);
		if (n_differ)
			printf("\n%s: %u of %d differ\n", filters[f], n_differ, N_FRAMES);
		CU_ASSERT(n_matches > 0);
		if (!n_matches)
			printf("\nnever matches: %s\n", filters[f]);
		capture_filter_unjit(&native);
		capture_filter_free(&native);
		capture_filter_free(&plain);
	}
	/* Some stay interpreted, see capture_filter_jit.c. */
	CU_ASSERT(n_native > 20);
}

int main(void)
{
	char *argv[] = {(char[]){"test"},
			(char[]){"--no-huge"},
			(char[]){"--no-shconf"},
			(char[]){"--no-pci"},
			(char[]){"-m"},
			(char[]){"32"},
			(char[]){"--lcores=0@0"},
			(char[]){"--no-telemetry"},
			(char[]){"--log-level=*:error"}};
	CU_TestInfo tests[] = {
		{"native_filters_say_what_the_interpreter_says",
		 native_filters_say_what_the_interpreter_says},
		CU_TEST_INFO_NULL,
	};

	if (rte_eal_init(sizeof(argv) / sizeof(argv[0]), argv) < 0)
		return EXIT_FAILURE;
	return suite_run("capture_filter_native", tests);
}
