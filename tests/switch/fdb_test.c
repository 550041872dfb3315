#include "switch/fdb.h"
#include "switch/fdb_table.h"
#include "tests/suite.h"

#include <errno.h>
#include <stdlib.h>

enum { AGEING = 300, GUEST0 = 0, GUEST1, GUEST2, GUEST3, GUEST4, GUEST5 };

static const struct fdb_conf usual = {
	.max_macs = 8192, .ageing_s = AGEING, .n_ports = 8, .seed = 0x5eed};

/* The n-th guest's address, 02-00-00-xx-xx-xx, in a VLAN. */
static fdb_key mac_in_vlan(uint32_t n, uint16_t vlan)
{
	return 0x02 | (uint64_t)n << 24 | (uint64_t)vlan << 48;
}

static fdb_key mac(uint32_t n)
{
	return mac_in_vlan(n, 0);
}

static struct fdb *new_fdb(uint32_t max_macs)
{
	struct fdb_conf conf = usual;

	conf.max_macs = max_macs;
	return fdb_new(&conf);
}

static void learn_range(struct fdb *fdb, uint32_t first, uint32_t n, uint16_t port, uint32_t now_s)
{
	for (uint32_t i = 0; i < n; i++)
		fdb_learn(fdb, mac(first + i), port, now_s);
}

static unsigned n_known(const struct fdb *fdb, uint32_t first, uint32_t n, uint16_t port,
			uint32_t now_s)
{
	unsigned n_found = 0;

	for (uint32_t i = 0; i < n; i++)
		n_found += fdb_lookup(fdb, mac(first + i), now_s) == port;
	return n_found;
}

static bool accounts_add_up(const struct fdb *fdb)
{
	struct fdb_counters n = fdb_counters(fdb);

	return n.n_learned == n.n_expired + n.n_evicted + n.n_flushed + fdb_count(fdb);
}

/* FDB-01, FDB-02 */
static void fdb_knows_what_it_has_learned(void)
{
	struct fdb *fdb = fdb_new(&usual);

	fdb_learn(fdb, mac(1), GUEST1, 7);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(1), 7), GUEST1);
	CU_ASSERT_EQUAL(fdb_count(fdb), 1);
	CU_ASSERT_EQUAL(fdb_counters(fdb).n_learned, 1);
	fdb_free(fdb);
}

/* FDB-03; the all-zero address is the key that looks like an empty slot. */
static void fdb_does_not_know_a_stranger(void)
{
	struct fdb *fdb = fdb_new(&usual);

	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(1), 7), FDB_NO_PORT);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, 0, 7), FDB_NO_PORT);
	fdb_learn(fdb, mac(1), GUEST1, 7);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(2), 7), FDB_NO_PORT);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, 0, 7), FDB_NO_PORT);
	fdb_free(fdb);
}

static void fdb_keeps_the_same_address_of_two_vlans_apart(void)
{
	struct fdb *fdb = fdb_new(&usual);

	fdb_learn(fdb, mac_in_vlan(1, 10), GUEST1, 7);
	fdb_learn(fdb, mac_in_vlan(1, 4094), GUEST2, 7);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac_in_vlan(1, 10), 7), GUEST1);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac_in_vlan(1, 4094), 7), GUEST2);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(1), 7), FDB_NO_PORT);
	fdb_free(fdb);
}

/* FDB-06 */
static void fdb_follows_an_address_that_moves(void)
{
	struct fdb *fdb = fdb_new(&usual);

	fdb_learn(fdb, mac(1), GUEST3, 7);
	fdb_learn(fdb, mac(1), GUEST2, 7);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(1), 7), GUEST2);
	CU_ASSERT_EQUAL(fdb_counters(fdb).n_moved, 1);
	CU_ASSERT_EQUAL(fdb_counters(fdb).n_learned, 1);
	CU_ASSERT_EQUAL(fdb_count(fdb), 1);
	fdb_free(fdb);
}

/* FDB-22 */
static void fdb_counts_every_move_of_a_flapping_address(void)
{
	enum { FLAPS = 1000000 };
	struct fdb *fdb = fdb_new(&usual);

	fdb_learn(fdb, mac(1), GUEST0, 7);
	for (unsigned i = 1; i <= FLAPS; i++)
		fdb_learn(fdb, mac(1), i % 2, 7);
	CU_ASSERT_EQUAL(fdb_counters(fdb).n_moved, FLAPS);
	CU_ASSERT_EQUAL(fdb_count(fdb), 1);
	fdb_free(fdb);
}

/* FDB-08 */
static void fdb_forgets_at_the_ageing_time_and_not_before(void)
{
	struct fdb *fdb = fdb_new(&usual);

	fdb_learn(fdb, mac(1), GUEST1, 1000);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(1), 1000 + AGEING - 1), GUEST1);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(1), 1000 + AGEING), FDB_NO_PORT);
	fdb_free(fdb);
}

/* FDB-08 */
static void fdb_expire_frees_and_counts_only_what_is_too_old(void)
{
	struct fdb *fdb = fdb_new(&usual);

	learn_range(fdb, 0, 500, GUEST1, 1000);
	learn_range(fdb, 500, 20, GUEST1, 1001);
	learn_range(fdb, 600, 20, GUEST2, 1001);
	fdb_expire(fdb, 1000 + AGEING - 1);
	CU_ASSERT_EQUAL(fdb_count(fdb), 540);
	fdb_expire(fdb, 1000 + AGEING);
	CU_ASSERT_EQUAL(fdb_count(fdb), 40);
	CU_ASSERT_EQUAL(fdb_counters(fdb).n_expired, 500);
	CU_ASSERT_EQUAL(n_known(fdb, 500, 20, GUEST1, 1000 + AGEING), 20);
	CU_ASSERT_TRUE(accounts_add_up(fdb));
	fdb_free(fdb);
}

/* FDB-09 */
static void fdb_is_refreshed_by_sources_and_not_by_lookups(void)
{
	struct fdb *fdb = fdb_new(&usual);

	fdb_learn(fdb, mac(1), GUEST1, 1000);
	fdb_learn(fdb, mac(2), GUEST1, 1000);
	fdb_learn(fdb, mac(1), GUEST1, 1200);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(2), 1200), GUEST1);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(1), 1000 + AGEING), GUEST1);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(2), 1000 + AGEING), FDB_NO_PORT);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(1), 1200 + AGEING), FDB_NO_PORT);
	fdb_free(fdb);
}

static void fdb_makes_a_new_entry_of_one_that_was_too_old(void)
{
	struct fdb *fdb = fdb_new(&usual);

	fdb_learn(fdb, mac(1), GUEST1, 1000);
	fdb_learn(fdb, mac(1), GUEST2, 1000 + AGEING);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(1), 1000 + AGEING), GUEST2);
	CU_ASSERT_EQUAL(fdb_counters(fdb).n_expired, 1);
	CU_ASSERT_EQUAL(fdb_counters(fdb).n_learned, 2);
	CU_ASSERT_EQUAL(fdb_counters(fdb).n_moved, 0);
	CU_ASSERT_EQUAL(fdb_count(fdb), 1);
	fdb_free(fdb);
}

/* FDB-24: a worker whose clock was read earlier than another's. */
static void fdb_takes_a_clock_that_steps_back(void)
{
	struct fdb *fdb = fdb_new(&usual);

	fdb_learn(fdb, mac(1), GUEST1, 1000);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(1), 999), GUEST1);
	fdb_learn(fdb, mac(1), GUEST1, 999);
	fdb_learn(fdb, mac(2), GUEST2, 999);
	fdb_expire(fdb, 0);
	CU_ASSERT_EQUAL(fdb_count(fdb), 2);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(1), 1000 + AGEING - 1), GUEST1);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(2), 1000 + AGEING - 1), GUEST2);
	fdb_expire(fdb, 1000 + AGEING);
	CU_ASSERT_EQUAL(fdb_count(fdb), 0);
	fdb_free(fdb);
}

/* FDB-11, FDB-12: more than are freed under one hold of the lock, in two VLANs. */
static void fdb_flush_forgets_one_port_and_no_other(void)
{
	struct fdb *fdb = fdb_new(&usual);

	learn_range(fdb, 0, 200, GUEST1, 7);
	for (uint32_t i = 0; i < 100; i++)
		fdb_learn(fdb, mac_in_vlan(i, 12), GUEST1, 7);
	learn_range(fdb, 300, 150, GUEST2, 7);
	fdb_learn(fdb, mac(5), GUEST2, 8);
	fdb_flush_port(fdb, GUEST1);
	CU_ASSERT_EQUAL(fdb_count(fdb), 151);
	CU_ASSERT_EQUAL(fdb_counters(fdb).n_flushed, 299);
	CU_ASSERT_EQUAL(n_known(fdb, 300, 150, GUEST2, 8), 150);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(5), 8), GUEST2);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(6), 8), FDB_NO_PORT);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac_in_vlan(5, 12), 8), FDB_NO_PORT);
	fdb_flush_port(fdb, GUEST1);
	CU_ASSERT_EQUAL(fdb_counters(fdb).n_flushed, 299);
	fdb_free(fdb);
}

/* FDB-13, FDB-15 */
static void fdb_forgets_the_oldest_when_full(void)
{
	struct fdb *fdb = new_fdb(10);

	learn_range(fdb, 0, 10, GUEST1, 7);
	fdb_learn(fdb, mac(0), GUEST1, 8);
	fdb_learn(fdb, mac(10), GUEST1, 8);
	CU_ASSERT_EQUAL(fdb_count(fdb), 10);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(0), 8), GUEST1);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(1), 8), FDB_NO_PORT);
	CU_ASSERT_EQUAL(n_known(fdb, 2, 9, GUEST1, 8), 9);
	CU_ASSERT_EQUAL(fdb_counters(fdb).n_evicted, 1);
	fdb_free(fdb);
}

/* FDB-14, EVL-14 */
static void fdb_takes_from_the_flooding_port_when_full(void)
{
	struct fdb *fdb = new_fdb(10);

	for (uint16_t port = GUEST0; port < GUEST5; port++)
		learn_range(fdb, 2 * port, 2, port, 7);
	learn_range(fdb, 100, 1000, GUEST5, 7);
	CU_ASSERT_EQUAL(fdb_count(fdb), 10);
	/* 16 addresses of the sixth port get two places, as many as the others then have at most.
	 */
	CU_ASSERT_EQUAL(n_known(fdb, 1098, 2, GUEST5, 7), 2);
	CU_ASSERT_EQUAL(n_known(fdb, 100, 998, GUEST5, 7), 0);
	for (uint16_t port = GUEST0; port < GUEST5; port++)
		CU_ASSERT_TRUE(n_known(fdb, 2 * port, 2, port, 7) >= 1);
	CU_ASSERT_TRUE(accounts_add_up(fdb));
	fdb_free(fdb);
}

static void fdb_lets_a_port_with_most_pay_for_itself(void)
{
	struct fdb *fdb = new_fdb(10);

	learn_range(fdb, 0, 5, GUEST1, 7);
	learn_range(fdb, 10, 5, GUEST2, 8);
	fdb_learn(fdb, mac(20), GUEST2, 9);
	CU_ASSERT_EQUAL(n_known(fdb, 0, 5, GUEST1, 9), 5);
	CU_ASSERT_EQUAL(n_known(fdb, 11, 4, GUEST2, 9), 4);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(10), 9), FDB_NO_PORT);
	fdb_free(fdb);
}

static void fdb_takes_the_oldest_of_several_ports_with_most(void)
{
	struct fdb *fdb = new_fdb(10);

	learn_range(fdb, 10, 5, GUEST2, 7);
	learn_range(fdb, 0, 5, GUEST1, 8);
	fdb_learn(fdb, mac(20), GUEST3, 9);
	CU_ASSERT_EQUAL(n_known(fdb, 0, 5, GUEST1, 9), 5);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(10), 9), FDB_NO_PORT);
	fdb_free(fdb);
}

static void fdb_prefers_the_too_old_to_an_eviction(void)
{
	struct fdb *fdb = new_fdb(10);

	learn_range(fdb, 10, 2, GUEST2, 200);
	learn_range(fdb, 0, 8, GUEST1, 300);
	learn_range(fdb, 20, 3, GUEST1, 200 + AGEING);
	CU_ASSERT_EQUAL(fdb_counters(fdb).n_expired, 2);
	CU_ASSERT_EQUAL(fdb_counters(fdb).n_evicted, 1);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, mac(0), 500), FDB_NO_PORT);
	CU_ASSERT_EQUAL(n_known(fdb, 1, 7, GUEST1, 500), 7);
	fdb_free(fdb);
}

/* FDB-26 */
static void fdb_holds_all_it_is_configured_for(void)
{
	const uint32_t sizes[] = {1, 2, 3, 5, 8, 9, 63, 64, 65, 1000, 65536, 100000};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fdb *fdb = new_fdb(sizes[i]);

		learn_range(fdb, 0, sizes[i], GUEST1, 7);
		CU_ASSERT_EQUAL(n_known(fdb, 0, sizes[i], GUEST1, 7), sizes[i]);
		CU_ASSERT_EQUAL(fdb_counters(fdb).n_evicted, 0);
		learn_range(fdb, sizes[i], 100, GUEST1, 7);
		CU_ASSERT_EQUAL(fdb_count(fdb), sizes[i]);
		CU_ASSERT_EQUAL(n_known(fdb, 100, sizes[i], GUEST1, 7), sizes[i]);
		fdb_free(fdb);
	}
}

/* Finds n keys of one chain in a table of that size, for who knows the seed. */
static void find_colliding(uint32_t max_macs, fdb_key *keys, unsigned n)
{
	const fdb_key occupied = UINT64_C(1) << 63;
	struct fdb_table table;
	unsigned n_found = 0;

	CU_ASSERT_EQUAL_FATAL(fdb_table_init(&table, max_macs, usual.seed), 0);
	for (uint32_t i = 0; n_found < n; i++)
		if (fdb_table_head(&table, mac(i) | occupied) == 0)
			keys[n_found++] = mac(i);
	fdb_table_fini(&table);
}

/* FDB-19: whatever collides is held, and taking one out of a chain loses no other. */
static void fdb_holds_addresses_that_all_collide(void)
{
	enum { N = 256 };
	fdb_key keys[N + 1];
	struct fdb *fdb = new_fdb(N);
	bool lost = false;

	find_colliding(N, keys, N + 1);
	for (unsigned i = 0; i < N; i++)
		fdb_learn(fdb, keys[i], i % 2 ? GUEST1 : GUEST2, 7);
	for (unsigned i = 0; i < N; i++)
		lost |= fdb_lookup(fdb, keys[i], 7) != (i % 2 ? GUEST1 : GUEST2);
	CU_ASSERT_FALSE(lost);
	fdb_flush_port(fdb, GUEST2);
	for (unsigned i = 0; i < N; i++)
		lost |= fdb_lookup(fdb, keys[i], 7) != (i % 2 ? GUEST1 : FDB_NO_PORT);
	CU_ASSERT_FALSE(lost);
	for (unsigned i = 0; i < N; i += 2)
		fdb_learn(fdb, keys[i], GUEST3, 7);
	CU_ASSERT_EQUAL(fdb_count(fdb), N);
	fdb_learn(fdb, keys[N], GUEST1, 7);
	CU_ASSERT_EQUAL(fdb_count(fdb), N);
	CU_ASSERT_EQUAL(fdb_lookup(fdb, keys[N], 7), GUEST1);
	CU_ASSERT_TRUE(accounts_add_up(fdb));
	fdb_free(fdb);
}

static unsigned longest_chain(uint64_t seed, fdb_key (*pattern)(uint32_t i), uint32_t n)
{
	struct fdb_table table;
	struct fdb_sighting copies[256];
	unsigned longest = 0;

	CU_ASSERT_EQUAL_FATAL(fdb_table_init(&table, n, seed), 0);
	for (uint32_t i = 0; i < n; i++)
		fdb_table_add(&table,
			      &(struct fdb_sighting){.key = pattern(i) | UINT64_C(1) << 63});
	for (uint32_t head = 0; head < table.n_heads; head++) {
		unsigned len = fdb_table_copy_chain(&table, head, 0, copies, 256);

		longest = len > longest ? len : longest;
	}
	fdb_table_fini(&table);
	return longest;
}

static fdb_key low_bits_count(uint32_t i)
{
	return (uint64_t)i << 1;
}

static fdb_key last_bytes_count(uint32_t i)
{
	return 0x02 | (uint64_t)__builtin_bswap32(i) << 16;
}

static fdb_key vlans_count(uint32_t i)
{
	return 0x02 | (uint64_t)(i % 4096) << 48 | (uint64_t)(i / 4096) << 40;
}

static fdb_key bits_are_sparse(uint32_t i)
{
	return 0x02 | (uint64_t)(i & 0xff) << 2 | (uint64_t)(i >> 8) << 32;
}

/* FDB-19: 2048 addresses in 1024 chains. Random ones have up to 13 in a chain in 4000 tables, these
 * up to 18; with one multiplication, or a folded one, 128 and more. */
static void fdb_spreads_patterned_addresses_with_any_seed(void)
{
	fdb_key (*const patterns[])(uint32_t) = {low_bits_count, last_bytes_count, vlans_count,
						 bits_are_sparse};
	unsigned longest = 0;

	for (uint64_t seed = 0; seed < 1000; seed++) {
		for (unsigned p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++) {
			unsigned len = longest_chain(seed, patterns[p], 2048);

			longest = len > longest ? len : longest;
		}
	}
	CU_ASSERT_TRUE(longest < 24);
}

static void fdb_new_refuses_what_cannot_be(void)
{
	const struct fdb_conf wrong[] = {
		{.max_macs = 0, .ageing_s = 300, .n_ports = 1},
		{.max_macs = FDB_MAX_MACS + 1, .ageing_s = 300, .n_ports = 1},
		{.max_macs = 10, .ageing_s = 0, .n_ports = 1},
		{.max_macs = 10, .ageing_s = 300, .n_ports = 0},
	};

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		errno = 0;
		CU_ASSERT_PTR_NULL(fdb_new(&wrong[i]));
		CU_ASSERT_EQUAL(errno, EINVAL);
	}
	fdb_free(NULL);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"fdb_knows_what_it_has_learned", fdb_knows_what_it_has_learned},
		{"fdb_does_not_know_a_stranger", fdb_does_not_know_a_stranger},
		{"fdb_keeps_the_same_address_of_two_vlans_apart",
		 fdb_keeps_the_same_address_of_two_vlans_apart},
		{"fdb_follows_an_address_that_moves", fdb_follows_an_address_that_moves},
		{"fdb_counts_every_move_of_a_flapping_address",
		 fdb_counts_every_move_of_a_flapping_address},
		{"fdb_forgets_at_the_ageing_time_and_not_before",
		 fdb_forgets_at_the_ageing_time_and_not_before},
		{"fdb_expire_frees_and_counts_only_what_is_too_old",
		 fdb_expire_frees_and_counts_only_what_is_too_old},
		{"fdb_is_refreshed_by_sources_and_not_by_lookups",
		 fdb_is_refreshed_by_sources_and_not_by_lookups},
		{"fdb_makes_a_new_entry_of_one_that_was_too_old",
		 fdb_makes_a_new_entry_of_one_that_was_too_old},
		{"fdb_takes_a_clock_that_steps_back", fdb_takes_a_clock_that_steps_back},
		{"fdb_flush_forgets_one_port_and_no_other",
		 fdb_flush_forgets_one_port_and_no_other},
		{"fdb_forgets_the_oldest_when_full", fdb_forgets_the_oldest_when_full},
		{"fdb_takes_from_the_flooding_port_when_full",
		 fdb_takes_from_the_flooding_port_when_full},
		{"fdb_lets_a_port_with_most_pay_for_itself",
		 fdb_lets_a_port_with_most_pay_for_itself},
		{"fdb_takes_the_oldest_of_several_ports_with_most",
		 fdb_takes_the_oldest_of_several_ports_with_most},
		{"fdb_prefers_the_too_old_to_an_eviction", fdb_prefers_the_too_old_to_an_eviction},
		{"fdb_holds_all_it_is_configured_for", fdb_holds_all_it_is_configured_for},
		{"fdb_holds_addresses_that_all_collide", fdb_holds_addresses_that_all_collide},
		{"fdb_spreads_patterned_addresses_with_any_seed",
		 fdb_spreads_patterned_addresses_with_any_seed},
		{"fdb_new_refuses_what_cannot_be", fdb_new_refuses_what_cannot_be},
		CU_TEST_INFO_NULL,
	};

	return suite_run("fdb", tests);
}
