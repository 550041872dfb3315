/* vms.h - what must be right about the VMs of a topology beyond each single value: ports that
 * exist and are theirs alone, files that are there, enough memory.
 *
 * Threads:   none of its own.
 * Ownership: borrows the entries; fills in the defaults of their topology's VMs.
 * Failure:   complains. Looks at the file system, changes nothing. */
#ifndef CONFIG_VMS_H
#define CONFIG_VMS_H

struct entries;

/* After all sections are known and the sockets have their paths. */
void vms_check(struct entries *entries);

#endif
