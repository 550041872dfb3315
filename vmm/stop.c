#include "vmm/stop.h"

#include <assert.h>
#include <stdint.h>
#include <unistd.h>

static const char *const names[] = {
	[STOP_NONE] = "running",    [STOP_POWER_OFF] = "power-off",
	[STOP_REBOOT] = "reboot",   [STOP_EXIT_PORT] = "exit-port",
	[STOP_USER] = "quit",	    [STOP_SIGNAL] = "stopped",
	[STOP_TIMEOUT] = "timeout", [STOP_TRIPLE_FAULT] = "triple-fault",
	[STOP_KVM] = "kvm-error",   [STOP_LAUNCHER] = "launcher-error",
};
static_assert(sizeof(names) / sizeof(names[0]) == STOP_N, "a name for each cause");

void stop_init(struct stop *stop, int wake_fd)
{
	atomic_init(&stop->cause, STOP_NONE);
	stop->value = -1;
	stop->wake_fd = wake_fd;
}

void stop_request(struct stop *stop, enum stop_cause cause, int value)
{
	const uint64_t one = 1;
	int none = STOP_NONE;

	/* Only one guest CPU at a time is inside a device, so value has one writer. */
	if (atomic_load(&stop->cause) == STOP_NONE && cause == STOP_EXIT_PORT)
		stop->value = value;
	atomic_compare_exchange_strong(&stop->cause, &none, (int)cause);
	if (write(stop->wake_fd, &one, sizeof(one)) < 0)
		return;
}

enum stop_cause stop_cause_of(const struct stop *stop)
{
	return (enum stop_cause)atomic_load(&stop->cause);
}

int stop_exit_code(const struct stop *stop)
{
	switch (stop_cause_of(stop)) {
	case STOP_EXIT_PORT:
		return stop->value;
	case STOP_REBOOT:
		return EXIT_CODE_REBOOT;
	case STOP_SIGNAL:
	case STOP_TIMEOUT:
		return EXIT_CODE_TIMEOUT;
	case STOP_TRIPLE_FAULT:
		return EXIT_CODE_TRIPLE_FAULT;
	case STOP_KVM:
		return EXIT_CODE_KVM;
	case STOP_LAUNCHER:
		return EXIT_CODE_LAUNCHER;
	default:
		return 0;
	}
}

const char *stop_name(enum stop_cause cause)
{
	return names[cause];
}
