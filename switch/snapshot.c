#include "switch/snapshot.h"

#include <stdlib.h>

static bool fill_views(struct snapshot *snapshot, const struct snapshot_conf *conf)
{
	for (unsigned b = 0; b < conf->n_bridges; b++) {
		uint16_t *members = calloc(conf->n_ports, sizeof(*members));
		uint16_t n = 0;

		if (!members)
			return false;
		for (unsigned i = 0; i < conf->n_ports; i++)
			if (conf->bridge_of[i] == b && conf->linked[i])
				members[n++] = (uint16_t)i;
		snapshot->views[b] = (struct bridge_view){
			.bridge = conf->bridges[b], .members = members, .n_members = n};
	}
	for (unsigned i = 0; i < conf->n_ports; i++)
		snapshot->bridge_of[i] = &snapshot->views[conf->bridge_of[i]];
	return true;
}

static bool fill_polls(struct snapshot *snapshot, const struct snapshot_conf *conf)
{
	unsigned n_queues = 0;

	for (unsigned i = 0; i < conf->n_ports; i++)
		n_queues += conf->linked[i] ? conf->ports[i]->n_queues : 0;
	for (unsigned w = 0; w < conf->n_workers; w++) {
		snapshot->polled_by[w].polls = calloc(n_queues ? n_queues : 1, sizeof(struct poll));
		if (!snapshot->polled_by[w].polls)
			return false;
	}
	for (unsigned i = 0; i < conf->n_ports; i++)
		for (unsigned q = 0; conf->linked[i] && q < conf->ports[i]->n_queues; q++) {
			struct poll_list *list =
				&snapshot->polled_by[snapshot_worker_of(i, q, conf->n_workers)];

			list->polls[list->n++] =
				(struct poll){.port = conf->ports[i], .queue = (uint16_t)q};
		}
	return true;
}

struct snapshot *snapshot_new(const struct snapshot_conf *conf)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (!snapshot)
		return NULL;
	snapshot->ports = conf->ports;
	snapshot->captures = conf->captures;
	snapshot->n_ports = conf->n_ports;
	snapshot->n_bridges = conf->n_bridges;
	snapshot->n_workers = conf->n_workers;
	snapshot->bridge_of = calloc(conf->n_ports, sizeof(*snapshot->bridge_of));
	snapshot->views = calloc(conf->n_bridges, sizeof(*snapshot->views));
	snapshot->polled_by = calloc(conf->n_workers, sizeof(*snapshot->polled_by));
	if (!snapshot->bridge_of || !snapshot->views || !snapshot->polled_by ||
	    !fill_views(snapshot, conf) || !fill_polls(snapshot, conf)) {
		snapshot_free(snapshot);
		return NULL;
	}
	return snapshot;
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	for (unsigned b = 0; snapshot->views && b < snapshot->n_bridges; b++)
		free((void *)(uintptr_t)snapshot->views[b].members);
	for (unsigned w = 0; snapshot->polled_by && w < snapshot->n_workers; w++)
		free(snapshot->polled_by[w].polls);
	free(snapshot->bridge_of);
	free(snapshot->views);
	free(snapshot->polled_by);
	free(snapshot);
}
