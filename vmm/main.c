#include <stdio.h>

#include "vmm/machine.h"

static int fail(const struct refusal *why)
{
	say("%s", why->text);
	return EXIT_CODE_LAUNCHER;
}

/* From a machine that was opened to the end of its guest. */
static int run(struct machine *machine, int signal_fd)
{
	struct refusal why;

	if (machine_arm(machine, &why) < 0) {
		fail(&why);
		stop_request(&machine->stop, STOP_LAUNCHER);
	}
	control_run(machine, signal_fd);
	machine_halt(machine);
	console_suspend();
	if (machine->options->stats)
		report_stats(machine);
	say("%s: %s, exit code %d", machine->options->name, stop_name(&machine->stop),
	    stop_exit_code(&machine->stop));
	return stop_exit_code(&machine->stop);
}

/* Opens, runs or describes, closes. */
static int live(struct machine *machine, const struct options *options)
{
	int signal_fd = control_take_signals(), code = 0;
	struct refusal why;

	console_guard();
	if (machine_open(machine, options, &why) < 0)
		code = fail(&why);
	else if (options->dry_run)
		report_plan(machine);
	else
		code = run(machine, signal_fd);
	if (code == EXIT_CODE_LAUNCHER)
		stop_request(&machine->stop, STOP_LAUNCHER);
	machine_close(machine);
	if (!options->dry_run)
		control_report_exit(machine);
	return code;
}

int main(int argc, char **argv)
{
	/* Large, zero until it is touched, and never freed: a console's writer that is stuck in a
	 * stopped terminal looks at it until the process ends. */
	static struct machine machine;
	struct options options;
	struct refusal why;

	machine.born_ns = machine_now_ns();
	if (options_parse(&options, argc, argv, &why) < 0)
		return fail(&why);
	if (options.help)
		options_print_help(stdout);
	else if (options.version)
		puts("ringway-vmm " RINGWAY_VERSION);
	if (options.help || options.version)
		return 0;
	return live(&machine, &options);
}
