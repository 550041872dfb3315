/* control.h - the control socket of a running switch: a client sends one line, gets JSON, and the
 * end. A line may bring a file descriptor, and its client may stay until its request is done.
 *
 * Threads:   one, which calls control_serve() when control_fd() is readable. No client can make it
 *            block.
 * Ownership: control_open() gives, control_close() takes back and removes the socket.
 * Failure:   control_open(): NULL with errno, after a logged line. A client that misbehaves is
 *            disconnected. */
#ifndef SWITCH_CONTROL_H
#define SWITCH_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct control;

struct control_request {
	const char *line;     /* without its newline */
	int fd;		      /* -1: none; taken by whoever sets it to -1, else closed */
	unsigned long client; /* for control_finish(); never 0 */
	bool stays;	      /* set by whoever answers: control_finish() will follow, or gone() */
};

struct control_handler {
	void *ctx;
	/* Answers a request. Gives the answer. */
	json_t *(*answer)(void *ctx, struct control_request *request);
	/* A client that stays has closed its end, or said that it has enough. It still listens, if
	 * it is there: control_finish() is owed to it. */
	void (*gone)(void *ctx, unsigned long client);
};

struct control *control_open(const char *path, const struct control_handler *handler);
void control_close(struct control *control);

int control_fd(const struct control *control);
void control_serve(struct control *control);

/* The last line for a client that stays; borrows it. A client that is no longer there is
 * forgotten. */
void control_finish(struct control *control, unsigned long client, const json_t *answer);

/* The other end: sends the request to the switch at path and returns its answer, or NULL with
 * errno: ETIMEDOUT when there is none, EPROTO when it is not that of a switch. */
json_t *control_ask(const char *path, const char *request);

/* Sends a request, with a file descriptor unless it is -1, and stays: where the answers will come,
 * or NULL with errno. control_hear() waits for the next one; as control_ask(). */
FILE *control_ask_and_stay(const char *path, const char *request, int fd);
json_t *control_hear(FILE *answers);

/* Whether a switch listens there and lets us in: 0, or -errno. */
int control_probe(const char *path);

#endif
