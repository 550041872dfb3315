#include "ports/nudge.h"

#include <errno.h>
#include <unistd.h>

static void ignore(int number)
{
	(void)number;
}

int nudge_start(struct nudge *nudge)
{
	const struct itimerspec again = {.it_value = {.tv_nsec = NUDGE_MS * 1000000},
					 .it_interval = {.tv_nsec = NUDGE_MS * 1000000}};
	const struct sigaction action = {.sa_handler = ignore}; /* no SA_RESTART */
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = NUDGE_SIGNAL};

	*nudge = (struct nudge){.started = false};
	event._sigev_un._tid = gettid();
	if (sigaction(NUDGE_SIGNAL, &action, NULL) < 0 ||
	    timer_create(CLOCK_MONOTONIC, &event, &nudge->timer) < 0)
		return -errno;
	nudge->started = true;
	return timer_settime(nudge->timer, 0, &again, NULL) < 0 ? -errno : 0;
}

void nudge_stop(struct nudge *nudge)
{
	if (nudge->started)
		timer_delete(nudge->timer);
	nudge->started = false;
}
