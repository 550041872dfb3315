/* fdb.h - the forwarding database of one bridge: which port a (VLAN, MAC) was last heard on.
 *
 * Threads:   fdb_lookup() and fdb_learn() run on any worker at once; readers take no lock and write
 * nothing, and fdb_learn() of an address that is known, on its port and of this second writes
 * nothing either. Everything that changes the table takes one spinlock inside. fdb_show() may run
 * beside all of them. Time:      seconds of a monotonic clock, injected by the caller; never read
 * here. Ownership: fdb_new() gives, fdb_free() takes back; no memory is allocated in between.
 * Failure:   learning never fails: when the table is full, the port that holds most entries loses
 * its oldest one (fairness as security: one guest cannot evict the addresses of the others). */
#ifndef SWITCH_FDB_H
#define SWITCH_FDB_H

#include <stdint.h>

struct fdb;

enum { FDB_NO_PORT = 0xffff };

/* A MAC address in the low 48 bits, first byte on the wire lowest (a little-endian load of it), and
 * the VLAN id (IEEE 802.1Q, 0: untagged) in the next 12. */
typedef uint64_t fdb_key;

struct fdb_conf {
	uint32_t max_macs;
	uint32_t ageing_s; /* an entry that old is gone */
	uint16_t n_ports;  /* ports are 0 .. n_ports - 1 */
	uint64_t seed;	   /* of the hash; random in the product */
};

struct fdb_counters {
	uint64_t n_learned; /* entries made */
	uint64_t n_moved;   /* entries that changed their port */
	uint64_t n_expired;
	uint64_t n_evicted; /* lost to a newer address when full */
	uint64_t n_flushed;
};

struct fdb_entry {
	fdb_key key;
	uint16_t port;
	uint32_t age_s;
};

struct fdb *fdb_new(const struct fdb_conf *conf);
void fdb_free(struct fdb *fdb);

/* Notes that key was a source address on port. The caller has dropped group addresses before. */
void fdb_learn(struct fdb *fdb, fdb_key key, uint16_t port, uint32_t now_s);

/* The port of key, or FDB_NO_PORT when it is unknown or too old. */
uint16_t fdb_lookup(const struct fdb *fdb, fdb_key key, uint32_t now_s);

/* Forgets every address of a port whose link went down. */
void fdb_flush_port(struct fdb *fdb, uint16_t port);

/* Frees the entries that are too old; for the control thread, now and then. */
void fdb_expire(struct fdb *fdb, uint32_t now_s);

/* Calls each for every live entry; returns how many there were. Entries may change while it runs;
 * none is torn. */
uint32_t fdb_show(const struct fdb *fdb, uint32_t now_s,
		  void (*each)(void *ctx, const struct fdb_entry *entry), void *ctx);

uint32_t fdb_count(const struct fdb *fdb);
struct fdb_counters fdb_counters(const struct fdb *fdb);

#endif
