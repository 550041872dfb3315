/* The UART, access by access as Linux' 8250 driver probes and runs it. */
#include <linux/serial_reg.h>
#include <string.h>

#include "tests/suite.h"
#include "vmm/serial.h"

struct rig {
	struct serial serial;
	bool irq;
	unsigned n_edges;
	unsigned n_sent;
	uint8_t last_sent;
};

static void set_irq(void *ctx, bool level)
{
	struct rig *rig = ctx;

	rig->irq = level;
	rig->n_edges += level;
}

static void transmit(void *ctx, uint8_t byte)
{
	struct rig *rig = ctx;

	rig->last_sent = byte;
	rig->n_sent++;
}

static void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	serial_init(&rig->serial, set_irq, transmit, rig);
}

static unsigned in(struct rig *rig, unsigned reg)
{
	return (unsigned)serial_ops.read(&rig->serial, reg, 1);
}

static void out(struct rig *rig, unsigned reg, unsigned value)
{
	serial_ops.write(&rig->serial, reg, 1, value);
}

static void uart_passes_the_probe_as_a_16550a(void)
{
	struct rig rig;

	rig_init(&rig);
	CU_ASSERT_EQUAL(in(&rig, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	out(&rig, UART_IER, 0);
	CU_ASSERT_EQUAL(in(&rig, UART_IER), 0);
	out(&rig, UART_IER, 0xff); /* the sleep and XScale bits must not stay */
	CU_ASSERT_EQUAL(in(&rig, UART_IER), 0x0f);
	out(&rig, UART_IER, 0);
	out(&rig, UART_LCR, UART_LCR_CONF_MODE_B);
	out(&rig, UART_EFR, 0);
	out(&rig, UART_LCR, 0);
	out(&rig, UART_FCR, UART_FCR_ENABLE_FIFO);
	CU_ASSERT_EQUAL(in(&rig, UART_IIR) >> 6, 3);
	out(&rig, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	CU_ASSERT_NOT_EQUAL(in(&rig, UART_IIR) >> 5, 7);
	out(&rig, UART_SCR, 0xa5);
	CU_ASSERT_EQUAL(in(&rig, UART_SCR), 0xa5);
}

static void uart_loopback_maps_the_modem_lines(void)
{
	struct rig rig;

	rig_init(&rig);
	out(&rig, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	CU_ASSERT_EQUAL(in(&rig, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	out(&rig, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1 | UART_MCR_DTR);
	CU_ASSERT_EQUAL(in(&rig, UART_MSR) & 0xf0, UART_MSR_RI | UART_MSR_DSR);
	out(&rig, UART_MCR, 0);
	CU_ASSERT_EQUAL(in(&rig, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
}

/* What size_fifo() of the driver does: more than 16 would make it another chip. */
static void uart_loopback_holds_sixteen_bytes_and_prints_none(void)
{
	struct rig rig;
	unsigned n = 0;

	rig_init(&rig);
	out(&rig, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	out(&rig, UART_MCR, UART_MCR_LOOP);
	for (unsigned i = 0; i < 256; i++)
		out(&rig, UART_TX, i);
	CU_ASSERT_TRUE(in(&rig, UART_LSR) & UART_LSR_OE);
	CU_ASSERT_FALSE(in(&rig, UART_LSR) & UART_LSR_OE);
	for (; in(&rig, UART_LSR) & UART_LSR_DR; n++)
		CU_ASSERT_EQUAL(in(&rig, UART_RX), n);
	CU_ASSERT_EQUAL(n, 16);
	CU_ASSERT_EQUAL(rig.n_sent, 0);
}

static void uart_empty_transmitter_interrupts_each_time_it_is_enabled(void)
{
	struct rig rig;

	rig_init(&rig);
	for (unsigned i = 0; i < 3; i++) {
		out(&rig, UART_IER, UART_IER_THRI);
		CU_ASSERT_TRUE(rig.irq);
		CU_ASSERT_EQUAL(in(&rig, UART_IIR) & UART_IIR_ID, UART_IIR_THRI);
		/* Reading it was the acknowledgement. */
		CU_ASSERT_FALSE(rig.irq);
		CU_ASSERT_TRUE(in(&rig, UART_IIR) & UART_IIR_NO_INT);
		out(&rig, UART_IER, 0);
	}
}

static void uart_interrupts_anew_after_each_byte_sent(void)
{
	struct rig rig;
	unsigned edges;

	rig_init(&rig);
	out(&rig, UART_IER, UART_IER_THRI);
	edges = rig.n_edges;
	/* Without a read of the IIR: an edge-triggered line must show each one. */
	out(&rig, UART_TX, 'a');
	out(&rig, UART_TX, 'b');
	CU_ASSERT_EQUAL(rig.n_edges, edges + 2);
	CU_ASSERT_EQUAL(rig.n_sent, 2);
	CU_ASSERT_EQUAL(rig.last_sent, 'b');
}

static void uart_received_bytes_come_before_the_transmitter(void)
{
	struct rig rig;

	rig_init(&rig);
	out(&rig, UART_IER, UART_IER_THRI | UART_IER_RDI);
	CU_ASSERT_EQUAL(serial_receive(&rig.serial, (const uint8_t *)"xy", 2), 2);
	CU_ASSERT_EQUAL(in(&rig, UART_IIR) & UART_IIR_ID, UART_IIR_RDI);
	CU_ASSERT_EQUAL(in(&rig, UART_RX), 'x');
	CU_ASSERT_EQUAL(in(&rig, UART_IIR) & UART_IIR_ID, UART_IIR_RDI);
	CU_ASSERT_EQUAL(in(&rig, UART_RX), 'y');
	CU_ASSERT_EQUAL(in(&rig, UART_IIR) & UART_IIR_ID, UART_IIR_THRI);
	CU_ASSERT_FALSE(rig.irq);
	CU_ASSERT_EQUAL(in(&rig, UART_RX), 0);
}

static void uart_takes_no_more_than_its_fifo_holds(void)
{
	static const uint8_t many[40];
	struct rig rig;

	rig_init(&rig);
	CU_ASSERT_EQUAL(serial_receive(&rig.serial, many, sizeof(many)), 16);
	CU_ASSERT_EQUAL(serial_receive(&rig.serial, many, sizeof(many)), 0);
	in(&rig, UART_RX);
	CU_ASSERT_EQUAL(serial_receive(&rig.serial, many, sizeof(many)), 1);
	out(&rig, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	CU_ASSERT_FALSE(in(&rig, UART_LSR) & UART_LSR_DR);
}

static void uart_divisor_hides_data_and_interrupts(void)
{
	struct rig rig;

	rig_init(&rig);
	out(&rig, UART_LCR, UART_LCR_DLAB);
	out(&rig, UART_DLL, 12);
	out(&rig, UART_DLM, 0xff);
	CU_ASSERT_EQUAL(rig.n_sent, 0);
	CU_ASSERT_EQUAL(in(&rig, UART_DLL), 12);
	CU_ASSERT_EQUAL(in(&rig, UART_DLM), 0xff);
	out(&rig, UART_LCR, 3);
	CU_ASSERT_EQUAL(in(&rig, UART_IER), 0);
	CU_ASSERT_EQUAL(serial_ops.read(&rig.serial, 0, 4), 0xffffffff);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"uart_passes_the_probe_as_a_16550a", uart_passes_the_probe_as_a_16550a},
		{"uart_loopback_maps_the_modem_lines", uart_loopback_maps_the_modem_lines},
		{"uart_loopback_holds_sixteen_bytes_and_prints_none",
		 uart_loopback_holds_sixteen_bytes_and_prints_none},
		{"uart_empty_transmitter_interrupts_each_time_it_is_enabled",
		 uart_empty_transmitter_interrupts_each_time_it_is_enabled},
		{"uart_interrupts_anew_after_each_byte_sent",
		 uart_interrupts_anew_after_each_byte_sent},
		{"uart_received_bytes_come_before_the_transmitter",
		 uart_received_bytes_come_before_the_transmitter},
		{"uart_takes_no_more_than_its_fifo_holds", uart_takes_no_more_than_its_fifo_holds},
		{"uart_divisor_hides_data_and_interrupts", uart_divisor_hides_data_and_interrupts},
		CU_TEST_INFO_NULL,
	};

	return suite_run("serial", tests);
}
