#include <stdio.h>

#include "clock.h"
#include "load.h"
#include "options.h"
#include "report.h"

static int run_cores(const struct options *options)
{
	bool placement = options->mode == MODE_PLACEMENT;
	uint64_t cycles = placement ? clock_placement(options->core, options->core_peer)
				    : clock_wake_up(options->core, options->core_peer);

	if (cycles == 0) {
		fprintf(stderr,
			"vgen: --core and --core-peer have to be two cores that this process may "
			"use\n");
		return 1;
	}
	return report_write_cores(options,
				  placement ? "cache_line_round_trip_cycles"
					    : "eventfd_round_trip_cycles",
				  cycles) < 0;
}

static int run_load(const struct options *options)
{
	struct load load;
	unsigned i;
	int ret;

	if (options->core >= 0 && clock_pin(options->core) < 0) {
		fprintf(stderr, "vgen: core %d cannot be had; see nproc\n", options->core);
		return 1;
	}
	ret = load_open(&load, options);
	if (ret == 0)
		ret = load_start(&load);
	for (i = 0; i < options->n_slices && ret == 0; i++) {
		ret = load_measure(&load);
		if (ret == 0)
			ret = report_write(&load);
	}
	if (ret == 0)
		ret = load_stop(&load);
	load_close(&load);
	return ret < 0;
}

int main(int argc, char **argv)
{
	struct options options;

	switch (options_parse(&options, argc, argv)) {
	case OPTIONS_HELP:
		return 0;
	case OPTIONS_BAD:
		return 2;
	default:
		break;
	}
	return options_is_of_cores(&options) ? run_cores(&options) : run_load(&options);
}
