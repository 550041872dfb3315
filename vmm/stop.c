#include "vmm/stop.h"

#include <assert.h>
#include <string.h>
#include <sys/eventfd.h>

#include "vmm/layout.h"

static const struct {
	const char *name;
	int exit_code;
} causes[] = {
	[STOP_NONE] = {"running", 0},
	[STOP_POWER_OFF] = {"power-off", 0},
	[STOP_REBOOT] = {"reboot", EXIT_CODE_REBOOT},
	[STOP_USER] = {"quit", 0},
	[STOP_SIGNAL] = {"stopped", EXIT_CODE_TIMEOUT},
	[STOP_TIMEOUT] = {"timeout", EXIT_CODE_TIMEOUT},
	[STOP_TRIPLE_FAULT] = {"triple-fault", EXIT_CODE_TRIPLE_FAULT},
	[STOP_KVM] = {"kvm-error", EXIT_CODE_KVM},
	[STOP_LAUNCHER] = {"launcher-error", EXIT_CODE_LAUNCHER},
	[STOP_EXIT_PORT] = {"exit-port", 0}, /* what the guest said */
};
static_assert(sizeof(causes) / sizeof(causes[0]) == STOP_N, "a name for each cause");

void stop_init(struct stop *stop, int wake_fd)
{
	*stop = (struct stop){.cause = STOP_NONE, .wake_fd = wake_fd};
}

static void wake(struct stop *stop)
{
	/* A full counter wakes all the same. */
	(void)!eventfd_write(stop->wake_fd, 1);
}

void stop_request(struct stop *stop, int cause)
{
	int none = STOP_NONE;

	atomic_compare_exchange_strong(&stop->cause, &none, cause);
	wake(stop);
}

enum stop_cause stop_cause_of(const struct stop *stop)
{
	int cause = atomic_load(&stop->cause);

	return cause < STOP_EXIT_PORT ? (enum stop_cause)cause : STOP_EXIT_PORT;
}

int stop_exit_code(const struct stop *stop)
{
	int cause = atomic_load(&stop->cause);

	return cause < STOP_EXIT_PORT ? causes[cause].exit_code : cause - STOP_EXIT_PORT;
}

const char *stop_name(const struct stop *stop)
{
	return causes[stop_cause_of(stop)].name;
}

/* The ports from PORT_SLEEP_CONTROL to PORT_RESET. */
static void power_write(void *device, uint64_t offset, unsigned width, uint64_t value)
{
	(void)width;
	if (offset == 0 && value == SLEEP_VALUE_S5)
		stop_request(device, STOP_POWER_OFF);
	else if (offset == PORT_RESET - PORT_SLEEP_CONTROL && value == RESET_VALUE)
		stop_request(device, STOP_REBOOT);
}

/* There is no keyboard controller, but kernels with `reboot=k` end by pulsing its reset line. */
static void i8042_write(void *device, uint64_t offset, unsigned width, uint64_t value)
{
	(void)offset, (void)width;
	if (value == I8042_RESET)
		stop_request(device, STOP_REBOOT);
}

static void exit_write(void *device, uint64_t offset, unsigned width, uint64_t value)
{
	struct stop *stop = device;

	(void)width;
	if (offset == 0) {
		stop_request(stop, STOP_EXIT_PORT + (int)(value & 0xff));
		return;
	}
	stop->ready = true;
	wake(stop);
}

void stop_add_ports(struct stop *stop, struct bus *io)
{
	static const struct bus_ops power = {.write = power_write};
	static const struct bus_ops i8042 = {.write = i8042_write};
	static const struct bus_ops exit = {.write = exit_write};

	bus_add(io, &(struct bus_range){"power", PORT_SLEEP_CONTROL, 5, true, &power, stop, 0, 0});
	bus_add(io, &(struct bus_range){"i8042", PORT_I8042, 1, true, &i8042, stop, 0, 0});
	bus_add(io, &(struct bus_range){"exit", PORT_EXIT, 2, true, &exit, stop, 0, 0});
}

void stop_place_reset_entry(const struct guest_ram *ram)
{
	/* mov $PORT_RESET, %dx; mov $RESET_VALUE, %al; out %al, %dx; 1: hlt; jmp 1b */
	static const uint8_t code[] = {
		0xba, PORT_RESET & 0xff, PORT_RESET >> 8, 0xb0, RESET_VALUE, 0xee, 0xf4, 0xeb,
		0xfd};
	void *place = guest_ram_at(ram, LAYOUT_BIOS_ENTRY, sizeof(code));

	if (place)
		memcpy(place, code, sizeof(code));
}
