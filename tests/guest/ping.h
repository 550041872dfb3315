/* ping.h - ARP and ICMP echo: asks, answers, counts.
 *
 * Threads:   one.
 * Ownership: the network device is ours.
 * Failure:   by exit code: 0 all answered, 1 some lost, 4 nobody answers ARP. */
#ifndef TESTS_GUEST_PING_H
#define TESTS_GUEST_PING_H

#include <stdint.h>

#include "options.h"

/* Does what the options say; ends the VM. */
_Noreturn void ping_main(const struct options *options, const uint8_t mac[6]);

#endif
