#include "vmm/tty_guard.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/refusal.h"
#include "vmm/stop.h"

static struct termios settings;
static volatile sig_atomic_t guarded_fd = -1;

static void restore(void)
{
	if (guarded_fd >= 0)
		tcsetattr(guarded_fd, TCSANOW, &settings);
}

static void on_fault(int signal)
{
	restore();
	/* The handler is gone by now (SA_RESETHAND); the fault happens again and ends the process.
	 */
	raise(signal);
}

static void on_forbidden_call(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	restore();
	say("sandbox: system call %d is not allowed; please report this; --sandbox off goes on "
	    "without",
	    info->si_syscall);
	_exit(EXIT_CODE_LAUNCHER);
}

void tty_guard_install(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	struct sigaction fault = {.sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND};
	struct sigaction forbidden = {.sa_sigaction = on_forbidden_call, .sa_flags = SA_SIGINFO};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &fault, NULL);
	sigaction(SIGSYS, &forbidden, NULL);
}

void tty_guard_arm(int fd, const struct termios *saved)
{
	settings = *saved;
	guarded_fd = fd;
}

void tty_guard_disarm(void)
{
	guarded_fd = -1;
}
