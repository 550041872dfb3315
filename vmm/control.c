#include "vmm/machine.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
	POLL_WAKE,
	POLL_SIGNAL,
	POLL_CONSOLE,
	POLL_LINKS,
	SAME_REQUEST_MS = 500, /* supervisors signal a process and its group: that is one request */
	TYPED_LEN = 4096,
	TYPED_RETRY_MS = 10, /* while the guest's receiver is full */
};

struct control {
	struct machine *machine;
	int signal_fd;
	bool running; /* the guest has been let go */
	bool ready_reported;
	bool link_up[OPTIONS_MAX_NETS];
	bool waiting_reported[OPTIONS_MAX_NETS];
	int64_t asked_at_ms;   /* when the power button was pressed */
	int64_t stop_at_ms;    /* INT64_MAX: no deadline */
	int64_t timeout_at_ms; /* likewise */
	uint8_t typed[TYPED_LEN];
	size_t n_typed;
};

static const int taken_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGCONT};

int control_take_signals(void)
{
	sigset_t taken, blocked;
	int fd;

	sigemptyset(&taken);
	for (size_t i = 0; i < sizeof(taken_signals) / sizeof(taken_signals[0]); i++)
		sigaddset(&taken, taken_signals[i]);
	blocked = taken;
	/* The kick of the vCPU threads, which open it themselves; and readers of a pipe may go. */
	sigaddset(&blocked, SIGUSR1);
	sigaddset(&blocked, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	fd = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int64_t now_ms(void)
{
	return machine_now_ns() / 1000000;
}

__attribute__((format(printf, 2, 3))) static void report(const struct machine *machine,
							 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (machine->options->status_fd >= 0)
		vdprintf(machine->options->status_fd, format, args);
	va_end(args);
}

void control_report_exit(const struct machine *machine)
{
	report(machine, "exit %d %s\n", stop_exit_code(&machine->stop), stop_name(&machine->stop));
}

static void report_changes(struct control *control)
{
	struct machine *machine = control->machine;

	for (unsigned i = 0; i < machine->n_nets; i++) {
		bool up = machine->net[i].link_up;

		if (up != control->link_up[i])
			report(machine, "link net%u %s\n", i, up ? "up" : "down");
		control->link_up[i] = up;
		if (!machine->link[i].known && !control->waiting_reported[i]) {
			report(machine, "waiting net%u %s\n", i, machine->link[i].path);
			control->waiting_reported[i] = true;
		}
	}
	if (machine->stop.ready && !control->ready_reported) {
		report(machine, "ready\n");
		control->ready_reported = true;
	}
}

/* The first request is polite; the second ends the VM. So does the first before the guest runs. */
static void ask_to_stop(struct control *control)
{
	struct machine *machine = control->machine;
	unsigned grace_s = machine->options->stop_timeout_s;

	if (control->stop_at_ms != INT64_MAX && now_ms() - control->asked_at_ms < SAME_REQUEST_MS)
		return;
	if (!control->running || control->stop_at_ms != INT64_MAX || grace_s == 0) {
		stop_request(&machine->stop, STOP_SIGNAL);
		return;
	}
	say("power button pressed; the guest has %u seconds to power off", grace_s);
	machine_press_power_button(machine);
	control->asked_at_ms = now_ms();
	control->stop_at_ms = control->asked_at_ms + (int64_t)grace_s * 1000;
}

static void read_signals(struct control *control)
{
	struct signalfd_siginfo info;

	while (read(control->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTSTP:
			console_suspend();
			kill(getpid(), SIGSTOP);
			break;
		case SIGCONT:
			console_resume();
			break;
		default:
			ask_to_stop(control);
		}
	}
}

static void toggle_links(struct machine *machine)
{
	pthread_mutex_lock(&machine->lock);
	for (unsigned i = 0; i < machine->n_nets; i++) {
		virtio_net_hold_down(&machine->net[i], !machine->net[i].held_down);
		say("net%u: cable %s", i, machine->net[i].held_down ? "pulled" : "plugged in");
	}
	pthread_mutex_unlock(&machine->lock);
}

static void nudge_queues(struct machine *machine)
{
	for (unsigned i = 0; i < machine->n_nets; i++)
		if (machine->net[i].running)
			virtio_net_nudge(&machine->net[i], true, true);
	say("all queues kicked and called once");
}

static void obey(struct control *control, char command)
{
	struct machine *machine = control->machine;

	switch (command) {
	case 'x':
		stop_request(&machine->stop, STOP_USER);
		break;
	case 'p':
		machine_press_power_button(machine);
		break;
	case 's':
		report_stats(machine);
		break;
	case 'l':
		toggle_links(machine);
		break;
	case 'k':
		nudge_queues(machine);
		break;
	default:
		say("Ctrl-A x quit, p power button, s statistics, l pull or plug all cables, k "
		    "kick and call all queues, a send Ctrl-A");
	}
}

/* What was typed goes to the guest as fast as it takes it. */
static void feed_serial(struct control *control)
{
	struct machine *machine = control->machine;
	size_t n;

	pthread_mutex_lock(&machine->lock);
	n = serial_receive(&machine->serial, control->typed, control->n_typed);
	pthread_mutex_unlock(&machine->lock);
	control->n_typed -= n;
	memmove(control->typed, control->typed + n, control->n_typed);
}

static void read_console(struct control *control)
{
	char command;

	control->n_typed +=
		console_read(&control->machine->console, control->typed + control->n_typed,
			     TYPED_LEN - control->n_typed, &command);
	if (command)
		obey(control, command);
}

static void check_deadlines(struct control *control)
{
	struct stop *stop = &control->machine->stop;
	int64_t now = now_ms();

	if (now >= control->stop_at_ms) {
		say("the guest did not power off in time");
		stop_request(stop, STOP_SIGNAL);
	}
	if (now >= control->timeout_at_ms) {
		say("--timeout has passed");
		stop_request(stop, STOP_TIMEOUT);
	}
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void wait_and_dispatch(struct control *control)
{
	struct machine *machine = control->machine;
	struct pollfd fds[POLL_LINKS + OPTIONS_MAX_NETS] = {
		[POLL_WAKE] = {.fd = machine->wake_fd, .events = POLLIN},
		[POLL_SIGNAL] = {.fd = control->signal_fd, .events = POLLIN},
		/* As long as there is room, also while the guest takes nothing: keys are for us,
		   too. */
		[POLL_CONSOLE] = {.fd = control->n_typed < TYPED_LEN ? machine->console.in_fd : -1,
				  .events = POLLIN}};
	int64_t now = now_ms(), then = sooner(control->stop_at_ms, control->timeout_at_ms);
	uint64_t count;

	if (control->n_typed)
		then = sooner(then, now + TYPED_RETRY_MS);
	for (unsigned i = 0; i < machine->n_nets; i++)
		then = sooner(then, net_link_interest(&machine->link[i], &fds[POLL_LINKS + i]));
	then = sooner(then > now ? then - now : 0, INT_MAX);
	if (poll(fds, POLL_LINKS + machine->n_nets, (int)then) < 0)
		return;
	if (fds[POLL_WAKE].revents && read(machine->wake_fd, &count, sizeof(count)) < 0)
		say("wake descriptor: %m");
	if (fds[POLL_SIGNAL].revents)
		read_signals(control);
	if (fds[POLL_CONSOLE].revents)
		read_console(control);
	for (unsigned i = 0; i < machine->n_nets; i++)
		if (fds[POLL_LINKS + i].revents)
			net_link_event(&machine->link[i], now_ms());
}

static void step_links(struct control *control)
{
	struct machine *machine = control->machine;
	unsigned n_known = 0;

	for (unsigned i = 0; i < machine->n_nets; i++) {
		net_link_step(&machine->link[i], now_ms());
		n_known += machine->link[i].known;
	}
	report_changes(control);
	/* What a device offers is known only when its back-end is. */
	if (!control->running && n_known == machine->n_nets) {
		control->running = true;
		report(machine, "running\n");
		machine_run(machine);
	}
}

void control_run(struct machine *machine, int signal_fd)
{
	unsigned timeout_s = machine->options->timeout_s;
	struct control control = {.machine = machine,
				  .signal_fd = signal_fd,
				  .stop_at_ms = INT64_MAX,
				  .timeout_at_ms = INT64_MAX};

	if (timeout_s)
		control.timeout_at_ms = now_ms() + (int64_t)timeout_s * 1000;
	if (machine->console.is_terminal)
		say("Ctrl-A x quits, Ctrl-A h lists other keys");
	while (stop_cause_of(&machine->stop) == STOP_NONE) {
		step_links(&control);
		if (control.n_typed)
			feed_serial(&control);
		wait_and_dispatch(&control);
		check_deadlines(&control);
	}
}
