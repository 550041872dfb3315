/* find_switch.h - which running switch a command means.
 *
 * Threads:   the main thread.
 * Ownership: writes into the caller's buffer.
 * Failure:   -1, after a line that says how to name one. */
#ifndef SWITCH_FIND_SWITCH_H
#define SWITCH_FIND_SWITCH_H

#include <limits.h>

/* The control socket that --switch NAME or --switch SOCKET means; without (NULL) that of the one
 * switch that runs. */
int find_switch(const char *which, char path[PATH_MAX]);

#endif
