/* roles.h - checks that what a port says about VLANs and about who may use it fits together, and
 * fits its bridge.
 *
 * Threads:   none of its own.
 * Failure:   complains of every key that contradicts another one or would be ignored. */
#ifndef CONFIG_ROLES_H
#define CONFIG_ROLES_H

struct entries;

/* After the ports' bridges are known. */
void roles_check(struct entries *entries);

#endif
