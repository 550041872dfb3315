#include "ping_pong.h"

#include "clock.h"
#include "transmit.h"

enum { GIVE_UP_HZ = 5 };

/* Sends a frame and waits until the other port has it. 1: it arrived, 0: it did not in time, -1:
 * failure. */
static int hop(struct load *load, struct port *from, struct port *to)
{
	uint64_t before = to->counts.received, start = clock_tsc();
	uint64_t deadline = start + (uint64_t)(load->hz / GIVE_UP_HZ);
	int n;

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
		if (clock_tsc() > deadline)
			return 0;
	}
	return 1;
}

int ping_pong_run(struct load *load, uint64_t end)
{
	struct port *ping = &load->ports[0], *pong = &load->ports[1];
	uint64_t start;
	int ret;

	load->sending = false;
	do {
		start = clock_tsc();
		ret = hop(load, ping, pong);
		if (ret > 0)
			ret = hop(load, pong, ping);
		if (ret < 0)
			return -1;
		if (ret > 0)
			histogram_add(&load->round_trips, clock_tsc() - start);
		else
			load->n_lost_round_trips++;
	} while (clock_tsc() < end);
	load->elapsed = clock_tsc() - load->start;
	return 0;
}
