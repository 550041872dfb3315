/* find_switch.h - which running switch a command is meant for.
 *
 * Threads:   the main thread.
 * Failure:   -1 after a line on standard error that says what to do. */
#ifndef SWITCH_FIND_SWITCH_H
#define SWITCH_FIND_SWITCH_H

#include <limits.h>

/* The control socket that -s NAME or -s SOCKET means; NULL: that of the one switch that there is.
 */
int find_switch(const char *which, char path[PATH_MAX]);

#endif
