#include "switch/worker.h"
#include "ports/nudge.h"
#include "switch/flow.h"
#include "switch/offload.h"

#include <errno.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_rcu_qsbr.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
	/* How long a worker goes on polling without finding anything: about twice what a sleep and
	   a wake-up cost. */
	SPIN_US = 50,
	CLOCK_HZ = 10, /* how often the seconds of the forwarding database are looked up */
};

struct worker {
	struct worker_conf conf;
	int epoll_fd;
	int wake_fd;
	sigset_t asleep; /* signals that do not wake it up */
	atomic_bool stopping;
	uint32_t now_s;
	uint64_t clock_due; /* TSC at which now_s is looked up again */
	uint64_t counters[WORKER_COUNTER_N];
	struct port_counters *ports; /* by port id */
	struct outbox *out;
	struct offload *offload;
	uint16_t *to_notify; /* ports that were sent to in this sweep */
	bool *notifies;	     /* by port id: is in to_notify */
	unsigned n_to_notify;
	const struct capture_set *captures; /* of the snapshot in hand; NULL: nobody captures */
	uint16_t queue;			    /* that is being polled */
	struct burst burst;
};

struct worker *worker_new(const struct worker_conf *conf)
{
	struct worker *worker = aligned_alloc(64, (sizeof(*worker) + 63) / 64 * 64);
	struct epoll_event wake = {.events = EPOLLIN | EPOLLET};

	if (!worker)
		return NULL;
	memset(worker, 0, sizeof(*worker));
	worker->conf = *conf;
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->ports = calloc(conf->n_ports, sizeof(*worker->ports));
	worker->out = outbox_new(conf->n_ports);
	worker->offload = offload_new();
	worker->to_notify = calloc(conf->n_ports, sizeof(*worker->to_notify));
	worker->notifies = calloc(conf->n_ports, sizeof(*worker->notifies));
	if (worker->epoll_fd < 0 || worker->wake_fd < 0 || !worker->ports || !worker->out ||
	    !worker->offload || !worker->to_notify || !worker->notifies ||
	    epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->wake_fd, &wake) < 0) {
		int error = errno;

		worker_free(worker);
		errno = error;
		return NULL;
	}
	return worker;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	if (worker->epoll_fd >= 0)
		close(worker->epoll_fd);
	if (worker->wake_fd >= 0)
		close(worker->wake_fd);
	free(worker->ports);
	outbox_free(worker->out);
	offload_free(worker->offload);
	free(worker->to_notify);
	free(worker->notifies);
	free(worker);
}

uint64_t worker_count(const struct worker *worker, enum worker_counter which)
{
	return counter_read(&worker->counters[which]);
}

const struct port_counters *worker_port_counters(const struct worker *worker, uint16_t port)
{
	return &worker->ports[port];
}

static void __attribute__((noinline))
capture(struct worker *worker, uint16_t port, enum capture_point point,
	const struct frame *const *frames, unsigned n, enum drop_reason why)
{
	capture_frames(worker->captures,
		       &(struct capture_where){.worker = (uint16_t)worker->conf.id,
					       .port = port,
					       .queue = worker->queue,
					       .point = point,
					       .why = why},
		       frames, n);
}

/* The one door out for a frame that is not delivered. port is who it is charged to. */
static void drop(struct worker *worker, uint16_t port, const struct frame *const *frames,
		 unsigned n, enum drop_reason why)
{
	counter_add(&worker->ports[port].drops[why], n);
	if (worker->captures)
		capture(worker, port, CAPTURE_DROP, frames, n, why);
}

static uint64_t bytes_of(const struct frame *const *frames, unsigned n)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n; i++)
		bytes += frames[i]->len;
	return bytes;
}

static bool holds_for_all(enum drop_reason why)
{
	return why == DROP_TX_FULL || why == DROP_LINK_DOWN || why == DROP_QUEUE_BROKEN;
}

/* Gives frames that the port can take as they are to one of its queues. Returns how many of them
 * are dealt with: all, unless the queue is busy. */
static unsigned send(struct worker *worker, struct port *port, unsigned queue,
		     const struct frame *const *frames, unsigned n)
{
	struct port_counters *counters = &worker->ports[port->id];
	unsigned done = 0;

	while (done < n) {
		enum drop_reason why;
		unsigned n_sent = port->ops->tx(port, queue, frames + done, n - done, &why);
		unsigned n_lost;

		counter_add(&counters->count[COUNT_TX_FRAMES], n_sent);
		counter_add(&counters->count[COUNT_TX_BYTES], bytes_of(frames + done, n_sent));
		if (worker->captures)
			capture(worker, port->id, CAPTURE_TX, frames + done, n_sent, 0);
		done += n_sent;
		if (done == n || why == PORT_BUSY)
			break;
		n_lost = holds_for_all(why) ? n - done : 1;
		drop(worker, port->id, frames + done, n_lost, why);
		done += n_lost;
	}
	return done;
}

/* Completes in software what the port's peer did not negotiate. from is the source's id, for its
 * count of copies. What comes out lies in the one scratch memory, so a busy port is waited for: no
 * longer than another worker needs for one burst. */
static void send_completed(struct worker *worker, uint16_t from, struct port *port, unsigned queue,
			   const struct frame *frame)
{
	const struct frame *const *completed;
	unsigned n = offload_complete(worker->offload, frame, port->offloads, &completed);

	counter_add(&worker->ports[port->id].count[COUNT_SEGMENTED], 1);
	if (n == 0) {
		drop(worker, port->id, &frame, 1, DROP_NO_OFFLOAD);
		return;
	}
	counter_add(&worker->ports[from].count[COUNT_COPIES], n - 1);
	for (unsigned done = 0; done < n;) {
		unsigned n_now = n - done < BURST_MAX ? n - done : BURST_MAX;
		unsigned n_sent = send(worker, port, queue, completed + done, n_now);

		if (n_sent < n_now)
			rte_pause();
		done += n_sent;
	}
}

static unsigned n_queues_of(const struct port *port)
{
	return atomic_load_explicit(&port->n_tx_queues, memory_order_relaxed);
}

static void choose_queues(const struct port *port, struct outbox_list *list)
{
	unsigned n_queues = n_queues_of(port);

	list->spread = false;
	if (n_queues > 1)
		flow_spread(list, n_queues);
}

/* Where the run of frames ends that can be given to one queue of the port as they are. */
static unsigned end_of_run(const struct port *port, const struct outbox_list *list, uint8_t needs)
{
	unsigned end = list->n_done;

	if (!(needs & ~port->offloads) && !list->spread)
		return list->n;
	while (end < list->n && !(list->frames[end]->needs & ~port->offloads) &&
	       (!list->spread || list->queue[end] == list->queue[list->n_done]))
		end++;
	return end;
}

/* Sends what is left of the list. False: the port is busy, and something is still left. */
static bool deliver(struct worker *worker, uint16_t from, struct port *port,
		    struct outbox_list *list, uint8_t needs)
{
	if (!worker->notifies[port->id]) {
		worker->notifies[port->id] = true;
		worker->to_notify[worker->n_to_notify++] = port->id;
	}
	if (list->n_done == 0)
		choose_queues(port, list);
	while (list->n_done < list->n) {
		unsigned queue = list->spread ? list->queue[list->n_done] : 0;
		unsigned end = end_of_run(port, list, needs);

		list->n_done +=
			send(worker, port, queue, list->frames + list->n_done, end - list->n_done);
		if (list->n_done < end)
			return false;
		if (end < list->n && (list->frames[end]->needs & ~port->offloads))
			send_completed(worker, from, port, list->spread ? list->queue[end] : 0,
				       list->frames[list->n_done++]);
	}
	return true;
}

static void deliver_all(struct worker *worker, const struct snapshot *snapshot, uint16_t from,
			uint8_t needs)
{
	struct outbox *out = worker->out;
	bool all;

	do {
		all = true;
		for (unsigned i = 0; i < out->n_touched; i++)
			all &= deliver(worker, from, snapshot->ports[out->touched[i]],
				       &out->to[out->touched[i]], needs);
		if (!all)
			rte_pause();
	} while (!all);
}

static void forward(struct worker *worker, const struct snapshot *snapshot, uint16_t from)
{
	struct outbox *out = worker->out;
	const struct burst *burst = &worker->burst;
	uint64_t bytes = 0;
	uint8_t needs = 0;

	bridge_forward(snapshot->bridge_of[from], from, burst, worker->now_s, out);
	for (unsigned i = 0; i < burst->n; i++) {
		bytes += burst->frames[i].len;
		needs |= burst->frames[i].needs;
	}
	counter_add(&worker->ports[from].count[COUNT_RX_BYTES], bytes);
	counter_add(&worker->ports[from].count[COUNT_COPIES], out->n_copies);
	deliver_all(worker, snapshot, from, needs);
	for (unsigned why = 0; out->n_dropped && why < DROP_N; why++)
		if (out->dropped[why].n)
			drop(worker, from, out->dropped[why].frames, out->dropped[why].n, why);
	outbox_reset(out);
}

static void __attribute__((noinline)) capture_burst(struct worker *worker, uint16_t port)
{
	const struct burst *burst = &worker->burst;
	const struct frame *frames[BURST_MAX];

	for (unsigned i = 0; i < burst->n; i++)
		frames[i] = &burst->frames[i];
	capture(worker, port, CAPTURE_RX, frames, burst->n, 0);
	for (unsigned i = 0; i < burst->n_kept; i++) {
		frames[0] = burst_kept(burst, i);
		capture(worker, port, CAPTURE_DROP, frames, 1, burst->kept_why[i]);
	}
}

/* One burst of one queue. Returns how many frames it took. */
static unsigned poll_queue(struct worker *worker, const struct snapshot *snapshot,
			   const struct poll *poll)
{
	struct port *port = poll->port;
	struct burst *burst = &worker->burst;
	struct port_counters *counters = &worker->ports[port->id];
	unsigned n;

	burst_reset(burst);
	n = port->ops->rx(port, poll->queue, burst);
	if (n == 0)
		return 0;
	counter_add(&counters->count[COUNT_RX_FRAMES], n);
	worker->queue = poll->queue;
	if (worker->captures)
		capture_burst(worker, port->id);
	if (burst->n)
		forward(worker, snapshot, port->id);
	for (unsigned why = 0; burst->n_refused && why < DROP_N; why++)
		counter_add(&counters->drops[why], burst->n_dropped[why]);
	counter_add(&counters->count[COUNT_TX_NOTIFICATIONS],
		    port->ops->rx_release(port, poll->queue));
	counter_add(&worker->counters[WORKER_BURSTS], 1);
	counter_add(&worker->counters[WORKER_FRAMES], n);
	return n;
}

/* Each queue that frames went to since the last time, and those that they did not: it costs little,
 * and which number means which queue may have changed in between. */
static void notify_all_queues(struct worker *worker, struct port *port)
{
	unsigned queue = 0;

	do
		counter_add(&worker->ports[port->id].count[COUNT_TX_NOTIFICATIONS],
			    port->ops->notify(port, queue));
	while (++queue < n_queues_of(port));
}

unsigned worker_sweep(struct worker *worker, const struct snapshot *snapshot)
{
	const struct poll_list *list = &snapshot->polled_by[worker->conf.id];
	unsigned n = 0;

	worker->captures = snapshot->captures;
	for (unsigned i = 0; i < list->n; i++)
		n += poll_queue(worker, snapshot, &list->polls[i]);
	for (unsigned i = 0; i < worker->n_to_notify; i++) {
		struct port *port = snapshot->ports[worker->to_notify[i]];

		notify_all_queues(worker, port);
		worker->notifies[port->id] = false;
	}
	worker->n_to_notify = 0;
	return n;
}

static const struct snapshot *newest(const struct worker *worker)
{
	/* Pairs with the release of plane's publish. */
	return atomic_load_explicit(worker->conf.snapshot, memory_order_acquire);
}

/* Sleeps until a queue has frames or somebody calls worker_wake(), unless there is work already. */
static void doze(struct worker *worker)
{
	const struct poll_list *list = &newest(worker)->polled_by[worker->conf.id];
	struct epoll_event event;
	bool work = false;

	for (unsigned i = 0; i < list->n; i++)
		work |= list->polls[i].port->ops->arm(list->polls[i].port, list->polls[i].queue);
	if (!work && !atomic_load_explicit(&worker->stopping, memory_order_acquire)) {
		counter_add(&worker->counters[WORKER_SLEEPS], 1);
		rte_rcu_qsbr_thread_offline(worker->conf.qsbr, worker->conf.id);
		/* Edge-triggered: nothing has to be read to make it quiet again. */
		epoll_pwait(worker->epoll_fd, &event, 1, -1, &worker->asleep);
		rte_rcu_qsbr_thread_online(worker->conf.qsbr, worker->conf.id);
		list = &newest(worker)->polled_by[worker->conf.id];
	}
	for (unsigned i = 0; i < list->n; i++)
		list->polls[i].port->ops->disarm(list->polls[i].port, list->polls[i].queue);
}

static void look_at_clock(struct worker *worker, uint64_t tsc)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	worker->now_s = (uint32_t)now.tv_sec;
	worker->clock_due = tsc + worker->conf.tsc_hz / CLOCK_HZ;
}

void worker_run(struct worker *worker)
{
	const uint64_t spin = worker->conf.tsc_hz / 1000000 * SPIN_US;
	struct rte_rcu_qsbr *qsbr = worker->conf.qsbr;
	uint64_t tsc = rte_rdtsc();
	uint64_t last_busy = tsc;
	struct nudge nudge;

	/* Without it, a front-end that wants to can hold us up. */
	if (nudge_start(&nudge) < 0)
		log_event(LOG_WARNING, "worker %u: no timer to be had", worker->conf.id);
	pthread_sigmask(SIG_BLOCK, NULL, &worker->asleep);
	sigaddset(&worker->asleep, NUDGE_SIGNAL);
	rte_rcu_qsbr_thread_register(qsbr, worker->conf.id);
	rte_rcu_qsbr_thread_online(qsbr, worker->conf.id);
	while (!atomic_load_explicit(&worker->stopping, memory_order_relaxed)) {
		unsigned n = worker_sweep(worker, newest(worker));
		uint64_t now = rte_rdtsc();

		counter_add(&worker->counters[n ? WORKER_BUSY_CYCLES : WORKER_IDLE_CYCLES],
			    now - tsc);
		tsc = now;
		rte_rcu_qsbr_quiescent(qsbr, worker->conf.id);
		if (n)
			last_busy = now;
		if (now >= worker->clock_due)
			look_at_clock(worker, now);
		if (worker->conf.idle == IDLE_ADAPTIVE && now - last_busy > spin) {
			doze(worker);
			tsc = last_busy = rte_rdtsc();
		} else if (n == 0) {
			rte_pause();
		}
	}
	rte_rcu_qsbr_thread_offline(qsbr, worker->conf.id);
	rte_rcu_qsbr_thread_unregister(qsbr, worker->conf.id);
	nudge_stop(&nudge);
}

void worker_wake(struct worker *worker)
{
	/* The counter cannot be full: it takes 2^64 wake-ups. */
	if (eventfd_write(worker->wake_fd, 1) < 0)
		return;
}

void worker_stop(struct worker *worker)
{
	atomic_store_explicit(&worker->stopping, true, memory_order_release);
	worker_wake(worker);
}

int worker_watch(struct worker *worker, int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};

	return epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void worker_unwatch(struct worker *worker, int fd)
{
	epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}
