/* fdb_table.h - the hash table under the forwarding database: where and when a key was last seen.
 *
 * Threads:   fdb_table_find() and _copy_chain() run on any thread at once and take no lock; a
 *            writer that is preempted delays no reader. All others are the writer's, one at a
 *            time.
 * Ownership: init() gives memory, fini() takes it back; none is allocated in between.
 * Failure:   there is room for max keys, whatever the keys are; adding more is the caller's bug. */
#ifndef SWITCH_FDB_TABLE_H
#define SWITCH_FDB_TABLE_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { FDB_TABLE_SLOTS = 4, FDB_TABLE_LINE = 64 };

#define FDB_TABLE_NO_SLOT UINT32_MAX

/* Buckets of one cache line; one that overflows chains further ones by index. For the reader's
 * sake, in a chain whose first bucket is `head`:
 *   - a slot's port and seen_s are stored before its key, so who sees the key sees them;
 *   - head->seq counts up before and after a key is cleared, and after a bucket leaves the chain. A
 *     slot gets a new key only after that, so a reader that read the port of a later key, or a key
 *     of another chain, sees head->seq changed;
 *   - a key that moves to an earlier slot of its chain is there before seq counts and the old slot
 * is cleared, so a reader that missed both sees head->seq changed;
 *   - a reader that sees head->seq changed starts again.
 * All orders are acquire and release on single variables, and no fences, which ThreadSanitizer does
 * not know; on x86 each is a plain load or store. The writer writes all fields, readers none. */
struct fdb_bucket {
	/* Of a head: counts what its readers must not overlook. */
	_Alignas(FDB_TABLE_LINE) _Atomic uint32_t seq;
	_Atomic uint32_t next;		       /* an overflow bucket; 0: none */
	_Atomic uint64_t key[FDB_TABLE_SLOTS]; /* 0: free */
	_Atomic uint32_t seen_s[FDB_TABLE_SLOTS];
	_Atomic uint16_t port[FDB_TABLE_SLOTS];
};
static_assert(sizeof(struct fdb_bucket) == FDB_TABLE_LINE, "a lookup touches one cache line");

struct fdb_sighting {
	uint64_t key; /* never 0 */
	uint32_t seen_s;
	uint16_t port;
};

/* A slot is SLOTS times the index of its bucket, and its position there. */
struct fdb_table {
	struct fdb_bucket *bucket; /* n_heads heads, then the overflow buckets */
	uint64_t salt;
	uint64_t factor[2]; /* odd */
	uint32_t hash_shift;
	uint32_t n_heads; /* a power of two */
	uint32_t n_slots;
	uint32_t n_free;
	uint32_t *free_bucket; /* a stack of n_free overflow buckets; the writer's */
};

/* Returns 0 or -ENOMEM. The seed makes the hash secret. */
int fdb_table_init(struct fdb_table *table, uint32_t max, uint64_t seed);
void fdb_table_fini(struct fdb_table *table);

/* The slot of a key, or FDB_TABLE_NO_SLOT. */
uint32_t fdb_table_slot(const struct fdb_table *table, uint64_t key);
/* Adds a key that is not there; returns its slot. */
uint32_t fdb_table_add(struct fdb_table *table, const struct fdb_sighting *sighting);
/* Changes when and where the key of a slot, which is known to readers, was seen. */
void fdb_table_update(struct fdb_table *table, uint32_t slot, uint16_t port, uint32_t seen_s);
/* Frees a slot. Another entry may have moved into it: its former slot is returned, or slot if none
 * has. */
uint32_t fdb_table_remove(struct fdb_table *table, uint32_t slot);
/* What is in a slot; key 0 if nothing. */
struct fdb_sighting fdb_table_at(const struct fdb_table *table, uint32_t slot);

/* Copies up to max entries of the chain of a head, without the first `skip`; returns how many. */
unsigned fdb_table_copy_chain(const struct fdb_table *table, uint32_t head, unsigned skip,
			      struct fdb_sighting *copies, unsigned max);

/* Two multiplications by secret factors: which keys collide cannot be known without the seed. */
static inline uint32_t fdb_table_head(const struct fdb_table *table, uint64_t key)
{
	uint64_t hash = (key ^ table->salt) * table->factor[0];

	hash = (hash ^ hash >> 32) * table->factor[1];
	return (uint32_t)(hash >> 1 >> table->hash_shift);
}

static inline unsigned fdb_bucket_has(const struct fdb_bucket *bucket, unsigned i, uint64_t key)
{
	/* Acquire: pairs with the release of set_key(). */
	return atomic_load_explicit(&bucket->key[i], memory_order_acquire) == key;
}

/* The position of key in a bucket, or SLOTS. Without branches, because it cannot be predicted;
 * written out, because compilers do not unroll loops of atomics. */
static inline unsigned fdb_bucket_position(const struct fdb_bucket *bucket, uint64_t key)
{
	static_assert(FDB_TABLE_SLOTS == 4, "all slots are looked at");
	unsigned hits = fdb_bucket_has(bucket, 0, key) | fdb_bucket_has(bucket, 1, key) << 1 |
			fdb_bucket_has(bucket, 2, key) << 2 | fdb_bucket_has(bucket, 3, key) << 3;

	return (unsigned)__builtin_ctz(hits | 1U << FDB_TABLE_SLOTS);
}

/* The slow half of fdb_table_find(), which needs fewer registers without it. */
struct fdb_sighting fdb_table_find_in_chain(const struct fdb_table *table,
					    const struct fdb_bucket *head, uint64_t key);

/* Where and when key, whose fdb_table_head() is given, was seen; its key is 0 if it is not there.
 */
static inline struct fdb_sighting fdb_table_find(const struct fdb_table *table, uint32_t head_idx,
						 uint64_t key)
{
	const struct fdb_bucket *head = &table->bucket[head_idx];
	/* Orders and partners as in fdb_table_find_in_chain(). */
	uint32_t seq = atomic_load_explicit(&head->seq, memory_order_acquire);
	unsigned i = fdb_bucket_position(head, key);
	struct fdb_sighting found = {.key = key};

	if (__builtin_expect(i == FDB_TABLE_SLOTS, 0))
		return fdb_table_find_in_chain(table, head, key);
	found.port = atomic_load_explicit(&head->port[i], memory_order_acquire);
	found.seen_s = atomic_load_explicit(&head->seen_s[i], memory_order_acquire);
	if (__builtin_expect(atomic_load_explicit(&head->seq, memory_order_relaxed) != seq, 0))
		return fdb_table_find_in_chain(table, head, key);
	return found;
}

#endif
