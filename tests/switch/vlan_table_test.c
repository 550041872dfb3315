/* Our bridge against what Open vSwitch does with every tag on every kind of port (vlan_table.txt).
 * VLN-01 to VLN-04, VLN-06, VLN-07, VLN-11. Usage: vlan_table_test SOURCE-DIRECTORY */
#include "config/topology.h"
#include "switch/bridge.h"
#include "switch/snapshot.h"
#include "tests/suite.h"

#include <stdio.h>
#include <string.h>

enum { N_ROWS_MIN = 90, PAYLOAD_LEN = 62 };

static const char *source_dir;

struct rig {
	struct topology topo;
	struct bridge *bridge;
	struct bridge_view view;
	uint16_t members[TOPOLOGY_MAX_PORTS];
	struct outbox *out;
	struct burst *burst;
};

static void print_line(void *ctx, const char *line)
{
	(void)ctx;
	printf("\n%s", line);
}

static FILE *open_file(const char *name)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/switch/%s", source_dir, name);
	file = fopen(path, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	return file;
}

static void rig_init(struct rig *rig)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/tests/switch/vlan_table.ini", source_dir);
	CU_ASSERT_EQUAL_FATAL(topology_load(&rig->topo, path, print_line, NULL), 0);
	rig->bridge = bridge_new(&rig->topo.bridges[0], (uint16_t)rig->topo.n_ports, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->bridge);
	CU_ASSERT_EQUAL_FATAL(
		bridge_set_rules(rig->bridge, rig->topo.ports, (uint16_t)rig->topo.n_ports, 0), 0);
	for (uint16_t i = 0; i < rig->topo.n_ports; i++)
		rig->members[i] = i;
	rig->view = (struct bridge_view){.bridge = rig->bridge,
					 .members = rig->members,
					 .n_members = (uint16_t)rig->topo.n_ports};
	rig->out = outbox_new(rig->topo.n_ports);
	rig->burst = aligned_alloc(64, (sizeof(*rig->burst) + 63) / 64 * 64);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->burst);
	memset(rig->burst, 0, sizeof(*rig->burst));
}

static void rig_fini(struct rig *rig)
{
	outbox_free(rig->out);
	bridge_free(rig->bridge);
	topology_fini(&rig->topo);
	free(rig->burst);
}

static uint16_t port_named(const struct rig *rig, const char *name)
{
	for (uint16_t i = 0; i < rig->topo.n_ports; i++)
		if (strcmp(rig->topo.ports[i].name, name) == 0)
			return i;
	CU_FAIL_FATAL("the table names a port that is not there");
	return 0;
}

/* A broadcast frame with the tag "VLAN.PCP" or "-". */
static void make_frame(struct frame *frame, const char *tag, uint16_t src)
{
	static const uint8_t header[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x50, 0x54, 0, 0, 0};
	uint8_t *at = frame->head;
	unsigned vlan, pcp;

	memset(frame, 0, sizeof(*frame));
	memcpy(at, header, sizeof(header));
	at[11] = (uint8_t)(src + 1);
	at += 12;
	if (sscanf(tag, "%u.%u", &vlan, &pcp) == 2) {
		memcpy(at,
		       (const uint8_t[]){0x81, 0, (uint8_t)(pcp << 5 | vlan >> 8), (uint8_t)vlan},
		       4);
		at += 4;
	}
	memcpy(at, "\xab\xcd", 2);
	memset(at + 2, 0x55, (size_t)(frame->head + FRAME_HEAD_LEN - at - 2));
	frame->head_len = FRAME_HEAD_LEN;
	frame->len = (uint32_t)(at - frame->head) + PAYLOAD_LEN;
}

/* Appends " PORT:TAGS". */
static void tell(char *text, size_t size, const char *port, const struct frame *frame)
{
	const uint8_t *at = frame->head + 12;
	size_t len = strlen(text);
	unsigned n_tags = 0;

	len += (size_t)snprintf(text + len, size - len, " %s:", port);
	for (; at[0] == 0x81 && at[1] == 0; at += 4)
		len += (size_t)snprintf(text + len, size - len, "%s%u.%u", n_tags++ ? "+" : "",
					(at[2] & 0xfu) << 8 | at[3], (unsigned)at[2] >> 5);
	if (n_tags == 0)
		snprintf(text + len, size - len, "-");
	/* Nothing but tags came or went. */
	CU_ASSERT_EQUAL(memcmp(at, "\xab\xcd\x55", 3), 0);
	CU_ASSERT_EQUAL(frame->len, (uint32_t)(at - frame->head) + PAYLOAD_LEN);
	CU_ASSERT_EQUAL(frame->head[frame->head_len - 1], 0x55);
}

static void forward(struct rig *rig, const char *port, const char *tag, char *text, size_t size)
{
	uint16_t src = port_named(rig, port);

	rig->burst->n = 1;
	make_frame(&rig->burst->frames[0], tag, src);
	outbox_reset(rig->out);
	bridge_forward(&rig->view, src, rig->burst, 0, rig->out);
	snprintf(text, size, "%s %s ->", port, tag);
	for (unsigned i = 0; i < rig->topo.n_ports; i++)
		if (rig->out->to[i].n)
			tell(text, size, rig->topo.ports[i].name, rig->out->to[i].frames[0]);
	/* To somebody or dropped, never neither and never both. */
	CU_ASSERT_EQUAL(rig->out->n_dropped, rig->out->n_copies == 0);
}

static void every_row_is_as_open_vswitch_has_it(void)
{
	FILE *file = open_file("vlan_table.txt");
	struct rig rig;
	char row[1024], instead[1024] = "", ours[1024], port[32], tag[32];
	unsigned n_rows = 0;

	rig_init(&rig);
	while (fgets(row, sizeof(row), file)) {
		row[strcspn(row, "\n")] = '\0';
		if (row[0] == '=')
			snprintf(instead, sizeof(instead), "%s", row + strlen("= "));
		if (row[0] == '#' || row[0] == '=')
			continue;
		if (instead[0])
			strcpy(row, instead);
		instead[0] = '\0';
		CU_ASSERT_EQUAL_FATAL(sscanf(row, "%31s %31s", port, tag), 2);
		forward(&rig, port, tag, ours, sizeof(ours));
		if (strcmp(row, ours) != 0) {
			printf("\nexpected: %s\nours:     %s", row, ours);
			CU_FAIL("a row differs");
		}
		n_rows++;
	}
	CU_ASSERT_TRUE(n_rows >= N_ROWS_MIN);
	rig_fini(&rig);
	fclose(file);
}

int main(int argc, char **argv)
{
	CU_TestInfo tests[] = {
		{"every_row_is_as_open_vswitch_has_it", every_row_is_as_open_vswitch_has_it},
		CU_TEST_INFO_NULL};

	source_dir = argc > 1 ? argv[1] : ".";
	return suite_run("vlan_table", tests);
}
