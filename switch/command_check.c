#include "config/topology.h"
#include "switch/command.h"

#include <getopt.h>
#include <stdio.h>

static void print_error(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

static int check_file(const char *path)
{
	struct topology topo;
	int ret;

	if (topology_load(&topo, path, print_error, NULL) < 0)
		return EXIT_CONFIGURATION;
	ret = topology_dump(&topo, stdout) < 0 ? EXIT_RUN_TIME : EXIT_OK;
	topology_fini(&topo);
	return ret;
}

int command_check(int argc, char **argv)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
	static const char usage[] =
		"usage: ringway check FILE\n\n"
		"Checks FILE and prints it with every default spelled out, or lists every "
		"mistake\n"
		"in it and exits with 1. What a file may say:\n\n";
	int option = getopt_long(argc, argv, "h", options, NULL);
	const char *path;

	if (option != -1) {
		int ret = command_usage(argv[0], usage, option);

		return ret == EXIT_OK && topology_reference(stdout) < 0 ? EXIT_RUN_TIME : ret;
	}
	path = command_word(argc, argv, "FILE");
	return path ? check_file(path) : EXIT_CONFIGURATION;
}
