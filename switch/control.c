#include "switch/control.h"
#include "ports/log.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* More clients than can stay (captures), so that there is always one that has to give way. */
enum { MAX_CLIENTS = 64, REQUEST_LEN = 4096, ASK_TIMEOUT_S = 5 };

struct client {
	int fd;		      /* -1: free */
	unsigned long number; /* the lowest came first */
	char request[REQUEST_LEN];
	size_t request_len;
	int passed_fd; /* came with the request; -1: none */
	bool answered;
	bool stays; /* another answer will follow */
	bool gone;  /* it stays, but has closed its end */
	char *answer;
	size_t answer_len;
	size_t answer_sent;
};

struct control {
	int epoll_fd;
	int listen_fd;
	struct control_handler handler;
	unsigned long n_clients;
	struct client clients[MAX_CLIENTS];
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	return addr;
}

struct control *control_open(const char *path, const struct control_handler *handler)
{
	struct control *control = calloc(1, sizeof(*control));
	struct sockaddr_un addr = address_of(path);
	struct epoll_event event = {.events = EPOLLIN};
	int error;

	if (!control)
		return NULL;
	control->handler = *handler;
	for (unsigned i = 0; i < MAX_CLIENTS; i++)
		control->clients[i] = (struct client){.fd = -1, .passed_fd = -1};
	control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Whoever holds the lock of the run-dir may replace what a switch before left there. */
	unlink(path);
	/* Never for others, whatever the umask: who may ask may do everything. */
	if (control->epoll_fd >= 0 && control->listen_fd >= 0 &&
	    fchmod(control->listen_fd, 0770) == 0 &&
	    bind(control->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	    listen(control->listen_fd, MAX_CLIENTS) == 0 &&
	    epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, control->listen_fd, &event) == 0) {
		memcpy(control->path, addr.sun_path, sizeof(control->path));
		return control;
	}
	error = errno;
	log_event(LOG_ERROR, "control socket %s: %s", path, strerror(error));
	control_close(control);
	errno = error;
	return NULL;
}

static void forget(struct client *client)
{
	close(client->fd);
	if (client->passed_fd >= 0)
		close(client->passed_fd);
	free(client->answer);
	*client = (struct client){.fd = -1, .passed_fd = -1};
}

void control_close(struct control *control)
{
	if (!control)
		return;
	for (unsigned i = 0; i < MAX_CLIENTS; i++)
		if (control->clients[i].fd >= 0)
			forget(&control->clients[i]);
	if (control->listen_fd >= 0)
		close(control->listen_fd);
	if (control->epoll_fd >= 0)
		close(control->epoll_fd);
	if (control->path[0])
		unlink(control->path);
	free(control);
}

int control_fd(const struct control *control)
{
	return control->epoll_fd;
}

/* A free place, or that of the client that has been here longest and does not stay. */
static struct client *make_place(struct control *control)
{
	struct client *oldest = NULL;

	for (unsigned i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &control->clients[i];

		if (client->fd < 0)
			return client;
		if (!client->stays && (!oldest || client->number < oldest->number))
			oldest = client;
	}
	if (oldest)
		forget(oldest);
	return oldest;
}

static void let_in(struct control *control)
{
	int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN};
	struct client *client;

	if (fd < 0)
		return;
	client = make_place(control);
	if (!client) {
		close(fd);
		return;
	}
	client->fd = fd;
	client->number = ++control->n_clients;
	event.data.ptr = client;
	if (epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		forget(client);
}

/* What is read from the socket, and a descriptor that may come along. */
static ssize_t receive(struct client *client)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec bytes = {.iov_base = client->request + client->request_len,
			      .iov_len = REQUEST_LEN - client->request_len};
	struct msghdr message = {.msg_iov = &bytes,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(client->fd, &message, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(int))) {
		if (client->passed_fd >= 0)
			close(client->passed_fd);
		memcpy(&client->passed_fd, CMSG_DATA(header), sizeof(int));
	}
	return n;
}

/* Adds a line to what the client is told. */
static int say(struct client *client, const json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0;
	char *all = text ? realloc(client->answer, client->answer_len + len + 1) : NULL;

	if (all) {
		memcpy(all + client->answer_len, text, len);
		all[client->answer_len + len] = '\n';
		client->answer = all;
		client->answer_len += len + 1;
	}
	free(text);
	return all ? 0 : -1;
}

static int answer_request(struct control *control, struct client *client)
{
	struct control_request request = {
		.line = client->request, .fd = client->passed_fd, .client = client->number};
	json_t *answer = control->handler.answer(control->handler.ctx, &request);
	int ret = say(client, answer);

	json_decref(answer);
	client->passed_fd = request.fd;
	client->answered = true;
	client->stays = request.stays;
	return ret;
}

/* Reads on until the line is whole; -1 ends the client. */
static int read_request(struct control *control, struct client *client)
{
	ssize_t n = receive(client);
	char *end;

	if (n <= 0)
		return n < 0 && errno == EAGAIN ? 0 : -1;
	client->request_len += (size_t)n;
	end = memchr(client->request, '\n', client->request_len);
	if (!end)
		return client->request_len == REQUEST_LEN ? -1 : 0;
	*end = '\0';
	return answer_request(control, client);
}

/* A client that stays has nothing more to say: whatever comes from it is its end. */
static void hear_end(struct control *control, struct client *client)
{
	if (client->gone)
		return;
	client->gone = true;
	control->handler.gone(control->handler.ctx, client->number);
}

/* -1: it has got all that it is to get. */
static int write_answer(struct control *control, struct client *client)
{
	struct epoll_event event = {.data.ptr = client};
	size_t len = client->answer_len - client->answer_sent;
	ssize_t n =
		len ? send(client->fd, client->answer + client->answer_sent, len, MSG_NOSIGNAL) : 0;

	if (n < 0 && errno != EAGAIN)
		return -1;
	client->answer_sent += n > 0 ? (size_t)n : 0;
	if (client->answer_sent < client->answer_len)
		event.events |= EPOLLOUT;
	else if (!client->stays)
		return -1;
	if (client->stays && !client->gone)
		event.events |= EPOLLIN;
	return epoll_ctl(control->epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
}

static void serve_client(struct control *control, struct client *client, uint32_t events)
{
	int ret = 0;

	if (!client->answered)
		ret = read_request(control, client);
	else if (client->stays && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		hear_end(control, client);
	if (ret == 0 && client->answered)
		ret = write_answer(control, client);
	if (client->stays && (events & (EPOLLHUP | EPOLLERR)))
		ret = -1;
	if (ret == 0)
		return;
	if (client->stays)
		hear_end(control, client);
	forget(client);
}

void control_serve(struct control *control)
{
	struct epoll_event event;

	while (epoll_wait(control->epoll_fd, &event, 1, 0) == 1) {
		if (event.data.ptr)
			serve_client(control, event.data.ptr, event.events);
		else
			let_in(control);
	}
}

void control_finish(struct control *control, unsigned long number, const json_t *answer)
{
	for (unsigned i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &control->clients[i];

		if (client->fd < 0 || client->number != number)
			continue;
		client->stays = false;
		if (say(client, answer) < 0 || write_answer(control, client) < 0)
			forget(client);
	}
}

static int connect_to(const char *path)
{
	struct sockaddr_un addr = address_of(path);
	const struct timeval timeout = {.tv_sec = ASK_TIMEOUT_S};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	/* For connect(2), too, while a switch that is stopped has a full backlog. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (strlen(path) < sizeof(addr.sun_path) &&
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	error = strlen(path) < sizeof(addr.sun_path) ? errno : ENAMETOOLONG;
	close(fd);
	return error == EAGAIN ? -ETIMEDOUT : -error;
}

int control_probe(const char *path)
{
	int fd = connect_to(path);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int send_request(int sock, const char *request, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(sizeof(int))}};
	struct iovec lines[] = {
		{.iov_base = (void *)(uintptr_t)request, .iov_len = strlen(request)},
		{.iov_base = (char[]){'\n'}, .iov_len = 1}};
	const struct msghdr message = {.msg_iov = lines,
				       .msg_iovlen = 2,
				       .msg_control = fd < 0 ? NULL : control.bytes,
				       .msg_controllen = fd < 0 ? 0 : sizeof(control.bytes)};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(sock, &message, MSG_NOSIGNAL) == (ssize_t)strlen(request) + 1 ? 0 : -1;
}

FILE *control_ask_and_stay(const char *path, const char *request, int fd)
{
	int sock = connect_to(path);
	FILE *answers = NULL;
	int error = -sock;

	if (sock >= 0 && send_request(sock, request, fd) == 0)
		answers = fdopen(sock, "r");
	if (sock >= 0 && !answers) {
		error = errno;
		close(sock);
	}
	errno = error;
	return answers;
}

json_t *control_hear(FILE *answers)
{
	const struct timeval timeout = {.tv_sec = ASK_TIMEOUT_S};
	json_t *answer = NULL;
	char *line = NULL;
	size_t len = 0;

	setsockopt(fileno(answers), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (getline(&line, &len, answers) > 0)
		answer = json_loads(line, 0, NULL);
	/* Half a line ends with the patience, too. */
	errno = answer ? 0 : ferror(answers) && errno == EAGAIN ? ETIMEDOUT : EPROTO;
	free(line);
	return answer;
}

json_t *control_ask(const char *path, const char *request)
{
	FILE *answers = control_ask_and_stay(path, request, -1);
	json_t *answer;
	int error;

	if (!answers)
		return NULL;
	answer = control_hear(answers);
	error = errno;
	fclose(answers);
	errno = error;
	return answer;
}
