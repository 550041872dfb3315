#include "switch/plane.h"
#include "ports/log.h"
#include "switch/eal.h"

#include <errno.h>
#include <pthread.h>
#include <rte_rcu_qsbr.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct plane_thread {
	struct plane *plane;
	struct worker *worker;
	pthread_t thread;
	bool started;
};

struct plane {
	const struct topology *topo;
	plane_open_port *const *openers;
	struct port_env env;
	pthread_mutex_t lock;		     /* among those that change what follows */
	_Atomic(struct snapshot *) snapshot; /* release; pairs with the workers' acquire */
	struct port **ports;		     /* by port id; NULL: not open yet */
	bool *linked;
	bool unpublished; /* there was no memory to tell the workers of the last change */
	uint16_t *bridge_of;
	uint64_t *n_kicks;
	struct bridge **bridges;
	const struct capture_set *captures;
	struct plane_thread *threads;
	struct rte_rcu_qsbr *qsbr;
};

static uint32_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)now.tv_sec;
}

static void quiesce(void *ctx)
{
	struct plane *plane = ctx;

	rte_rcu_qsbr_synchronize(plane->qsbr, RTE_QSBR_THRID_INVALID);
}

static void wake_all(struct plane *plane)
{
	for (unsigned w = 0; w < plane->topo->sw.n_workers; w++)
		worker_wake(plane->threads[w].worker);
}

/* Publishes what ports and links are now. The lock is held. */
static int republish(struct plane *plane)
{
	struct snapshot *next =
		snapshot_new(&(struct snapshot_conf){.ports = plane->ports,
						     .linked = plane->linked,
						     .bridge_of = plane->bridge_of,
						     .n_ports = plane->topo->n_ports,
						     .bridges = plane->bridges,
						     .n_bridges = plane->topo->n_bridges,
						     .captures = plane->captures,
						     .n_workers = plane->topo->sw.n_workers});
	struct snapshot *last;

	if (!next)
		return -ENOMEM;
	last = atomic_exchange_explicit(&plane->snapshot, next, memory_order_acq_rel);
	wake_all(plane);
	quiesce(plane);
	snapshot_free(last);
	return 0;
}

int plane_set_captures(struct plane *plane, const struct capture_set *captures)
{
	const struct capture_set *last;
	int ret;

	pthread_mutex_lock(&plane->lock);
	last = plane->captures;
	plane->captures = captures;
	ret = republish(plane);
	if (ret < 0)
		plane->captures = last;
	pthread_mutex_unlock(&plane->lock);
	return ret;
}

static void on_link(void *ctx, struct port *port, bool up)
{
	struct plane *plane = ctx;
	int ret;

	pthread_mutex_lock(&plane->lock);
	plane->ports[port->id] = port;
	plane->linked[port->id] = up;
	ret = republish(plane);
	plane->unpublished = ret < 0;
	if (!up && plane->bridges[plane->bridge_of[port->id]]->fdb)
		fdb_flush_port(plane->bridges[plane->bridge_of[port->id]]->fdb, port->id);
	pthread_mutex_unlock(&plane->lock);
	if (ret < 0)
		log_event(LOG_ERROR, "port %s: link %s not taken over yet: %s", port->name,
			  up ? "up" : "down", strerror(-ret));
	else
		log_limited(&port->log, LOG_INFO, "port %s: link %s", port->name,
			    up ? "up" : "down");
}

static struct worker *worker_of(const struct plane *plane, const struct port *port, unsigned queue)
{
	return plane->threads[snapshot_worker_of(port->id, queue, plane->topo->sw.n_workers)]
		.worker;
}

static void on_watch(void *ctx, struct port *port, unsigned queue, int fd)
{
	struct worker *worker = worker_of(ctx, port, queue);
	int ret = fd >= 0 ? worker_watch(worker, fd) : 0;

	if (ret < 0)
		log_event(LOG_WARNING,
			  "port %s: queue %u: its notifications cannot be waited for: %s",
			  port->name, queue, strerror(-ret));
	/* It may be asleep without having armed this queue. */
	worker_wake(worker);
}

static void on_unwatch(void *ctx, struct port *port, unsigned queue, int fd)
{
	worker_unwatch(worker_of(ctx, port, queue), fd);
}

static int make_bridges(struct plane *plane)
{
	uint64_t seed;

	for (unsigned b = 0; b < plane->topo->n_bridges; b++) {
		if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
			return -EIO;
		plane->bridges[b] =
			bridge_new(&plane->topo->bridges[b], (uint16_t)plane->topo->n_ports, seed);
		if (!plane->bridges[b] ||
		    bridge_set_rules(plane->bridges[b], plane->topo->ports,
				     (uint16_t)plane->topo->n_ports, (int)b) < 0)
			return -ENOMEM;
	}
	for (unsigned i = 0; i < plane->topo->n_ports; i++)
		plane->bridge_of[i] = (uint16_t)plane->topo->ports[i].bridge;
	return 0;
}

static int make_workers(struct plane *plane, uint64_t tsc_hz)
{
	for (unsigned w = 0; w < plane->topo->sw.n_workers; w++) {
		struct plane_thread *thread = &plane->threads[w];

		thread->plane = plane;
		thread->worker = worker_new(&(struct worker_conf){.id = w,
								  .n_ports = plane->topo->n_ports,
								  .idle = plane->topo->sw.idle,
								  .tsc_hz = tsc_hz,
								  .qsbr = plane->qsbr,
								  .snapshot = &plane->snapshot});
		if (!thread->worker)
			return -errno;
	}
	return 0;
}

static int make_qsbr(struct plane *plane)
{
	size_t len = rte_rcu_qsbr_get_memsize(plane->topo->sw.n_workers);

	plane->qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(len, RTE_CACHE_LINE_SIZE));
	if (!plane->qsbr)
		return -ENOMEM;
	return rte_rcu_qsbr_init(plane->qsbr, plane->topo->sw.n_workers) ? -EINVAL : 0;
}

struct plane *plane_new(const struct topology *topo, plane_open_port *const openers[PORT_TYPE_N],
			uint64_t tsc_hz)
{
	struct plane *plane = calloc(1, sizeof(*plane));
	int ret = -ENOMEM;

	if (!plane)
		return NULL;
	plane->topo = topo;
	plane->openers = openers;
	plane->env = (struct port_env){.ctx = plane,
				       .link = on_link,
				       .quiesce = quiesce,
				       .watch = on_watch,
				       .unwatch = on_unwatch};
	pthread_mutex_init(&plane->lock, NULL);
	plane->ports = calloc(topo->n_ports, sizeof(*plane->ports));
	plane->linked = calloc(topo->n_ports, sizeof(*plane->linked));
	plane->bridge_of = calloc(topo->n_ports, sizeof(*plane->bridge_of));
	plane->n_kicks = calloc(topo->n_ports, sizeof(*plane->n_kicks));
	plane->bridges = calloc(topo->n_bridges, sizeof(*plane->bridges));
	plane->threads = calloc(topo->sw.n_workers, sizeof(*plane->threads));
	if (plane->ports && plane->linked && plane->bridge_of && plane->n_kicks && plane->bridges &&
	    plane->threads) {
		ret = make_qsbr(plane);
		if (ret == 0)
			ret = make_bridges(plane);
		if (ret == 0)
			ret = make_workers(plane, tsc_hz);
	}
	if (ret == 0)
		return plane;
	log_event(LOG_ERROR, "switch %s: %s", topo->sw.name, strerror(-ret));
	plane_free(plane);
	errno = -ret;
	return NULL;
}

void plane_free(struct plane *plane)
{
	if (!plane)
		return;
	snapshot_free(atomic_load_explicit(&plane->snapshot, memory_order_relaxed));
	for (unsigned w = 0; plane->threads && w < plane->topo->sw.n_workers; w++)
		worker_free(plane->threads[w].worker);
	for (unsigned b = 0; plane->bridges && b < plane->topo->n_bridges; b++)
		bridge_free(plane->bridges[b]);
	free(plane->ports);
	free(plane->linked);
	free(plane->bridge_of);
	free(plane->n_kicks);
	free(plane->bridges);
	free(plane->threads);
	free(plane->qsbr);
	pthread_mutex_destroy(&plane->lock);
	free(plane);
}

static void *thread_main(void *arg)
{
	struct plane_thread *thread = arg;

	eal_thread_enter();
	worker_run(thread->worker);
	eal_thread_leave();
	return NULL;
}

static int start_thread(struct plane *plane, unsigned w)
{
	struct plane_thread *thread = &plane->threads[w];
	cpu_set_t cpus;
	char name[32]; /* the kernel takes 15 characters, which are enough for 9999 workers */
	int ret;

	ret = -pthread_create(&thread->thread, NULL, thread_main, thread);
	if (ret < 0)
		return ret;
	thread->started = true;
	snprintf(name, sizeof(name), "worker-%u", w);
	pthread_setname_np(thread->thread, name);
	if (!plane->topo->sw.pinned)
		return 0;
	CPU_ZERO(&cpus);
	CPU_SET(plane->topo->sw.cores[w], &cpus);
	ret = -pthread_setaffinity_np(thread->thread, sizeof(cpus), &cpus);
	if (ret < 0)
		log_event(LOG_ERROR, "switch %s: workers: core %u cannot be used: %s",
			  plane->topo->sw.name, plane->topo->sw.cores[w], strerror(-ret));
	return ret;
}

int plane_start(struct plane *plane)
{
	int ret;

	pthread_mutex_lock(&plane->lock);
	ret = republish(plane);
	pthread_mutex_unlock(&plane->lock);
	for (unsigned w = 0; ret == 0 && w < plane->topo->sw.n_workers; w++)
		ret = start_thread(plane, w);
	for (unsigned i = 0; ret == 0 && i < plane->topo->n_ports; i++) {
		const struct port_conf *conf = &plane->topo->ports[i];
		struct port *port = plane->openers[conf->type](conf, (uint16_t)i, &plane->env);

		if (port)
			plane->ports[i] = port;
		else
			ret = -errno;
	}
	if (ret < 0)
		plane_stop(plane);
	return ret;
}

void plane_stop(struct plane *plane)
{
	/* Ports first: their way down needs workers that pass quiescent states. */
	for (unsigned i = 0; i < plane->topo->n_ports; i++) {
		if (plane->ports[i])
			plane->ports[i]->ops->close(plane->ports[i]);
		plane->ports[i] = NULL;
	}
	for (unsigned w = 0; w < plane->topo->sw.n_workers; w++) {
		if (!plane->threads[w].started)
			continue;
		worker_stop(plane->threads[w].worker);
		pthread_join(plane->threads[w].thread, NULL);
		plane->threads[w].started = false;
	}
}

void plane_housekeep(struct plane *plane)
{
	for (unsigned b = 0; b < plane->topo->n_bridges; b++)
		if (plane->bridges[b]->fdb)
			fdb_expire(plane->bridges[b]->fdb, seconds());
	for (unsigned i = 0; i < plane->topo->n_ports; i++)
		plane->ports[i]->ops->housekeep(plane->ports[i]);
	pthread_mutex_lock(&plane->lock);
	if (plane->unpublished)
		plane->unpublished = republish(plane) < 0;
	pthread_mutex_unlock(&plane->lock);
}

const struct topology *plane_topology(const struct plane *plane)
{
	return plane->topo;
}

bool plane_linked(struct plane *plane, unsigned port)
{
	bool linked;

	pthread_mutex_lock(&plane->lock);
	linked = plane->linked[port];
	pthread_mutex_unlock(&plane->lock);
	return linked;
}

struct port_counters plane_port_counters(const struct plane *plane, unsigned port)
{
	struct port_counters sum = {0};

	for (unsigned w = 0; w < plane->topo->sw.n_workers; w++) {
		const struct port_counters *part =
			worker_port_counters(plane->threads[w].worker, (uint16_t)port);

		for (unsigned i = 0; i < PORT_COUNTER_N; i++)
			sum.count[i] += counter_read(&part->count[i]);
		for (unsigned i = 0; i < DROP_N; i++)
			sum.drops[i] += counter_read(&part->drops[i]);
	}
	return sum;
}

unsigned plane_port_queues(const struct plane *plane, unsigned port)
{
	unsigned n = atomic_load_explicit(&plane->ports[port]->n_tx_queues, memory_order_relaxed);

	return n > 0 ? n : 1;
}

const char *plane_port_fault(struct plane *plane, unsigned port, unsigned index)
{
	struct port *of = plane->ports[port];

	return of->ops->fault ? of->ops->fault(of, index) : NULL;
}

uint64_t plane_port_kicks(struct plane *plane, unsigned port)
{
	uint64_t n = plane->ports[port]->ops->kicks(plane->ports[port]);

	/* Counting took the kicks out of their descriptor, and epoll does not return one that is
	 * empty by the time it looks: a worker that one of them should have woken up would sleep
	 * on. */
	if (n)
		wake_all(plane);
	plane->n_kicks[port] += n;
	return plane->n_kicks[port];
}

const struct worker *plane_worker(const struct plane *plane, unsigned worker)
{
	return plane->threads[worker].worker;
}

const struct fdb *plane_fdb(const struct plane *plane, unsigned bridge)
{
	return plane->bridges[bridge]->fdb;
}
