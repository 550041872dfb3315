/* check.h - what only the whole file can tell: derived defaults, references, sockets that meet,
 * wires with odd ends.
 *
 * Threads:   none of its own.
 * Ownership: borrows the parse.
 * Failure:   mistakes become complaints; -ENOMEM is the only error. Looks at the file system,
 * changes nothing. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

struct parse;

int check_topology(struct parse *parse);

#endif
