/* tap_device.h - the TAP interface as the kernel shows it: made, attached to, addressed.
 *
 * Threads:   the control thread.
 * Ownership: open gives descriptors, which the caller closes; with them goes an interface that is
 * not persistent.
 * Failure:   -errno, after a logged line that says what to do. */
#ifndef PORTS_TAP_DEVICE_H
#define PORTS_TAP_DEVICE_H

#include "config/topology.h"

#include <stdbool.h>

/* Opens one non-blocking descriptor for each queue of the port. Frames carry a virtio_net_hdr of
 * VIRTIO_NET_HDR_LEN bytes, and may leave their checksum and TCP segmentation to us. */
int tap_device_open(const struct port_conf *conf, int *fds);

/* Sets mtu and address and brings the interface up, where it is not so already. What is refused is
 * logged, with the command that does it: the port can wait for that. */
void tap_device_configure(const struct port_conf *conf);

/* The interface's mtu, or 0 when it cannot be told. */
uint16_t tap_device_mtu(const struct port_conf *conf);

enum tap_device_state { TAP_DEVICE_UP, TAP_DEVICE_DOWN, TAP_DEVICE_GONE };

/* Asks the descriptor, not the name: the interface may have moved to another network namespace. */
enum tap_device_state tap_device_state(int fd);

/* Whether an interface with the port's name exists (again). */
bool tap_device_exists(const struct port_conf *conf);

#endif
