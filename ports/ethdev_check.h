/* ethdev_check.h - why a device cannot be used, found out before DPDK is asked, which would only
 * say that it failed.
 *
 * Threads:   the control thread.
 * Failure:   -errno, after a logged line that says what to do. */
#ifndef PORTS_ETHDEV_CHECK_H
#define PORTS_ETHDEV_CHECK_H

#include "config/topology.h"

#include <stdbool.h>

int ethdev_check(const struct port_conf *conf);

/* Whether it is a virtual device on an interface that is the kernel's; others make what they name.
 */
bool ethdev_sits_on_interface(const struct port_conf *conf);

/* Says what of the interface's settings will hurt a virtual device on it. */
void ethdev_check_interface(const struct port_conf *conf, int ifindex);

/* After a virtual device that looked right was refused: what is likely to be wrong. */
const char *ethdev_likely_reason(const struct port_conf *conf, int error);

#endif
