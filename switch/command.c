#include "switch/command.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int command_refuse(const char *command, const char *format, ...)
{
	va_list values;

	fprintf(stderr, "%s: ", command);
	va_start(values, format);
	vfprintf(stderr, format, values);
	va_end(values);
	fprintf(stderr, "; see `%s --help`\n", command);
	return EXIT_CONFIGURATION;
}

int command_usage(const char *command, const char *usage, int option)
{
	if (option == 'h') {
		fputs(usage, stdout);
		return EXIT_OK;
	}
	/* getopt(3) has said what is wrong. */
	fprintf(stderr, "see `%s --help`\n", command);
	return EXIT_CONFIGURATION;
}

const char *command_word(int argc, char **argv, const char *noun)
{
	if (argc - optind == 1 && argv[optind][0])
		return argv[optind];
	if (argc - optind > 1)
		command_refuse(argv[0], "\"%s\" is one word too many: it takes one %s",
			       argv[optind + 1], noun);
	else
		command_refuse(argv[0], "the %s is missing", noun);
	return NULL;
}

int command_no_answer(const char *socket, int error)
{
	const char *advice = ": is the switch running?";

	if (error == EACCES || error == EPERM)
		advice = ": run this as the user who runs the switch, or as root";
	else if (error == ETIMEDOUT)
		advice = ": the switch is stopped, or very busy";
	else if (error == EPROTO)
		advice = ": the switch has just ended, or this is no control socket; that is "
			 "control.sock in the run-dir";
	fprintf(stderr, "ringway: no answer from %s: %s%s\n", socket, strerror(error), advice);
	return EXIT_RUN_TIME;
}
