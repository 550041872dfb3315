/* console.h - the serial port of a VM on this terminal: a file that is followed, or a terminal or
 * socket that is typed into.
 *
 * Threads:   the main thread; takes SIGINT, SIGTERM and SIGHUP, which end it, and ignores SIGPIPE.
 * Ownership: borrows standard input and output. The settings of a terminal are restored on every
 *            way out but SIGKILL.
 * Failure:   -errno after a line that says why. */
#ifndef SWITCH_CONSOLE_H
#define SWITCH_CONSOLE_H

#include <stdbool.h>

/* Whether the VM still runs; asked now and then while a file is followed. */
typedef bool console_vm_runs(void *ctx);

int console_show(const char *path, console_vm_runs *runs, void *ctx);

#endif
