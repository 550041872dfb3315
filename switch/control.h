/* control.h - the control socket of a running switch: a client sends one line, gets one JSON
 * document, and the end.
 *
 * Threads:   one, which calls control_serve() when control_fd() is readable. No client can make it
 * block. Ownership: control_open() gives, control_close() takes back and removes the socket.
 * Failure:   control_open(): NULL with errno, after a logged line. A client that misbehaves is
 * disconnected. */
#ifndef SWITCH_CONTROL_H
#define SWITCH_CONTROL_H

#include <jansson.h>

struct control;

/* Answers a request, a line without its newline. Gives the answer. */
typedef json_t *control_answer(void *ctx, const char *request);

struct control *control_open(const char *path, control_answer *answer, void *ctx);
void control_close(struct control *control);

int control_fd(const struct control *control);
void control_serve(struct control *control);

/* The other end: sends the request to the switch at path and returns its answer, or NULL with
 * errno. */
json_t *control_ask(const char *path, const char *request);

#endif
