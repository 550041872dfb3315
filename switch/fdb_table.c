#include "switch/fdb_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SLOTS = FDB_TABLE_SLOTS, HUGE_PAGE = 2 << 20 };

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* A large table is looked up all over: in huge pages, where the kernel has them to spare, a lookup
 * misses no page translation. */
static void *zeroed(size_t n, size_t size)
{
	size_t align = n * size < HUGE_PAGE ? FDB_TABLE_LINE : HUGE_PAGE;
	size_t len = (n * size + align - 1) / align * align;
	void *memory = aligned_alloc(align, len);

	if (!memory)
		return NULL;
	if (align == HUGE_PAGE)
		(void)madvise(memory, len, MADV_HUGEPAGE);
	return memset(memory, 0, len);
}

int fdb_table_init(struct fdb_table *table, uint32_t max, uint64_t seed)
{
	uint32_t n_overflow = max / SLOTS;
	unsigned head_bits = 0;

	/* At most half of the heads' slots are used: few chains, one cache line a lookup. */
	while ((UINT32_C(1) << head_bits) * SLOTS < 2 * max)
		head_bits++;
	*table = (struct fdb_table){
		.hash_shift = 63 - head_bits,
		.n_heads = UINT32_C(1) << head_bits,
		.n_free = n_overflow,
	};
	table->salt = splitmix64(&seed);
	table->factor[0] = splitmix64(&seed) | 1;
	table->factor[1] = splitmix64(&seed) | 1;
	table->n_slots = (table->n_heads + n_overflow) * SLOTS;
	table->bucket = zeroed(table->n_heads + n_overflow, sizeof(*table->bucket));
	table->free_bucket = zeroed(n_overflow + 1, sizeof(*table->free_bucket));
	if (!table->bucket || !table->free_bucket) {
		fdb_table_fini(table);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n_overflow; i++)
		table->free_bucket[i] = table->n_heads + i;
	return 0;
}

void fdb_table_fini(struct fdb_table *table)
{
	free(table->free_bucket);
	free(table->bucket);
	*table = (struct fdb_table){.bucket = NULL};
}

struct fdb_sighting fdb_table_find_in_chain(const struct fdb_table *table,
					    const struct fdb_bucket *head, uint64_t key)
{
	struct fdb_sighting found = {.key = 0};
	uint32_t seq;

	do {
		/* Acquire: pairs with the release of count_seq(). */
		seq = atomic_load_explicit(&head->seq, memory_order_acquire);
		const struct fdb_bucket *bucket = head;
		unsigned i = fdb_bucket_position(bucket, key);

		while (i == SLOTS) {
			/* Acquire: pairs with the release of set_next(). */
			uint32_t next = atomic_load_explicit(&bucket->next, memory_order_acquire);

			if (!next)
				break;
			bucket = &table->bucket[next];
			i = fdb_bucket_position(bucket, key);
		}
		found.key = 0;
		if (i < SLOTS) {
			found.key = key;
			/* Acquires: pair with the releases of fdb_table_update(), so that seq below
			 * is not older than what made room for a later key of this slot. */
			found.port = atomic_load_explicit(&bucket->port[i], memory_order_acquire);
			found.seen_s =
				atomic_load_explicit(&bucket->seen_s[i], memory_order_acquire);
		}
	} while (atomic_load_explicit(&head->seq, memory_order_relaxed) != seq);
	return found;
}

/* What follows is the writer's, whose own loads may be relaxed. */

static uint64_t key_at(const struct fdb_table *table, uint32_t slot)
{
	return atomic_load_explicit(&table->bucket[slot / SLOTS].key[slot % SLOTS],
				    memory_order_relaxed);
}

static uint32_t next_of(const struct fdb_table *table, uint32_t bucket)
{
	return atomic_load_explicit(&table->bucket[bucket].next, memory_order_relaxed);
}

static void set_key(struct fdb_table *table, uint32_t slot, uint64_t key)
{
	/* Release: pairs with the acquire of fdb_bucket_position(). */
	atomic_store_explicit(&table->bucket[slot / SLOTS].key[slot % SLOTS], key,
			      memory_order_release);
}

static void set_next(struct fdb_table *table, uint32_t bucket, uint32_t next)
{
	/* Release: pairs with the acquire of fdb_table_find_in_chain(). */
	atomic_store_explicit(&table->bucket[bucket].next, next, memory_order_release);
}

static void count_seq(struct fdb_bucket *head)
{
	uint32_t seq = atomic_load_explicit(&head->seq, memory_order_relaxed);

	/* Release: pairs with the acquire of fdb_table_find_in_chain(). */
	atomic_store_explicit(&head->seq, seq + 1, memory_order_release);
}

static void clear(struct fdb_table *table, uint32_t head, uint32_t slot)
{
	count_seq(&table->bucket[head]);
	set_key(table, slot, 0);
	count_seq(&table->bucket[head]);
}

struct fdb_sighting fdb_table_at(const struct fdb_table *table, uint32_t slot)
{
	const struct fdb_bucket *bucket = &table->bucket[slot / SLOTS];

	return (struct fdb_sighting){
		.key = key_at(table, slot),
		.seen_s = atomic_load_explicit(&bucket->seen_s[slot % SLOTS], memory_order_relaxed),
		.port = atomic_load_explicit(&bucket->port[slot % SLOTS], memory_order_relaxed),
	};
}

uint32_t fdb_table_slot(const struct fdb_table *table, uint64_t key)
{
	uint32_t bucket = fdb_table_head(table, key);

	do {
		unsigned i = fdb_bucket_position(&table->bucket[bucket], key);

		if (i < SLOTS)
			return bucket * SLOTS + i;
		bucket = next_of(table, bucket);
	} while (bucket);
	return FDB_TABLE_NO_SLOT;
}

/* A reader may see one of the two old and one new; the caller knows that both are true enough: of a
 * key that is not too old, neither the old port with the new time nor the reverse is a lie. */
void fdb_table_update(struct fdb_table *table, uint32_t slot, uint16_t port, uint32_t seen_s)
{
	struct fdb_bucket *bucket = &table->bucket[slot / SLOTS];

	/* Releases: pair with the acquires of fdb_table_find_in_chain(). */
	atomic_store_explicit(&bucket->port[slot % SLOTS], port, memory_order_release);
	atomic_store_explicit(&bucket->seen_s[slot % SLOTS], seen_s, memory_order_release);
}

static void put(struct fdb_table *table, uint32_t slot, const struct fdb_sighting *sighting)
{
	fdb_table_update(table, slot, sighting->port, sighting->seen_s);
	set_key(table, slot, sighting->key);
}

/* The keys of a chain lie without gaps from its head on: n keys of one chain need no more than
 * (n - 1) / SLOTS overflow buckets, and all keys together no more than there are. */
uint32_t fdb_table_add(struct fdb_table *table, const struct fdb_sighting *sighting)
{
	uint32_t bucket = fdb_table_head(table, sighting->key);
	uint32_t next;
	unsigned i;

	while ((next = next_of(table, bucket)))
		bucket = next;
	i = fdb_bucket_position(&table->bucket[bucket], 0);
	if (i == SLOTS) {
		assert(table->n_free > 0);
		next = table->free_bucket[--table->n_free];
		set_next(table, bucket, next);
		bucket = next;
		i = 0;
	}
	put(table, bucket * SLOTS + i, sighting);
	return bucket * SLOTS + i;
}

uint32_t fdb_table_remove(struct fdb_table *table, uint32_t slot)
{
	uint32_t head = fdb_table_head(table, key_at(table, slot));
	uint32_t before = head;
	uint32_t tail = head;
	uint32_t next;
	uint32_t last;

	while ((next = next_of(table, tail))) {
		before = tail;
		tail = next;
	}
	last = tail * SLOTS + SLOTS - 1;
	while (!key_at(table, last))
		last--;

	clear(table, head, slot);
	if (last != slot) {
		struct fdb_sighting moving = fdb_table_at(table, last);

		put(table, slot, &moving);
		clear(table, head, last);
	}
	if (tail != head && last % SLOTS == 0) {
		set_next(table, before, 0);
		count_seq(&table->bucket[head]);
		table->free_bucket[table->n_free++] = tail;
	}
	return last;
}

unsigned fdb_table_copy_chain(const struct fdb_table *table, uint32_t head, unsigned skip,
			      struct fdb_sighting *copies, unsigned max)
{
	uint32_t seq;
	unsigned n;

	/* Orders and partners as in fdb_table_find(). */
	do {
		const struct fdb_bucket *bucket = &table->bucket[head];
		unsigned at = 0;

		n = 0;
		seq = atomic_load_explicit(&table->bucket[head].seq, memory_order_acquire);
		for (;;) {
			for (unsigned i = 0; i < SLOTS && n < max; i++) {
				struct fdb_sighting *copy = &copies[n];

				copy->key =
					atomic_load_explicit(&bucket->key[i], memory_order_acquire);
				copy->port = atomic_load_explicit(&bucket->port[i],
								  memory_order_acquire);
				copy->seen_s = atomic_load_explicit(&bucket->seen_s[i],
								    memory_order_acquire);
				n += copy->key && at++ >= skip;
			}
			uint32_t next = atomic_load_explicit(&bucket->next, memory_order_acquire);

			if (!next || n == max)
				break;
			bucket = &table->bucket[next];
		}
	} while (atomic_load_explicit(&table->bucket[head].seq, memory_order_relaxed) != seq);
	return n;
}
