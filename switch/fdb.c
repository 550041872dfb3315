#include "switch/fdb.h"

#include "switch/fdb_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOCKED_MAX = 64, /* entries that are freed under one hold of the lock */
	SHOWN_MAX = 32,	 /* entries of one chain that are shown at once */
};

static const uint64_t occupied = UINT64_C(1) << 63; /* in a key of the table, which is never 0 */

/* A ring of the entries of one port, oldest first, by slot; the port's own node closes it. */
struct link {
	uint32_t older, newer;
};

struct fdb {
	/* Changed under the lock; its readers need none. */
	struct fdb_table table;
	uint32_t ageing_s;
	uint32_t max_macs;
	uint16_t n_ports;

	/* Read and written under the lock. */
	_Alignas(FDB_TABLE_LINE) atomic_flag lock;
	uint32_t now_s;	       /* the latest that a caller knew */
	uint32_t oldest_s;     /* no entry was seen before this */
	struct link *link;     /* one of each slot; n_slots + port: one of each port */
	uint32_t *n_of_port;   /* entries */
	uint32_t *max_of_port; /* entries that it may hold; constant once frames are forwarded */

	/* Written under the lock, read without it; relaxed, because nothing else follows from them.
	 */
	_Atomic uint32_t n_held;
	_Atomic uint64_t n_learned, n_moved, n_expired, n_evicted, n_flushed;
};

/* The seconds from then to now, 0 if the caller's now lags behind. */
static inline uint32_t age(uint32_t now_s, uint32_t then_s)
{
	return (int32_t)(now_s - then_s) > 0 ? now_s - then_s : 0;
}

static inline uint32_t head_of(const struct fdb *fdb, fdb_key key)
{
	return fdb_table_head(&fdb->table, key | occupied);
}

/* What follows with a head takes it from head_of(key). */

static inline uint16_t lookup(const struct fdb *fdb, uint32_t head, fdb_key key, uint32_t now_s)
{
	struct fdb_sighting last = fdb_table_find(&fdb->table, head, key | occupied);

	if (!last.key || age(now_s, last.seen_s) >= fdb->ageing_s)
		return FDB_NO_PORT;
	return last.port;
}

uint16_t fdb_lookup(const struct fdb *fdb, fdb_key key, uint32_t now_s)
{
	return lookup(fdb, head_of(fdb, key), key, now_s);
}

static void lock(struct fdb *fdb)
{
	/* Acquire: pairs with the release of unlock(). */
	while (atomic_flag_test_and_set_explicit(&fdb->lock, memory_order_acquire))
		__builtin_ia32_pause();
}

static void unlock(struct fdb *fdb)
{
	/* Release: pairs with the acquire of lock(). */
	atomic_flag_clear_explicit(&fdb->lock, memory_order_release);
}

/* What follows, down to learn_locked(), runs under the lock. */

static void add_to(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static void set_held(struct fdb *fdb, uint32_t n)
{
	atomic_store_explicit(&fdb->n_held, n, memory_order_relaxed);
}

static void tell_time(struct fdb *fdb, uint32_t now_s)
{
	fdb->now_s += age(now_s, fdb->now_s);
}

static bool is_too_old(const struct fdb *fdb, uint32_t slot)
{
	return age(fdb->now_s, fdb_table_at(&fdb->table, slot).seen_s) >= fdb->ageing_s;
}

/* The slot of the port that was refreshed longest ago. */
static uint32_t oldest_of(const struct fdb *fdb, uint16_t port)
{
	uint32_t node = fdb->link[fdb->table.n_slots + port].newer;

	return node < fdb->table.n_slots ? node : FDB_TABLE_NO_SLOT;
}

static void ring_add(struct fdb *fdb, uint32_t slot, uint16_t port)
{
	uint32_t end = fdb->table.n_slots + port;
	uint32_t newest = fdb->link[end].older;

	fdb->link[slot] = (struct link){.older = newest, .newer = end};
	fdb->link[newest].newer = slot;
	fdb->link[end].older = slot;
	fdb->n_of_port[port]++;
}

static void ring_remove(struct fdb *fdb, uint32_t slot, uint16_t port)
{
	struct link link = fdb->link[slot];

	fdb->link[link.older].newer = link.newer;
	fdb->link[link.newer].older = link.older;
	fdb->n_of_port[port]--;
}

/* The entry of one slot now lives in another. */
static void ring_move(struct fdb *fdb, uint32_t from, uint32_t to)
{
	struct link link = fdb->link[from];

	fdb->link[to] = link;
	fdb->link[link.older].newer = to;
	fdb->link[link.newer].older = to;
}

static void add_entry(struct fdb *fdb, const struct fdb_sighting *sighting)
{
	uint32_t slot = fdb_table_add(&fdb->table, sighting);

	ring_add(fdb, slot, sighting->port);
	set_held(fdb, fdb_count(fdb) + 1);
	add_to(&fdb->n_learned);
}

static void remove_entry(struct fdb *fdb, uint32_t slot, _Atomic uint64_t *reason)
{
	uint32_t moved;

	ring_remove(fdb, slot, fdb_table_at(&fdb->table, slot).port);
	moved = fdb_table_remove(&fdb->table, slot);
	if (moved != slot)
		ring_move(fdb, moved, slot);
	set_held(fdb, fdb_count(fdb) - 1);
	add_to(reason);
}

static void refresh_entry(struct fdb *fdb, uint32_t slot, uint16_t port)
{
	uint16_t from = fdb_table_at(&fdb->table, slot).port;

	ring_remove(fdb, slot, from);
	ring_add(fdb, slot, port);
	fdb_table_update(&fdb->table, slot, port, fdb->now_s);
	if (port != from)
		add_to(&fdb->n_moved);
}

/* Frees up to LOCKED_MAX entries that are too old; returns how many. */
static unsigned expire_some(struct fdb *fdb)
{
	uint32_t oldest_s = fdb->now_s;
	unsigned n = 0;

	for (uint16_t port = 0; port < fdb->n_ports; port++) {
		uint32_t slot;
		uint32_t seen_s;

		while ((slot = oldest_of(fdb, port)) != FDB_TABLE_NO_SLOT &&
		       is_too_old(fdb, slot)) {
			if (n == LOCKED_MAX)
				return n;
			remove_entry(fdb, slot, &fdb->n_expired);
			n++;
		}
		if (slot == FDB_TABLE_NO_SLOT)
			continue;
		seen_s = fdb_table_at(&fdb->table, slot).seen_s;
		if (age(oldest_s, seen_s) > 0)
			oldest_s = seen_s;
	}
	fdb->oldest_s = oldest_s;
	return n;
}

static bool has_older_oldest(const struct fdb *fdb, uint16_t port, uint16_t than)
{
	return age(fdb_table_at(&fdb->table, oldest_of(fdb, than)).seen_s,
		   fdb_table_at(&fdb->table, oldest_of(fdb, port)).seen_s) > 0;
}

/* The port that loses an entry to a new one of `port`. Looking at all ports is cheap enough for
 * what happens once per address that is new to a full table; a flooding port itself is found in the
 * first, vectorised pass. */
static uint16_t payer_for(const struct fdb *fdb, uint16_t port)
{
	const uint32_t *n = fdb->n_of_port;
	uint16_t payer = FDB_NO_PORT;
	uint32_t most = 0;

	for (uint16_t p = 0; p < fdb->n_ports; p++)
		most = n[p] > most ? n[p] : most;
	if (n[port] == most)
		return port;
	for (uint16_t p = 0; p < fdb->n_ports; p++) {
		if (n[p] == most && (payer == FDB_NO_PORT || has_older_oldest(fdb, p, payer)))
			payer = p;
	}
	return payer;
}

static void make_room(struct fdb *fdb, uint16_t port)
{
	/* oldest_s is a lower bound, so this looks for old entries at most once a second in vain.
	 */
	if (age(fdb->now_s, fdb->oldest_s) >= fdb->ageing_s && expire_some(fdb) > 0)
		return;
	remove_entry(fdb, oldest_of(fdb, payer_for(fdb, port)), &fdb->n_evicted);
}

/* Makes room among the port's own entries, if it may hold no more; false when none is too old. */
static bool has_room(struct fdb *fdb, uint16_t port)
{
	if (fdb->n_of_port[port] < fdb->max_of_port[port])
		return true;
	if (!is_too_old(fdb, oldest_of(fdb, port)))
		return false;
	remove_entry(fdb, oldest_of(fdb, port), &fdb->n_expired);
	return true;
}

static bool is_held_by(const struct fdb *fdb, uint32_t slot, uint16_t port)
{
	return slot != FDB_TABLE_NO_SLOT && !is_too_old(fdb, slot) &&
	       fdb_table_at(&fdb->table, slot).port == port;
}

static bool learn_under_lock(struct fdb *fdb, uint64_t key, uint16_t port)
{
	struct fdb_sighting sighting = {.key = key, .seen_s = fdb->now_s, .port = port};
	uint32_t slot = fdb_table_slot(&fdb->table, key);

	if (!is_held_by(fdb, slot, port)) {
		if (!has_room(fdb, port))
			return false;
		slot = fdb_table_slot(&fdb->table, key); /* what was removed may have been it */
	}
	if (slot != FDB_TABLE_NO_SLOT && !is_too_old(fdb, slot)) {
		refresh_entry(fdb, slot, port);
		return true;
	}
	if (slot != FDB_TABLE_NO_SLOT)
		remove_entry(fdb, slot, &fdb->n_expired);
	else if (fdb_count(fdb) == fdb->max_macs)
		make_room(fdb, port);
	add_entry(fdb, &sighting);
	return true;
}

static __attribute__((noinline)) bool learn_locked(struct fdb *fdb, uint64_t key, uint16_t port,
						   uint32_t now_s)
{
	bool learned;

	assert(port < fdb->n_ports);
	lock(fdb);
	tell_time(fdb, now_s);
	learned = learn_under_lock(fdb, key, port);
	unlock(fdb);
	return learned;
}

static inline bool learn(struct fdb *fdb, uint32_t head, fdb_key key, uint16_t port, uint32_t now_s)
{
	struct fdb_sighting last = fdb_table_find(&fdb->table, head, key | occupied);

	if (last.key && last.port == port && !age(now_s, last.seen_s))
		return true;
	return learn_locked(fdb, key | occupied, port, now_s);
}

bool fdb_learn(struct fdb *fdb, fdb_key key, uint16_t port, uint32_t now_s)
{
	return learn(fdb, head_of(fdb, key), key, port, now_s);
}

static uint32_t ask_for(const struct fdb *fdb, fdb_key key)
{
	uint32_t head = head_of(fdb, key);

	__builtin_prefetch(&fdb->table.bucket[head]);
	return head;
}

void fdb_forward(struct fdb *fdb, struct fdb_query *queries, unsigned n, uint16_t port,
		 uint32_t now_s)
{
	for (unsigned i = 0; i < n; i++) {
		queries[i].src_head = ask_for(fdb, queries[i].src);
		queries[i].dst_head = ask_for(fdb, queries[i].dst);
	}
	for (unsigned i = 0; i < n; i++) {
		struct fdb_query *query = &queries[i];

		if (query->src)
			learn(fdb, query->src_head, query->src, port, now_s);
		query->port = lookup(fdb, query->dst_head, query->dst, now_s);
	}
}

void fdb_limit_port(struct fdb *fdb, uint16_t port, uint32_t max_macs)
{
	assert(port < fdb->n_ports && max_macs > 0);
	fdb->max_of_port[port] = max_macs;
}

void fdb_flush_port(struct fdb *fdb, uint16_t port)
{
	unsigned n;

	assert(port < fdb->n_ports);
	do {
		uint32_t slot;

		lock(fdb);
		for (n = 0; n < LOCKED_MAX; n++) {
			slot = oldest_of(fdb, port);
			if (slot == FDB_TABLE_NO_SLOT)
				break;
			remove_entry(fdb, slot, &fdb->n_flushed);
		}
		unlock(fdb);
	} while (n == LOCKED_MAX);
}

void fdb_expire(struct fdb *fdb, uint32_t now_s)
{
	unsigned n;

	do {
		lock(fdb);
		tell_time(fdb, now_s);
		n = expire_some(fdb);
		unlock(fdb);
	} while (n == LOCKED_MAX);
}

uint32_t fdb_show(const struct fdb *fdb, uint32_t now_s,
		  void (*each)(void *ctx, const struct fdb_entry *entry), void *ctx)
{
	struct fdb_sighting copies[SHOWN_MAX];
	uint32_t n_live = 0;

	for (uint32_t head = 0; head < fdb->table.n_heads; head++) {
		unsigned skip = 0;
		unsigned n;

		do {
			n = fdb_table_copy_chain(&fdb->table, head, skip, copies, SHOWN_MAX);
			skip += n;
			for (unsigned i = 0; i < n; i++) {
				struct fdb_entry entry = {
					.key = copies[i].key & ~occupied,
					.port = copies[i].port,
					.age_s = age(now_s, copies[i].seen_s),
				};

				if (entry.age_s >= fdb->ageing_s)
					continue;
				each(ctx, &entry);
				n_live++;
			}
		} while (n == SHOWN_MAX);
	}
	return n_live;
}

uint32_t fdb_count(const struct fdb *fdb)
{
	return atomic_load_explicit(&fdb->n_held, memory_order_relaxed);
}

struct fdb_counters fdb_counters(const struct fdb *fdb)
{
	return (struct fdb_counters){
		.n_learned = atomic_load_explicit(&fdb->n_learned, memory_order_relaxed),
		.n_moved = atomic_load_explicit(&fdb->n_moved, memory_order_relaxed),
		.n_expired = atomic_load_explicit(&fdb->n_expired, memory_order_relaxed),
		.n_evicted = atomic_load_explicit(&fdb->n_evicted, memory_order_relaxed),
		.n_flushed = atomic_load_explicit(&fdb->n_flushed, memory_order_relaxed),
	};
}

struct fdb *fdb_new(const struct fdb_conf *conf)
{
	struct fdb *fdb;
	uint32_t end;

	if (!conf->max_macs || conf->max_macs > FDB_MAX_MACS || !conf->ageing_s || !conf->n_ports) {
		errno = EINVAL;
		return NULL;
	}
	fdb = aligned_alloc(FDB_TABLE_LINE, sizeof(*fdb));
	if (!fdb)
		return NULL;
	memset(fdb, 0, sizeof(*fdb));
	atomic_flag_clear(&fdb->lock);
	fdb->ageing_s = conf->ageing_s;
	fdb->max_macs = conf->max_macs;
	fdb->n_ports = conf->n_ports;
	if (fdb_table_init(&fdb->table, conf->max_macs, conf->seed) < 0)
		goto fail;

	end = fdb->table.n_slots;
	fdb->link = calloc((size_t)end + conf->n_ports, sizeof(*fdb->link));
	fdb->n_of_port = calloc(conf->n_ports, sizeof(*fdb->n_of_port));
	fdb->max_of_port = malloc(conf->n_ports * sizeof(*fdb->max_of_port));
	if (!fdb->link || !fdb->n_of_port || !fdb->max_of_port)
		goto fail;
	memset(fdb->max_of_port, 0xff, conf->n_ports * sizeof(*fdb->max_of_port));
	for (uint32_t node = end; node < end + conf->n_ports; node++)
		fdb->link[node] = (struct link){.older = node, .newer = node};
	return fdb;

fail:
	fdb_free(fdb);
	errno = ENOMEM;
	return NULL;
}

void fdb_free(struct fdb *fdb)
{
	if (!fdb)
		return;
	free(fdb->max_of_port);
	free(fdb->n_of_port);
	free(fdb->link);
	fdb_table_fini(&fdb->table);
	free(fdb);
}
