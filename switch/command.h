/* command.h - the commands of the program `ringway`: each takes its own words of the command line
 * and returns an exit code.
 *
 * Threads:   the main thread. */
#ifndef SWITCH_COMMAND_H
#define SWITCH_COMMAND_H

enum exit_code {
	EXIT_OK = 0,
	EXIT_CONFIGURATION = 1, /* the file or the command line is wrong; nothing was created */
	EXIT_RUN_TIME = 2,
};

/* argv[0] is how the command is called, such as "ringway show". */
int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_console(int argc, char **argv);
int command_show(int argc, char **argv);
int command_capture(int argc, char **argv);

/* Says what is wrong with the command line, and where to read on: EXIT_CONFIGURATION. */
int command_refuse(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What an option calls for that is 'h', or that getopt(3) did not know: the exit code. */
int command_usage(const char *command, const char *usage, int option);

/* The one word behind the options, or NULL after command_refuse(). */
const char *command_word(int argc, char **argv, const char *noun);

/* Says why a switch did not answer, and what to do: EXIT_RUN_TIME. */
int command_no_answer(const char *socket, int error);

#endif
