/* built_in_guest.h - the kernel that runs when no other is given: the ELF file of tests/guest.
 *
 * Threads:   constants only.
 * Ownership: none.
 * Failure:   none. */
#ifndef RINGWAY_VMM_BUILT_IN_GUEST_H
#define RINGWAY_VMM_BUILT_IN_GUEST_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t built_in_guest[];
extern const size_t built_in_guest_len;

#endif
