/* fdb_model.h - the forwarding database as a plain list: slow, and right at sight. For comparing.
 *
 * Threads:   one.
 * Ownership: the caller's memory.
 * Failure:   an eviction that several ports could pay for is noted in n_ties. */
#ifndef TESTS_SWITCH_FDB_MODEL_H
#define TESTS_SWITCH_FDB_MODEL_H

#include "switch/fdb.h"

enum { MODEL_MAX = 256, MODEL_PORTS = 8 };

struct model_entry {
	fdb_key key;
	uint16_t port;
	uint32_t seen_s;
	uint64_t turn; /* of its last refresh; orders entries of one second */
};

struct model {
	struct fdb_conf conf;
	struct model_entry entries[MODEL_MAX];
	unsigned n;
	uint64_t turn;
	unsigned n_ties;
	struct fdb_counters counters;
};

void model_init(struct model *model, const struct fdb_conf *conf);
void model_learn(struct model *model, fdb_key key, uint16_t port, uint32_t now_s);
uint16_t model_lookup(const struct model *model, fdb_key key, uint32_t now_s);
void model_flush_port(struct model *model, uint16_t port);
void model_expire(struct model *model, uint32_t now_s);

#endif
