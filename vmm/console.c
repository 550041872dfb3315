#include "vmm/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "vmm/sandbox.h"
#include "vmm/stop.h"

enum {
	DRAIN_S = 1,
	FILE_MODE = 0600,
};

static struct termios guarded_settings; /* as the terminal was found */
static volatile sig_atomic_t guarded_fd = -1;

void console_suspend(void)
{
	if (guarded_fd >= 0)
		tcsetattr(guarded_fd, TCSANOW, &guarded_settings);
}

static void on_fault(int signal)
{
	console_suspend();
	/* The handler is gone by now (SA_RESETHAND): this time the signal ends the process. */
	raise(signal);
}

static void on_forbidden_call(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	console_suspend();
	say("sandbox: system call %d is not allowed; please report this; --sandbox off goes on "
	    "without",
	    info->si_syscall);
	_exit(EXIT_CODE_LAUNCHER);
}

void console_guard(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	struct sigaction fault = {.sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND};
	struct sigaction forbidden = {.sa_sigaction = on_forbidden_call, .sa_flags = SA_SIGINFO};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &fault, NULL);
	sigaction(SIGSYS, &forbidden, NULL);
}

static bool in_foreground(int fd)
{
	return isatty(fd) && tcgetpgrp(fd) == getpgrp();
}

static void make_raw(void)
{
	struct termios raw = guarded_settings;

	cfmakeraw(&raw);
	/* The guest ends its lines with CR LF; our own lines keep their shape, too. */
	raw.c_oflag = guarded_settings.c_oflag;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static int open_stdio(struct console *console)
{
	struct stat st;

	console->out_fd = STDOUT_FILENO;
	if (isatty(STDIN_FILENO)) {
		/* In the background the terminal belongs to somebody else. */
		if (!in_foreground(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &guarded_settings) < 0)
			return 0;
		console->is_terminal = true;
		guarded_fd = STDIN_FILENO;
		make_raw();
	} else if (fstat(STDIN_FILENO, &st) < 0 || S_ISCHR(st.st_mode)) {
		return 0; /* closed, or /dev/null */
	}
	console->in_fd = STDIN_FILENO;
	return 0;
}

static int open_pty(struct console *console, const char *link, struct refusal *why)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios raw;
	char name[64];

	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0 ||
	    ptsname_r(fd, name, sizeof(name)) != 0) {
		int error = errno;

		close(fd);
		return refuse(why, error, "console: cannot make a pseudo-terminal: %s",
			      strerror(error));
	}
	console->in_fd = console->out_fd = fd;
	console->pty_peer = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (console->pty_peer >= 0 && tcgetattr(console->pty_peer, &raw) == 0) {
		cfmakeraw(&raw);
		tcsetattr(console->pty_peer, TCSANOW, &raw);
	}
	if (*link) {
		struct stat st;

		/* A link of a former run may go, anything else is not ours. */
		if (lstat(link, &st) == 0 && S_ISLNK(st.st_mode))
			unlink(link);
		if (symlink(name, link) < 0)
			return refuse(why, errno, "console: cannot make the link %s: %m", link);
		console->link = link;
	}
	say("console: %s", *link ? link : name);
	return 0;
}

int console_open(struct console *console, const char *spec, struct refusal *why)
{
	if (strcmp(spec, "stdio") == 0)
		return open_stdio(console);
	if (strcmp(spec, "pty") == 0)
		return open_pty(console, "", why);
	if (strncmp(spec, "pty:", 4) == 0)
		return open_pty(console, spec + 4, why);
	if (strcmp(spec, "none") == 0)
		return 0;
	if (strncmp(spec, "file:", 5) == 0) {
		spec += 5;
		console->out_fd = open(spec, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
		return console->out_fd >= 0
			       ? 0
			       : refuse(why, errno, "console: cannot write %s: %m", spec);
	}
	return refuse(why, EINVAL,
		      "console: \"%s\" is none of stdio, pty, pty:LINK, file:PATH, none", spec);
}

static void *run_writer(void *arg)
{
	struct console *console = arg;
	struct refusal why;
	char bytes[4096];
	ssize_t len, n;

	if (sandbox_enter(SANDBOX_WRITER, console->sandbox, &why) < 0)
		say("%s", why.text);
	while ((len = read(console->pipe[0], bytes, sizeof(bytes))) > 0) {
		for (ssize_t at = 0; at < len; at += n) {
			n = write(console->out_fd, bytes + at, (size_t)(len - at));
			if (n < 0 && (errno == EINTR || errno == EAGAIN))
				n = 0;
			/* Nobody reads any more: what was put is lost, and counted. */
			if (n < 0) {
				n = len - at;
				console->n_dropped += (uint64_t)n;
			}
		}
	}
	return NULL;
}

int console_start(struct console *console, enum sandbox_mode sandbox, struct refusal *why)
{
	int rc;

	if (console->out_fd < 0)
		return 0;
	console->sandbox = sandbox;
	if (pipe2(console->pipe, O_CLOEXEC) < 0 || fcntl(console->pipe[1], F_SETFL, O_NONBLOCK) < 0)
		return refuse(why, errno, "console: cannot make a pipe: %m");
	rc = pthread_create(&console->writer, NULL, run_writer, console);
	if (rc != 0)
		return refuse(why, rc, "console: cannot create its thread: %s", strerror(rc));
	console->has_writer = true;
	return 0;
}

/* The writer ends when the pipe is closed and empty, if nothing holds it up. One that is stuck in a
 * stopped terminal ends with the process. Returns whether it has ended. */
static bool end_writer(struct console *console)
{
	struct timespec until;

	if (!console->has_writer)
		return true;
	console->has_writer = false;
	close(console->pipe[1]);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DRAIN_S;
	if (pthread_timedjoin_np(console->writer, NULL, &until) != 0)
		return false;
	close(console->pipe[0]);
	return true;
}

void console_close(struct console *console)
{
	bool ended = end_writer(console);

	console_suspend();
	guarded_fd = -1;
	if (console->link)
		unlink(console->link);
	if (console->out_fd > STDERR_FILENO && ended)
		close(console->out_fd);
	close(console->pty_peer);
	console->in_fd = console->out_fd = console->pty_peer = -1;
	console->is_terminal = false;
}

void console_put(struct console *console, uint8_t byte)
{
	if (console->has_writer && write(console->pipe[1], &byte, 1) != 1)
		console->n_dropped++;
}

/* Takes escapes out of what was typed. Returns how many bytes stay. Bytes behind a command are
 * dropped: nobody types that fast. */
static size_t filter_escapes(struct console *console, uint8_t *bytes, size_t len, char *command)
{
	size_t n = 0;

	for (size_t i = 0; i < len && !*command; i++) {
		if (!console->escape_seen && bytes[i] == CONSOLE_ESCAPE) {
			console->escape_seen = true;
			continue;
		}
		if (console->escape_seen && bytes[i] != 'a' && bytes[i] != CONSOLE_ESCAPE)
			*command = (char)bytes[i];
		else
			bytes[n++] = console->escape_seen ? CONSOLE_ESCAPE : bytes[i];
		console->escape_seen = false;
	}
	return n;
}

size_t console_read(struct console *console, uint8_t *out, size_t out_len, char *command)
{
	struct pollfd ready = {.fd = console->in_fd, .events = POLLIN};
	ssize_t n;

	*command = 0;
	if (poll(&ready, 1, 0) != 1)
		return 0;
	n = read(console->in_fd, out, out_len);
	if (n > 0)
		return console->is_terminal ? filter_escapes(console, out, (size_t)n, command)
					    : (size_t)n;
	if (n == 0 || (errno != EINTR && errno != EAGAIN))
		console->in_fd = -1; /* no more input, ever */
	return 0;
}

void console_resume(void)
{
	if (guarded_fd >= 0 && in_foreground(guarded_fd))
		make_raw();
}
