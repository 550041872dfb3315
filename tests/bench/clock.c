#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { CALIBRATE_NS = 50000000, ROUNDS = 200, TRIPS = 500, LINE = 64, REST_US = 1000 };

static int64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

double clock_measure_hz(void)
{
	int64_t start_ns = now_ns(), ns;
	uint64_t start = clock_tsc();

	do
		ns = now_ns() - start_ns;
	while (ns < CALIBRATE_NS);
	return (double)(clock_tsc() - start) * 1e9 / (double)ns;
}

int clock_pin(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)core, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

struct table {
	_Alignas(LINE) atomic_uint ball;
	int core;
	atomic_bool failed;
};

static void *play(void *arg)
{
	struct table *table = arg;
	unsigned i;

	if (clock_pin(table->core) < 0)
		atomic_store(&table->failed, true);
	for (i = 0; i < ROUNDS * TRIPS; i++) {
		while (atomic_load_explicit(&table->ball, memory_order_acquire) != 2 * i + 1)
			;
		atomic_store_explicit(&table->ball, 2 * i + 2, memory_order_release);
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t clock_placement(int core, int core_peer)
{
	struct table table = {.core = core_peer};
	uint64_t took[ROUNDS];
	pthread_t peer;
	unsigned i, j;

	if (core == core_peer || clock_pin(core) < 0 ||
	    pthread_create(&peer, NULL, play, &table) != 0)
		return 0;
	for (i = 0; i < ROUNDS; i++) {
		uint64_t start = clock_tsc();

		for (j = 0; j < TRIPS; j++) {
			unsigned ball = 2 * (i * TRIPS + j);

			atomic_store_explicit(&table.ball, ball + 1, memory_order_release);
			while (atomic_load_explicit(&table.ball, memory_order_acquire) != ball + 2)
				;
		}
		took[i] = (clock_tsc() - start) / TRIPS;
	}
	pthread_join(peer, NULL);
	qsort(took, ROUNDS, sizeof(took[0]), compare);
	return atomic_load(&table.failed) ? 0 : took[ROUNDS / 2];
}

struct bell {
	int there, back; /* eventfds */
	int core;
	bool failed;
};

static void *answer(void *arg)
{
	struct bell *bell = arg;
	eventfd_t n;
	unsigned i;

	bell->failed = clock_pin(bell->core) < 0;
	for (i = 0; i < ROUNDS; i++)
		if (eventfd_read(bell->there, &n) < 0 || eventfd_write(bell->back, 1) < 0)
			bell->failed = true;
	return NULL;
}

static uint64_t ring(struct bell *bell)
{
	uint64_t took[ROUNDS];
	pthread_t peer;
	unsigned i;

	if (pthread_create(&peer, NULL, answer, bell) != 0)
		return 0;
	for (i = 0; i < ROUNDS; i++) {
		uint64_t start;
		eventfd_t n;

		usleep(REST_US);
		start = clock_tsc();
		if (eventfd_write(bell->there, 1) < 0 || eventfd_read(bell->back, &n) < 0)
			break;
		took[i] = clock_tsc() - start;
	}
	pthread_join(peer, NULL);
	qsort(took, i, sizeof(took[0]), compare);
	return i < ROUNDS || bell->failed ? 0 : took[ROUNDS / 2];
}

uint64_t clock_wake_up(int core, int core_peer)
{
	struct bell bell = {.there = eventfd(0, EFD_CLOEXEC),
			    .back = eventfd(0, EFD_CLOEXEC),
			    .core = core_peer};
	uint64_t took = 0;

	if (bell.there >= 0 && bell.back >= 0 && clock_pin(core) == 0)
		took = ring(&bell);
	if (bell.there >= 0)
		close(bell.there);
	if (bell.back >= 0)
		close(bell.back);
	return took;
}
