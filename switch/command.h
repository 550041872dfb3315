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

/* argv[0] is the command's name. */
int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_console(int argc, char **argv);
int command_show(int argc, char **argv);
int command_capture(int argc, char **argv);

#endif
