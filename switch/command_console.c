#include "switch/command.h"
#include "switch/console.h"
#include "switch/control.h"
#include "switch/find_switch.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] = "usage: ringway console VM [-s NAME|SOCKET]\n"
			    "\n"
			    "Shows the serial port of a virtual machine that `ringway run` "
			    "started. With console = file it\n"
			    "prints what the VM says until the VM ends (Ctrl-C leaves earlier). "
			    "With console = pty it is a\n"
			    "terminal: what you type goes to the VM, and Ctrl-] leaves.\n"
			    "\n"
			    "  -s, --switch\n"
			    "           the switch: its name, or the path of its control socket;\n"
			    "           not needed when only one is running\n";

static const json_t *find_vm(const json_t *answer, const char *name)
{
	const json_t *vm;
	size_t i;

	json_array_foreach (json_object_get(answer, "vms"), i, vm)
		if (strcmp(json_string_value(json_object_get(vm, "name")), name) == 0)
			return vm;
	return NULL;
}

/* What the console needs to know of the VM from time to time. */
struct asker {
	const char *socket;
	const char *vm;
};

static bool vm_runs(void *ctx)
{
	const struct asker *asker = ctx;
	json_t *answer = control_ask(asker->socket, "show vms");
	const json_t *vm = find_vm(answer, asker->vm);
	bool runs = vm && strcmp(json_string_value(json_object_get(vm, "state")), "ended") != 0;

	json_decref(answer);
	return runs;
}

/* The hypervisor makes the console a moment after its start. */
static bool wait_for_console(const struct asker *asker, const char *path)
{
	const struct timespec pause = {.tv_nsec = 100000000};
	struct asker copy = *asker;

	while (access(path, F_OK) < 0) {
		if (errno != ENOENT)
			return true;
		if (!vm_runs(&copy))
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static void tell_no_console(const struct asker *asker)
{
	json_t *answer = control_ask(asker->socket, "show vms");
	const char *end = json_string_value(json_object_get(find_vm(answer, asker->vm), "end"));

	fprintf(stderr, "ringway: vm %s has no console any more: %s\n", asker->vm,
		end ? end : "it ended");
	json_decref(answer);
}

static int show_console(const struct asker *asker)
{
	json_t *answer = control_ask(asker->socket, "show vms");
	const json_t *vm = find_vm(answer, asker->vm);
	const char *path = json_string_value(json_object_get(vm, "console"));
	struct asker copy = *asker;
	int ret = EXIT_CONFIGURATION;

	if (!answer) {
		ret = command_no_answer(asker->socket, errno);
	} else if (!vm) {
		fprintf(stderr, "ringway: there is no vm \"%s\": `ringway show vms` lists them\n",
			asker->vm);
	} else if (!path) {
		fprintf(stderr,
			"ringway: vm %s has console = none: write console = file or pty, and start "
			"it anew\n",
			asker->vm);
	} else if (!wait_for_console(asker, path)) {
		tell_no_console(asker);
		ret = EXIT_RUN_TIME;
	} else {
		ret = console_show(path, vm_runs, &copy) < 0 ? EXIT_RUN_TIME : EXIT_OK;
	}
	json_decref(answer);
	return ret;
}

int command_console(int argc, char **argv)
{
	static const struct option options[] = {
		{"switch", required_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *which = NULL, *vm;
	char path[PATH_MAX];
	int option;

	while ((option = getopt_long(argc, argv, "s:h", options, NULL)) != -1) {
		if (option != 's')
			return command_usage(argv[0], usage, option);
		which = optarg;
	}
	vm = command_word(argc, argv, "VM");
	if (!vm)
		return EXIT_CONFIGURATION;
	if (find_switch(which, path) < 0)
		return EXIT_RUN_TIME;
	return show_console(&(struct asker){.socket = path, .vm = vm});
}
