/* The tiny guest: boots in a few thousand instructions, answers ARP and ICMP echo, pings. */
#include "machine.h"
#include "nic.h"
#include "options.h"
#include "ping.h"
#include "print.h"

enum {
	EXIT_USAGE = 2,
	EXIT_NO_NIC = 3,
	PORT_RESET = 0x604,
	PORT_I8042 = 0x64,
	PORT_EXIT = 0x6f0,
	PORT_SLEEP = 0x600,
	START_INFO_CMDLINE = 24, /* offset in hvm_start_info */
	FOR_EVER_US = 4000000,
};

void guest_main(const uint8_t *start_info);

static void triple_fault(void)
{
	static const uint8_t no_idt[6];

	__asm__ volatile("lidt %0\n\tud2" : : "m"(no_idt));
}

/* Every port in every width, except those that end the VM. A launcher must survive that. */
static void try_ports(void)
{
	for (uint32_t port = 0; port < 0x10000; port++) {
		bool ends = port == PORT_EXIT || port == PORT_SLEEP || port == PORT_RESET ||
			    port == PORT_I8042;
		uint16_t p = (uint16_t)port;
		uint32_t value;

		__asm__ volatile("inb %1, %b0" : "=a"(value) : "d"(p));
		__asm__ volatile("inw %1, %w0" : "=a"(value) : "d"(p));
		__asm__ volatile("inl %1, %0" : "=a"(value) : "d"(p));
		if (ends || (port >= 0x20 && port < 0xf8))
			continue;
		__asm__ volatile("outb %b0, %1" : : "a"(port), "d"(p));
		__asm__ volatile("outw %w0, %1" : : "a"(port), "d"(p));
		__asm__ volatile("outl %0, %1" : : "a"(port * 0x10001), "d"(p));
	}
}

static void flood(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		print("flood ");
		print_number(i);
		print(" 0123456789012345678901234567890123456789012345678901234567890123456789");
		print_end();
	}
}

static void act(const struct options *options)
{
	switch (options->action) {
	case ACTION_POWER_OFF:
		machine_power_off();
	case ACTION_REBOOT:
		out8(PORT_RESET, 1);
		break;
	case ACTION_KEYBOARD_RESET:
		out8(PORT_I8042, 0xfe);
		break;
	case ACTION_TRIPLE_FAULT:
		triple_fault();
		break;
	case ACTION_HANG:
		print("hanging");
		print_end();
		for (;;)
			machine_sleep(FOR_EVER_US);
	case ACTION_FLOOD:
		flood(options->count);
		break;
	case ACTION_PORTS:
		try_ports();
		break;
	default:
		break;
	}
	machine_exit((uint8_t)options->code);
}

void guest_main(const uint8_t *start_info)
{
	const char *cmdline = *(const char *const *)(const void *)(start_info + START_INFO_CMDLINE);
	struct options options;
	uint8_t mac[6];

	machine_init();
	if (!options_parse(&options, cmdline))
		machine_exit(EXIT_USAGE);
	if (options.action != ACTION_NET)
		act(&options);
	if (!nic_init(options.nic, mac)) {
		print("ringway tiny guest: no network device; give --net socket=PATH");
		print_end();
		machine_exit(EXIT_NO_NIC);
	}
	ping_main(&options, mac);
}
