#include "options.h"

#include "print.h"

enum {
	MAX_SIZE = 1400,
	MAX_TIMEOUT_MS = 4000,
};

static bool starts(const char **at, const char *key)
{
	const char *p = *at;

	while (*key)
		if (*p++ != *key++)
			return false;
	*at = p;
	return true;
}

static bool number(const char **at, uint32_t *value)
{
	const char *p = *at;

	*value = 0;
	while (*p >= '0' && *p <= '9')
		*value = *value * 10 + (uint32_t)(*p++ - '0');
	if (p == *at)
		return false;
	*at = p;
	return true;
}

static bool address(const char **at, uint8_t ip[4])
{
	for (unsigned i = 0; i < 4; i++) {
		uint32_t part;

		if ((i && *(*at)++ != '.') || !number(at, &part) || part > 255)
			return false;
		ip[i] = (uint8_t)part;
	}
	return true;
}

static bool flag(const char **at, bool *value)
{
	uint32_t n;

	if (!number(at, &n) || n > 1)
		return false;
	*value = n;
	return true;
}

static bool action(const char **at, enum action *value)
{
	static const char *const names[] = {[ACTION_NET] = "net",
					    [ACTION_POWER_OFF] = "poweroff",
					    [ACTION_REBOOT] = "reboot",
					    [ACTION_KEYBOARD_RESET] = "i8042",
					    [ACTION_TRIPLE_FAULT] = "triplefault",
					    [ACTION_EXIT] = "exit",
					    [ACTION_HANG] = "hang",
					    [ACTION_FLOOD] = "flood",
					    [ACTION_PORTS] = "ports"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (starts(at, names[i])) {
			*value = (enum action)i;
			return true;
		}
	}
	return false;
}

static bool word(struct options *o, const char **at)
{
	if (starts(at, "ip="))
		return address(at, o->ip);
	if (starts(at, "ping=")) {
		o->has_ping = true;
		return address(at, o->ping);
	}
	if (starts(at, "count="))
		return number(at, &o->count);
	if (starts(at, "interval_us="))
		return number(at, &o->interval_us);
	if (starts(at, "timeout_ms="))
		return number(at, &o->timeout_ms) && o->timeout_ms <= MAX_TIMEOUT_MS;
	if (starts(at, "size="))
		return number(at, &o->size) && o->size <= MAX_SIZE;
	if (starts(at, "nic="))
		return number(at, &o->nic);
	if (starts(at, "code="))
		return number(at, &o->code);
	if (starts(at, "quiet="))
		return flag(at, &o->quiet);
	if (starts(at, "serve="))
		return flag(at, &o->serve);
	if (starts(at, "action="))
		return action(at, &o->action);
	return false;
}

bool options_parse(struct options *o, const char *cmdline)
{
	*o = (struct options){.ip = {10, 0, 0, 1},
			      .count = 5,
			      .interval_us = 1000000,
			      .timeout_ms = 1000,
			      .size = 56};
	while (*cmdline) {
		const char *at = cmdline;

		if (*cmdline == ' ') {
			cmdline++;
			continue;
		}
		if (!word(o, &at) || (*at && *at != ' ')) {
			print("guest: cannot understand: ");
			print(cmdline);
			print_end();
			return false;
		}
		cmdline = at;
	}
	return true;
}
