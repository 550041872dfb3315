/* tty_guard.h - gives the terminal back whatever kills the process: a fault, an abort, a forbidden
 * system call.
 *
 * Threads:   armed and disarmed by the control thread; the handlers run in any thread.
 * Ownership: keeps a copy of the settings.
 * Failure:   none.
 *
 * A signal handler has no argument to find the terminal by, so this is the one place besides the
 * stop flag that keeps state at file scope. */
#ifndef RINGWAY_VMM_TTY_GUARD_H
#define RINGWAY_VMM_TTY_GUARD_H

#include <termios.h>

/* Catches SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT and SIGSYS. */
void tty_guard_install(void);
void tty_guard_arm(int fd, const struct termios *saved);
void tty_guard_disarm(void);

#endif
