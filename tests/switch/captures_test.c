/* Captures from their start to the last byte of their files, with the writer's thread and without a
 * switch. */
#include "switch/capture_file.h"
#include "switch/captures.h"
#include "switch/pcapng.h"
#include "tests/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { N_PORTS = 2, N_WORKERS = 2, MAX_SEQ = 8192, CLIENT = 7 };

struct rig {
	char dir[64];
	struct topology topo;
	struct bridge_conf bridge;
	struct port_conf ports[N_PORTS];
	const struct capture_set *set;
	struct captures *captures;
	json_t *report; /* of the capture that ended last */
	uint32_t n_shown;
};

static int publish(void *ctx, const struct capture_set *set)
{
	struct rig *rig = ctx;

	rig->set = set;
	return 0;
}

static void count(void *ctx, unsigned port, struct port_counters *counters)
{
	(void)ctx;
	*counters = (struct port_counters){.count[COUNT_RX_FRAMES] = port};
}

static void ended(void *ctx, unsigned long client, json_t *report)
{
	struct rig *rig = ctx;

	CU_ASSERT_EQUAL(client, CLIENT);
	json_decref(rig->report);
	rig->report = json_incref(report);
}

static struct rig *rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	strcpy(rig->dir, "/tmp/captures_test.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig->dir));
	strcpy(rig->bridge.name, "default");
	strcpy(rig->ports[0].name, "a");
	strcpy(rig->ports[1].name, "b");
	rig->topo = (struct topology){.sw = {.name = "test", .n_workers = N_WORKERS},
				      .bridges = &rig->bridge,
				      .n_bridges = 1,
				      .ports = rig->ports,
				      .n_ports = N_PORTS};
	rig->captures = captures_new(&(struct captures_env){.topo = &rig->topo,
							    .tsc_hz = 2000000000,
							    .ctx = rig,
							    .publish = publish,
							    .count = count,
							    .ended = ended});
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->captures);
	return rig;
}

static void rig_free(struct rig *rig)
{
	char command[128];

	captures_free(rig->captures);
	json_decref(rig->report);
	snprintf(command, sizeof(command), "rm -rf %s", rig->dir);
	CU_ASSERT_EQUAL(system(command), 0);
	free(rig);
}

static struct capture_conf conf_of(const struct rig *rig, const char *file)
{
	struct capture_conf conf = {.name = "c", .ports = "*", .port_set = {3}, .snaplen = 262144};

	snprintf(conf.file, sizeof(conf.file), "%s/%s", rig->dir, file);
	return conf;
}

/* The next frames, numbered in their first bytes, as workers would show them. */
static void show_frames(struct rig *rig, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct frame frame = {.len = 60, .head_len = 60};
		const struct frame *frames[] = {&frame};
		const struct capture_where where = {.worker = rig->n_shown % N_WORKERS,
						    .port = rig->n_shown / N_WORKERS % N_PORTS,
						    .point = CAPTURE_RX};

		memcpy(frame.head, &rig->n_shown, sizeof(rig->n_shown));
		capture_frames(rig->set, &where, frames, 1);
		rig->n_shown++;
	}
}

/* Waits for the writer until there is no capture any more. */
static void serve_until_ended(struct rig *rig)
{
	while (!rig->report) {
		struct pollfd fd = {.fd = captures_fd(rig->captures), .events = POLLIN};

		CU_ASSERT_EQUAL_FATAL(poll(&fd, 1, 20000), 1);
		captures_serve(rig->captures);
	}
}

struct seen {
	unsigned n_of[MAX_SEQ];
	unsigned n_packets;
	unsigned n_statistics;
	uint64_t last_ns[N_PORTS];
	unsigned n_backwards;
};

/* Reads a file by its blocks; false: it does not end with a whole one. */
static bool read_pcapng(const char *path, struct seen *seen)
{
	FILE *file = fopen(path, "re");
	uint32_t head[2];

	if (!file)
		return false;
	while (fread(head, sizeof(head), 1, file) == 1) {
		uint32_t body[1024], seq;
		uint64_t ns;

		if (head[1] < 12 || head[1] - 8 > sizeof(body) ||
		    fread(body, head[1] - 8, 1, file) != 1 || body[(head[1] - 12) / 4] != head[1]) {
			fclose(file);
			return false;
		}
		seen->n_statistics += head[0] == 5;
		if (head[0] != 6)
			continue;
		memcpy(&seq, &body[5], sizeof(seq));
		ns = (uint64_t)body[1] << 32 | body[2];
		seen->n_packets++;
		seen->n_of[seq]++;
		seen->n_backwards += ns < seen->last_ns[body[0]];
		seen->last_ns[body[0]] = ns;
	}
	fclose(file);
	return true;
}

static json_int_t number(const json_t *report, const char *key)
{
	return json_integer_value(json_object_get(report, key));
}

/* CAP-01, CAP-04 */
static void captures_write_every_frame_once_and_in_the_order_of_time(void)
{
	struct rig *rig = rig_new();
	struct capture_conf conf = conf_of(rig, "c.pcapng");
	struct seen *seen = calloc(1, sizeof(*seen));
	char why[CAPTURES_WHY_LEN];

	CU_ASSERT_EQUAL_FATAL(captures_start(rig->captures, &conf, false, NULL, why), 0);
	show_frames(rig, MAX_SEQ);
	captures_free(rig->captures);
	rig->captures = NULL;
	CU_ASSERT(read_pcapng(conf.file, seen));
	CU_ASSERT_EQUAL(seen->n_packets, MAX_SEQ);
	for (unsigned i = 0; i < MAX_SEQ; i++)
		CU_ASSERT_EQUAL(seen->n_of[i], 1);
	CU_ASSERT_EQUAL(seen->n_statistics, N_PORTS);
	CU_ASSERT_EQUAL(seen->n_backwards, 0);
	free(seen);
	rig_free(rig);
}

/* CAP-11 */
static void captures_lose_and_double_nothing_when_they_rotate(void)
{
	struct rig *rig = rig_new();
	struct capture_conf conf = conf_of(rig, "c.pcapng");
	struct seen *seen = calloc(1, sizeof(*seen));
	char why[CAPTURES_WHY_LEN], path[128];
	unsigned n_files = 0;

	conf.rotate_size = 65536;
	CU_ASSERT_EQUAL_FATAL(captures_start(rig->captures, &conf, false, NULL, why), 0);
	show_frames(rig, MAX_SEQ);
	captures_free(rig->captures);
	rig->captures = NULL;
	for (;; n_files++) {
		snprintf(path, sizeof(path), "%s/c-%05u.pcapng", rig->dir, n_files + 1);
		if (access(path, F_OK) < 0)
			break;
		CU_ASSERT(read_pcapng(path, seen));
	}
	CU_ASSERT(n_files > 10);
	CU_ASSERT_EQUAL(seen->n_packets, MAX_SEQ);
	for (unsigned i = 0; i < MAX_SEQ; i++)
		CU_ASSERT_EQUAL(seen->n_of[i], 1);
	CU_ASSERT_EQUAL(seen->n_statistics, n_files * N_PORTS);
	free(seen);
	rig_free(rig);
}

static void captures_of_a_client_end_after_their_count(void)
{
	struct rig *rig = rig_new();
	struct seen *seen = calloc(1, sizeof(*seen));
	char why[CAPTURES_WHY_LEN], path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/x.pcapng", rig->dir);
	fd = capture_file_create(path, 0);
	CU_ASSERT_EQUAL_FATAL(
		captures_start_request(rig->captures,
				       "{\"ports\":\"b\", \"count\":10, \"direction\":\"rx\"}",
				       CLIENT, fd, why),
		0);
	show_frames(rig, 1000);
	serve_until_ended(rig);
	CU_ASSERT_EQUAL(number(rig->report, "captured"), 10);
	CU_ASSERT_EQUAL(number(rig->report, "seen"), 10);
	CU_ASSERT_EQUAL(number(rig->report, "missed"), 0);
	CU_ASSERT_PTR_NULL(rig->set);
	CU_ASSERT(read_pcapng(path, seen));
	CU_ASSERT_EQUAL(seen->n_packets, 10);
	CU_ASSERT_EQUAL(seen->n_of[2], 1); /* the first one of port b */
	CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), -1);
	free(seen);
	rig_free(rig);
}

/* CAP-07 */
static void captures_end_when_their_reader_goes_away(void)
{
	struct rig *rig = rig_new();
	char why[CAPTURES_WHY_LEN];
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	CU_ASSERT_EQUAL_FATAL(captures_start_request(rig->captures, "{}", CLIENT, fds[1], why), 0);
	close(fds[0]);
	show_frames(rig, 100);
	serve_until_ended(rig);
	CU_ASSERT_EQUAL(number(rig->report, "seen"), 100);
	CU_ASSERT_EQUAL(number(rig->report, "captured") + number(rig->report, "missed"), 100);
	rig_free(rig);
}

/* CAP-07: captured + missed = seen, exactly, with a reader that never reads. */
static void captures_count_what_a_stopped_reader_missed(void)
{
	struct rig *rig = rig_new();
	char why[CAPTURES_WHY_LEN];
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	CU_ASSERT_EQUAL_FATAL(captures_start_request(rig->captures, "{}", CLIENT, fds[1], why), 0);
	show_frames(rig, 100000);
	captures_stop_client(rig->captures, CLIENT);
	serve_until_ended(rig);
	CU_ASSERT_EQUAL(number(rig->report, "seen"), 100000);
	CU_ASSERT(number(rig->report, "missed") > 50000);
	CU_ASSERT(number(rig->report, "captured") > 100);
	CU_ASSERT_EQUAL(number(rig->report, "captured") + number(rig->report, "missed"), 100000);
	close(fds[0]);
	rig_free(rig);
}

/* CAP-10: what runs goes on. */
static void captures_refuse_with_a_sentence_and_leave_the_others_alone(void)
{
	static const struct {
		const char *request, *why;
	} cases[] = {
		{"{\"filter\":\"icmp and\"}", "syntax error"},
		{"{\"ports\":\"a,c\"}", "there is no port \"c\""},
		{"{\"direction\":\"in\"}", "rx, tx or both"},
		{"{\"snaplen\":3}", "snaplen"},
		{"{\"snaplen\":\"x\"}", "snaplen"},
		{"{\"count\":-1}", "count"},
		{"{\"ports\":7}", "texts"},
		{"[]", "JSON"},
		{"", "JSON"},
	};
	struct rig *rig = rig_new();
	struct capture_conf conf = conf_of(rig, "c.pcapng");
	const struct capture_set *set;
	char why[CAPTURES_WHY_LEN];
	json_t *report;

	CU_ASSERT_EQUAL_FATAL(captures_start(rig->captures, &conf, false, NULL, why), 0);
	set = rig->set;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

		CU_ASSERT(captures_start_request(rig->captures, cases[i].request, CLIENT, fd, why) <
			  0);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, cases[i].why));
		CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), -1);
	}
	CU_ASSERT(captures_start_request(rig->captures, "{}", CLIENT, -1, why) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "descriptor"));
	CU_ASSERT_EQUAL(captures_start(rig->captures, &conf, false, NULL, why), -EEXIST);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "--force"));
	CU_ASSERT_PTR_EQUAL(rig->set, set);
	report = captures_report(rig->captures);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(report, "captures")), 1);
	json_decref(report);
	rig_free(rig);
}

static void captures_are_as_many_as_there_are_slots(void)
{
	struct rig *rig = rig_new();
	char why[CAPTURES_WHY_LEN];

	for (unsigned i = 0; i <= CAPTURE_MAX; i++) {
		int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
		int ret = captures_start_request(rig->captures, "{}", CLIENT, fd, why);

		CU_ASSERT_EQUAL(ret, i < CAPTURE_MAX ? 0 : -EBUSY);
	}
	show_frames(rig, 10);
	rig_free(rig);
}

static void captures_of_a_switch_that_does_not_start_leave_no_files(void)
{
	struct rig *rig = rig_new();
	struct capture_conf whole = conf_of(rig, "c.pcapng"), rotated = conf_of(rig, "r.pcapng");
	char why[CAPTURES_WHY_LEN];

	rotated.rotate_size = 1 << 20;
	for (unsigned i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(captures_start(rig->captures, &whole, false, NULL, why), 0);
		CU_ASSERT_EQUAL(captures_start(rig->captures, &rotated, false, NULL, why), 0);
		/* It is there by now. */
		CU_ASSERT_EQUAL(captures_start(rig->captures, &whole, false, NULL, why), -EEXIST);
		captures_forget_files(rig->captures);
	}
	rig_free(rig);
}

/* CAP-08 */
static void captures_start_and_stop_a_thousand_times_and_keep_nothing(void)
{
	struct rig *rig = rig_new();
	char why[CAPTURES_WHY_LEN];
	int before = 0, after;

	for (unsigned i = 0; i < 1000; i++) {
		int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

		if (i == 1)
			before = fd;
		after = fd;
		CU_ASSERT_EQUAL_FATAL(captures_start_request(rig->captures,
							     "{\"filter\":\"not arp\"}", CLIENT, fd,
							     why),
				      0);
		show_frames(rig, 3);
		captures_stop_client(rig->captures, CLIENT);
		serve_until_ended(rig);
		CU_ASSERT_EQUAL(number(rig->report, "captured"), 3);
		json_decref(rig->report);
		rig->report = NULL;
	}
	CU_ASSERT_EQUAL(before, after);
	rig_free(rig);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"captures_write_every_frame_once_and_in_the_order_of_time",
		 captures_write_every_frame_once_and_in_the_order_of_time},
		{"captures_lose_and_double_nothing_when_they_rotate",
		 captures_lose_and_double_nothing_when_they_rotate},
		{"captures_of_a_client_end_after_their_count",
		 captures_of_a_client_end_after_their_count},
		{"captures_end_when_their_reader_goes_away",
		 captures_end_when_their_reader_goes_away},
		{"captures_count_what_a_stopped_reader_missed",
		 captures_count_what_a_stopped_reader_missed},
		{"captures_refuse_with_a_sentence_and_leave_the_others_alone",
		 captures_refuse_with_a_sentence_and_leave_the_others_alone},
		{"captures_are_as_many_as_there_are_slots",
		 captures_are_as_many_as_there_are_slots},
		SUITE_TEST(captures_of_a_switch_that_does_not_start_leave_no_files),
		{"captures_start_and_stop_a_thousand_times_and_keep_nothing",
		 captures_start_and_stop_a_thousand_times_and_keep_nothing},
		CU_TEST_INFO_NULL,
	};

	return suite_run("captures", tests);
}
