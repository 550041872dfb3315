#include "config/topology.h"
#include "switch/command.h"

#include <stdio.h>

static void print_error(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

int command_check(int argc, char **argv)
{
	struct topology topo;
	int ret;

	if (argc != 2) {
		fprintf(stderr, "usage: ringway check FILE\n");
		return EXIT_CONFIGURATION;
	}
	if (topology_load(&topo, argv[1], print_error, NULL) < 0)
		return EXIT_CONFIGURATION;
	ret = topology_dump(&topo, stdout) < 0 || fflush(stdout) != 0 ? EXIT_RUN_TIME : EXIT_OK;
	topology_fini(&topo);
	return ret;
}
