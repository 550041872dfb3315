#include "switch/fdb.h"
#include "switch/fdb_table.h"
#include "tests/suite.h"
#include "tests/switch/fdb_model.h"

#include <stdlib.h>

/* 02-00-00-xx-xx-xx in a VLAN. */
static fdb_key mac_in_vlan(uint32_t n, uint16_t vlan)
{
	return 0x02 | (uint64_t)n << 24 | (uint64_t)vlan << 48;
}

struct seen {
	unsigned n;
	unsigned n_wrong;
	const struct model *model;
	uint32_t now_s;
};

static void check_shown(void *ctx, const struct fdb_entry *entry)
{
	struct seen *seen = ctx;
	const struct model *model = seen->model;

	seen->n++;
	for (unsigned i = 0; i < model->n; i++)
		if (model->entries[i].key == entry->key && model->entries[i].port == entry->port &&
		    seen->now_s - model->entries[i].seen_s == entry->age_s)
			return;
	seen->n_wrong++;
}

/* Lives, counts and counters are the same in both. */
static bool agree(const struct fdb *fdb, const struct model *model, uint32_t now_s)
{
	struct seen seen = {.model = model, .now_s = now_s};
	struct fdb_counters n = fdb_counters(fdb);
	unsigned n_live = 0;

	for (unsigned i = 0; i < model->n; i++)
		n_live += model_lookup(model, model->entries[i].key, now_s) != FDB_NO_PORT;
	return fdb_show(fdb, now_s, check_shown, &seen) == n_live && seen.n == n_live &&
	       seen.n_wrong == 0 && fdb_count(fdb) == model->n &&
	       n.n_learned == model->counters.n_learned && n.n_moved == model->counters.n_moved &&
	       n.n_expired == model->counters.n_expired &&
	       n.n_evicted == model->counters.n_evicted && n.n_flushed == model->counters.n_flushed;
}

static void fdb_shows_every_live_entry_once(void)
{
	enum { N = 200, AGEING = 300 };
	struct fdb_conf conf = {.max_macs = N, .ageing_s = AGEING, .n_ports = 8, .seed = 1};
	struct fdb *fdb = fdb_new(&conf);
	struct fdb_table table;
	struct model model;

	/* Every other key is of one chain, longer than is shown at once. */
	CU_ASSERT_EQUAL_FATAL(fdb_table_init(&table, N, conf.seed), 0);
	model_init(&model, &conf);
	for (uint32_t mac = 0; model.n < N; mac++) {
		fdb_key key = mac_in_vlan(mac, 0);

		if (model.n % 2 && fdb_table_head(&table, key | UINT64_C(1) << 63) != 0)
			continue;
		fdb_learn(fdb, key, model.n % 8, 1000 + model.n);
		model_learn(&model, key, model.n % 8, 1000 + model.n);
	}
	CU_ASSERT_TRUE(agree(fdb, &model, 1000 + N));
	CU_ASSERT_TRUE(agree(fdb, &model, 1000 + AGEING + 40));
	CU_ASSERT_TRUE(agree(fdb, &model, 1000 + AGEING + N));
	fdb_table_fini(&table);
	fdb_free(fdb);
}

/* One step of FDB-30: learn one of 3 x 2 keys on one of 3 ports, let time go by, flush, expire. */
enum { STEPS = 18 + 3 + 3 + 1 };

static void step(struct fdb *fdb, struct model *model, unsigned op, uint32_t *now_s)
{
	const uint32_t ticks[] = {1, 14, 15};

	if (op < 18) {
		fdb_key key = mac_in_vlan(op % 3, op / 3 % 2);

		fdb_learn(fdb, key, op / 6, *now_s);
		model_learn(model, key, op / 6, *now_s);
	} else if (op < 21) {
		*now_s += ticks[op - 18];
	} else if (op < 24) {
		fdb_flush_port(fdb, op - 21);
		model_flush_port(model, op - 21);
	} else {
		fdb_expire(fdb, *now_s);
		model_expire(model, *now_s);
	}
}

/* FDB-30: all sequences of four steps, 390625 of them, with a table that fits and two that do not.
 */
static void fdb_agrees_with_the_model_in_all_small_worlds(void)
{
	enum { DEPTH = 4, ALL = STEPS * STEPS * STEPS * STEPS };
	const uint32_t sizes[] = {1, 2, 6};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fdb_conf conf = {
			.max_macs = sizes[i], .ageing_s = 15, .n_ports = 3, .seed = i};

		for (unsigned sequence = 0; sequence < ALL; sequence++) {
			struct fdb *fdb = fdb_new(&conf);
			struct model model;
			uint32_t now_s = 100;
			unsigned rest = sequence;

			model_init(&model, &conf);
			for (unsigned n = 0; n < DEPTH; n++, rest /= STEPS)
				step(fdb, &model, rest % STEPS, &now_s);
			if (!agree(fdb, &model, now_s))
				CU_FAIL_FATAL("a sequence of four steps differs from the model");
			fdb_free(fdb);
		}
	}
}

/* A random step; the key it was about. */
static fdb_key random_step(struct fdb *fdb, struct model *model, uint32_t *now_s)
{
	unsigned op = (unsigned)rand() % 100;
	uint16_t port = (uint16_t)(rand() % model->conf.n_ports);
	fdb_key key = mac_in_vlan((uint32_t)rand() % (2 * model->conf.max_macs), rand() % 2);

	if (op < 90) {
		fdb_learn(fdb, key, port, *now_s);
		model_learn(model, key, port, *now_s);
	} else if (op < 98) {
		*now_s += (uint32_t)(rand() % (op == 97 ? 20 : 3));
	} else {
		/* The model frees all that is too old at once, the table bit by bit. */
		fdb_expire(fdb, *now_s);
		model_expire(model, *now_s);
		fdb_flush_port(fdb, port);
		model_flush_port(model, port);
	}
	return key;
}

/* FDB-16, FDB-30: long random lives of tables that overflow all the time. */
static void fdb_agrees_with_the_model_for_long(void)
{
	for (unsigned seed = 1; seed <= 40; seed++) {
		struct fdb_conf conf = {.max_macs = 1 + seed * 6 % MODEL_MAX,
					.ageing_s = 15 + seed,
					.n_ports = 1 + seed % MODEL_PORTS,
					.seed = seed};
		struct fdb *fdb = fdb_new(&conf);
		struct model model;
		uint32_t now_s = 100;
		bool same = true;

		model_init(&model, &conf);
		srand(seed);
		for (unsigned i = 0; i < 4000; i++) {
			fdb_key key = random_step(fdb, &model, &now_s);

			same = same &&
			       fdb_lookup(fdb, key, now_s) == model_lookup(&model, key, now_s);
			if (i % 64)
				continue;
			fdb_expire(fdb, now_s);
			model_expire(&model, now_s);
			same = same && agree(fdb, &model, now_s);
		}
		CU_ASSERT_TRUE(same);
		fdb_free(fdb);
	}
}

/* A burst is answered as if its frames had come one by one: with sources and destinations in it
 * that were learned, moved and evicted by the burst itself. */
static void fdb_answers_a_burst_as_the_model_answers_its_frames(void)
{
	enum { BURST = 64 };

	for (unsigned seed = 1; seed <= 40; seed++) {
		struct fdb_conf conf = {
			.max_macs = 1 + seed, .ageing_s = 15, .n_ports = 3, .seed = seed};
		struct fdb *fdb = fdb_new(&conf);
		struct model model;
		unsigned n_wrong = 0;

		model_init(&model, &conf);
		srand(seed);
		for (uint32_t now_s = 100; now_s < 200; now_s++) {
			struct fdb_query queries[BURST];
			uint16_t port = (uint16_t)(rand() % conf.n_ports);
			unsigned n = (unsigned)rand() % (BURST + 1);

			for (unsigned i = 0; i < n; i++) {
				uint32_t macs = 2 * conf.max_macs;

				queries[i] = (struct fdb_query){
					.src = mac_in_vlan((uint32_t)rand() % macs, 0),
					.dst = mac_in_vlan((uint32_t)rand() % macs, 0)};
				if (rand() % 8 == 0)
					queries[i].src = 0;
			}
			fdb_forward(fdb, queries, n, port, now_s);
			for (unsigned i = 0; i < n; i++) {
				if (queries[i].src)
					model_learn(&model, queries[i].src, port, now_s);
				n_wrong += queries[i].port !=
					   model_lookup(&model, queries[i].dst, now_s);
			}
			fdb_expire(fdb, now_s);
			model_expire(&model, now_s);
			n_wrong += !agree(fdb, &model, now_s);
		}
		CU_ASSERT_EQUAL(n_wrong, 0);
		fdb_free(fdb);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"fdb_shows_every_live_entry_once", fdb_shows_every_live_entry_once},
		{"fdb_agrees_with_the_model_in_all_small_worlds",
		 fdb_agrees_with_the_model_in_all_small_worlds},
		{"fdb_agrees_with_the_model_for_long", fdb_agrees_with_the_model_for_long},
		{"fdb_answers_a_burst_as_the_model_answers_its_frames",
		 fdb_answers_a_burst_as_the_model_answers_its_frames},
		CU_TEST_INFO_NULL,
	};

	return suite_run("fdb_model", tests);
}
