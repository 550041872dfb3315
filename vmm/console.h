/* console.h - where the serial port of a guest goes: this terminal, a new pseudo-terminal, a file,
 * or nowhere.
 *
 * Threads:   console_put() from vCPU threads; a thread of its own writes what was put, so that a
 *            stopped terminal or a full pipe never stops a guest; everything else belongs to the
 *            control thread.
 * Ownership: borrows spec; keeps its descriptors and the terminal's settings, which console_close()
 * restores. Failure:   0 or -errno with a refusal. Output that finds no room in time is dropped and
 * counted.
 *
 * A signal handler has no argument to find the terminal by, so the settings that console_guard()
 * gives back are the one thing besides the stop flag that is kept at file scope. */
#ifndef RINGWAY_VMM_CONSOLE_H
#define RINGWAY_VMM_CONSOLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/options.h"

enum { CONSOLE_ESCAPE = 1 }; /* Ctrl-A */

struct console {
	int in_fd;  /* to poll; -1: no input */
	int out_fd; /* -1: none */
	bool is_terminal;
	bool escape_seen;
	const char *link; /* to a pseudo-terminal, made at the path of spec; NULL: none */
	int pty_peer;	  /* kept open, so that the master never hangs up */

	pthread_t writer;
	bool has_writer;
	enum sandbox_mode sandbox;
	int pipe[2]; /* from the vCPU that puts to the writer; what finds no room is dropped */
	atomic_uint_fast64_t n_dropped;
};

/* Whatever kills the process from now on - a fault, an abort, a forbidden system call - gives the
 * terminal back first. */
void console_guard(void);

/* spec: stdio, pty, pty:LINK, file:PATH or none. The console was zeroed, its descriptors are -1. */
int console_open(struct console *console, const char *spec, struct refusal *why);
/* Starts the writer in its sandbox. */
int console_start(struct console *console, enum sandbox_mode sandbox, struct refusal *why);
/* Waits a short while for what was put, restores the terminal. */
void console_close(struct console *console);

void console_put(struct console *console, uint8_t byte);

/* Reads what the user typed, without waiting. Returns how many bytes for the guest it put to out; a
 * command character after the escape is returned through *command (0: none). */
size_t console_read(struct console *console, uint8_t *out, size_t out_len, char *command);

/* Before the process stops (Ctrl-Z from outside) and after it goes on. */
void console_suspend(void);
void console_resume(void);

#endif
