/* memory_guard.h - lets the switch survive that memory is taken away which a guest shares.
 *
 * Whoever holds the file behind a mapping can truncate it, and hugepages can run out; reading there
 * raises SIGBUS. Its handler puts empty memory in the place of the whole mapping, so that whoever
 * read goes on, and notes that it was lost: the guest's port is then to be stopped.
 *
 * Threads:   one thread at a time for one guard; lost may be asked by any. The handler runs in
 *            whichever thread reads.
 * Ownership: take gives, give_back takes. The caller's mappings are borrowed and stay its to
 *            unmap; it forgets them before it does, after all who read there have left.
 * Failure:   a fault anywhere else ends the process, as it would without. */
#ifndef PORTS_MEMORY_GUARD_H
#define PORTS_MEMORY_GUARD_H

#include <stdbool.h>
#include <stddef.h>

struct memory_guard;

/* NULL: there is one for each port that a topology may have, and all are taken. */
struct memory_guard *memory_guard_take(void);
/* Accepts NULL. */
void memory_guard_give_back(struct memory_guard *guard);

/* Mapping i of at most GUEST_MEMORY_MAX_REGIONS is this one. */
void memory_guard_watch(struct memory_guard *guard, unsigned i, void *addr, size_t len);
/* There are none any more, and nothing was lost. */
void memory_guard_forget(struct memory_guard *guard);
bool memory_guard_lost(const struct memory_guard *guard);

/* This thread is about to touch mappings that it cannot watch yet, or is no longer: a page there is
 * replaced by an empty one. */
void memory_guard_expect(bool expect);

#endif
