#include "config/topology.h"
#include "switch/command.h"

#include <stdio.h>
#include <string.h>

static void print_error(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

int command_check(int argc, char **argv)
{
	struct topology topo;
	int ret;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		printf("usage: ringway check FILE\n\n"
		       "Checks FILE and prints it with every default spelled out, or lists every "
		       "mistake\n"
		       "in it and exits with 1. What a file may say:\n\n");
		return topology_reference(stdout) < 0 ? EXIT_RUN_TIME : EXIT_OK;
	}
	if (argc != 2) {
		fprintf(stderr,
			"usage: ringway check FILE; ringway check --help lists what it may say\n");
		return EXIT_CONFIGURATION;
	}
	if (topology_load(&topo, argv[1], print_error, NULL) < 0)
		return EXIT_CONFIGURATION;
	ret = topology_dump(&topo, stdout) < 0 || fflush(stdout) != 0 ? EXIT_RUN_TIME : EXIT_OK;
	topology_fini(&topo);
	return ret;
}
