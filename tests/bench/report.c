#include "report.h"

#include <jansson.h>
#include <stdio.h>

#include "frame.h"

static json_t *integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static double ratio(uint64_t a, uint64_t b)
{
	return b ? (double)a / (double)b : 0;
}

static json_t *describe_setup(const struct options *o)
{
	return json_pack(
		"{s:s, s:s, s:i, s:i, s:b, s:s, s:i, s:b, s:b, s:b, s:b, s:i, s:i, s:i, s:i, s:i, "
		"s:i, s:i, "
		"s:b, s:b, s:b, s:b}",
		"mode", options_mode_names[o->mode], "pattern", options_pattern_names[o->pattern],
		"ports", (int)o->n_ports, "senders", (int)o->n_senders, "one_way", o->one_way,
		"ring", o->packed ? "packed" : "split", "ring_size", (int)o->ring_size, "mergeable",
		o->mergeable, "event_idx", o->event_idx, "in_order", o->in_order, "wait", o->wait,
		"size", (int)o->size, "tso", (int)o->tso, "segments", (int)o->segments, "rx_buffer",
		(int)o->rx_buffer, "addresses", (int)o->n_addresses, "window", (int)o->window,
		"batch", (int)o->batch, "stamp", o->stamp, "touch", o->touch, "verify", o->verify,
		"hugepages", o->hugepages);
}

static json_t *describe_bursts(const uint64_t *bursts)
{
	json_t *list = json_object();
	unsigned bin;
	char name[16];

	for (bin = 0; bin < PORT_BURST_BINS; bin++) {
		if (!bursts[bin])
			continue;
		snprintf(name, sizeof(name), "%u", 1u << bin);
		json_object_set_new(list, name, integer(bursts[bin]));
	}
	return list;
}

static json_t *describe_round_trips(const struct load *load)
{
	const struct histogram *h = &load->round_trips;
	double ns = 1e9 / load->hz;

	return json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "count", (json_int_t)h->n,
			 "lost", (json_int_t)load->n_lost_round_trips, "min_ns",
			 (double)h->min * ns, "p50_ns", (double)histogram_quantile(h, 0.5) * ns,
			 "p90_ns", (double)histogram_quantile(h, 0.9) * ns, "p99_ns",
			 (double)histogram_quantile(h, 0.99) * ns, "p999_ns",
			 (double)histogram_quantile(h, 0.999) * ns, "max_ns", (double)h->max * ns);
}

struct totals {
	struct port_counts counts;
	struct flow flow;
	uint64_t sent, due, kicks, calls;
};

static void add_port(const struct load *load, unsigned idx, struct totals *t)
{
	const struct port *port = &load->ports[idx];
	const struct port_counts *c = &port->counts;
	unsigned i, n_ports = load->options->n_ports;

	t->sent += port->tx.done - port->done_at_start;
	t->due += (port->tx.done - port->done_at_start) * load_n_copies(load->options);
	t->kicks += port->tx.ring.n_kicks + port->rx.ring.n_kicks;
	t->calls += port->tx.ring.n_calls + port->rx.ring.n_calls;
	t->counts.received += c->received;
	t->counts.strays += c->strays;
	t->counts.foreign += c->foreign;
	t->counts.misshapen += c->misshapen;
	t->counts.corrupt += c->corrupt;
	t->counts.skipped += c->skipped;
	t->counts.rx_polls += c->rx_polls;
	t->counts.rx_entries += c->rx_entries;
	t->counts.rx_cycles += c->rx_cycles;
	t->counts.rx_frames += c->rx_frames;
	t->counts.tx_cycles += c->tx_cycles;
	t->counts.tx_frames += c->tx_frames;
	for (i = 0; i < PORT_BURST_BINS; i++)
		t->counts.bursts[i] += c->bursts[i];
	for (i = 0; i < n_ports; i++) {
		const struct flow *flow = &load->flows[idx * n_ports + i];

		t->flow.n_late += flow->n_late;
		t->flow.n_duplicates += flow->n_duplicates;
		t->flow.n_gaps += flow->n_gaps;
		t->flow.n_bad += flow->n_bad;
	}
}

static json_t *describe_ports(const struct load *load)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < load->options->n_ports; i++) {
		struct totals t = {.sent = 0};

		add_port(load, i, &t);
		json_array_append_new(
			list, json_pack("{s:s, s:I, s:I, s:I, s:I}", "socket",
					load->options->sockets[i], "sent", (json_int_t)t.sent,
					"received", (json_int_t)t.counts.received, "notifications",
					(json_int_t)t.calls, "kicks", (json_int_t)t.kicks));
	}
	return list;
}

static json_t *describe_counts(const struct load *load, const struct totals *t)
{
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = {
		{"sent", t->sent},
		{"received", t->counts.received},
		{"lost", t->due - t->counts.received},
		{"gaps", t->flow.n_gaps},
		{"duplicated", t->flow.n_duplicates},
		{"reordered", t->flow.n_late},
		{"strays", t->counts.strays},
		{"foreign", t->counts.foreign + t->flow.n_bad},
		{"misshapen", t->counts.misshapen},
		{"corrupt", t->counts.corrupt},
		{"unmarked", t->counts.unmarked},
		{"skipped", t->counts.skipped},
		{"unsent", load->n_unsent},
		{"preempted", load->n_preempted},
	};
	json_t *object = json_object();
	unsigned i;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_object_set_new(object, counts[i].name, integer(counts[i].value));
	return object;
}

static json_t *describe_rates(const struct load *load, const struct totals *t)
{
	double seconds = (double)load->elapsed / load->hz;
	double fps = seconds > 0 ? (double)t->counts.received / seconds : 0;

	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:f}", "seconds", seconds,
			 "tsc_hz", load->hz, "frames_per_second", fps, "gigabits_per_second",
			 fps * load->options->size * 8 / 1e9, "tsc_cycles_per_frame",
			 ratio(load->elapsed, t->counts.received), "tx_cycles_per_frame",
			 ratio(t->counts.tx_cycles, t->counts.tx_frames), "rx_cycles_per_frame",
			 ratio(t->counts.rx_cycles, t->counts.rx_frames), "notifications",
			 (json_int_t)t->calls, "kicks", (json_int_t)t->kicks, "mean_rx_burst",
			 ratio(t->counts.rx_entries, t->counts.rx_polls));
}

static int print(json_t *object)
{
	int ret = -1;

	if (object && json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) == 0 &&
	    printf("\n") > 0 && fflush(stdout) == 0)
		ret = 0;
	else
		fprintf(stderr, "vgen: the result could not be written\n");
	json_decref(object);
	return ret;
}

int report_write(const struct load *load)
{
	struct totals t = {.sent = 0};
	json_t *object;
	unsigned i;

	for (i = 0; i < load->options->n_ports; i++)
		add_port(load, i, &t);
	object = json_pack("{s:o}", "setup", describe_setup(load->options));
	if (!object)
		return print(NULL);
	json_object_update_new(object, describe_counts(load, &t));
	json_object_update_new(object, describe_rates(load, &t));
	json_object_set_new(object, "rx_bursts", describe_bursts(t.counts.bursts));
	if (load->options->mode == MODE_PING_PONG)
		json_object_set_new(object, "round_trips", describe_round_trips(load));
	json_object_set_new(object, "per_port", describe_ports(load));
	return print(object);
}

int report_write_cores(const struct options *options, const char *what, uint64_t cycles)
{
	return print(json_pack("{s:i, s:i, s:I}", "core", options->core, "core_peer",
			       options->core_peer, what, (json_int_t)cycles));
}
