#include "switch/command.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* Descriptors that the caller closed would become sockets, and what is printed would go there. */
static void fill_standard_descriptors(void)
{
	int fd = open("/dev/null", O_RDONLY);

	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = open("/dev/null", O_RDONLY);
	if (fd >= 0)
		close(fd);
}

static int run(int argc, char **argv)
{
	char name[32];

	if (argc < 2) {
		fputs(usage, stderr);
		return EXIT_CONFIGURATION;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(usage, stdout);
		return EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("ringway " RINGWAY_VERSION);
		return EXIT_OK;
	}
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		/* As getopt(3) shall call it. */
		snprintf(name, sizeof(name), "ringway %s", commands[i].name);
		argv[1] = name;
		return commands[i].run(argc - 1, argv + 1);
	}
	return command_refuse("ringway", "there is no command \"%s\"", argv[1]);
}

int main(int argc, char **argv)
{
	int ret;

	fill_standard_descriptors();
	ret = run(argc, argv);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return ret;
	fputs("ringway: standard output cannot be written\n", stderr);
	return EXIT_RUN_TIME;
}
