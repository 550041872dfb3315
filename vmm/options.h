/* options.h - the command line of ringway-vmm.
 *
 * Threads:   before any other.
 * Ownership: borrows the strings of argv.
 * Failure:   -EINVAL with a refusal that names the option. */
#ifndef RINGWAY_VMM_OPTIONS_H
#define RINGWAY_VMM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/refusal.h"

enum {
	OPTIONS_MAX_NETS = 16,
	OPTIONS_MAX_CPUS = 64,
	OPTIONS_MAC_LEN = 6,
};

enum sandbox_mode {
	SANDBOX_OFF,
	SANDBOX_LOG,  /* forbidden calls go through and stand in the kernel's audit log */
	SANDBOX_KILL, /* they end the process */
};

struct options_net {
	char *socket;
	uint8_t mac[OPTIONS_MAC_LEN]; /* if not given, derived from the name of the VM */
	unsigned pairs;
	unsigned mtu;	 /* 0: none */
	unsigned server; /* 1: the back-end connects to us */
};

struct options {
	bool help, version, dry_run, stats, prealloc;
	char *name;
	char *kernel; /* NULL: the built-in guest */
	char *initrd;
	char *append;
	char *console;
	char *dump_acpi; /* a directory */
	uint64_t memory;
	uint64_t page_size;
	unsigned n_cpus;
	unsigned n_pins;
	unsigned pin[OPTIONS_MAX_CPUS]; /* host CPU of vCPU i */
	unsigned n_nets;
	struct options_net net[OPTIONS_MAX_NETS];
	unsigned sandbox; /* enum sandbox_mode */
	unsigned stop_timeout_s;
	unsigned timeout_s; /* 0: none */
	int status_fd;	    /* -1: none */
};

/* Takes lists in argv apart in place. */
int options_parse(struct options *options, int argc, char **argv, struct refusal *why);

void options_print_help(FILE *out);
/* The end of it, after the options: help.txt. */
extern const uint8_t options_help[];
extern const size_t options_help_len;

#endif
