#include "config/topology.h"
#include "ports/ethdev.h"
#include "ports/log.h"
#include "ports/tap.h"
#include "ports/vhost.h"
#include "switch/captures.h"
#include "switch/command.h"
#include "switch/control.h"
#include "switch/eal.h"
#include "switch/plane.h"
#include "switch/report.h"
#include "switch/run_dir.h"
#include "switch/supervisor.h"

#include <errno.h>
#include <getopt.h>
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

/* What runs, as the control socket's requests find it. */
struct running {
	struct plane *plane;
	struct supervisor *vms;
	struct captures *captures;
	struct control *control;
};

static json_t *start_capture(struct running *running, struct control_request *request)
{
	char why[CAPTURES_WHY_LEN];
	int ret = captures_start_request(running->captures, request->line + strlen("capture "),
					 request->client, request->fd, why);

	request->fd = -1;
	if (ret < 0)
		return json_pack("{s:s}", "error", why);
	request->stays = true;
	return json_pack("{s:b}", "started", 1);
}

static json_t *answer(void *ctx, struct control_request *request)
{
	struct running *running = ctx;

	if (strcmp(request->line, "show vms") == 0)
		return supervisor_report(running->vms);
	if (strcmp(request->line, "show captures") == 0)
		return captures_report(running->captures);
	if (strncmp(request->line, "show ", 5) == 0)
		return report(running->plane, request->line + 5);
	if (strncmp(request->line, "capture ", 8) == 0)
		return start_capture(running, request);
	return json_pack("{s:s}", "error", "unknown request");
}

static void client_gone(void *ctx, unsigned long client)
{
	struct running *running = ctx;

	captures_stop_client(running->captures, client);
}

static void capture_ended(void *ctx, unsigned long client, json_t *last)
{
	struct running *running = ctx;

	control_finish(running->control, client, last);
}

static int publish_captures(void *ctx, const struct capture_set *set)
{
	struct running *running = ctx;

	return plane_set_captures(running->plane, set);
}

static void count_port(void *ctx, unsigned port, struct port_counters *counters)
{
	struct running *running = ctx;

	*counters = plane_port_counters(running->plane, port);
}

static int start_captures(struct running *running, bool force)
{
	const struct topology *topo = plane_topology(running->plane);
	char why[CAPTURES_WHY_LEN];

	running->captures = captures_new(&(struct captures_env){.topo = topo,
								.tsc_hz = rte_get_tsc_hz(),
								.native = true,
								.ctx = running,
								.publish = publish_captures,
								.count = count_port,
								.ended = capture_ended});
	if (!running->captures)
		return -errno;
	for (unsigned i = 0; i < topo->n_captures; i++) {
		int ret = captures_start(running->captures, &topo->captures[i], force, NULL, why);

		if (ret < 0) {
			log_event(LOG_ERROR, "capture %s: %s", topo->captures[i].name, why);
			return ret;
		}
	}
	return 0;
}

/* Ends by SIGTERM, SIGINT or SIGHUP, which every thread blocks from the start. What else would end
 * a process by accident is ignored; real-time signals are left to drivers of DPDK. */
static int open_signals(void)
{
	const int meaningless[] = {SIGUSR1, SIGUSR2,   SIGALRM, SIGVTALRM,
				   SIGPROF, SIGSTKFLT, SIGIO,	SIGPWR};
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	/* Readers that go away and files that grow too long are errors of write(2). */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	for (unsigned i = 0; i < sizeof(meaningless) / sizeof(meaningless[0]); i++)
		signal(meaningless[i], SIG_IGN);
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

static void serve(struct running *running, int signal_fd, int tick_fd)
{
	enum { SIGNALS, TICKS, CONTROL, VMS, CAPTURES, N };
	struct pollfd fds[N] = {[SIGNALS] = {.fd = signal_fd, .events = POLLIN},
				[TICKS] = {.fd = tick_fd, .events = POLLIN},
				[CONTROL] = {.fd = control_fd(running->control), .events = POLLIN},
				[VMS] = {.fd = supervisor_fd(running->vms), .events = POLLIN},
				[CAPTURES] = {.events = POLLIN}};
	bool stopping = false;
	uint64_t ticks;

	while (!stopping || supervisor_n_alive(running->vms)) {
		fds[CAPTURES].fd = captures_fd(running->captures);
		if (poll(fds, N, -1) < 0 && errno != EINTR)
			return;
		stopping = heed_signals(running, signal_fd, stopping);
		if (read(tick_fd, &ticks, sizeof(ticks)) == sizeof(ticks)) {
			plane_housekeep(running->plane);
			supervisor_tick(running->vms);
		}
		supervisor_serve(running->vms);
		control_serve(running->control);
		captures_serve(running->captures);
	}
}

static int run_plane(struct running *running, bool force, int signal_fd)
{
	const struct switch_conf *conf = &plane_topology(running->plane)->sw;
	char path[sizeof(conf->run_dir) + sizeof("/control.sock")];
	const struct control_handler handler = {
		.ctx = running, .answer = answer, .gone = client_gone};
	int tick_fd = open_ticks();
	int ret;

	snprintf(path, sizeof(path), "%s/control.sock", conf->run_dir);
	running->control = control_open(path, &handler);
	ret = running->control ? start_captures(running, force) : -errno;
	if (ret == 0)
		ret = plane_start(running->plane);
	if (ret == 0) {
		fprintf(stderr, "ready\n");
		supervisor_start(running->vms);
		serve(running, signal_fd, tick_fd);
		plane_stop(running->plane);
	} else {
		captures_forget_files(running->captures);
	}
	captures_free(running->captures);
	control_close(running->control);
	if (tick_fd >= 0)
		close(tick_fd);
	return ret;
}

static int run_eal(const struct topology *topo, struct supervisor *vms, bool force, int signal_fd)
{
	struct running running = {.vms = vms};
	int ret = eal_start(topo);

	if (ret < 0)
		return ret;
	running.plane = plane_new(topo, openers, rte_get_tsc_hz());
	ret = running.plane ? run_plane(&running, force, signal_fd) : -errno;
	plane_free(running.plane);
	eal_stop();
	return ret;
}

static int run(const struct topology *topo, bool force, int signal_fd)
{
	int lock = run_dir_claim(topo->sw.run_dir);
	struct supervisor *vms;
	int ret;

	if (lock < 0)
		return lock;
	vms = supervisor_new(topo);
	ret = vms ? run_eal(topo, vms, force, signal_fd) : -errno;
	supervisor_free(vms);
	run_dir_release(topo->sw.run_dir, lock);
	return ret;
}

static const char usage[] = "usage: ringway run [--force] FILE\n"
			    "\n"
			    "Runs the switch that FILE describes, in the foreground. Events go to "
			    "standard error, a line\n"
			    "each; the line `ready` says that all sockets listen. SIGTERM, SIGINT "
			    "or SIGHUP ends it and\n"
			    "removes its sockets. Needs neither root nor hugepages. ringway check "
			    "--help lists what FILE\n"
			    "may say.\n"
			    "\n"
			    "  --force  the captures of FILE replace files that exist\n";

static int run_file(const char *path, bool force)
{
	struct topology topo;
	int signal_fd, ret;

	if (topology_load(&topo, path, print_error, NULL) < 0)
		return EXIT_CONFIGURATION;
	signal_fd = open_signals();
	ret = signal_fd < 0 ? -errno : run(&topo, force, signal_fd);
	if (signal_fd >= 0)
		close(signal_fd);
	topology_fini(&topo);
	return ret < 0 ? EXIT_RUN_TIME : EXIT_OK;
}

int command_run(int argc, char **argv)
{
	static const struct option options[] = {
		{"force", no_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'}, {0}};
	bool force = false;
	const char *path;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option != 'f')
			return command_usage(argv[0], usage, option);
		force = true;
	}
	path = command_word(argc, argv, "FILE");
	return path ? run_file(path, force) : EXIT_CONFIGURATION;
}
