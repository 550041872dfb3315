#include "tests/switch/fdb_model.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

static bool is_too_old(const struct model *model, const struct model_entry *entry, uint32_t now_s)
{
	return now_s - entry->seen_s >= model->conf.ageing_s;
}

static struct model_entry *find(struct model *model, fdb_key key)
{
	for (unsigned i = 0; i < model->n; i++)
		if (model->entries[i].key == key)
			return &model->entries[i];
	return NULL;
}

static void forget(struct model *model, struct model_entry *entry)
{
	*entry = model->entries[--model->n];
}

static unsigned n_of_port(const struct model *model, uint16_t port)
{
	unsigned n = 0;

	for (unsigned i = 0; i < model->n; i++)
		n += model->entries[i].port == port;
	return n;
}

static struct model_entry *oldest_of_port(struct model *model, uint16_t port)
{
	struct model_entry *oldest = NULL;

	for (unsigned i = 0; i < model->n; i++)
		if (model->entries[i].port == port &&
		    (!oldest || model->entries[i].turn < oldest->turn))
			oldest = &model->entries[i];
	return oldest;
}

/* Whether p pays rather than q, who pays so far, for a new entry of port. */
static bool pays_rather(struct model *model, uint16_t p, uint16_t q, uint16_t port)
{
	unsigned n_p = n_of_port(model, p);
	unsigned n_q = n_of_port(model, q);

	if (n_p != n_q)
		return n_p > n_q;
	if (p == port || q == port)
		return p == port;
	return oldest_of_port(model, p)->seen_s < oldest_of_port(model, q)->seen_s;
}

static void evict(struct model *model, uint16_t port)
{
	uint16_t payer = 0;
	unsigned n_joint = 0;

	for (uint16_t p = 1; p < model->conf.n_ports; p++)
		if (n_of_port(model, p) &&
		    (!n_of_port(model, payer) || pays_rather(model, p, payer, port)))
			payer = p;
	for (uint16_t p = 0; p < model->conf.n_ports; p++)
		n_joint += n_of_port(model, p) == n_of_port(model, payer);
	model->n_ties += n_joint > 1;
	forget(model, oldest_of_port(model, payer));
	model->counters.n_evicted++;
}

void model_init(struct model *model, const struct fdb_conf *conf)
{
	assert(conf->max_macs <= MODEL_MAX);
	*model = (struct model){.conf = *conf};
}

void model_learn(struct model *model, fdb_key key, uint16_t port, uint32_t now_s)
{
	struct model_entry *entry = find(model, key);

	if (entry && is_too_old(model, entry, now_s)) {
		forget(model, entry);
		model->counters.n_expired++;
		entry = NULL;
	}
	if (entry) {
		if (entry->port == port && entry->seen_s == now_s)
			return;
		model->counters.n_moved += entry->port != port;
	} else {
		if (model->n == model->conf.max_macs)
			model_expire(model, now_s);
		if (model->n == model->conf.max_macs)
			evict(model, port);
		entry = &model->entries[model->n++];
		model->counters.n_learned++;
	}
	*entry = (struct model_entry){
		.key = key, .port = port, .seen_s = now_s, .turn = ++model->turn};
}

uint16_t model_lookup(const struct model *model, fdb_key key, uint32_t now_s)
{
	for (unsigned i = 0; i < model->n; i++)
		if (model->entries[i].key == key && !is_too_old(model, &model->entries[i], now_s))
			return model->entries[i].port;
	return FDB_NO_PORT;
}

void model_flush_port(struct model *model, uint16_t port)
{
	for (unsigned i = model->n; i-- > 0;) {
		if (model->entries[i].port != port)
			continue;
		forget(model, &model->entries[i]);
		model->counters.n_flushed++;
	}
}

void model_expire(struct model *model, uint32_t now_s)
{
	for (unsigned i = model->n; i-- > 0;) {
		if (!is_too_old(model, &model->entries[i], now_s))
			continue;
		forget(model, &model->entries[i]);
		model->counters.n_expired++;
	}
}
