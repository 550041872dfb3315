#include "switch/control.h"
#include "ports/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_CLIENTS = 16, REQUEST_LEN = 256, ASK_TIMEOUT_S = 5 };

struct client {
	int fd;		      /* -1: free */
	unsigned long number; /* the lowest came first */
	char request[REQUEST_LEN];
	size_t request_len;
	char *answer; /* NULL: the request is not complete */
	size_t answer_len;
	size_t answer_sent;
};

struct control {
	int epoll_fd;
	int listen_fd;
	control_answer *answer;
	void *ctx;
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

struct control *control_open(const char *path, control_answer *answer, void *ctx)
{
	struct control *control = calloc(1, sizeof(*control));
	struct sockaddr_un addr = address_of(path);
	struct epoll_event event = {.events = EPOLLIN};
	int error;

	if (!control)
		return NULL;
	control->answer = answer;
	control->ctx = ctx;
	for (unsigned i = 0; i < MAX_CLIENTS; i++)
		control->clients[i].fd = -1;
	control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Whoever holds the lock of the run-dir may replace what a switch before left there. */
	unlink(path);
	if (control->epoll_fd >= 0 && control->listen_fd >= 0 &&
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
	free(client->answer);
	*client = (struct client){.fd = -1};
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

/* A free place, or that of the client that has been here longest. */
static struct client *make_place(struct control *control)
{
	struct client *oldest = &control->clients[0];

	for (unsigned i = 0; i < MAX_CLIENTS; i++) {
		if (control->clients[i].fd < 0)
			return &control->clients[i];
		if (control->clients[i].number < oldest->number)
			oldest = &control->clients[i];
	}
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
	client->fd = fd;
	client->number = ++control->n_clients;
	event.data.ptr = client;
	if (epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		forget(client);
}

/* Reads on until the line is whole; -1 ends the client. */
static int read_request(struct control *control, struct client *client)
{
	ssize_t n = read(client->fd, client->request + client->request_len,
			 REQUEST_LEN - client->request_len);
	json_t *answer;
	char *end;

	if (n <= 0)
		return n < 0 && errno == EAGAIN ? 0 : -1;
	client->request_len += (size_t)n;
	end = memchr(client->request, '\n', client->request_len);
	if (!end)
		return client->request_len == REQUEST_LEN ? -1 : 0;
	*end = '\0';
	answer = control->answer(control->ctx, client->request);
	client->answer = json_dumps(answer, JSON_COMPACT);
	json_decref(answer);
	client->answer_len = client->answer ? strlen(client->answer) : 0;
	return client->answer ? 0 : -1;
}

static int write_answer(struct control *control, struct client *client)
{
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = client};
	ssize_t n = send(client->fd, client->answer + client->answer_sent,
			 client->answer_len - client->answer_sent, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		return -1;
	client->answer_sent += n > 0 ? (size_t)n : 0;
	if (client->answer_sent == client->answer_len)
		return -1;
	return epoll_ctl(control->epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
}

void control_serve(struct control *control)
{
	struct epoll_event event;
	struct client *client;

	while (epoll_wait(control->epoll_fd, &event, 1, 0) == 1) {
		int ret = 0;

		client = event.data.ptr;
		if (!client) {
			let_in(control);
			continue;
		}
		if (!client->answer)
			ret = read_request(control, client);
		if (ret == 0 && client->answer)
			ret = write_answer(control, client);
		if (ret < 0)
			forget(client);
	}
}

json_t *control_ask(const char *path, const char *request)
{
	struct sockaddr_un addr = address_of(path);
	const struct timeval timeout = {.tv_sec = ASK_TIMEOUT_S};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	json_t *answer = NULL;
	json_error_t error;

	if (fd < 0)
		return NULL;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	    dprintf(fd, "%s\n", request) > 0) {
		answer = json_loadfd(fd, 0, &error);
		errno = answer ? 0 : EPROTO;
	}
	close(fd);
	return answer;
}
