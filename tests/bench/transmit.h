/* transmit.h - builds the frames of a port, and sends as many as it is time for.
 *
 * Threads:   that of the load.
 * Ownership: borrows.
 * Failure:   a broken ring is noted in the port, see port_check(). */
#ifndef BENCH_TRANSMIT_H
#define BENCH_TRANSMIT_H

#include "load.h"

/* Writes all frames of the port into its memory and tells the flows how long their periods are; 0
 * or -ENOMEM. */
int transmit_build(struct load *load, struct port *port);
/* Overwrites the next n frames of the port by such that show its addresses, beginning with this
 * one. */
void transmit_build_learning(struct load *load, struct port *port, unsigned address, unsigned n);

/* Returns the number of frames posted. */
unsigned transmit_poll(struct load *load, struct port *port);
/* Posts n frames that fit, with fresh numbers if they are stamped. */
void transmit_post(struct load *load, struct port *port, unsigned n);

#endif
