#include "ports/vhost.h"
#include "ports/log.h"
#include "ports/vhost_port.h"
#include "ports/vhost_socket.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How many ticks of housekeeping, a second apart, a front-end may take from its features to its
 * memory; and how long QEMU's rings are unless it is told otherwise. */
enum { NO_MEMORY_TICKS = 3, QEMU_RING_SIZE = 256 };

static unsigned n_vrings(const struct vhost_port *vp)
{
	return 2u * vp->conf->n_queues;
}

/* Tells senders which queues the guest receives on. */
static void publish_receivers(struct vhost_port *vp, const bool *receives)
{
	uint8_t list[TOPOLOGY_MAX_QUEUES];
	unsigned n = 0;
	uint64_t receivers = 0;

	for (unsigned i = 0; i < n_vrings(vp); i += 2)
		if (receives[i])
			list[n++] = (uint8_t)i;
	for (unsigned i = 0; n > 0 && i < 8; i++)
		receivers |= (uint64_t)list[i % n] << 8 * i;
	atomic_store_explicit(&vp->receivers, receivers, memory_order_relaxed);
	atomic_store_explicit(&vp->port.n_tx_queues, (uint8_t)n, memory_order_relaxed);
}

/* Starts every queue that is wanted and not active. */
static void start_wanted(struct vhost_port *vp, bool *active)
{
	uint64_t features = vhost_lib_features(vp->lib);

	for (unsigned i = 0; i < n_vrings(vp); i++) {
		int ret;

		if (!vp->queues[i].enabled || active[i])
			continue;
		ret = vhost_queue_init(vp, i, features);
		if (ret < 0) {
			log_limited(&vp->port.log, LOG_WARNING,
				    "port %s: queue %u: cannot start: %s", vp->port.name, i,
				    strerror(-ret));
			continue;
		}
		vhost_queue_show(vp, i);
		active[i] = true;
	}
	publish_receivers(vp, active);
}

/* Starts and stops queues until what workers use is what the front-end wants. */
static void refresh(struct vhost_port *vp)
{
	bool hidden[MAX_VRINGS] = {false};
	bool active[MAX_VRINGS] = {false};
	bool any_hidden = false;

	for (unsigned i = 0; i < n_vrings(vp); i++)
		active[i] = vp->running && !vp->suspended && vp->queues[i].enabled &&
			    atomic_load_explicit(&vp->queues[i].active, memory_order_relaxed);
	/* Before they are hidden: a frame that still goes there would be dropped. */
	publish_receivers(vp, active);
	for (unsigned i = 0; i < n_vrings(vp); i++) {
		if (active[i] || !atomic_load_explicit(&vp->queues[i].active, memory_order_relaxed))
			continue;
		vhost_queue_hide(vp, i);
		hidden[i] = any_hidden = true;
	}
	if (any_hidden)
		vp->env->quiesce(vp->env->ctx);
	for (unsigned i = 0; i < n_vrings(vp); i++)
		if (hidden[i])
			vhost_queue_fini(vp, i);
	if (vp->running && !vp->suspended)
		start_wanted(vp, active);
}

static uint8_t offloads_of(uint64_t features)
{
	uint8_t offloads = 0;

	if (features & (UINT64_C(1) << VIRTIO_NET_F_GUEST_CSUM))
		offloads |= FRAME_NEEDS_CSUM;
	if (features & (UINT64_C(1) << VIRTIO_NET_F_GUEST_TSO4))
		offloads |= FRAME_NEEDS_TSO4;
	if (features & (UINT64_C(1) << VIRTIO_NET_F_GUEST_TSO6))
		offloads |= FRAME_NEEDS_TSO6;
	return offloads;
}

/* Says once what will hurt, and what to type. */
static void give_hints(struct vhost_port *vp)
{
	uint16_t mtu = vhost_lib_mtu(vp->lib);
	struct vhost_lib_ring ring;

	/* What other front-ends have is their driver's choice. */
	if (vhost_lib_ring(vp->lib, 0, &ring) == 0 && ring.size == QEMU_RING_SIZE)
		log_limited(
			&vp->port.log, LOG_INFO,
			"port %s: rings of %u entries lose frames in bursts: with QEMU, whose "
			"default they are, add rx_queue_size=1024,tx_queue_size=1024 to -device "
			"virtio-net-pci",
			vp->port.name, ring.size);
	if (vp->conf->mtu && mtu && mtu != vp->conf->mtu)
		log_limited(&vp->port.log, LOG_WARNING,
			    "port %s: the guest's mtu is %u, the port's is %u: with QEMU, add "
			    "host_mtu=%u to "
			    "-device virtio-net-pci",
			    vp->port.name, mtu, vp->conf->mtu, vp->conf->mtu);
}

static void on_connected(void *ctx)
{
	struct vhost_port *vp = ctx;

	pthread_mutex_lock(&vp->lock);
	vp->suspended = false;
	vp->memory_due = false;
	vp->mem.n_regions = 0;
	vp->told_lost = false;
	for (unsigned i = 0; i < MAX_VRINGS; i++)
		vp->queues[i].enabled = false;
	pthread_mutex_unlock(&vp->lock);
	log_limited(&vp->port.log, LOG_INFO, "port %s: front-end connected", vp->port.name);
}

static void on_disconnected(void *ctx, const char *why)
{
	struct vhost_port *vp = ctx;

	if (why)
		log_limited(&vp->port.log, LOG_WARNING,
			    "port %s: front-end disconnected: it was refused: %s", vp->port.name,
			    why);
	else
		log_limited(&vp->port.log, LOG_INFO, "port %s: front-end disconnected",
			    vp->port.name);
}

static void on_refused(void *ctx)
{
	struct vhost_port *vp = ctx;

	log_limited(&vp->port.log, LOG_WARNING,
		    "port %s: refused a second front-end: one is connected already", vp->port.name);
}

static int on_started(void *ctx)
{
	struct vhost_port *vp = ctx;
	int ret;

	pthread_mutex_lock(&vp->lock);
	ret = vhost_lib_memory(vp->lib, &vp->mem);
	if (ret == 0) {
		vp->running = true;
		vp->port.offloads = offloads_of(vhost_lib_features(vp->lib));
		refresh(vp);
	}
	pthread_mutex_unlock(&vp->lock);
	if (ret < 0) {
		log_limited(&vp->port.log, LOG_ERROR, "port %s: guest's memory table: %s",
			    vp->port.name, strerror(-ret));
		return ret;
	}
	vp->env->link(vp->env->ctx, &vp->port, true);
	give_hints(vp);
	return 0;
}

static void on_stopped(void *ctx)
{
	struct vhost_port *vp = ctx;

	vp->env->link(vp->env->ctx, &vp->port, false);
	pthread_mutex_lock(&vp->lock);
	vp->running = false;
	refresh(vp);
	pthread_mutex_unlock(&vp->lock);
}

static void on_ring_changed(void *ctx, unsigned index, bool usable)
{
	struct vhost_port *vp = ctx;

	if (index >= n_vrings(vp)) {
		if (usable)
			log_limited(&vp->port.log, LOG_WARNING,
				    "port %s: the guest uses queue pair %u and the port has %u: "
				    "write queues = %u",
				    vp->port.name, index / 2 + 1, vp->conf->n_queues,
				    index / 2 + 1);
		return;
	}
	pthread_mutex_lock(&vp->lock);
	vp->queues[index].enabled = usable;
	refresh(vp);
	pthread_mutex_unlock(&vp->lock);
}

static void on_features_set(void *ctx)
{
	struct vhost_port *vp = ctx;

	pthread_mutex_lock(&vp->lock);
	vp->memory_due = vp->mem.n_regions == 0;
	vp->n_ticks = 0;
	pthread_mutex_unlock(&vp->lock);
}

static void say_no_memory(struct vhost_port *vp)
{
	log_limited(&vp->port.log, LOG_ERROR,
		    "port %s: the front-end shares no memory: with QEMU, add -object "
		    "memory-backend-memfd,id=mem,size=SIZE,share=on -machine memory-backend=mem",
		    vp->port.name);
}

static void on_memory_changing(void *ctx)
{
	struct vhost_port *vp = ctx;

	pthread_mutex_lock(&vp->lock);
	vp->memory_due = false;
	vp->suspended = true;
	refresh(vp);
	pthread_mutex_unlock(&vp->lock);
}

static void on_memory_changed(void *ctx)
{
	struct vhost_port *vp = ctx;
	unsigned n_regions;

	pthread_mutex_lock(&vp->lock);
	if (vhost_lib_memory(vp->lib, &vp->mem) == 0) {
		vp->suspended = false;
		refresh(vp);
	}
	n_regions = vp->mem.n_regions;
	pthread_mutex_unlock(&vp->lock);
	if (n_regions == 0)
		say_no_memory(vp);
}

static const struct vhost_lib_ops lib_ops = {
	.connected = on_connected,
	.disconnected = on_disconnected,
	.refused = on_refused,
	.started = on_started,
	.stopped = on_stopped,
	.ring_changed = on_ring_changed,
	.features_set = on_features_set,
	.memory_changing = on_memory_changing,
	.memory_changed = on_memory_changed,
};

static uint64_t vhost_kicks(struct port *port)
{
	struct vhost_port *vp = vhost_of(port);
	uint64_t n;

	pthread_mutex_lock(&vp->lock);
	for (unsigned i = 0; i < n_vrings(vp); i++)
		if (atomic_load_explicit(&vp->queues[i].active, memory_order_relaxed))
			vp->n_kicks += vhost_queue_kicks(&vp->queues[i]);
	n = vp->n_kicks;
	vp->n_kicks = 0;
	pthread_mutex_unlock(&vp->lock);
	return n;
}

/* What is there instead is harmless, but no guest's. */
static void stop_without_memory(struct vhost_port *vp)
{
	if (vp->suspended || !vhost_lib_memory_lost(vp->lib))
		return;
	vp->suspended = true;
	refresh(vp);
	log_limited(&vp->port.log, LOG_ERROR,
		    "port %s: the front-end took back memory that it shares (a truncated file, or "
		    "no hugepages left): stopped until it shares its memory again",
		    vp->port.name);
}

static const char *queue_fault(struct vhost_port *vp, unsigned index)
{
	struct vring *vr = atomic_load_explicit(&vp->queues[index].active, memory_order_relaxed);
	uint8_t fault = vr ? atomic_load_explicit(&vr->fault, memory_order_relaxed) : VRING_OK;

	if (!vr && vp->running && !vp->suspended && vp->queues[index].enabled)
		return "the ring cannot be started";
	return fault == VRING_OK ? NULL : vring_fault_names[fault];
}

static const char *vhost_fault(struct port *port, unsigned index)
{
	struct vhost_port *vp = vhost_of(port);
	const char *why;

	pthread_mutex_lock(&vp->lock);
	why = vp->running && vhost_lib_memory_lost(vp->lib) ? "memory was taken back"
							    : queue_fault(vp, index);
	pthread_mutex_unlock(&vp->lock);
	return why;
}

static void vhost_housekeep(struct port *port)
{
	struct vhost_port *vp = vhost_of(port);

	pthread_mutex_lock(&vp->lock);
	stop_without_memory(vp);
	/* QEMU without memory to share says nothing: it goes on without us, and its guest's frames
	 * go nowhere. */
	if (vp->memory_due && ++vp->n_ticks == NO_MEMORY_TICKS) {
		vp->memory_due = false;
		say_no_memory(vp);
	}
	for (unsigned i = 0; i < n_vrings(vp); i++) {
		const char *fault = queue_fault(vp, i);

		if (!fault || fault == vp->reported[i])
			continue;
		vp->reported[i] = fault;
		log_limited(&vp->port.log, LOG_WARNING,
			    "port %s: queue %u: %s: stopped until the guest resets it",
			    vp->port.name, i, fault);
	}
	pthread_mutex_unlock(&vp->lock);
}

static void vhost_close(struct port *port)
{
	struct vhost_port *vp = vhost_of(port);

	/* Ends the connection, and with it every queue, by way of on_stopped(). */
	vhost_lib_close(vp->lib);
	pthread_mutex_destroy(&vp->lock);
	free(vp);
}

static const struct port_ops vhost_ops = {
	.rx = vhost_data_rx,
	.rx_release = vhost_data_rx_release,
	.tx = vhost_data_tx,
	.notify = vhost_data_notify,
	.arm = vhost_data_arm,
	.disarm = vhost_data_disarm,
	.kicks = vhost_kicks,
	.housekeep = vhost_housekeep,
	.fault = vhost_fault,
	.close = vhost_close,
};

#define BIT(feature) (UINT64_C(1) << (feature))

static const uint64_t features_not_offered =
	BIT(VIRTIO_NET_F_GSO) | BIT(VIRTIO_NET_F_GUEST_ECN) | BIT(VIRTIO_NET_F_GUEST_UFO) |
	BIT(VIRTIO_NET_F_HOST_ECN) | BIT(VIRTIO_NET_F_HOST_UFO) | BIT(VIRTIO_F_LOG_ALL);

/* Registers with librte_vhost and lets it listen or connect. */
static int start(struct vhost_port *vp)
{
	const struct port_conf *conf = vp->conf;
	bool server = conf->role == ROLE_SERVER;
	mode_t umask_before;
	int ret;

	ret = vhost_lib_open(&vp->lib, &(struct vhost_lib_conf){.socket = conf->socket,
								.client = !server,
								.no_features = features_not_offered,
								.n_queue_pairs = conf->n_queues,
								.ops = &lib_ops,
								.ctx = vp});
	if (ret < 0)
		return ret;
	/* Nobody may connect before mode and owner are what the user asked for. */
	umask_before = umask(0177);
	ret = vhost_lib_start(vp->lib);
	umask(umask_before);
	if (ret == 0 && server)
		ret = vhost_socket_set_access(conf);
	if (ret < 0)
		vhost_lib_close(vp->lib);
	return ret;
}

struct port *vhost_open(const struct port_conf *conf, uint16_t id, const struct port_env *env)
{
	struct vhost_port *vp;
	int ret;

	if (conf->role == ROLE_SERVER && (ret = vhost_socket_claim(conf)) < 0) {
		errno = -ret;
		return NULL;
	}
	vp = aligned_alloc(64, (sizeof(*vp) + 63) / 64 * 64);
	if (!vp)
		return NULL;
	*vp = (struct vhost_port){
		.port = {.ops = &vhost_ops,
			 .name = conf->name,
			 .id = id,
			 .n_queues = conf->n_queues,
			 .frame_max = conf->mtu ? conf->mtu + FRAME_LEN_MIN : FRAME_LEN_MAX},
		.conf = conf,
		.env = env,
	};
	pthread_mutex_init(&vp->lock, NULL);
	for (unsigned i = 0; i < MAX_VRINGS; i++)
		vp->queues[i].kick_fd = -1;
	ret = start(vp);
	if (ret == 0)
		return &vp->port;
	log_event(LOG_ERROR, "port %s: socket %s: cannot %s: %s", conf->name, conf->socket,
		  conf->role == ROLE_SERVER ? "listen" : "connect", strerror(-ret));
	pthread_mutex_destroy(&vp->lock);
	free(vp);
	errno = -ret;
	return NULL;
}
