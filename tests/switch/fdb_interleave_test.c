/* Every way in which a lookup can see a change of the table half done, up to three interruptions:
 * the stores of the writer are recorded, and made again, some at a time, between the loads of a
 * reader. */
#include <stdatomic.h>

/* The atomic accesses of the table, which is compiled in here, tell us of themselves. */
#undef atomic_load_explicit
#undef atomic_store_explicit
#define atomic_load_explicit(object, order) (before_load(), *(object))
#define atomic_store_explicit(object, value, order)                                                \
	do {                                                                                       \
		*(object) = (value);                                                               \
		after_store((uintptr_t)(object), sizeof(*(object)));                               \
	} while (0)

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { STORES_MAX = 64, INTERRUPTIONS = 3 };

static struct tape {
	enum { TAPE_IDLE, TAPE_RECORDS, TAPE_PLAYS } state;
	struct {
		uintptr_t object;
		size_t size;
		uint8_t bytes[8];
	} stores[STORES_MAX];
	unsigned n_stores;
	unsigned n_made;  /* stores made again */
	unsigned n_loads; /* of the reader */
	/* Before the load at[i] all stores before upto[i] are made. */
	unsigned at[INTERRUPTIONS];
	unsigned upto[INTERRUPTIONS];
} tape;

static void before_load(void)
{
	if (tape.state != TAPE_PLAYS)
		return;
	for (unsigned i = 0; i < INTERRUPTIONS; i++)
		while (tape.at[i] == tape.n_loads && tape.n_made < tape.upto[i]) {
			memcpy((void *)tape.stores[tape.n_made].object,
			       tape.stores[tape.n_made].bytes, tape.stores[tape.n_made].size);
			tape.n_made++;
		}
	tape.n_loads++;
}

static void after_store(uintptr_t object, size_t size)
{
	if (tape.state != TAPE_RECORDS || tape.n_stores == STORES_MAX)
		return;
	tape.stores[tape.n_stores].object = object;
	tape.stores[tape.n_stores].size = size;
	memcpy(tape.stores[tape.n_stores++].bytes, (const void *)object, size);
}

#include "switch/fdb_table.c"
#include "tests/suite.h"

enum {
	MAX_KEYS = 16, /* in 8 heads and 4 overflow buckets */
	N_CHAINS = 2,
	N_IN_CHAIN = 9, /* keys to choose from */
	N_KEYS = N_CHAINS * N_IN_CHAIN,
	OPS_MAX = 3,
};

/* One change: key a of a chain goes, or comes, or is seen on another port. */
struct op {
	enum { DONE, REMOVE, ADD, MOVE } what;
	unsigned key;
};

/* The first n_first keys of the first chain and n_second of the second are there; then ops happen.
 */
struct scene {
	const char *name;
	unsigned n_first, n_second;
	struct op ops[OPS_MAX];
};

struct stage {
	struct fdb_table table;
	uint64_t keys[N_KEYS];
	uint16_t ports[OPS_MAX + 1][N_KEYS]; /* after so many ops; 0: not there */
	unsigned n_ops;
	struct fdb_bucket before[MAX_KEYS / 2 + MAX_KEYS / 4];
};

static void find_keys(struct stage *stage)
{
	unsigned n[N_CHAINS] = {0};

	for (uint64_t key = 1; n[0] < N_IN_CHAIN || n[1] < N_IN_CHAIN; key++) {
		uint32_t head = fdb_table_head(&stage->table, key);

		if (head < N_CHAINS && n[head] < N_IN_CHAIN)
			stage->keys[head * N_IN_CHAIN + n[head]++] = key;
	}
}

static void apply(struct stage *stage, const struct op *op)
{
	uint16_t *ports = stage->ports[stage->n_ops + 1];
	uint64_t key = stage->keys[op->key];

	memcpy(ports, stage->ports[stage->n_ops], sizeof(stage->ports[0]));
	if (op->what == REMOVE) {
		fdb_table_remove(&stage->table, fdb_table_slot(&stage->table, key));
		ports[op->key] = 0;
	} else if (op->what == ADD) {
		ports[op->key] = (uint16_t)(200 + op->key);
		fdb_table_add(&stage->table,
			      &(struct fdb_sighting){.key = key, .port = ports[op->key]});
	} else {
		ports[op->key] = (uint16_t)(300 + op->key);
		fdb_table_update(&stage->table, fdb_table_slot(&stage->table, key), ports[op->key],
				 7);
	}
	stage->n_ops++;
}

/* Leaves the table as before the ops, and the stores of the ops on the tape. */
static void set_stage(struct stage *stage, const struct scene *scene)
{
	memset(stage, 0, sizeof(*stage));
	CU_ASSERT_EQUAL_FATAL(fdb_table_init(&stage->table, MAX_KEYS, 30), 0);
	CU_ASSERT_EQUAL_FATAL(stage->table.n_slots / SLOTS,
			      sizeof(stage->before) / sizeof(stage->before[0]));
	find_keys(stage);
	for (unsigned i = 0; i < N_KEYS; i++) {
		if (i % N_IN_CHAIN >= (i < N_IN_CHAIN ? scene->n_first : scene->n_second))
			continue;
		stage->ports[0][i] = (uint16_t)(100 + i);
		fdb_table_add(&stage->table, &(struct fdb_sighting){.key = stage->keys[i],
								    .port = stage->ports[0][i]});
	}
	memcpy(stage->before, stage->table.bucket, sizeof(stage->before));
	tape = (struct tape){.state = TAPE_RECORDS};
	for (unsigned i = 0; i < OPS_MAX && scene->ops[i].what != DONE; i++)
		apply(stage, &scene->ops[i]);
	tape.state = TAPE_IDLE;
	CU_ASSERT_TRUE_FATAL(tape.n_stores > 0 && tape.n_stores < STORES_MAX);
}

/* Whether what a lookup said was true at some moment. */
static bool was_true(const struct stage *stage, unsigned key, const struct fdb_sighting *found)
{
	for (unsigned n = 0; n <= stage->n_ops; n++)
		if (found->key ? found->port == stage->ports[n][key] : !stage->ports[n][key])
			return true;
	return false;
}

/* Whether the chain had exactly these entries at some moment; an entry that moves may tell its old
 * port or its new one. */
static bool was_chain(const struct stage *stage, unsigned chain, const struct fdb_sighting *copies,
		      unsigned n_copies)
{
	for (unsigned n = 0; n <= stage->n_ops; n++) {
		unsigned n_there = 0;
		unsigned n_right = 0;

		for (unsigned k = chain * N_IN_CHAIN; k < (chain + 1) * N_IN_CHAIN; k++) {
			n_there += stage->ports[n][k] != 0;
			for (unsigned i = 0; i < n_copies; i++)
				n_right += stage->ports[n][k] && copies[i].key == stage->keys[k] &&
					   was_true(stage, k, &copies[i]);
		}
		if (n_there == n_copies && n_right == n_copies)
			return true;
	}
	return false;
}

/* What a reader does in one go: looks up a key, or copies a chain. */
static bool read_once(struct stage *stage, unsigned reader)
{
	bool right;

	memcpy(stage->table.bucket, stage->before, sizeof(stage->before));
	tape.n_made = 0;
	tape.n_loads = 0;
	tape.state = TAPE_PLAYS;
	if (reader < N_KEYS) {
		struct fdb_sighting found = fdb_table_find(
			&stage->table, fdb_table_head(&stage->table, stage->keys[reader]),
			stage->keys[reader]);

		right = was_true(stage, reader, &found);
	} else {
		struct fdb_sighting copies[MAX_KEYS];
		unsigned n =
			fdb_table_copy_chain(&stage->table, reader - N_KEYS, 0, copies, MAX_KEYS);

		right = was_chain(stage, reader - N_KEYS, copies, n);
	}
	tape.state = TAPE_IDLE;
	return right;
}

/* All ways of making some stores before three of the reader's loads. Returns how many readings were
 * wrong. */
static unsigned interleave(struct stage *stage, unsigned reader, unsigned *n_readings)
{
	unsigned n_wrong = 0;
	unsigned n = tape.n_stores;

	for (unsigned a = 0;; a++) {
		for (unsigned b = a;; b++) {
			for (unsigned c = b;; c++) {
				for (unsigned i = 0; i <= n; i++)
					for (unsigned j = i; j <= n; j++) {
						tape.at[0] = a;
						tape.at[1] = b;
						tape.at[2] = c;
						tape.upto[0] = i;
						tape.upto[1] = j;
						tape.upto[2] = n;
						n_wrong += !read_once(stage, reader);
						++*n_readings;
					}
				if (c >= tape.n_loads)
					break;
			}
			if (b >= tape.n_loads)
				break;
		}
		if (a >= tape.n_loads)
			break;
	}
	return n_wrong;
}

static void play(const struct scene *scene)
{
	struct stage stage;
	unsigned n_readings = 0;
	unsigned n_wrong = 0;

	set_stage(&stage, scene);
	for (unsigned reader = 0; reader < N_KEYS + N_CHAINS; reader++)
		if (reader >= N_KEYS || stage.ports[0][reader] || stage.ports[stage.n_ops][reader])
			n_wrong += interleave(&stage, reader, &n_readings);
	printf("%s: %u stores, %u readings, %u wrong\n", scene->name, tape.n_stores, n_readings,
	       n_wrong);
	CU_ASSERT_EQUAL(n_wrong, 0);
	fdb_table_fini(&stage.table);
}

enum { FIRST = 0, SECOND = N_IN_CHAIN };

static void a_slot_that_changes_hands_misleads_nobody(void)
{
	play(&(struct scene){"evict the last, add", 2, 0, {{REMOVE, FIRST + 1}, {ADD, FIRST + 2}}});
	play(&(struct scene){"evict the first, add", 2, 0, {{REMOVE, FIRST}, {ADD, FIRST + 2}}});
}

static void an_entry_that_moves_up_is_never_missed(void)
{
	play(&(struct scene){"shrink within the tail", 6, 0, {{REMOVE, FIRST}}});
	play(&(struct scene){"shrink by a bucket", 5, 0, {{REMOVE, FIRST + 1}}});
}

static void a_bucket_that_changes_chains_misleads_nobody(void)
{
	play(&(struct scene){
		"from chain to chain", 5, 4, {{REMOVE, FIRST + 4}, {ADD, SECOND + 4}}});
}

static void a_port_is_the_old_one_or_the_new_one(void)
{
	play(&(struct scene){"move", 5, 0, {{MOVE, FIRST + 4}}});
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a_slot_that_changes_hands_misleads_nobody",
		 a_slot_that_changes_hands_misleads_nobody},
		{"an_entry_that_moves_up_is_never_missed", an_entry_that_moves_up_is_never_missed},
		{"a_bucket_that_changes_chains_misleads_nobody",
		 a_bucket_that_changes_chains_misleads_nobody},
		{"a_port_is_the_old_one_or_the_new_one", a_port_is_the_old_one_or_the_new_one},
		CU_TEST_INFO_NULL,
	};

	return suite_run("fdb_interleave", tests);
}
