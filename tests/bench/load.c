#include "load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "clock.h"
#include "frame.h"
#include "ping_pong.h"
#include "receive.h"
#include "transmit.h"

enum {
	CHECK_HZ = 20, /* looks at the sockets */
	HELD_S = 3,    /* then the back-end holds frames for good */
	STALL_S = 1,   /* what has not arrived by then is given up, to open the window */
	LEARN_ROUNDS = 2,
	LEARN_SLEEP_MS = 1, /* threads that bring up the back-end may need this core */
	MAX_SLEEP_MS = 10,
};

/* Learning frames are not worth a long wait. Lost ones are: late frames of a busy machine would
 * enter the wrong books. */
static const double learn_quiet_s = 0.1, loss_quiet_s = 1;

int load_open(struct load *load, const struct options *options)
{
	unsigned i;

	*load = (struct load){.options = options};
	load->ports = calloc(options->n_ports, sizeof(*load->ports));
	load->flows = calloc((size_t)options->n_ports * options->n_ports, sizeof(*load->flows));
	load->payload = calloc(1, options->size);
	if (!load->ports || !load->flows || !load->payload) {
		fprintf(stderr, "vgen: out of memory\n");
		return -1;
	}
	frame_fill_payload(load->payload, options->size);
	for (i = 0; i < options->n_ports; i++) {
		load->n_open = i + 1;
		if (port_open(&load->ports[i], i, options) < 0)
			return -1;
	}
	load->hz = clock_measure_hz();
	return 0;
}

void load_close(struct load *load)
{
	unsigned i, n_ports = load->options->n_ports;

	for (i = 0; i < load->n_open; i++)
		port_close(&load->ports[i]);
	for (i = 0; load->flows && i < n_ports * n_ports; i++)
		flow_close(&load->flows[i]);
	free(load->ports);
	free(load->flows);
	free(load->payload);
}

static int check(struct load *load)
{
	uint64_t now = clock_tsc();
	unsigned i;

	if (now < load->next_check)
		return 0;
	load->next_check = now + (uint64_t)(load->hz / CHECK_HZ);
	for (i = 0; i < load->n_open; i++)
		if (port_check(&load->ports[i]) < 0)
			return -1;
	return 0;
}

int load_sweep(struct load *load)
{
	const struct options *options = load->options;
	unsigned i, n = 0;

	for (i = 0; i < options->n_ports; i++)
		n += receive_poll(load, &load->ports[i]);
	for (i = 0; load->sending && i < options->n_senders; i++)
		if (load_is_sender(options, i))
			n += transmit_poll(load, &load->ports[i]);
	return check(load) < 0 ? -1 : (int)n;
}

static int poll_calls(struct load *load, uint64_t until)
{
	struct pollfd fds[2 * OPTIONS_MAX_PORTS];
	uint64_t now = clock_tsc();
	double ms = now < until ? (double)(until - now) / load->hz * 1e3 : 0;
	unsigned i, n = load->options->n_ports;

	for (i = 0; i < n; i++) {
		fds[2 * i] = (struct pollfd){load->ports[i].rx.ring.callfd, POLLIN, 0};
		fds[2 * i + 1] = (struct pollfd){load->ports[i].tx.ring.callfd, POLLIN, 0};
	}
	poll(fds, 2 * n, ms < MAX_SLEEP_MS ? (int)ms : MAX_SLEEP_MS);
	for (i = 0; i < n; i++) {
		guest_ring_take_calls(&load->ports[i].rx.ring);
		guest_ring_take_calls(&load->ports[i].tx.ring);
	}
	return 0;
}

int load_sleep(struct load *load, uint64_t until)
{
	unsigned i, n = load->options->n_ports;
	int ret;

	for (i = 0; i < n; i++) {
		struct port *port = &load->ports[i];

		guest_ring_arm(&port->rx.ring, port->rx.taken);
		if (port->tx.posted > port->tx.done)
			guest_ring_arm(&port->tx.ring, txq_n_used(&port->tx));
	}
	/* What came before the wish was seen would be slept on. */
	ret = load_sweep(load);
	if (ret == 0)
		ret = poll_calls(load, until);
	for (i = 0; i < n; i++) {
		guest_ring_quiet(&load->ports[i].rx.ring, load->ports[i].rx.taken);
		guest_ring_quiet(&load->ports[i].tx.ring, txq_n_used(&load->ports[i].tx));
	}
	return ret < 0 ? -1 : 0;
}

/* Every frame posted since the books were opened has come back, and has arrived wherever it should.
 */
static bool is_accounted(const struct load *load)
{
	const unsigned n_copies = load_n_copies(load->options);
	unsigned i;

	for (i = 0; i < load->options->n_ports; i++) {
		const struct port *port = &load->ports[i];

		if (port->tx.done < port->tx.posted ||
		    port->delivered != (port->tx.posted - port->posted_at_start) * n_copies)
			return false;
	}
	return true;
}

static bool reclaim_all(struct load *load)
{
	bool all = true;
	unsigned i;

	for (i = 0; i < load->options->n_ports; i++) {
		struct txq *tx = &load->ports[i].tx;

		txq_reclaim(tx);
		all &= tx->done == tx->posted;
	}
	return all;
}

/* Receives until all is accounted for or, where frames were lost, nothing has moved for quiet_s
 * seconds. */
static int drain(struct load *load, double quiet_s, int sleep_ms)
{
	uint64_t last = clock_tsc(), now = last;
	bool returned;
	int n;

	load->sending = false;
	do {
		n = load_sweep(load);
		if (n < 0)
			return -1;
		returned = reclaim_all(load);
		now = clock_tsc();
		if (n > 0)
			last = now;
		else if (sleep_ms)
			poll(NULL, 0, sleep_ms);
	} while (!is_accounted(load) && ((double)(now - last) < load->hz * quiet_s ||
					 (!returned && (double)(now - last) < load->hz * HELD_S)));
	return 0;
}

/* A window that nothing moves in any more is full of lost frames. */
static void open_window(struct load *load)
{
	const unsigned n_copies = load_n_copies(load->options);
	unsigned i;

	for (i = 0; i < load->options->n_senders; i++) {
		struct port *port = &load->ports[i];
		uint64_t sent = (port->tx.done - port->posted_at_start) * n_copies;

		if (sent > port->delivered + port->given_up)
			port->given_up = sent - port->delivered;
	}
}

static uint64_t count_preemptions(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)usage.ru_nivcsw : 0;
}

static int send_for(struct load *load, double seconds)
{
	uint64_t start = clock_tsc(), now = start, last = start;
	uint64_t end = start + (uint64_t)(seconds * load->hz);
	int n;

	load->start = start;
	if (load->options->mode == MODE_PING_PONG)
		return ping_pong_run(load, end);
	load->sending = true;
	while (now < end) {
		n = load_sweep(load);
		if (n == 0 && load->options->wait)
			n = load_sleep(load, end);
		if (n < 0)
			return -1;
		now = clock_tsc();
		if (n > 0)
			last = now;
		else if (load->options->window && (double)(now - last) > load->hz * STALL_S)
			open_window(load);
	}
	load->elapsed = now - start;
	return 0;
}

/* The next measurement begins with empty books. Nothing is under way. */
static void open_books(struct load *load)
{
	unsigned i, n_ports = load->options->n_ports;

	for (i = 0; i < n_ports; i++) {
		struct port *port = &load->ports[i];

		port->counts = (struct port_counts){0};
		port->delivered = port->given_up = 0;
		port->posted_at_start = port->tx.posted;
		port->done_at_start = port->tx.done;
		guest_ring_take_calls(&port->rx.ring);
		guest_ring_take_calls(&port->tx.ring);
		port->rx.ring.n_calls = port->rx.ring.n_kicks = 0;
		port->tx.ring.n_calls = port->tx.ring.n_kicks = 0;
	}
	for (i = 0; i < n_ports * n_ports; i++)
		flow_restart(&load->flows[i]);
	load->round_trips = (struct histogram){0};
	load->n_unsent = 0;
	load->n_lost_round_trips = 0;
}

static void close_books(struct load *load)
{
	unsigned i;

	for (i = 0; i < load->options->n_ports; i++) {
		struct port *port = &load->ports[i];

		guest_ring_take_calls(&port->rx.ring);
		guest_ring_take_calls(&port->tx.ring);
		load->n_unsent += port->tx.posted - port->tx.done;
	}
}

static int wait_for_room(struct load *load, struct port *port, unsigned n)
{
	uint64_t deadline = clock_tsc() + (uint64_t)(load->options->connect_timeout * load->hz);

	while (txq_reclaim(&port->tx) < n && !port->tx.broken) {
		if (load_sweep(load) < 0)
			return -1;
		if (clock_tsc() > deadline) {
			fprintf(stderr, "vgen: port %u (%s): the back-end takes no frames\n",
				port->idx, load->options->sockets[port->idx]);
			return -1;
		}
	}
	return 0;
}

/* One burst of addresses of each port; returns how many are left of the port with the most. */
static int learn_burst(struct load *load, unsigned address)
{
	const struct options *options = load->options;
	unsigned i, n = options->n_addresses - address;

	if (n > options->batch)
		n = options->batch;
	for (i = 0; i < options->n_ports; i++) {
		struct port *port = &load->ports[i];

		if (wait_for_room(load, port, n) < 0)
			return -1;
		if (port_check(port) < 0)
			return -1;
		transmit_build_learning(load, port, address, n);
		txq_post(&port->tx, n);
		if (load_sweep(load) < 0)
			return -1;
	}
	return (int)n;
}

/* Every port shows all its addresses once; -1, or how many ports nothing arrived at. */
static int learn_round(struct load *load)
{
	const struct options *options = load->options;
	unsigned i, address;
	int n, n_deaf = 0;

	for (i = 0; i < options->n_ports; i++)
		load->ports[i].counts.learned = 0;
	for (address = 0; address < options->n_addresses; address += (unsigned)n) {
		n = learn_burst(load, address);
		if (n < 0)
			return -1;
	}
	/* The next round must meet what this one taught. */
	if (drain(load, learn_quiet_s, LEARN_SLEEP_MS) < 0)
		return -1;
	for (i = 0; i < options->n_ports; i++)
		n_deaf += load->ports[i].counts.learned == 0;
	return n_deaf;
}

/* A back-end may take a while until all its ports are up, so only rounds that reached every port
 * count. */
static int learn(struct load *load)
{
	uint64_t start = clock_tsc();
	unsigned n_good = 0, i;
	int n_deaf;

	load->sending = false;
	for (;;) {
		n_deaf = learn_round(load);
		if (n_deaf < 0)
			return -1;
		n_good = n_deaf == 0 ? n_good + 1 : 0;
		if (n_good == LEARN_ROUNDS)
			return 0;
		if ((double)(clock_tsc() - start) > load->options->connect_timeout * load->hz)
			break;
	}
	for (i = 0; i < load->options->n_ports; i++)
		if (load->ports[i].counts.learned == 0)
			fprintf(stderr,
				"vgen: port %u (%s): no broadcast of another port arrives; does "
				"the "
				"switch run and connect the ports? (--connect-timeout waits "
				"longer)\n",
				i, load->options->sockets[i]);
	return -1;
}

static void pause_for(const struct load *load, const char *word)
{
	int c;

	if (!load->options->pause)
		return;
	fprintf(stderr, "%s\n", word);
	do
		c = getchar();
	while (c != '\n' && c != EOF);
}

static int build(struct load *load)
{
	unsigned i;

	for (i = 0; i < load->options->n_ports; i++)
		if (transmit_build(load, &load->ports[i]) < 0) {
			fprintf(stderr, "vgen: out of memory for the flows\n");
			return -1;
		}
	return 0;
}

int load_start(struct load *load)
{
	unsigned i;

	for (i = 0; i < load->options->n_ports; i++)
		if (port_start(&load->ports[i]) < 0)
			return -1;
	if (build(load) < 0 || learn(load) < 0 || build(load) < 0)
		return -1;
	open_books(load);
	if (load->options->warm_up > 0 &&
	    (send_for(load, load->options->warm_up) < 0 || drain(load, loss_quiet_s, 0) < 0))
		return -1;
	return 0;
}

int load_measure(struct load *load)
{
	pause_for(load, "warm");
	open_books(load);
	load->n_preempted = count_preemptions();
	if (send_for(load, load->options->seconds) < 0 || drain(load, loss_quiet_s, 0) < 0)
		return -1;
	load->n_preempted = count_preemptions() - load->n_preempted;
	close_books(load);
	pause_for(load, "done");
	return 0;
}

int load_stop(struct load *load)
{
	unsigned i;

	for (i = 0; i < load->options->n_ports; i++)
		if (port_stop(&load->ports[i]) < 0)
			return -1;
	return 0;
}
