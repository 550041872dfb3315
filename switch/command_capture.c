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
	json_t *request;
	const char *file;
	const char *which;
	bool force;
	bool help;
};

/* -1: it is not a number. */
static int set_number(json_t *request, const char *key, const char *text)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || *end || value < 0)
		return -1;
	return json_object_set_new(request, key, json_integer(value));
}

static int take_option(struct wish *wish, int option)
{
	switch (option) {
	case 'p':
		return json_object_set_new(wish->request, "ports", json_string(optarg));
	case 'd':
		return json_object_set_new(wish->request, "direction", json_string(optarg));
	case 'D':
		return json_object_set_new(wish->request, "drops", json_true());
	case 's':
		return set_number(wish->request, "snaplen", optarg);
	case 'c':
		return set_number(wish->request, "count", optarg);
	case 'w':
		wish->file = optarg;
		return 0;
	case 'f':
		wish->force = true;
		return 0;
	case 'S':
		wish->which = optarg;
		return 0;
	case 'h':
		wish->help = true;
		return 0;
	default:
		return -1;
	}
}

/* All words behind the options together are the filter. */
static int take_filter(struct wish *wish, int n_words, char **words)
{
	char filter[4096] = "";
	size_t len = 0;

	for (int i = 0; i < n_words && len < sizeof(filter); i++)
		len += (size_t)snprintf(filter + len, sizeof(filter) - len, "%s%s", i ? " " : "",
					words[i]);
	if (len >= sizeof(filter))
		return -1;
	return json_object_set_new(wish->request, "filter", json_string(filter));
}

static int parse(int argc, char **argv, struct wish *wish)
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
	size_t len;
	int option;

	while ((option = getopt_long(argc, argv, "p:d:s:c:w:h", options, NULL)) != -1)
		if (take_option(wish, option) < 0)
			return -1;
	len = strlen(wish->file);
	json_object_set_new(wish->request, "file", json_string(wish->file));
	json_object_set_new(wish->request, "pcap",
			    json_boolean(len > 5 && strcmp(wish->file + len - 5, ".pcap") == 0));
	return take_filter(wish, argc - optind, argv + optind);
}

/* The next line of the switch, NULL when there is none any more. */
static json_t *read_answer(FILE *stream)
{
	char *line = NULL;
	size_t len = 0;
	json_t *answer = getline(&line, &len, stream) > 0 ? json_loads(line, 0, NULL) : NULL;

	free(line);
	return answer;
}

/* Waits for the end of the capture: a signal, the reader's end, or the switch's own. */
static void wait_for_end(int sock, int out_fd, int signal_fd)
{
	struct pollfd fds[] = {{.fd = sock, .events = POLLIN},
			       {.fd = signal_fd, .events = POLLIN},
			       {.fd = out_fd}}; /* only for its end */

	while (poll(fds, 3, -1) < 0 && errno == EINTR)
		;
	/* We have enough; the last answer is still to come. */
	if (!fds[0].revents)
		shutdown(sock, SHUT_WR);
}

static int tell_end(const json_t *report)
{
	const char *error = json_string_value(json_object_get(report, "error"));

	if (!report) {
		fputs("ringway: the switch ended\n", stderr);
		return EXIT_RUN_TIME;
	}
	fprintf(stderr, "%lld frames captured, %lld missed, %lld seen\n",
		(long long)json_integer_value(json_object_get(report, "captured")),
		(long long)json_integer_value(json_object_get(report, "missed")),
		(long long)json_integer_value(json_object_get(report, "seen")));
	if (error && strcmp(error, strerror(EPIPE)) != 0)
		fprintf(stderr, "ringway: frames were lost: %s\n", error);
	return EXIT_OK;
}

static int converse(int sock, int out_fd, int signal_fd)
{
	FILE *stream = fdopen(sock, "r");
	json_t *answer = stream ? read_answer(stream) : NULL;
	const char *error = json_string_value(json_object_get(answer, "error"));
	int ret;

	if (error || !answer) {
		fprintf(stderr, "ringway: %s\n", error ? error : "no answer from the switch");
		ret = EXIT_CONFIGURATION;
	} else {
		fputs("capturing; Ctrl-C ends\n", stderr);
		wait_for_end(sock, out_fd, signal_fd);
		json_decref(answer);
		answer = read_answer(stream);
		ret = tell_end(answer);
	}
	json_decref(answer);
	if (stream)
		fclose(stream);
	return ret;
}

/* What was refused leaves no file behind. */
static void remove_file(const char *path, int fd)
{
	struct stat st;

	if (strcmp(path, "-") != 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		unlink(path);
}

static int capture(const struct wish *wish, const char *control_path, int out_fd)
{
	char *text = json_dumps(wish->request, JSON_COMPACT);
	char request[8192];
	sigset_t signals;
	int signal_fd, sock, ret;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	snprintf(request, sizeof(request), "capture %s", text ? text : "");
	free(text);
	sock = control_ask_and_stay(control_path, request, out_fd);
	if (sock < 0) {
		fprintf(stderr, "ringway: no answer from %s: %s: is the switch running?\n",
			control_path, strerror(-sock));
		ret = EXIT_RUN_TIME;
	} else {
		ret = converse(sock, out_fd, signal_fd);
	}
	if (sock < 0 || ret == EXIT_CONFIGURATION)
		remove_file(wish->file, out_fd);
	if (signal_fd >= 0)
		close(signal_fd);
	return ret;
}

int command_capture(int argc, char **argv)
{
	struct wish wish = {.request = json_object(), .file = "-"};
	char control_path[PATH_MAX];
	int ret = EXIT_CONFIGURATION;
	int out_fd;

	if (parse(argc, argv, &wish) < 0 || wish.help) {
		fputs(usage, wish.help ? stdout : stderr);
		ret = wish.help ? EXIT_OK : EXIT_CONFIGURATION;
	} else if (find_switch(wish.which, control_path) < 0) {
		ret = EXIT_RUN_TIME;
	} else {
		out_fd = capture_file_create(
			wish.file, CAPTURE_FILE_WAIT | (wish.force ? CAPTURE_FILE_FORCE : 0));
		if (out_fd < 0)
			fprintf(stderr, "ringway: %s: %s\n", wish.file,
				capture_file_fault(-out_fd));
		else
			ret = capture(&wish, control_path, out_fd);
		if (out_fd >= 0)
			close(out_fd);
	}
	json_decref(wish.request);
	return ret;
}
