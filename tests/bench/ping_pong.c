#include "ping_pong.h"

#include "clock.h"
#include "transmit.h"

#include <unistd.h>

/* No machine is so busy that a frame takes as long: it is lost. */
enum { GIVE_UP_S = 5 };

/* Sends a frame and waits until the other port has it; adds how long that took. 1: it arrived, 0:
 * it did not in time, -1: failure. */
static int hop(struct load *load, struct port *from, struct port *to, uint64_t *took)
{
	uint64_t before = to->counts.received, start, deadline;
	int n;

	if (load->options->rate > 0)
		usleep((useconds_t)(1e6 / load->options->rate));
	start = clock_tsc();
	deadline = start + (uint64_t)(load->hz * GIVE_UP_S);
	while (txq_reclaim(&from->tx) == 0)
		if (from->tx.broken || clock_tsc() > deadline)
			return 0;
	transmit_post(load, from, 1);
	from->counts.tx_frames++;
	while (to->counts.received == before) {
		n = load_sweep(load);
		if (n == 0 && load->options->wait)
			n = load_sleep(load, deadline);
		if (n < 0)
			return -1;
		if (to->counts.received == before && clock_tsc() > deadline)
			return 0;
	}
	*took += clock_tsc() - start;
	return 1;
}

int ping_pong_run(struct load *load, uint64_t end)
{
	struct port *ping = &load->ports[0], *pong = &load->ports[1];
	uint64_t took;
	int ret;

	load->sending = false;
	do {
		took = 0;
		ret = hop(load, ping, pong, &took);
		if (ret > 0)
			ret = hop(load, pong, ping, &took);
		if (ret < 0)
			return -1;
		if (ret > 0)
			histogram_add(&load->round_trips, took);
		else
			load->n_lost_round_trips++;
	} while (clock_tsc() < end);
	load->elapsed = clock_tsc() - load->start;
	return 0;
}
