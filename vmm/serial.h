/* serial.h - a 16550A UART, as Linux' 8250 driver probes and runs it.
 *
 * Threads:   the caller holds the machine's lock.
 * Ownership: borrows the context of its two callbacks.
 * Failure:   none; a transmitter never waits, a full receiver takes no more.
 *
 * Source: National Semiconductor PC16550D data sheet. Baud rates have no meaning here. */
#ifndef RINGWAY_VMM_SERIAL_H
#define RINGWAY_VMM_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/bus.h"

enum {
	SERIAL_FIFO_LEN = 16,
	SERIAL_PORTS = 8,
};

struct serial {
	void (*set_irq)(void *ctx, bool level);
	void (*transmit)(void *ctx, uint8_t byte);
	void *ctx;
	uint8_t reg[SERIAL_PORTS]; /* as written, by their offsets */
	uint8_t divisor[2];
	bool thr_empty; /* the transmitter-empty interrupt is pending */
	bool overrun;
	bool irq;
	uint8_t fifo[SERIAL_FIFO_LEN];
	unsigned n_fifo;
};

void serial_init(struct serial *serial, void (*set_irq)(void *ctx, bool level),
		 void (*transmit)(void *ctx, uint8_t byte), void *ctx);

/* Returns how many bytes found room. */
size_t serial_receive(struct serial *serial, const uint8_t *bytes, size_t len);

extern const struct bus_ops serial_ops;

#endif
