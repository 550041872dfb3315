/* worker_rig.h - four fake ports on one bridge and the worker that polls them, for tests of the
 * worker.
 *
 * Threads:   as a worker.
 * Failure:   what does not hold fails the test that runs. */
#ifndef TESTS_SWITCH_WORKER_RIG_H
#define TESTS_SWITCH_WORKER_RIG_H

#include "switch/worker.h"
#include "tests/switch/fake_port.h"

enum { WORKER_RIG_PORTS = 4 };

struct worker_rig {
	struct fake_port fakes[WORKER_RIG_PORTS];
	struct port *ports[WORKER_RIG_PORTS];
	bool linked[WORKER_RIG_PORTS];
	uint16_t bridge_of[WORKER_RIG_PORTS];
	struct bridge_conf conf;
	struct bridge *bridge;
	_Atomic(struct snapshot *) snapshot;
	struct worker *worker;
};

/* Every port has a link; with mode wire the first two. */
struct worker_rig *worker_rig_new(enum bridge_mode mode);
/* Every copy that was offered was delivered or dropped; every buffer that was taken was given back.
 * STA-01 */
void worker_rig_check_and_free(struct worker_rig *rig);

/* Publishes a snapshot of what linked[] says. */
void worker_rig_link(struct worker_rig *rig);
unsigned worker_rig_sweep(struct worker_rig *rig);
/* Ports 0..3 have sent a frame each: the bridge knows 52:54:00:00:00:0i on port i. */
void worker_rig_teach(struct worker_rig *rig);

uint64_t worker_rig_count(const struct worker_rig *rig, uint16_t port, enum port_counter which);
uint64_t worker_rig_drops(const struct worker_rig *rig, uint16_t port, enum drop_reason why);

#endif
