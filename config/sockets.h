/* sockets.h - where the ports' sockets lie, and that no two of them are the same file.
 *
 * Threads:   none of its own.
 * Ownership: borrows the entries; completes port_conf.socket of their topology.
 * Failure:   mistakes become complaints; no_memory of the entries is the only error. Looks at the
 * file system, changes nothing. */
#ifndef CONFIG_SOCKETS_H
#define CONFIG_SOCKETS_H

struct entries;

void sockets_check(struct entries *entries);

#endif
