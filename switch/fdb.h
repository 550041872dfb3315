/* fdb.h - the forwarding database of one bridge: which port a (VLAN, MAC) was last heard on.
 *
 * Threads:   fdb_lookup() and fdb_learn() run on any worker at once; readers take no lock and
 *            write nothing, and fdb_learn() of an address that is known, on its port and of this
 *            second writes nothing either. Everything that changes the table takes one spinlock
 *            inside, and holds it for a bounded number of entries. fdb_show() may run beside all
 *            of them.
 * Time:      seconds of a monotonic clock, injected by the caller; never read here. A caller that
 *            is behind the others, or a clock that steps back, neither ages nor rejuvenates an
 *            entry.
 * Ownership: fdb_new() gives, fdb_free() takes back; no memory is allocated in between.
 * Failure:   learning fails at a port's own limit only: when the table is full, the port that
 *            holds most entries loses its oldest one (fairness as security: one guest cannot evict
 *            the addresses of the others). The table holds exactly max_macs, whatever the
 *            addresses are. */
#ifndef SWITCH_FDB_H
#define SWITCH_FDB_H

#include <stdbool.h>
#include <stdint.h>

struct fdb;

enum {
	FDB_NO_PORT = 0xffff,
	FDB_MAX_MACS = 1 << 24, /* of one bridge */
};

/* A MAC address in the low 48 bits, first byte on the wire lowest (a little-endian load of it), and
 * the VLAN id (IEEE 802.1Q, 0: untagged) in the next 12; the upper 4 bits are 0. */
typedef uint64_t fdb_key;

struct fdb_conf {
	uint32_t max_macs; /* 1 .. FDB_MAX_MACS */
	uint32_t ageing_s; /* an entry that old is gone; at least 1 */
	uint16_t n_ports;  /* ports are 0 .. n_ports - 1; at least 1 */
	uint64_t seed;	   /* of the hash; random in the product */
};

/* Learned = expired + evicted + flushed + held, exactly. */
struct fdb_counters {
	uint64_t n_learned; /* entries made */
	uint64_t n_moved;   /* entries that changed their port */
	uint64_t n_expired; /* entries freed for their age, by fdb_expire() or when met */
	uint64_t n_evicted; /* lost to a newer address when full */
	uint64_t n_flushed;
};

struct fdb_entry {
	fdb_key key;
	uint16_t port;
	uint32_t age_s;
};

/* NULL with errno EINVAL when a number is out of its range, or ENOMEM. */
struct fdb *fdb_new(const struct fdb_conf *conf);
void fdb_free(struct fdb *fdb);

/* Lets a port hold at most max_macs entries; before any is learned. No limit is the default. */
void fdb_limit_port(struct fdb *fdb, uint16_t port, uint32_t max_macs);

/* Notes that key was a source address on port. False: the port holds as many as it may; nothing is
 * learned. The caller has dropped group addresses before. A
 * full table first frees what is too old; if nothing is, it evicts. Of several ports that hold
 * most, port itself pays if it is one of them, otherwise the one whose oldest entry was refreshed
 * longest ago. */
bool fdb_learn(struct fdb *fdb, fdb_key key, uint16_t port, uint32_t now_s);

/* The port of key, or FDB_NO_PORT when it is unknown or too old. */
uint16_t fdb_lookup(const struct fdb *fdb, fdb_key key, uint32_t now_s);

/* What one frame asks, and is told. Key 0 is never learned, and so never found. */
struct fdb_query {
	fdb_key src;	   /* to learn; 0: nothing */
	fdb_key dst;	   /* to look up */
	uint32_t src_head; /* fdb's own, as is dst_head */
	uint32_t dst_head;
	uint16_t port; /* the answer */
};

/* fdb_learn() of each src on port, and then fdb_lookup() of its dst, in order: n at a time cost
 * less, because memory is asked for all of them at once. */
void fdb_forward(struct fdb *fdb, struct fdb_query *queries, unsigned n, uint16_t port,
		 uint32_t now_s);

/* Forgets every address of a port whose link went down. */
void fdb_flush_port(struct fdb *fdb, uint16_t port);

/* Frees the entries that are too old; for the control thread, now and then. */
void fdb_expire(struct fdb *fdb, uint32_t now_s);

/* Calls each for every live entry; returns how many there were. Entries may change while it runs;
 * none is torn, and none that stays is missed or told twice. */
uint32_t fdb_show(const struct fdb *fdb, uint32_t now_s,
		  void (*each)(void *ctx, const struct fdb_entry *entry), void *ctx);

/* Entries held, with those that are too old and not freed yet. */
uint32_t fdb_count(const struct fdb *fdb);
struct fdb_counters fdb_counters(const struct fdb *fdb);

#endif
