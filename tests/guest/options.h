/* options.h - the command line of the tiny guest: words KEY=VALUE, separated by spaces.
 *
 * Threads:   one.
 * Ownership: plain values.
 * Failure:   false, and a line on the console that names the word. */
#ifndef TESTS_GUEST_OPTIONS_H
#define TESTS_GUEST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum action {
	ACTION_NET, /* ping, or answer until told to end */
	ACTION_POWER_OFF,
	ACTION_REBOOT,
	ACTION_KEYBOARD_RESET,
	ACTION_TRIPLE_FAULT,
	ACTION_EXIT,  /* with code=N */
	ACTION_HANG,  /* deaf to the power button */
	ACTION_FLOOD, /* the console, count lines */
	ACTION_PORTS  /* reads and writes every port but the ones that end the VM */
};

struct options {
	enum action action;
	uint8_t ip[4];
	uint8_t ping[4];
	bool has_ping;
	bool quiet; /* no line for each answer */
	bool serve; /* go on answering after the last ping */
	uint32_t nic;
	uint32_t count; /* 0: for ever */
	uint32_t interval_us;
	uint32_t timeout_ms;
	uint32_t size; /* bytes after the ICMP header */
	uint32_t code;
};

bool options_parse(struct options *options, const char *cmdline);

#endif
