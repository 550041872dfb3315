#include "config/capture_conf.h"
#include "switch/capture_file.h"
#include "switch/command.h"
#include "switch/control.h"
#include "switch/find_switch.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
	"usage: ringway capture [-p PORT,..] [-d rx|tx|both] [--drops] [-s SNAPLEN] [-c COUNT]\n"
	"                       [-w FILE|-] [--force] [--switch NAME|SOCKET] ['filter']\n"
	"\n"
	"Writes frames of a running switch, as pcapng, or as pcap when FILE ends in .pcap, until\n"
	"Ctrl-C, or until nobody reads on. The filter is pcap-filter(7). For example:\n"
	"\n"
	"  ringway capture -p vm1 -w - 'icmp or arp' | tshark -r -\n"
	"  ringway capture -p vm1 --drops -w - | wireshark -k -i -\n"
	"\n"
	"  -p       ports, with commas between; all when left out\n"
	"  -d       rx: what comes from the ports; tx: what is delivered to them; both when left "
	"out\n"
	"  --drops  frames that are dropped there as well, the reason being the packet's comment\n"
	"  -s       bytes of a frame that are kept; all when left out\n"
	"  -c       ends after so many frames\n"
	"  -w       where to; standard output when left out\n"
	"  --force  FILE is replaced when it exists\n"
	"  --switch the switch: its name, or the path of its control socket;\n"
	"           not needed when only one is running\n";

struct wish {
	const char *command;
	json_t *request;
	const char *file;
	const char *which;
	bool force;
	int ret; /* the exit code when nothing is to be captured */
};

/* Whether to go on. If not, wish->ret says how it ends. */
static bool set_text(struct wish *wish, const char *key, const char *text)
{
	if (json_object_set_new(wish->request, key, json_string(text)) == 0)
		return true;
	wish->ret = command_refuse(wish->command, "%s \"%s\": write it in UTF-8", key, text);
	return false;
}

static bool set_number(struct wish *wish, const char *key, const char *text)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (!errno && end != text && !*end && value > 0)
		return json_object_set_new(wish->request, key, json_integer(value)) == 0;
	wish->ret = command_refuse(wish->command, "--%s \"%s\": write a number above 0", key, text);
	return false;
}

/* Written twice, both count. */
static bool add_ports(struct wish *wish, const char *text)
{
	const char *before = json_string_value(json_object_get(wish->request, "ports"));

	if (!before)
		return set_text(wish, "ports", text);
	return json_object_set_new(wish->request, "ports", json_sprintf("%s,%s", before, text)) ==
	       0;
}

static bool take_option(struct wish *wish, int option)
{
	switch (option) {
	case 'p':
		return add_ports(wish, optarg);
	case 'd':
		return set_text(wish, "direction", optarg);
	case 'D':
		return json_object_set_new(wish->request, "drops", json_true()) == 0;
	case 's':
		return set_number(wish, "snaplen", optarg);
	case 'c':
		return set_number(wish, "count", optarg);
	case 'w':
		wish->file = optarg;
		return true;
	case 'f':
		wish->force = true;
		return true;
	case 'S':
		wish->which = optarg;
		return true;
	default:
		wish->ret = command_usage(wish->command, usage, option);
		return false;
	}
}

/* All words behind the options together are the filter. */
static bool take_filter(struct wish *wish, int n_words, char **words)
{
	char filter[CAPTURE_TEXT_LEN] = "";
	size_t len = 0;

	for (int i = 0; i < n_words && len < sizeof(filter); i++)
		len += (size_t)snprintf(filter + len, sizeof(filter) - len, "%s%s", i ? " " : "",
					words[i]);
	if (len < sizeof(filter))
		return set_text(wish, "filter", filter);
	wish->ret = command_refuse(wish->command, "the filter has more than %zu bytes",
				   sizeof(filter) - 1);
	return false;
}

static bool parse(int argc, char **argv, struct wish *wish)
{
	static const struct option options[] = {{"ports", required_argument, NULL, 'p'},
						{"direction", required_argument, NULL, 'd'},
						{"drops", no_argument, NULL, 'D'},
						{"snaplen", required_argument, NULL, 's'},
						{"count", required_argument, NULL, 'c'},
						{"write", required_argument, NULL, 'w'},
						{"force", no_argument, NULL, 'f'},
						{"switch", required_argument, NULL, 'S'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	int option;
	size_t len;

	while ((option = getopt_long(argc, argv, "p:d:s:c:w:h", options, NULL)) != -1)
		if (!take_option(wish, option))
			return false;
	len = strlen(wish->file);
	json_object_set_new(wish->request, "pcap",
			    json_boolean(len > 5 && strcmp(wish->file + len - 5, ".pcap") == 0));
	return set_text(wish, "file", wish->file) &&
	       take_filter(wish, argc - optind, argv + optind);
}

/* The next answer of the switch; NULL when it is gone, or a signal did not want to wait. */
static json_t *wait_for_answer(FILE *answers, int signal_fd)
{
	struct pollfd fds[] = {{.fd = fileno(answers), .events = POLLIN},
			       {.fd = signal_fd, .events = POLLIN}};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	return fds[0].revents ? control_hear(answers) : NULL;
}

/* Waits for the end of the capture: a signal, the reader's end, or the switch's own. */
static void wait_for_end(int sock, int out_fd, int signal_fd)
{
	struct pollfd fds[] = {{.fd = sock, .events = POLLIN},
			       {.fd = signal_fd, .events = POLLIN},
			       {.fd = out_fd}}; /* only for its end */
	struct signalfd_siginfo taken;

	while (poll(fds, 3, -1) < 0 && errno == EINTR)
		;
	/* The next signal is one that does not want to wait. */
	if (fds[1].revents && read(signal_fd, &taken, sizeof(taken)) < 0)
		return;
	/* We have enough; the last answer is still to come. */
	if (!fds[0].revents)
		shutdown(sock, SHUT_WR);
}

static int tell_end(const json_t *report)
{
	const char *error = json_string_value(json_object_get(report, "error"));

	if (!report) {
		fputs("ringway: the switch ended, or did not tell how much it captured\n", stderr);
		return EXIT_RUN_TIME;
	}
	fprintf(stderr, "%lld frames captured, %lld missed, %lld seen\n",
		(long long)json_integer_value(json_object_get(report, "captured")),
		(long long)json_integer_value(json_object_get(report, "missed")),
		(long long)json_integer_value(json_object_get(report, "seen")));
	if (!error || strcmp(error, strerror(EPIPE)) == 0)
		return EXIT_OK;
	fprintf(stderr, "ringway: frames were lost: %s\n", error);
	return EXIT_RUN_TIME;
}

static int converse(FILE *answers, int out_fd, int signal_fd, bool *started)
{
	json_t *answer = wait_for_answer(answers, signal_fd);
	const char *error = json_string_value(json_object_get(answer, "error"));
	int ret = EXIT_RUN_TIME;

	if (!answer) {
		fputs("ringway: no answer from the switch: is that its control socket?\n", stderr);
	} else if (error) {
		fprintf(stderr, "ringway: %s\n", error);
		ret = EXIT_CONFIGURATION;
	} else {
		*started = true;
		fputs("capturing; Ctrl-C ends\n", stderr);
		wait_for_end(fileno(answers), out_fd, signal_fd);
		json_decref(answer);
		answer = wait_for_answer(answers, signal_fd);
		ret = tell_end(answer);
	}
	json_decref(answer);
	return ret;
}

/* What was refused leaves no file behind. */
static void remove_file(const char *path, int fd)
{
	struct stat st;

	if (strcmp(path, "-") != 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		unlink(path);
}

static int take_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

static int capture(const struct wish *wish, const char *control_path, int out_fd)
{
	char *text = json_dumps(wish->request, JSON_COMPACT);
	int signal_fd = take_signals();
	bool started = false;
	char request[8192];
	FILE *answers;
	int ret;

	snprintf(request, sizeof(request), "capture %s", text ? text : "");
	free(text);
	answers = control_ask_and_stay(control_path, request, out_fd);
	ret = answers ? converse(answers, out_fd, signal_fd, &started)
		      : command_no_answer(control_path, errno);
	if (answers)
		fclose(answers);
	if (!started)
		remove_file(wish->file, out_fd);
	if (signal_fd >= 0)
		close(signal_fd);
	return ret;
}

static int capture_to_file(const struct wish *wish, const char *control_path)
{
	int out_fd = capture_file_create(
		wish->file, CAPTURE_FILE_WAIT | (wish->force ? CAPTURE_FILE_FORCE : 0));
	int ret;

	if (out_fd < 0) {
		fprintf(stderr, "ringway: %s: %s\n", wish->file, capture_file_fault(-out_fd));
		return EXIT_CONFIGURATION;
	}
	ret = capture(wish, control_path, out_fd);
	close(out_fd);
	return ret;
}

int command_capture(int argc, char **argv)
{
	struct wish wish = {
		.command = argv[0], .request = json_object(), .file = "-", .ret = EXIT_RUN_TIME};
	char control_path[PATH_MAX];

	if (parse(argc, argv, &wish) && find_switch(wish.which, control_path) == 0)
		wish.ret = capture_to_file(&wish, control_path);
	json_decref(wish.request);
	return wish.ret;
}
