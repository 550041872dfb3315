/* check.h - what only the whole file can tell: derived defaults, references, sockets that meet,
 * wires with odd ends.
 *
 * Threads:   none of its own.
 * Ownership: borrows all; changes the topology of the entries.
 * Failure:   mistakes become complaints; -ENOMEM is the only error. Looks at the file system,
 * changes nothing. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

struct entries;

/* n_lines: of the whole file, where what is absent from it is told. */
int check_topology(struct entries *entries, int n_lines);

#endif
