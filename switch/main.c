#include "switch/command.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
	"Ringway: a software switch for virtual machines on one host.\n"
	"\n"
	"usage: ringway run FILE            run the switch that FILE describes, in the foreground\n"
	"       ringway check FILE          check FILE and print it with every default spelled "
	"out\n"
	"       ringway show WHAT           look into a running switch; see ringway show --help\n"
	"       ringway capture ['filter']  see frames; see ringway capture --help\n"
	"       ringway console VM          what a virtual machine says; see ringway console "
	"--help\n"
	"       ringway --help | --version\n"
	"\n"
	"FILE is an INI file. This one connects two virtual machines:\n"
	"\n"
	"  [port guest0]\n"
	"  [port guest1]\n"
	"\n"
	"It boots them as well when each has a section such as\n"
	"\n"
	"  [vm left]\n"
	"  ports = guest0\n"
	"  kernel = /boot/vmlinuz\n"
	"\n"
	"`ringway run` prints `ready` when all sockets listen; `ringway show qemu guest0` then "
	"prints\n"
	"the arguments that wire a QEMU guest to a port. SIGTERM or Ctrl-C ends it.\n"
	"\n"
	"exit code: 0 success, 1 the file or the command line is wrong, 2 failure at run time\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"run", command_run},	      {"check", command_check},	    {"show", command_show},
	{"capture", command_capture}, {"console", command_console},
};

int main(int argc, char **argv)
{
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return EXIT_OK;
	}
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		puts("ringway " RINGWAY_VERSION);
		return EXIT_OK;
	}
	for (unsigned i = 0; argc >= 2 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fputs(usage, stderr);
	return EXIT_CONFIGURATION;
}
