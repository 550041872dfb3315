/* vhost_user_rig.h - a device with two queue pairs, a front-end and a scripted back-end, for the
 * tests of the front-end.
 *
 * Threads:   that of the test; the back-end has its own.
 * Ownership: the rig keeps everything between rig_init() and rig_fini().
 * Failure:   aborts when the machine lacks the means; what is tested is asserted by the tests. */
#ifndef TESTS_VMM_VHOST_USER_RIG_H
#define TESTS_VMM_VHOST_USER_RIG_H

#include "scripted_backend.h"
#include "vmm/vhost_user.h"

enum { RIG_QUEUES = 4, RIG_RING_SIZE = 256, RIG_MEMORY_LEN = 256 * 1024 };

struct rig {
	struct scripted_backend backend;
	struct vhost_user vu;
	struct vhost_user_device dev;
	struct vhost_user_queue queues[RIG_QUEUES];
};

void rig_init(struct rig *rig);
void rig_fini(struct rig *rig);

/* A fresh connection, nothing said. */
void rig_connect(struct rig *rig);
/* Ends the connection; afterwards backend.messages can be read. */
void rig_disconnect(struct rig *rig);

/* Handshake, start, pair 1 on, stop; the first failure ends it. */
int rig_whole_life(struct rig *rig);

#endif
