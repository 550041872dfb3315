#include "vmm/power.h"

#include <stddef.h>
#include <string.h>

#include "vmm/layout.h"

static uint64_t nothing_read(void *device, uint64_t offset, unsigned width)
{
	(void)device;
	(void)offset;
	(void)width;
	return 0;
}

static void sleep_write(void *device, uint64_t offset, unsigned width, uint64_t value)
{
	struct power *power = device;

	(void)width;
	if (offset == 0 && value == SLEEP_VALUE_S5)
		stop_request(power->stop, STOP_POWER_OFF, 0);
}

static void reset_write(void *device, uint64_t offset, unsigned width, uint64_t value)
{
	struct power *power = device;

	(void)offset;
	(void)width;
	if (value == RESET_VALUE)
		stop_request(power->stop, STOP_REBOOT, 0);
}

/* There is no keyboard controller, but kernels with `reboot=k` end by pulsing its reset line. */
static void i8042_write(void *device, uint64_t offset, unsigned width, uint64_t value)
{
	struct power *power = device;

	(void)offset;
	(void)width;
	if (value == I8042_RESET)
		stop_request(power->stop, STOP_REBOOT, 0);
}

static void exit_write(void *device, uint64_t offset, unsigned width, uint64_t value)
{
	struct power *power = device;

	(void)width;
	if (offset == 0)
		stop_request(power->stop, STOP_EXIT_PORT, (int)(value & 0xff));
	else
		power->ready(power->ctx);
}

static const struct bus_ops sleep_ops = {.read = nothing_read, .write = sleep_write};
static const struct bus_ops reset_ops = {.read = nothing_read, .write = reset_write};
static const struct bus_ops i8042_ops = {.read = nothing_read, .write = i8042_write};
static const struct bus_ops exit_ops = {.read = nothing_read, .write = exit_write};

int power_init(struct power *power, struct bus *io)
{
	const struct bus_range ranges[] = {
		{.name = "sleep", .base = PORT_SLEEP_CONTROL, .len = 2, .ops = &sleep_ops},
		{.name = "reset", .base = PORT_RESET, .len = 1, .ops = &reset_ops},
		{.name = "i8042", .base = PORT_I8042, .len = 1, .ops = &i8042_ops},
		{.name = "exit", .base = PORT_EXIT, .len = 2, .ops = &exit_ops},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct bus_range range = ranges[i];
		int rc;

		range.enabled = true;
		range.device = power;
		rc = bus_add(io, &range);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void power_place_reset_entry(const struct guest_ram *ram)
{
	/* mov $PORT_RESET, %dx; mov $RESET_VALUE, %al; out %al, %dx; 1: hlt; jmp 1b */
	static const uint8_t code[] = {
		0xba, PORT_RESET & 0xff, PORT_RESET >> 8, 0xb0, RESET_VALUE, 0xee, 0xf4, 0xeb,
		0xfd};
	void *place = guest_ram_at(ram, LAYOUT_BIOS_ENTRY, sizeof(code));

	if (place)
		memcpy(place, code, sizeof(code));
}
