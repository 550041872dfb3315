/* vm_monitor.h - tells QEMU something through its human monitor.
 *
 * Threads:   any; never blocks.
 * Ownership: vm_monitor_open() gives a descriptor. It stays open while the VM ends: QEMU drops what
 * it has not read from a client that has gone.
 * Failure:   -errno. */
#ifndef SWITCH_VM_MONITOR_H
#define SWITCH_VM_MONITOR_H

int vm_monitor_open(const char *path);
/* fd may be what a failed vm_monitor_open() returned. */
int vm_monitor_say(int fd, const char *command);

#endif
