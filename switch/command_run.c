#include "config/topology.h"
#include "ports/ethdev.h"
#include "ports/log.h"
#include "ports/tap.h"
#include "ports/vhost.h"
#include "switch/command.h"
#include "switch/control.h"
#include "switch/eal.h"
#include "switch/plane.h"
#include "switch/report.h"
#include "switch/run_dir.h"
#include "switch/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <rte_cycles.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

static plane_open_port *const openers[PORT_TYPE_N] = {
	[PORT_VHOST_USER] = vhost_open,
	[PORT_TAP] = tap_port_open,
	[PORT_ETHDEV] = ethdev_port_open,
};

static void print_error(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

struct running {
	struct plane *plane;
	struct supervisor *vms;
};

static json_t *answer(void *ctx, const char *request)
{
	const struct running *running = ctx;

	if (strcmp(request, "show vms") == 0)
		return supervisor_report(running->vms);
	if (strncmp(request, "show ", 5) == 0)
		return report(running->plane, request + 5);
	return json_pack("{s:s}", "error", "unknown request");
}

/* Ends by SIGTERM, SIGINT or SIGHUP, which every thread blocks from the start. */
static int open_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int open_ticks(void)
{
	const struct itimerspec every_second = {.it_interval = {.tv_sec = 1},
						.it_value = {.tv_sec = 1}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0)
		timerfd_settime(fd, 0, &every_second, NULL);
	return fd;
}

/* Whether the switch may end: its VMs go first, and frames flow until they have gone. */
static bool heed_signals(const struct running *running, int signal_fd, bool stopping)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
		log_event(LOG_INFO, "switch %s: %s", plane_topology(running->plane)->sw.name,
			  strsignal((int)info.ssi_signo));
		supervisor_stop(running->vms);
		stopping = true;
	}
	return stopping;
}

static void serve(const struct running *running, struct control *control, int signal_fd,
		  int tick_fd)
{
	struct pollfd fds[] = {{.fd = signal_fd, .events = POLLIN},
			       {.fd = tick_fd, .events = POLLIN},
			       {.fd = control_fd(control), .events = POLLIN},
			       {.fd = supervisor_fd(running->vms), .events = POLLIN}};
	bool stopping = false;
	uint64_t ticks;

	while (!stopping || supervisor_n_alive(running->vms)) {
		if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0 && errno != EINTR)
			return;
		stopping = heed_signals(running, signal_fd, stopping);
		if (read(tick_fd, &ticks, sizeof(ticks)) == sizeof(ticks)) {
			plane_housekeep(running->plane);
			supervisor_tick(running->vms);
		}
		supervisor_serve(running->vms);
		control_serve(control);
	}
}

static int run_plane(struct running *running, int signal_fd)
{
	const struct switch_conf *conf = &plane_topology(running->plane)->sw;
	char path[sizeof(conf->run_dir) + sizeof("/control.sock")];
	struct control *control;
	int tick_fd = open_ticks();
	int ret;

	snprintf(path, sizeof(path), "%s/control.sock", conf->run_dir);
	control = control_open(path, answer, running);
	ret = control ? plane_start(running->plane) : -errno;
	if (ret == 0) {
		fprintf(stderr, "ready\n");
		supervisor_start(running->vms);
		serve(running, control, signal_fd, tick_fd);
		plane_stop(running->plane);
	}
	control_close(control);
	if (tick_fd >= 0)
		close(tick_fd);
	return ret;
}

static int run_eal(const struct topology *topo, struct supervisor *vms, int signal_fd)
{
	struct running running = {.vms = vms};
	int ret = eal_start(topo);

	if (ret < 0)
		return ret;
	running.plane = plane_new(topo, openers, rte_get_tsc_hz());
	ret = running.plane ? run_plane(&running, signal_fd) : -errno;
	plane_free(running.plane);
	eal_stop();
	return ret;
}

static int run(const struct topology *topo, int signal_fd)
{
	int lock = run_dir_claim(topo->sw.run_dir);
	struct supervisor *vms;
	int ret;

	if (lock < 0)
		return lock;
	vms = supervisor_new(topo);
	ret = vms ? run_eal(topo, vms, signal_fd) : -errno;
	supervisor_free(vms);
	run_dir_release(topo->sw.run_dir, lock);
	return ret;
}

static const char usage[] = "usage: ringway run FILE\n"
			    "\n"
			    "Runs the switch that FILE describes, in the foreground. Events go to "
			    "standard error, a line\n"
			    "each; the line `ready` says that all sockets listen. SIGTERM, SIGINT "
			    "or SIGHUP ends it and\n"
			    "removes its sockets. Needs neither root nor hugepages. ringway check "
			    "--help lists what FILE\n"
			    "may say.\n";

int command_run(int argc, char **argv)
{
	struct topology topo;
	int signal_fd, ret;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return EXIT_OK;
	}
	if (argc != 2) {
		fputs(usage, stderr);
		return EXIT_CONFIGURATION;
	}
	if (topology_load(&topo, argv[1], print_error, NULL) < 0)
		return EXIT_CONFIGURATION;
	signal_fd = open_signals();
	ret = signal_fd < 0 ? -errno : run(&topo, signal_fd);
	if (signal_fd >= 0)
		close(signal_fd);
	topology_fini(&topo);
	return ret < 0 ? EXIT_RUN_TIME : EXIT_OK;
}
