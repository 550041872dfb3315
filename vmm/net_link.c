#include "vmm/net_link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	PAUSE_FIRST_MS = 50,
	PAUSE_MOST_MS = 250, /* a switch that restarts is back within a second */
};

int net_link_open(struct net_link *link, struct virtio_net *net, pthread_mutex_t *lock,
		  const struct options_net *wish, struct refusal *why)
{
	const struct guest_ram *ram = net->vp.world->ram;

	*link = (struct net_link){
		.net = net,
		.lock = lock,
		.path = wish->socket,
		.listen_fd = -1,
		.pause_ms = PAUSE_FIRST_MS,
		.device = {.memory.n_regions = ram->n_regions, .queues = link->queue}};
	vhost_user_init(&link->vu);
	for (unsigned i = 0; i < ram->n_regions; i++) {
		const struct guest_ram_region *region = &ram->region[i];

		link->device.memory.regions[i] = (struct vhost_user_region){
			region->gpa, region->size, (uintptr_t)region->hva, 0};
		link->device.memory_fds[i] = region->fd;
	}
	if (!wish->server)
		return 0;
	link->listen_fd = vhost_user_listen(link->path);
	if (link->listen_fd < 0)
		return refuse(why, -link->listen_fd,
			      "%s: cannot listen at %s: %s; give a free path in a folder of yours",
			      net->name, link->path, strerror(-link->listen_fd));
	return 0;
}

void net_link_close(struct net_link *link)
{
	if (link->vu.state == VHOST_USER_RUNNING)
		vhost_user_stop(&link->vu, &link->device);
	vhost_user_close(&link->vu);
	if (link->listen_fd >= 0) {
		close(link->listen_fd);
		unlink(link->path);
	}
	link->listen_fd = -1;
}

/* The same complaint is not repeated while a back-end is tried again and again. */
static void say_once(struct net_link *link, const char *what, const char *error)
{
	if (strcmp(link->last_error, error) == 0)
		return;
	snprintf(link->last_error, sizeof(link->last_error), "%s", error);
	say("%s: %s: %s", link->net->name, what, error);
}

static void try_later(struct net_link *link, int64_t now_ms)
{
	link->next_try_ms = now_ms + link->pause_ms;
	link->pause_ms = link->pause_ms * 2 < PAUSE_MOST_MS ? link->pause_ms * 2 : PAUSE_MOST_MS;
}

static void set_link(struct net_link *link, bool up, bool announce)
{
	pthread_mutex_lock(link->lock);
	virtio_net_set_link(link->net, up, announce);
	pthread_mutex_unlock(link->lock);
}

static void lost(struct net_link *link, int64_t now_ms)
{
	link->n_losses++;
	if (link->device.n_queues)
		link->resumed = true;
	vhost_user_close(&link->vu);
	link->pause_ms = PAUSE_FIRST_MS;
	try_later(link, now_ms);
	set_link(link, false, false);
}

/* Whether the device can live with a back-end that has just shaken hands. The first back-end
 * decides what is offered; a later one must have all that the driver has taken, or still may. */
static bool accept_features(struct net_link *link)
{
	struct virtio_net *net = link->net;
	unsigned n_queues;
	uint64_t features;

	pthread_mutex_lock(link->lock);
	if (!link->known || (net->vp.status == 0 && !net->vp.started))
		virtio_net_offer(net, link->vu.features, link->vu.max_queues);
	features = net->vp.started ? net->vp.acked : net->vp.offered;
	n_queues = 2 * net->max_pairs;
	pthread_mutex_unlock(link->lock);
	return vhost_user_can_carry(&link->vu, features, n_queues) == 0;
}

static void connect_to(struct net_link *link, int64_t now_ms)
{
	int rc = link->listen_fd >= 0 ? vhost_user_accept(&link->vu, link->listen_fd)
				      : vhost_user_connect(&link->vu, link->path);

	if (rc == 0)
		rc = vhost_user_handshake(&link->vu, link->net->config.mtu);
	if (rc < 0 || !accept_features(link)) {
		say_once(link, rc == -EAGAIN ? "waiting for a back-end" : link->path,
			 link->vu.error);
		vhost_user_close(&link->vu);
		try_later(link, now_ms);
		return;
	}
	say("%s: connected to %s", link->net->name, link->path);
	link->last_error[0] = '\0';
	link->pause_ms = PAUSE_FIRST_MS;
	link->n_connects++;
	link->known = true;
}

/* Copies the queues, which cannot change while the device is started. */
static void describe_queues(struct net_link *link)
{
	const struct virtio_pci *vp = &link->net->vp;

	link->device.features = vp->acked;
	link->device.n_queues = virtio_net_data_queues(link->net);
	link->pairs = link->net->pairs;
	for (unsigned i = 0; i < link->device.n_queues; i++) {
		const struct virtio_queue *from = &vp->queue[i];
		struct vhost_user_queue *to = &link->queue[i];
		struct virtio_areas areas;

		virtio_queue_areas(vp->world->ram, from, &areas);
		*to = (struct vhost_user_queue){.size = from->size,
						.enabled = i / 2 < link->pairs,
						.desc = (uintptr_t)areas.desc,
						.avail = (uintptr_t)areas.driver,
						.used = (uintptr_t)areas.device,
						.kickfd = from->kick_fd,
						.callfd = from->call_fd};
		/* All that a lost back-end has finished stands in the used ring. */
		if (link->resumed)
			to->base = __atomic_load_n((const uint16_t *)(uintptr_t)(to->used + 2),
						   __ATOMIC_ACQUIRE);
	}
}

/* What went wrong, once, and then as if the back-end had gone. */
static void give_up(struct net_link *link, const char *what, int64_t now_ms)
{
	say_once(link, what, link->vu.error);
	lost(link, now_ms);
}

static void start_queues(struct net_link *link, int64_t now_ms)
{
	bool again = link->resumed;

	pthread_mutex_lock(link->lock);
	describe_queues(link);
	pthread_mutex_unlock(link->lock);
	if (vhost_user_start(&link->vu, &link->device) < 0) {
		give_up(link, "cannot start", now_ms);
		return;
	}
	/* An interrupt may have been lost between the used ring and the eventfd. */
	if (again) {
		virtio_net_nudge(link->net, false, true);
		say("%s: carries on with the new back-end", link->net->name);
	}
	set_link(link, true, again);
}

static void follow_pairs(struct net_link *link, unsigned pairs, int64_t now_ms)
{
	int rc = 0;

	for (unsigned i = 0; i < link->device.n_queues / 2 && rc == 0; i++)
		if ((i < pairs) != (i < link->pairs))
			rc = vhost_user_enable_pair(&link->vu, &link->device, i, i < pairs);
	if (rc < 0)
		give_up(link, "enable queues", now_ms);
	else
		link->pairs = pairs;
}

static void finish_reset(struct net_link *link)
{
	link->resumed = false;
	link->device.n_queues = 0;
	pthread_mutex_lock(link->lock);
	virtio_pci_reset_done(&link->net->vp);
	pthread_mutex_unlock(link->lock);
}

void net_link_step(struct net_link *link, int64_t now_ms)
{
	bool running, stopping;
	unsigned pairs;

	if (link->vu.state == VHOST_USER_CLOSED && now_ms >= link->next_try_ms)
		connect_to(link, now_ms);
	pthread_mutex_lock(link->lock);
	running = link->net->running;
	stopping = link->net->vp.stopping;
	pairs = link->net->pairs;
	pthread_mutex_unlock(link->lock);
	if (link->vu.state == VHOST_USER_RUNNING && !running &&
	    vhost_user_stop(&link->vu, &link->device) < 0)
		give_up(link, "stop", now_ms);
	if (stopping)
		finish_reset(link);
	else if (link->vu.state == VHOST_USER_READY && running)
		start_queues(link, now_ms);
	else if (link->vu.state == VHOST_USER_RUNNING && pairs != link->pairs)
		follow_pairs(link, pairs, now_ms);
	/* Without a driver the cable is plugged in as soon as somebody is at the other end. */
	if (link->vu.state == VHOST_USER_READY && !running)
		set_link(link, true, false);
}

int64_t net_link_interest(const struct net_link *link, struct pollfd *interest)
{
	bool closed = link->vu.state == VHOST_USER_CLOSED;

	*interest = (struct pollfd){.fd = closed ? link->listen_fd : link->vu.fd, .events = POLLIN};
	return closed ? link->next_try_ms : INT64_MAX;
}

void net_link_event(struct net_link *link, int64_t now_ms)
{
	if (link->vu.state == VHOST_USER_CLOSED) {
		link->next_try_ms = now_ms;
	} else if (vhost_user_check(&link->vu) < 0) {
		say("%s: lost its back-end at %s: %s; link down, trying again", link->net->name,
		    link->path, link->vu.error);
		lost(link, now_ms);
	}
}
