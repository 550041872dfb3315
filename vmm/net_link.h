/* net_link.h - keeps a network device connected to its back-end: waits, shakes hands, starts,
 * stops, reconnects.
 *
 * Threads:   the control thread only. It takes the machine's lock to look at the device, and never
 *            holds it while it talks to the back-end.
 * Ownership: keeps its sockets; borrows device and RAM.
 * Failure:   a back-end that is absent, lost or unfit is said on standard error (once per cause)
 * and tried again with a growing pause, for ever. The guest sees its link go down and up. */
#ifndef RINGWAY_VMM_NET_LINK_H
#define RINGWAY_VMM_NET_LINK_H

#include <poll.h>
#include <pthread.h>

#include "vmm/vhost_user.h"
#include "vmm/virtio_net.h"

struct net_link {
	struct virtio_net *net;
	pthread_mutex_t *lock;
	const char *path;
	int listen_fd; /* -1 when we connect */
	struct vhost_user vu;
	bool known;   /* a back-end has been seen, so the device knows its features */
	bool resumed; /* the rings go on where a lost back-end left them */
	unsigned pairs;
	int64_t next_try_ms;
	unsigned pause_ms;
	char last_error[VHOST_USER_ERROR_LEN];
	uint64_t n_connects, n_losses;
	struct vhost_user_queue queue[2 * VIRTIO_MAX_PAIRS];
	struct vhost_user_device device;
};

int net_link_open(struct net_link *link, struct virtio_net *net, pthread_mutex_t *lock,
		  const struct options_net *wish, struct refusal *why);
/* Stops the queues in good order first, if they run. */
void net_link_close(struct net_link *link);

/* Moves on as far as it can without waiting for anyone but a back-end that has been asked. */
void net_link_step(struct net_link *link, int64_t now_ms);

/* What to poll for: fd -1 if nothing. Returns when the next step is due, INT64_MAX: never. */
int64_t net_link_interest(const struct net_link *link, struct pollfd *interest);
/* The descriptor had an event. */
void net_link_event(struct net_link *link, int64_t now_ms);

#endif
