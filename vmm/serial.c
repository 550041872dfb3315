#include "vmm/serial.h"

#include <linux/serial_reg.h>
#include <string.h>

enum {
	IIR_FIFO_ON = 0xc0,
	MSR_LINES_UP = UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS,
};

/* The most urgent interrupt that is enabled and pending. */
static uint8_t pending(const struct serial *serial)
{
	if ((serial->reg[UART_IER] & UART_IER_RLSI) && serial->overrun)
		return UART_IIR_RLSI;
	if ((serial->reg[UART_IER] & UART_IER_RDI) && serial->n_fifo)
		return UART_IIR_RDI;
	if ((serial->reg[UART_IER] & UART_IER_THRI) && serial->thr_empty)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

static void update_irq(struct serial *serial)
{
	bool level = pending(serial) != UART_IIR_NO_INT;

	if (level != serial->irq) {
		serial->irq = level;
		serial->set_irq(serial->ctx, level);
	}
}

void serial_init(struct serial *serial, void (*set_irq)(void *ctx, bool level),
		 void (*transmit)(void *ctx, uint8_t byte), void *ctx)
{
	*serial = (struct serial){.set_irq = set_irq,
				  .transmit = transmit,
				  .ctx = ctx,
				  .divisor = {1}, /* 115200 baud */
				  .reg[UART_MCR] = UART_MCR_OUT2};
}

size_t serial_receive(struct serial *serial, const uint8_t *bytes, size_t len)
{
	size_t n = SERIAL_FIFO_LEN - serial->n_fifo;

	if (n > len)
		n = len;
	memcpy(serial->fifo + serial->n_fifo, bytes, n);
	serial->n_fifo += (unsigned)n;
	update_irq(serial);
	return n;
}

static uint8_t take_received(struct serial *serial)
{
	uint8_t byte = serial->fifo[0];

	if (serial->n_fifo == 0)
		return 0;
	memmove(serial->fifo, serial->fifo + 1, --serial->n_fifo);
	return byte;
}

static uint8_t modem_status(const struct serial *serial)
{
	uint8_t out = serial->reg[UART_MCR], msr = 0;

	if (!(out & UART_MCR_LOOP))
		return MSR_LINES_UP;
	/* In loopback the outputs come back as inputs: RTS-CTS, DTR-DSR, OUT1-RI, OUT2-DCD. */
	msr |= out & UART_MCR_RTS ? UART_MSR_CTS : 0;
	msr |= out & UART_MCR_DTR ? UART_MSR_DSR : 0;
	msr |= out & UART_MCR_OUT1 ? UART_MSR_RI : 0;
	msr |= out & UART_MCR_OUT2 ? UART_MSR_DCD : 0;
	return msr;
}

static uint8_t line_status(struct serial *serial)
{
	uint8_t lsr = UART_LSR_THRE | UART_LSR_TEMT;

	lsr |= serial->n_fifo ? UART_LSR_DR : 0;
	lsr |= serial->overrun ? UART_LSR_OE : 0;
	serial->overrun = false;
	return lsr;
}

static uint8_t interrupt_id(struct serial *serial)
{
	uint8_t iir = pending(serial);

	/* Reading the register acknowledges the transmitter, and nothing else. */
	if (iir == UART_IIR_THRI)
		serial->thr_empty = false;
	return iir | (serial->reg[UART_FCR] & UART_FCR_ENABLE_FIFO ? IIR_FIFO_ON : 0);
}

static uint64_t serial_read(void *device, uint64_t offset, unsigned width)
{
	struct serial *serial = device;
	uint8_t value;

	if (width != 1)
		return bus_ones(width);
	if ((serial->reg[UART_LCR] & UART_LCR_DLAB) && offset < 2)
		return serial->divisor[offset];
	switch (offset) {
	case UART_RX:
		value = take_received(serial);
		break;
	case UART_IIR:
		value = interrupt_id(serial);
		break;
	case UART_LSR:
		value = line_status(serial);
		break;
	case UART_MSR:
		value = modem_status(serial);
		break;
	default:
		value = serial->reg[offset % SERIAL_PORTS];
	}
	update_irq(serial);
	return value;
}

static void transmit(struct serial *serial, uint8_t byte)
{
	if (!(serial->reg[UART_MCR] & UART_MCR_LOOP))
		serial->transmit(serial->ctx, byte);
	else if (serial->n_fifo < SERIAL_FIFO_LEN)
		serial->fifo[serial->n_fifo++] = byte;
	else
		serial->overrun = true;
	/* Busy and empty again: the edge must be seen. */
	serial->thr_empty = false;
	update_irq(serial);
	serial->thr_empty = true;
}

static void serial_write(void *device, uint64_t offset, unsigned width, uint64_t value)
{
	/* The bits that can be set; line and modem status have none. */
	static const uint8_t masks[SERIAL_PORTS] = {[UART_IER] = 0x0f,
						    [UART_FCR] = 0xff,
						    [UART_LCR] = 0xff,
						    [UART_MCR] = 0x1f,
						    [UART_SCR] = 0xff};
	struct serial *serial = device;
	uint8_t byte = (uint8_t)value;

	if (width != 1)
		return;
	if ((serial->reg[UART_LCR] & UART_LCR_DLAB) && offset < 2) {
		serial->divisor[offset] = byte;
		return;
	}
	if (offset == UART_TX)
		transmit(serial, byte);
	/* An empty transmitter interrupts anew each time its interrupt is switched on. */
	if (offset == UART_IER && (byte & ~serial->reg[UART_IER] & UART_IER_THRI))
		serial->thr_empty = true;
	if (offset == UART_FCR && (byte & UART_FCR_CLEAR_RCVR))
		serial->n_fifo = 0;
	serial->reg[offset % SERIAL_PORTS] = byte & masks[offset % SERIAL_PORTS];
	update_irq(serial);
}

const struct bus_ops serial_ops = {.read = serial_read, .write = serial_write};
