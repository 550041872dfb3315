/* receive.h - takes what arrived at a port and enters it into the books.
 *
 * Threads:   that of the load.
 * Ownership: borrows.
 * Failure:   a broken ring is noted in the port, see port_check(). */
#ifndef BENCH_RECEIVE_H
#define BENCH_RECEIVE_H

#include "load.h"

/* Returns the number of receive buffers taken and given back. */
unsigned receive_poll(struct load *load, struct port *port);

#endif
