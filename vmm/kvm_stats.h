/* kvm_stats.h - what KVM itself counts about a vCPU: exits that it handled in the kernel, halts,
 * interrupts.
 *
 * Threads:   any.
 * Ownership: borrows the descriptor of KVM_GET_STATS_FD.
 * Failure:   -errno; a counter that this kernel has not is absent.
 *
 * Source: Linux Documentation/virt/kvm/api.rst, 4.133 KVM_GET_STATS_FD. */
#ifndef RINGWAY_VMM_KVM_STATS_H
#define RINGWAY_VMM_KVM_STATS_H

#include <stdint.h>

/* Reads the counter of this name. */
int kvm_stats_read(int stats_fd, const char *name, uint64_t *value);

#endif
