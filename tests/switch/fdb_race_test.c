/* Two workers and the control thread on one table; built a second time with ThreadSanitizer. */
#include "switch/fdb.h"
#include "switch/fdb_table.h"
#include "tests/suite.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	N_KEYS = 192, /* learned, all of one chain */
	N_PORTS = 8,
	QUIET_PORT = N_PORTS - 1, /* of keys[0] alone, which nothing evicts */
	STEPS = FDB_RACE_STEPS,	  /* of each worker */
};

struct race {
	struct fdb *fdb;
	uint32_t max_macs;
	uint16_t n_busy_ports; /* so few that one of them always holds more than QUIET_PORT */
	fdb_key keys[N_KEYS];
	_Atomic uint32_t now_s; /* control writes, workers read; relaxed: it is only a number */
	_Atomic bool over;	/* main writes, control reads; relaxed: nothing follows from it */
};

struct worker {
	struct race *race;
	pthread_t thread;
	uint64_t random;
	unsigned n_misled; /* lookups that gave the port of another address */
	unsigned n_missed; /* lookups that missed keys[0] */
};

static uint16_t port_of(const struct race *race, unsigned i)
{
	return i ? i % race->n_busy_ports : QUIET_PORT;
}

static unsigned next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(*state >> 33);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct race *race = worker->race;

	for (unsigned n = 0; n < STEPS; n++) {
		uint32_t now_s = atomic_load_explicit(&race->now_s, memory_order_relaxed);
		unsigned i = next_random(&worker->random) % N_KEYS;
		unsigned j = next_random(&worker->random) % N_KEYS;
		uint16_t port;

		fdb_learn(race->fdb, race->keys[0], QUIET_PORT, now_s);
		fdb_learn(race->fdb, race->keys[i], port_of(race, i), now_s);
		port = fdb_lookup(race->fdb, race->keys[j], now_s);
		worker->n_misled += port != FDB_NO_PORT && port != port_of(race, j);
		worker->n_missed += fdb_lookup(race->fdb, race->keys[0], now_s) != QUIET_PORT;
	}
	return NULL;
}

static void check_shown(void *ctx, const struct fdb_entry *entry)
{
	struct worker *control = ctx;
	const struct race *race = control->race;

	for (unsigned i = 0; i < N_KEYS; i++)
		if (race->keys[i] == entry->key)
			control->n_misled += entry->port != port_of(race, i);
}

static void *control(void *arg)
{
	struct worker *control = arg;
	struct race *race = control->race;

	while (!atomic_load_explicit(&race->over, memory_order_relaxed)) {
		uint32_t now_s =
			1 + atomic_fetch_add_explicit(&race->now_s, 1, memory_order_relaxed);

		fdb_show(race->fdb, now_s, check_shown, control);
		fdb_flush_port(race->fdb, next_random(&control->random) % QUIET_PORT);
		fdb_expire(race->fdb, now_s);
		control->n_missed += fdb_count(race->fdb) > race->max_macs;
	}
	return NULL;
}

static void find_keys(struct race *race, uint64_t seed)
{
	struct fdb_table table;
	unsigned n = 0;

	CU_ASSERT_EQUAL_FATAL(fdb_table_init(&table, race->max_macs, seed), 0);
	for (uint64_t key = 0x02; n < N_KEYS; key += 0x100)
		if (fdb_table_head(&table, key | UINT64_C(1) << 63) == 0)
			race->keys[n++] = key;
	fdb_table_fini(&table);
}

static void run_race(uint32_t max_macs, uint16_t n_busy_ports)
{
	const struct fdb_conf conf = {
		.max_macs = max_macs, .ageing_s = 1000000, .n_ports = N_PORTS, .seed = 25};
	struct race race = {.fdb = fdb_new(&conf),
			    .max_macs = max_macs,
			    .n_busy_ports = n_busy_ports,
			    .now_s = 1};
	struct worker workers[3] = {{.race = &race, .random = 1},
				    {.race = &race, .random = 2},
				    {.race = &race, .random = 3}};
	struct fdb_counters n;

	find_keys(&race, conf.seed);
	fdb_learn(race.fdb, race.keys[0], QUIET_PORT, 1);
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&workers[i].thread, NULL,
						     i < 2 ? work : control, &workers[i]),
				      0);
	pthread_join(workers[0].thread, NULL);
	pthread_join(workers[1].thread, NULL);
	atomic_store_explicit(&race.over, true, memory_order_relaxed);
	pthread_join(workers[2].thread, NULL);

	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(workers[i].n_misled, 0);
		CU_ASSERT_EQUAL(workers[i].n_missed, 0);
	}
	n = fdb_counters(race.fdb);
	CU_ASSERT_EQUAL(n.n_learned, n.n_expired + n.n_evicted + n.n_flushed + fdb_count(race.fdb));
	CU_ASSERT_EQUAL(n.n_moved, 0);
	CU_ASSERT_TRUE(n.n_evicted > 0 && n.n_flushed > 0);
	fdb_free(race.fdb);
}

/* FDB-25: while slots change hands, no lookup gives what belongs to another address, none misses
 * one that stays, and the accounts add up. */
static void fdb_tells_the_truth_while_slots_change_hands(void)
{
	run_race(4, 2);
}

/* FDB-25: the same while entries move up in a chain that grows and shrinks. */
static void fdb_tells_the_truth_while_chains_change(void)
{
	run_race(48, N_PORTS - 1);
}

static void *flap(void *arg)
{
	struct worker *worker = arg;
	struct race *race = worker->race;
	uint16_t mine = (uint16_t)worker->random;

	for (unsigned n = 0; n < STEPS; n++) {
		uint16_t port;

		fdb_learn(race->fdb, race->keys[0], mine, 7);
		port = fdb_lookup(race->fdb, race->keys[0], 7);
		worker->n_misled += port != 1 && port != 2;
	}
	return NULL;
}

/* FDB-25, FDB-22 */
static void fdb_lets_two_workers_fight_for_an_address(void)
{
	const struct fdb_conf conf = {
		.max_macs = 10, .ageing_s = 300, .n_ports = N_PORTS, .seed = 25};
	struct race race = {.fdb = fdb_new(&conf), .keys = {0x02}};
	struct worker workers[2] = {{.race = &race, .random = 1}, {.race = &race, .random = 2}};

	for (unsigned i = 0; i < 2; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&workers[i].thread, NULL, flap, &workers[i]),
				      0);
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(workers[i].thread, NULL);
		CU_ASSERT_EQUAL(workers[i].n_misled, 0);
	}
	CU_ASSERT_EQUAL(fdb_count(race.fdb), 1);
	CU_ASSERT_EQUAL(fdb_counters(race.fdb).n_learned, 1);
	fdb_free(race.fdb);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"fdb_tells_the_truth_while_slots_change_hands",
		 fdb_tells_the_truth_while_slots_change_hands},
		{"fdb_tells_the_truth_while_chains_change",
		 fdb_tells_the_truth_while_chains_change},
		{"fdb_lets_two_workers_fight_for_an_address",
		 fdb_lets_two_workers_fight_for_an_address},
		CU_TEST_INFO_NULL,
	};

	return suite_run("fdb_race", tests);
}
