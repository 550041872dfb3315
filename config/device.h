/* device.h - a device of DPDK as one writes it: 0000:03:00.0, or net_af_packet0,iface=eth1.
 *
 * Threads:   none of its own.
 * Failure:   -EINVAL with a sentence in why; the device is then unchanged. */
#ifndef CONFIG_DEVICE_H
#define CONFIG_DEVICE_H

#include <stdbool.h>

#include "config/topology.h"
#include "config/value.h"

/* A PCI address without its domain gets 0000. */
int device_parse(char device[TOPOLOGY_DEVICE_LEN], const char *text, struct value_why *why);

/* Whether a parsed device is a PCI address. */
bool device_is_pci(const char *device);

#endif
