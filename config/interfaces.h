/* interfaces.h - checks the network interfaces that ports name, and names those of ports that do
 * not.
 *
 * Threads:   none of its own.
 * Failure:   complains of names that cannot be an interface's and of those that two ports share. */
#ifndef CONFIG_INTERFACES_H
#define CONFIG_INTERFACES_H

struct entries;

void interfaces_check(struct entries *entries);

#endif
