#include "switch/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

enum {
	CHUNK_LEN = 4096,
	KEY_LEAVE = 0x1d, /* Ctrl-] */
	ASK_MS = 1000,	  /* between two looks whether the VM runs */
};

static int take_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

static int put(const char *bytes, size_t len, int fd)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd room = {.fd = fd, .events = POLLOUT};

			poll(&room, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return -errno;
		} else if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* Prints what the file has more. A restart of the VM empties it: then from its beginning. */
static int print_rest(int fd)
{
	char chunk[CHUNK_LEN];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) == 0 && st.st_size < lseek(fd, 0, SEEK_CUR))
		lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		if (put(chunk, (size_t)n, STDOUT_FILENO) < 0)
			return -errno;
	return n < 0 ? -errno : 0;
}

static int follow(int fd, int notify_fd, int signal_fd, console_vm_runs *runs, void *ctx)
{
	struct pollfd fds[] = {{.fd = signal_fd, .events = POLLIN},
			       {.fd = notify_fd, .events = POLLIN}};
	char events[CHUNK_LEN];
	bool alive = true;
	int ret = 0;

	while (ret == 0) {
		ret = print_rest(fd);
		if (!alive || ret < 0)
			return ret;
		if (poll(fds, 2, ASK_MS) == 0)
			/* What was said last is printed once more round. */
			alive = runs(ctx);
		if (fds[0].revents)
			return 0;
		if (fds[1].revents && read(notify_fd, events, sizeof(events)) < 0)
			ret = -errno;
	}
	return ret;
}

static int show_file(const char *path, int signal_fd, console_vm_runs *runs, void *ctx)
{
	int notify_fd = inotify_init1(IN_CLOEXEC);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret;

	if (notify_fd < 0 || fd < 0 || inotify_add_watch(notify_fd, path, IN_MODIFY) < 0)
		ret = -errno;
	else
		ret = follow(fd, notify_fd, signal_fd, runs, ctx);
	if (notify_fd >= 0)
		close(notify_fd);
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Both ways until Ctrl-], a signal, or the end of the VM. */
static int talk(int fd, int signal_fd)
{
	struct pollfd fds[] = {{.fd = signal_fd, .events = POLLIN},
			       {.fd = STDIN_FILENO, .events = POLLIN},
			       {.fd = fd, .events = POLLIN}};
	char chunk[CHUNK_LEN];

	for (;;) {
		char *leave;
		ssize_t n;

		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents)
			return 0;
		if (fds[2].revents) {
			n = read(fd, chunk, sizeof(chunk));
			/* EIO: the other side of the pseudo-terminal is gone. */
			if (n == 0 || (n < 0 && errno == EIO))
				return 0;
			if (n < 0 && errno != EAGAIN)
				return -errno;
			if (n > 0 && put(chunk, (size_t)n, STDOUT_FILENO) < 0)
				return -errno;
		}
		if (!fds[1].revents)
			continue;
		n = read(STDIN_FILENO, chunk, sizeof(chunk));
		if (n <= 0) {
			/* No more input, but still something to see. */
			fds[1].fd = -1;
			continue;
		}
		leave = memchr(chunk, KEY_LEAVE, (size_t)n);
		if (put(chunk, leave ? (size_t)(leave - chunk) : (size_t)n, fd) < 0 || leave)
			return 0;
	}
}

static int open_terminal(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct stat st;
	int fd, error;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode)) {
		fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
		/* cppcheck-suppress resourceLeak ; given to the caller */
		return fd < 0 ? -errno : fd;
	}
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	error = errno;
	if (fd >= 0)
		close(fd);
	return -error;
}

static int show_terminal(const char *path, int signal_fd)
{
	bool is_terminal = isatty(STDIN_FILENO);
	struct termios saved, raw;
	int fd = open_terminal(path);
	int ret;

	if (fd < 0)
		return fd;
	if (is_terminal && tcgetattr(STDIN_FILENO, &saved) == 0) {
		fprintf(stderr, "ringway: Ctrl-] leaves the console\n");
		raw = saved;
		cfmakeraw(&raw);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	ret = talk(fd, signal_fd);
	if (is_terminal) {
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
		fprintf(stderr, "\n");
	}
	close(fd);
	return ret;
}

int console_show(const char *path, console_vm_runs *runs, void *ctx)
{
	int signal_fd = take_signals();
	int ret = signal_fd;
	struct stat st;

	/* So that a closed output is an error, and the terminal gets its settings back. */
	signal(SIGPIPE, SIG_IGN);
	if (ret >= 0 && stat(path, &st) < 0)
		ret = -errno;
	else if (ret >= 0)
		ret = S_ISREG(st.st_mode) ? show_file(path, signal_fd, runs, ctx)
					  : show_terminal(path, signal_fd);
	if (signal_fd >= 0)
		close(signal_fd);
	if (ret == -EPIPE)
		return 0;
	if (ret < 0)
		fprintf(stderr, "ringway: console %s: %s\n", path, strerror(-ret));
	return ret;
}
