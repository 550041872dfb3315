#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	N_CONNECTS = 1000,
	N_IDLE = 400,
	MAX_STEPS = 32,
	HALF_S = 1, /* for which half a message is left lying */
	MANY = 200000,
};

/* A front-end's messages in their order, each with what belongs to it. */
struct script {
	struct message messages[MAX_STEPS];
	union {
		uint64_t u64;
		struct vhost_user_addr addr;
		struct vhost_user_memory table;
	} payloads[MAX_STEPS];
	int fds[MAX_STEPS][2];
	unsigned n;
};

static void add(struct script *script, uint32_t request, uint32_t len, int fd)
{
	unsigned i = script->n++;

	script->fds[i][0] = script->fds[i][1] = fd;
	script->messages[i] = (struct message){.request = request,
					       .flags = VHOST_USER_VERSION,
					       .size = len,
					       .payload = &script->payloads[i],
					       .payload_len = len,
					       .fds = script->fds[i],
					       .n_fds = fd >= 0};
}

static void add_u64(struct script *script, uint32_t request, uint64_t value, int fd)
{
	script->payloads[script->n].u64 = value;
	add(script, request, sizeof(value), fd);
}

static void add_ring(struct script *script, const struct attacker *a, unsigned q)
{
	const struct vhost_user_queue *queue = &a->queues[q];

	add_u64(script, VHOST_USER_SET_VRING_NUM, q | (uint64_t)queue->size << 32, -1);
	add_u64(script, VHOST_USER_SET_VRING_BASE, q, -1);
	script->payloads[script->n].addr = (struct vhost_user_addr){
		.index = q, .desc = queue->desc, .avail = queue->avail, .used = queue->used};
	add(script, VHOST_USER_SET_VRING_ADDR, sizeof(struct vhost_user_addr), -1);
	add_u64(script, VHOST_USER_SET_VRING_CALL, q, queue->callfd);
	add_u64(script, VHOST_USER_SET_VRING_KICK, q, queue->kickfd);
	add_u64(script, VHOST_USER_SET_VRING_ENABLE, q | UINT64_C(1) << 32, -1);
}

/* VUP-03: protocol features before features. */
static void write_script(struct script *script, const struct attacker *a)
{
	*script = (struct script){.n = 0};
	add(script, VHOST_USER_SET_OWNER, 0, -1);
	add(script, VHOST_USER_GET_FEATURES, 0, -1);
	add(script, VHOST_USER_GET_PROTOCOL_FEATURES, 0, -1);
	add_u64(script, VHOST_USER_SET_PROTOCOL_FEATURES, 1, -1);
	add(script, VHOST_USER_GET_QUEUE_NUM, 0, -1);
	add_u64(script, VHOST_USER_SET_FEATURES, a->features | UINT64_C(1) << 30, -1);
	script->payloads[script->n].table = a->dev.memory;
	add(script, VHOST_USER_SET_MEM_TABLE, 8 + 2 * 32, a->memory.fd);
	script->messages[script->n - 1].n_fds = 2;
	add_ring(script, a, 0);
	add_ring(script, a, 1);
	add_u64(script, VHOST_USER_GET_VRING_BASE, 0, -1);
}

static const char *says_half(struct scene *scene, struct attacker *a, const struct message *message)
{
	struct message half = *message;

	half.size = message->payload_len + 8;
	half.payload_len = message->payload_len / 2;
	half.n_fds = 0;
	return attacker_say(a, &half) < 0 ? scene_says(scene, "cannot say: %s", strerror(errno))
					  : NULL;
}

enum ending { ENDS_CLOSED, ENDS_HALF, ENDS_KILLED };

/* Says the first n messages, then ends. */
static const char *say_some(struct scene *scene, enum ending ending, unsigned n,
			    unsigned *n_messages)
{
	struct attacker a;
	struct script script;
	const char *why = NULL;
	pid_t child;

	if (attacker_open(&a, scene->socket, ATTACKER_SPLIT) < 0)
		return "no memory";
	write_script(&script, &a);
	*n_messages = script.n;
	child = ending == ENDS_KILLED ? fork() : 0;
	if (child == 0) {
		if (attacker_join(&a) < 0)
			why = scene_says(scene, "cannot connect: %s", a.error);
		for (unsigned i = 0; i < n && !why; i++)
			attacker_say(&a, &script.messages[i]);
		if (ending == ENDS_HALF && !why)
			why = says_half(scene, &a, &script.messages[n % script.n]);
		if (ending == ENDS_KILLED)
			kill(getpid(), SIGKILL);
	} else {
		waitpid(child, NULL, 0);
	}
	attacker_close(&a);
	return why;
}

/* After all that, a good front-end gets a frame through. */
static const char *still_serves(struct scene *scene)
{
	struct attacker a;
	const char *why = NULL;

	if (attacker_open(&a, scene->socket, ATTACKER_SPLIT) < 0 || attacker_start(&a) < 0)
		why = scene_says(scene, "a good front-end after it cannot start: %s", a.error);
	if (!why) {
		attacker_post_frame(&a);
		if (!attacker_drained(&a, ATTACKER_TX))
			why = "the frame of a good front-end after it is not taken";
	}
	attacker_close(&a);
	return why;
}

/* VUP-33, RCN-11: at every message. RCN-02 and MEM-10 where the process is killed: the switch keeps
 * nothing of it, which is counted at the end. */
static const char *ends_at_every_step(struct scene *scene, const void *arg)
{
	const enum ending *ending = arg;
	unsigned n_messages = 1;
	const char *why = NULL;

	for (unsigned n = 0; n <= n_messages && !why; n++)
		why = say_some(scene, *ending, n, &n_messages);
	return why ? why : still_serves(scene);
}

/* VUP-21, SIG-02: the connection stays, the other half does not come. It is the switch that ends
 * it. */
static const char *half_a_message_and_silence(struct scene *scene, const void *arg)
{
	struct attacker a;
	const struct message header = {.request = VHOST_USER_SET_VRING_NUM,
				       .flags = VHOST_USER_VERSION,
				       .size = 8,
				       .payload_len = 4};
	const char *why = NULL;

	(void)arg;
	if (attacker_open(&a, scene->socket, ATTACKER_SPLIT) < 0 || attacker_shake(&a) < 0)
		why = scene_says(scene, "cannot attack: %s", a.error);
	else if (attacker_say(&a, &header) < 0 || !attacker_hung_up(&a))
		why = "it is waited for the other half";
	attacker_close(&a);
	if (!why && attacker_open(&a, scene->socket, ATTACKER_SPLIT) == 0) {
		if (attacker_shake(&a) < 0 || write(a.vu.fd, "\1\0\0", 3) != 3 ||
		    !attacker_hung_up(&a))
			why = "it is waited for the rest of a header";
		attacker_close(&a);
	}
	return why ? why : still_serves(scene);
}

/* VUP-22: questions without end, and no answer is read. */
static const char *never_reads_answers(struct scene *scene, const void *arg)
{
	struct attacker a;
	const struct message question = {.request = VHOST_USER_GET_FEATURES,
					 .flags = VHOST_USER_VERSION};
	const char *why = NULL;
	int ret = 0;

	(void)arg;
	if (attacker_open(&a, scene->socket, ATTACKER_SPLIT) < 0 || attacker_shake(&a) < 0)
		why = scene_says(scene, "cannot attack: %s", a.error);
	for (unsigned i = 0; i < MANY && !why && ret != -EPIPE && ret != -ECONNRESET; i++)
		ret = attacker_say(&a, &question);
	if (!why && ret != -EPIPE && ret != -ECONNRESET)
		why = "it is answered for ever";
	attacker_close(&a);
	return why ? why : still_serves(scene);
}

static int connect_now(const struct scene *scene)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(name.sun_path, scene->socket, sizeof(name.sun_path));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* VUP-24 */
static const char *a_thousand_connects(struct scene *scene, const void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < N_CONNECTS; i++) {
		int fd = connect_now(scene);

		if (fd < 0)
			return scene_says(scene, "connect %u: %s", i, strerror(errno));
		close(fd);
	}
	return still_serves(scene);
}

/* RES-06, VUP-23: they stay as long as the switch lets them. */
static const char *many_at_once(struct scene *scene, const void *arg)
{
	int fds[N_IDLE];

	(void)arg;
	for (unsigned i = 0; i < N_IDLE; i++)
		fds[i] = connect_now(scene);
	for (unsigned i = 0; i < N_IDLE; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return still_serves(scene);
}

/* VUP-19, and requests in an order that makes no sense: nothing but this front-end may suffer. */
static const char *messages_in_a_wrong_order(struct scene *scene, const void *arg)
{
	struct attacker a;
	struct script script;
	uint32_t random = 12345;

	(void)arg;
	if (attacker_open(&a, scene->socket, ATTACKER_SPLIT) < 0)
		return "no memory";
	write_script(&script, &a);
	add(&script, VHOST_USER_SET_OWNER, 0, -1);
	add(&script, 4 /* RESET_OWNER */, 0, -1);
	for (unsigned round = 0; round < 60; round++) {
		if (attacker_join(&a) < 0)
			break;
		for (unsigned i = 0; i < 2 * script.n; i++) {
			random = random * 1664525 + 1013904223;
			if (attacker_say(&a, &script.messages[(random >> 16) % script.n]) < 0)
				break;
		}
		vhost_user_close(&a.vu);
	}
	attacker_close(&a);
	return still_serves(scene);
}

/* VUP-13, VUP-32: the same, again and again, while the rings run. */
static const char *restless_rings(struct scene *scene, const void *arg)
{
	struct attacker a;
	struct script script;
	const char *why = NULL;

	(void)arg;
	if (attacker_open(&a, scene->socket, ATTACKER_SPLIT) < 0 || attacker_start(&a) < 0)
		why = scene_says(scene, "cannot attack: %s", a.error);
	write_script(&script, &a);
	for (unsigned i = 0; i < 300 && !why; i++) {
		/* From the rings on, without what stops them. */
		const struct message *message = &script.messages[7 + i % (script.n - 1 - 7)];

		if (attacker_say(&a, message) < 0)
			why = scene_says(scene, "hung up at request %u", message->request);
		attacker_say_state(&a, VHOST_USER_SET_VRING_NUM, 1, 64u << i % 4);
		attacker_say_state(&a, VHOST_USER_SET_VRING_ENABLE, 1, i % 2);
	}
	attacker_close(&a);
	return why ? why : still_serves(scene);
}

static const enum ending closed = ENDS_CLOSED, half = ENDS_HALF, killed = ENDS_KILLED;

const struct attack attacks_on_handshakes[] = {
	{"a front-end that leaves at every step", ends_at_every_step, &closed},
	{"a front-end that leaves in the middle of every message", ends_at_every_step, &half},
	{"a front-end that is killed at every step", ends_at_every_step, &killed},
	{"half a message, and silence", half_a_message_and_silence, NULL},
	{"a front-end that reads no answers", never_reads_answers, NULL},
	{"a thousand connects", a_thousand_connects, NULL},
	{"four hundred connections at once", many_at_once, NULL},
	{"messages in any order", messages_in_a_wrong_order, NULL},
	{"rings that are set up again and again while they run", restless_rings, NULL},
	{NULL, NULL, NULL},
};
