#include "switch/captures.h"
#include "ports/log.h"
#include "switch/capture_filter.h"
#include "switch/capture_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	RING_SIZE = 8 << 20, /* a worker: 30 ms of 1500-byte frames at 2 million a second */
	DESCRIPTION_LEN = 128,
};

struct capture {
	struct capture_conf conf;
	unsigned long client; /* 0: of the INI file */
	struct capture_filter filter;
	struct capture_job job;
	char (*descriptions)[DESCRIPTION_LEN]; /* by port id; the headers of files refer to them */
	bool stopping;
};

struct captures {
	struct captures_env env;
	struct tsc_clock clock; /* first look at the clocks: the longer ago, the better the rate */
	struct capture_lane *lanes;
	struct capture_writer *writer; /* NULL before the first capture */
	struct capture *slots[CAPTURE_MAX];
	struct capture_set *set; /* as published */
};

static const char *const direction_names[CAPTURE_DIRECTION_N] = {
	[CAPTURE_BOTH] = "both", [CAPTURE_ONLY_RX] = "rx", [CAPTURE_ONLY_TX] = "tx"};

static unsigned n_workers(const struct captures *captures)
{
	return captures->env.topo->sw.n_workers;
}

static unsigned n_ports(const struct captures *captures)
{
	return captures->env.topo->n_ports;
}

struct captures *captures_new(const struct captures_env *env)
{
	struct captures *captures = calloc(1, sizeof(*captures));
	uint64_t tsc = 0, ns = 0;

	if (!captures)
		return NULL;
	captures->env = *env;
	capture_writer_look_at_clocks(&tsc, &ns);
	tsc_clock_init(&captures->clock, env->tsc_hz, tsc, ns);
	return captures;
}

static void free_capture(struct capture *capture)
{
	if (!capture)
		return;
	capture_output_close(&capture->job.output);
	capture_filter_unjit(&capture->filter);
	capture_filter_free(&capture->filter);
	free(capture->job.watch.counts);
	free(capture->job.tallies);
	free(capture->descriptions);
	free(capture);
}

static void free_set(struct capture_set *set)
{
	if (!set)
		return;
	for (unsigned p = 0; p < CAPTURE_POINT_N; p++)
		free(set->wanted[p]);
	free(set);
}

static bool wants_point(const struct capture_conf *conf, enum capture_point point)
{
	switch (point) {
	case CAPTURE_RX:
		return conf->direction != CAPTURE_ONLY_TX;
	case CAPTURE_TX:
		return conf->direction != CAPTURE_ONLY_RX;
	default:
		return conf->drops == YES;
	}
}

/* The captures that are not stopping. *set is NULL when there is none. */
static int make_set(const struct captures *captures, struct capture_set **set)
{
	struct capture_set *made = calloc(1, sizeof(*made));
	bool any = false;

	*set = NULL;
	if (!made)
		return -ENOMEM;
	made->n_ports = n_ports(captures);
	made->lanes = captures->lanes;
	for (unsigned p = 0; p < CAPTURE_POINT_N; p++) {
		made->wanted[p] = calloc(n_ports(captures), sizeof(*made->wanted[p]));
		if (!made->wanted[p]) {
			free_set(made);
			return -ENOMEM;
		}
	}
	for (unsigned i = 0; i < CAPTURE_MAX; i++) {
		const struct capture *capture = captures->slots[i];

		if (!capture || capture->stopping)
			continue;
		any = true;
		made->watches[i] = &capture->job.watch;
		for (unsigned port = 0; port < n_ports(captures); port++)
			for (unsigned p = 0; p < CAPTURE_POINT_N; p++)
				if (capture_conf_has_port(&capture->conf, port) &&
				    wants_point(&capture->conf, p))
					made->wanted[p][port] |= UINT32_C(1) << i;
	}
	if (any)
		*set = made;
	else
		free_set(made);
	return 0;
}

static int publish(struct captures *captures)
{
	struct capture_set *set, *last = captures->set;
	int ret = make_set(captures, &set);

	if (ret == 0)
		ret = captures->env.publish(captures->env.ctx, set);
	if (ret < 0) {
		free_set(set);
		return ret;
	}
	captures->set = set;
	free_set(last);
	return 0;
}

static void free_lanes(struct captures *captures)
{
	for (unsigned w = 0; captures->lanes && w < n_workers(captures); w++) {
		capture_ring_free(captures->lanes[w].ring);
		free(captures->lanes[w].scratch);
	}
	free(captures->lanes);
	captures->lanes = NULL;
}

/* What the first capture needs. */
static int make_writer(struct captures *captures)
{
	captures->lanes = calloc(n_workers(captures), sizeof(*captures->lanes));
	if (!captures->lanes)
		return -ENOMEM;
	for (unsigned w = 0; w < n_workers(captures); w++) {
		captures->lanes[w].ring = capture_ring_new(RING_SIZE);
		captures->lanes[w].scratch = malloc(FRAME_LEN_MAX);
		if (!captures->lanes[w].ring || !captures->lanes[w].scratch) {
			free_lanes(captures);
			return -ENOMEM;
		}
	}
	captures->writer =
		capture_writer_new(&(struct capture_writer_conf){.n_workers = n_workers(captures),
								 .n_ports = n_ports(captures),
								 .lanes = captures->lanes,
								 .clock = captures->clock,
								 .count = captures->env.count,
								 .ctx = captures->env.ctx});
	if (!captures->writer) {
		int ret = -errno;

		free_lanes(captures);
		return ret;
	}
	return 0;
}

static json_t *ports_of(const struct captures *captures, const struct capture_conf *conf)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < n_ports(captures); i++)
		if (capture_conf_has_port(conf, i))
			json_array_append_new(list, json_string(captures->env.topo->ports[i].name));
	return list;
}

static json_t *describe(const struct captures *captures, const struct capture *capture)
{
	const struct capture_conf *conf = &capture->conf;
	struct capture_totals totals =
		capture_job_totals(&capture->job, n_workers(captures), n_ports(captures));
	int error = __atomic_load_n(&capture->job.error, __ATOMIC_RELAXED);
	const char *engine = !conf->filter[0]	      ? "none"
			     : capture->filter.native ? "native"
						      : "interpreted";
	json_t *object =
		json_pack("{s:s, s:o, s:s, s:b, s:s, s:s, s:I, s:s}", "name", conf->name, "ports",
			  ports_of(captures, conf), "direction", direction_names[conf->direction],
			  "drops", conf->drops == YES, "filter", conf->filter, "filter_engine",
			  engine, "snaplen", (json_int_t)conf->snaplen, "file", conf->file);

	json_object_set_new(object, "live", json_boolean(capture->client != 0));
	json_object_set_new(object, "seen", json_integer((json_int_t)totals.n_seen));
	json_object_set_new(object, "captured", json_integer((json_int_t)totals.n_captured));
	json_object_set_new(object, "missed", json_integer((json_int_t)totals.n_missed));
	json_object_set_new(object, "error", error ? json_string(strerror(error)) : json_null());
	return object;
}

static void report_end(const struct captures *captures, const struct capture *capture)
{
	json_t *report = describe(captures, capture);

	captures->env.ended(captures->env.ctx, capture->client, report);
	json_decref(report);
}

void captures_forget_files(const struct captures *captures)
{
	for (unsigned i = 0; captures && i < CAPTURE_MAX; i++) {
		const struct capture *capture = captures->slots[i];

		if (capture && !capture->client)
			capture_file_remove(&(struct capture_file_conf){
				.path = capture->conf.file,
				.rotate_size = capture->conf.rotate_size});
	}
}

void captures_free(struct captures *captures)
{
	if (!captures)
		return;
	for (unsigned i = 0; i < CAPTURE_MAX; i++)
		if (captures->slots[i] && !captures->slots[i]->stopping)
			capture_writer_stop(captures->writer, i);
	capture_writer_free(captures->writer);
	for (unsigned i = 0; i < CAPTURE_MAX; i++) {
		struct capture *capture = captures->slots[i];

		if (capture && capture->client)
			report_end(captures, capture);
		free_capture(capture);
	}
	free_set(captures->set);
	free_lanes(captures);
	free(captures);
}

static int open_output(struct captures *captures, struct capture *capture, bool force,
		       const struct capture_extra *extra)
{
	const struct topology *topo = captures->env.topo;
	struct pcapng_interface *ports = calloc(topo->n_ports, sizeof(*ports));
	const struct capture_conf *conf = &capture->conf;
	size_t len = strlen(conf->file);
	int ret = -ENOMEM;

	capture->descriptions = calloc(topo->n_ports, DESCRIPTION_LEN);
	for (unsigned i = 0; ports && capture->descriptions && i < topo->n_ports; i++) {
		if (!capture_conf_has_port(conf, i))
			continue;
		snprintf(capture->descriptions[i], DESCRIPTION_LEN, "port of bridge %s, switch %s",
			 topo->bridges[topo->ports[i].bridge].name, topo->sw.name);
		ports[i] = (struct pcapng_interface){.name = topo->ports[i].name,
						     .description = capture->descriptions[i],
						     .filter = conf->filter,
						     .snaplen = conf->snaplen};
	}
	if (ports && capture->descriptions)
		ret = capture_output_open(
			&capture->job.output,
			&(struct capture_output_conf){
				.file = {.path = conf->file,
					 .fd = extra ? extra->fd : -1,
					 .force = force,
					 .rotate_size = conf->rotate_size,
					 .rotate_files = conf->rotate_files},
				.is_pcap = extra ? extra->is_pcap
						 : len > 5 && strcmp(conf->file + len - 5,
								     ".pcap") == 0,
				.n_ports = topo->n_ports,
				.ports = ports});
	free(ports);
	return ret;
}

static int prepare(struct captures *captures, struct capture *capture,
		   const struct capture_extra *extra, char why[CAPTURES_WHY_LEN])
{
	char filter_why[CAPTURE_FILTER_WHY_LEN];
	uint64_t tsc;
	int ret = capture_filter_compile(&capture->filter, capture->conf.filter, filter_why);

	if (ret < 0) {
		snprintf(why, CAPTURES_WHY_LEN, "filter \"%s\": %s", capture->conf.filter,
			 filter_why);
		return ret;
	}
	if (captures->env.native)
		capture_filter_jit(&capture->filter);
	capture->job.watch.filter = &capture->filter;
	capture->job.watch.snaplen = capture->conf.snaplen;
	capture->job.watch.counts = calloc((size_t)n_workers(captures) * n_ports(captures),
					   sizeof(*capture->job.watch.counts));
	capture->job.tallies = calloc(n_ports(captures), sizeof(*capture->job.tallies));
	capture->job.max_frames = extra ? extra->max_frames : 0;
	capture->client = extra ? extra->client : 0;
	if (!capture->job.watch.counts || !capture->job.tallies) {
		snprintf(why, CAPTURES_WHY_LEN, "no memory for another capture");
		return -ENOMEM;
	}
	capture_writer_look_at_clocks(&tsc, &capture->job.start_ns);
	for (unsigned port = 0; port < n_ports(captures); port++)
		captures->env.count(captures->env.ctx, port, &capture->job.tallies[port].start);
	return 0;
}

static int start(struct captures *captures, struct capture *capture, char why[CAPTURES_WHY_LEN])
{
	unsigned slot = 0;
	int ret = captures->writer ? 0 : make_writer(captures);

	while (slot < CAPTURE_MAX && captures->slots[slot])
		slot++;
	if (slot == CAPTURE_MAX) {
		snprintf(why, CAPTURES_WHY_LEN,
			 "%d captures are running: stop one, see `ringway show captures`",
			 CAPTURE_MAX);
		return -EBUSY;
	}
	if (ret == 0) {
		captures->slots[slot] = capture;
		capture_writer_start(captures->writer, slot, &capture->job);
		ret = publish(captures);
		if (ret == 0)
			return 0;
		/* No worker has seen it; the writer gives it back when it comes by. */
		capture->stopping = true;
		capture_writer_stop(captures->writer, slot);
	}
	snprintf(why, CAPTURES_WHY_LEN, "cannot be started: %s", strerror(-ret));
	return ret;
}

int captures_start(struct captures *captures, const struct capture_conf *conf, bool force,
		   const struct capture_extra *extra, char why[CAPTURES_WHY_LEN])
{
	struct capture *capture = calloc(1, sizeof(*capture));
	int ret;

	if (!capture) {
		if (extra)
			close(extra->fd);
		snprintf(why, CAPTURES_WHY_LEN, "no memory for another capture");
		return -ENOMEM;
	}
	capture->conf = *conf;
	capture->job.output.file.fd = -1;
	ret = prepare(captures, capture, extra, why);
	if (ret == 0) {
		ret = open_output(captures, capture, force, extra);
		if (ret < 0)
			snprintf(why, CAPTURES_WHY_LEN, "file %s: %s", conf->file,
				 capture_file_fault(-ret));
	}
	if (ret == 0)
		ret = start(captures, capture, why);
	if (ret < 0 && !capture->stopping) {
		if (extra && capture->job.output.file.fd != extra->fd)
			close(extra->fd);
		free_capture(capture);
	}
	return ret;
}

static void stop(struct captures *captures, unsigned slot)
{
	struct capture *capture = captures->slots[slot];

	if (capture->stopping)
		return;
	capture->stopping = true;
	if (publish(captures) < 0) {
		/* Workers go on looking at it: try again at the next news. */
		capture->stopping = false;
		return;
	}
	capture_writer_stop(captures->writer, slot);
}

void captures_stop_client(struct captures *captures, unsigned long client)
{
	for (unsigned i = 0; i < CAPTURE_MAX; i++)
		if (captures->slots[i] && captures->slots[i]->client == client)
			stop(captures, i);
}

const struct topology *captures_topology(const struct captures *captures)
{
	return captures->env.topo;
}

int captures_fd(const struct captures *captures)
{
	return captures->writer ? capture_writer_fd(captures->writer) : -1;
}

json_t *captures_report(const struct captures *captures)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < CAPTURE_MAX; i++)
		if (captures->slots[i])
			json_array_append_new(list, describe(captures, captures->slots[i]));
	return json_pack("{s:o}", "captures", list);
}

static void reap(struct captures *captures, unsigned slot)
{
	struct capture *capture = captures->slots[slot];

	captures->slots[slot] = NULL;
	capture_writer_reap(captures->writer, slot);
	if (capture->client)
		report_end(captures, capture);
	else
		log_event(LOG_WARNING, "capture %s: %s: ended: %s", capture->conf.name,
			  capture->conf.file,
			  capture->job.error ? strerror(capture->job.error) : "nobody reads on");
	free_capture(capture);
}

void captures_serve(struct captures *captures)
{
	eventfd_t n;

	if (!captures->writer || eventfd_read(capture_writer_fd(captures->writer), &n) < 0)
		return;
	for (unsigned i = 0; i < CAPTURE_MAX; i++) {
		const struct capture *capture = captures->slots[i];

		if (!capture)
			continue;
		if (capture_writer_state(captures->writer, i) == CAPTURE_DONE)
			reap(captures, i);
		else if (__atomic_load_n(&capture->job.over, __ATOMIC_ACQUIRE))
			stop(captures, i);
	}
}
