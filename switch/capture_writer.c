#include "switch/capture_writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	PAUSE_MIN_MS = 1, /* between looks into the rings; doubles while they are empty */
	PAUSE_MAX_MS = 16,
	CLOCK_TRIES = 5,
	/* How long the end of a capture waits for a reader that does not read. */
	GIVE_UP_NS = 1000000000,
	COMMENT_LEN = 480,
	/* Copies must never cost forwarding its processor (setpriority(2)). */
	NICE = 10,
};

struct slot {
	struct capture_job *job;
	/* enum capture_state. Who writes it: see capture_writer.h. Released by the writer of a
	   state, acquired by who reads it: job and all in it go along. */
	_Atomic int state;
};

struct capture_writer {
	struct capture_writer_conf conf;
	struct slot slots[CAPTURE_MAX];
	int wake_fd;
	int news_fd;
	atomic_bool stopping;
	pthread_t thread;
	uint64_t *ends; /* by worker: where its ring ended when the sweep began */
};

void capture_writer_look_at_clocks(uint64_t *tsc, uint64_t *ns)
{
	uint64_t narrowest = UINT64_MAX;

	/* The narrowest pair of readings has nothing in between that took time. */
	for (unsigned i = 0; i < CLOCK_TRIES; i++) {
		uint64_t before = rte_rdtsc();
		struct timespec now;
		uint64_t width;

		clock_gettime(CLOCK_REALTIME, &now);
		width = rte_rdtsc() - before;
		if (width >= narrowest)
			continue;
		narrowest = width;
		*tsc = before + width / 2;
		*ns = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
	}
}

static uint64_t clock_now(struct capture_writer *writer)
{
	uint64_t tsc = 0, ns = 0;

	capture_writer_look_at_clocks(&tsc, &ns);
	tsc_clock_discipline(&writer->conf.clock, tsc, ns);
	return tsc_clock_ns(&writer->conf.clock, tsc);
}

static uint64_t missed_in_rings(const struct capture_job *job, unsigned n_workers, unsigned n_ports,
				unsigned port)
{
	uint64_t n = 0;

	for (unsigned w = 0; w < n_workers; w++)
		n += counter_read(&job->watch.counts[w * n_ports + port].n_missed);
	return n;
}

static void lose(struct capture_job *job, uint64_t n, unsigned n_gone)
{
	counter_add(&job->n_lost, n + n_gone);
	/* They were counted when they were handed over. */
	counter_add(&job->n_captured, 0 - (uint64_t)n_gone);
	if (n + n_gone)
		__atomic_store_n(&job->error, job->output.file.error, __ATOMIC_RELAXED);
}

static void tell(const struct capture_writer *writer)
{
	if (eventfd_write(writer->news_fd, 1) < 0)
		return;
}

static void declare_over(const struct capture_writer *writer, struct capture_job *job)
{
	if (__atomic_exchange_n(&job->over, true, __ATOMIC_ACQ_REL))
		return;
	tell(writer);
}

static void drops_comment(const struct port_counters *start, const struct port_counters *end,
			  char comment[COMMENT_LEN], uint64_t *n_dropped)
{
	size_t len = 0;

	*n_dropped = 0;
	comment[0] = '\0';
	for (unsigned why = 0; why < DROP_N; why++) {
		uint64_t n = end->drops[why] - start->drops[why];

		*n_dropped += n;
		if (n && len < COMMENT_LEN)
			len += (size_t)snprintf(comment + len, COMMENT_LEN - len, "%s%s=%ju",
						len ? " " : "dropped: ", drop_names[why],
						(uintmax_t)n);
	}
}

/* The last blocks of a file: what came and went since the capture began. */
static void write_statistics(struct capture_writer *writer, struct capture_job *job, uint64_t now)
{
	lose(job, 0, capture_file_flush(&job->output.file));
	for (unsigned port = 0; port < writer->conf.n_ports; port++) {
		const struct capture_tally *tally = &job->tallies[port];
		struct port_counters end;
		struct pcapng_statistics statistics = {
			.interface = port, .start_ns = job->start_ns, .end_ns = now};
		char comment[COMMENT_LEN];

		writer->conf.count(writer->conf.ctx, port, &end);
		drops_comment(&tally->start, &end, comment, &statistics.n_dropped);
		statistics.comment = comment;
		statistics.n_received =
			end.count[COUNT_RX_FRAMES] - tally->start.count[COUNT_RX_FRAMES];
		statistics.n_delivered = tally->n_captured;
		statistics.n_missed = tally->n_lost + missed_in_rings(job, writer->conf.n_workers,
								      writer->conf.n_ports, port);
		statistics.n_accepted = statistics.n_delivered + statistics.n_missed;
		lose(job, 0, capture_output_statistics(&job->output, &statistics));
	}
}

static void take(struct capture_writer *writer, struct capture_job *job,
		 const struct capture_record *record)
{
	struct capture_tally *tally = &job->tallies[record->port];
	uint32_t cap_len =
		record->cap_len < job->watch.snaplen ? record->cap_len : job->watch.snaplen;
	uint64_t ns = tsc_clock_ns(&writer->conf.clock, record->tsc);
	uint64_t n_missed;
	unsigned n_gone;

	if (job->max_frames && job->n_captured >= job->max_frames) {
		counter_add(&job->n_surplus, 1);
		declare_over(writer, job);
		return;
	}
	/* Copies of several workers may overtake each other on their way here. */
	if (ns < tally->last_ns)
		ns = tally->last_ns;
	tally->last_ns = ns;
	if (capture_output_wants_rotation(&job->output, cap_len)) {
		write_statistics(writer, job, ns);
		lose(job, 0, capture_output_rotate(&job->output));
	}
	n_missed = tally->n_lost +
		   missed_in_rings(job, writer->conf.n_workers, writer->conf.n_ports, record->port);
	if (capture_output_packet(&job->output, record, cap_len, ns, n_missed - tally->n_told,
				  &n_gone)) {
		tally->n_told = n_missed;
		tally->n_captured++;
		counter_add(&job->n_captured, 1);
	} else {
		tally->n_lost++;
		lose(job, 1, 0);
	}
	lose(job, 0, n_gone);
	if (job->max_frames && job->n_captured >= job->max_frames)
		declare_over(writer, job);
}

/* The worker whose oldest record is the oldest of all; n_workers when there is none. */
static unsigned oldest_of(const struct capture_writer *writer)
{
	unsigned oldest = writer->conf.n_workers;
	uint64_t tsc = UINT64_MAX;

	for (unsigned w = 0; w < writer->conf.n_workers; w++) {
		const struct capture_record *record =
			capture_ring_next(writer->conf.lanes[w].ring, writer->ends[w]);

		if (record && record->tsc < tsc) {
			tsc = record->tsc;
			oldest = w;
		}
	}
	return oldest;
}

/* Empties the rings as far as they were filled at its beginning; returns whether there was any. */
static bool drain(struct capture_writer *writer)
{
	bool any = false;

	for (unsigned w = 0; w < writer->conf.n_workers; w++)
		writer->ends[w] = capture_ring_end(writer->conf.lanes[w].ring);
	for (;;) {
		unsigned w = oldest_of(writer);
		const struct capture_record *record;

		if (w == writer->conf.n_workers)
			return any;
		any = true;
		record = capture_ring_next(writer->conf.lanes[w].ring, writer->ends[w]);
		for (uint32_t takers = record->takers; takers; takers &= takers - 1)
			take(writer, writer->slots[__builtin_ctz(takers)].job, record);
		capture_ring_consume(writer->conf.lanes[w].ring, record);
	}
}

/* Returns whether the job has nothing left to do. */
static bool finish(struct capture_writer *writer, struct capture_job *job, uint64_t now)
{
	if (!job->give_up_ns) {
		job->give_up_ns = now + GIVE_UP_NS;
		write_statistics(writer, job, now);
		lose(job, 0, capture_file_flush_last(&job->output.file));
	}
	if (!capture_file_is_flushed(&job->output.file) && !job->output.file.gone &&
	    now < job->give_up_ns)
		return false;
	lose(job, 0, capture_output_close(&job->output));
	return true;
}

/* Returns how many captures there are. */
static unsigned serve(struct capture_writer *writer, const int *states, uint64_t now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CAPTURE_MAX; i++) {
		struct slot *slot = &writer->slots[i];

		if (states[i] != CAPTURE_ACTIVE && states[i] != CAPTURE_STOPPING)
			continue;
		n++;
		lose(slot->job, 0, capture_file_flush(&slot->job->output.file));
		if (slot->job->output.file.gone)
			declare_over(writer, slot->job);
		if (states[i] == CAPTURE_STOPPING && finish(writer, slot->job, now)) {
			atomic_store_explicit(&slot->state, CAPTURE_DONE, memory_order_release);
			tell(writer);
		}
	}
	return n;
}

static void *writer_main(void *arg)
{
	struct capture_writer *writer = arg;
	struct pollfd wake = {.fd = writer->wake_fd, .events = POLLIN};
	int pause_ms = PAUSE_MIN_MS;
	int states[CAPTURE_MAX];
	eventfd_t n;

	setpriority(PRIO_PROCESS, 0, NICE);
	for (;;) {
		bool stopping = atomic_load_explicit(&writer->stopping, memory_order_acquire);
		uint64_t now = clock_now(writer);
		unsigned n_jobs;

		/* Before the rings: what a job that is stopping has coming is in them already. */
		for (unsigned i = 0; i < CAPTURE_MAX; i++)
			states[i] =
				atomic_load_explicit(&writer->slots[i].state, memory_order_acquire);
		pause_ms = drain(writer)	     ? PAUSE_MIN_MS
			   : pause_ms < PAUSE_MAX_MS ? 2 * pause_ms
						     : pause_ms;
		n_jobs = serve(writer, states, now);
		if (stopping && n_jobs == 0)
			return NULL;
		if (poll(&wake, 1, n_jobs ? pause_ms : -1) > 0 &&
		    eventfd_read(writer->wake_fd, &n) == 0)
			pause_ms = PAUSE_MIN_MS;
	}
}

struct capture_writer *capture_writer_new(const struct capture_writer_conf *conf)
{
	struct capture_writer *writer = calloc(1, sizeof(*writer));
	int ret;

	if (!writer)
		return NULL;
	writer->conf = *conf;
	writer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	writer->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	writer->ends = calloc(conf->n_workers, sizeof(*writer->ends));
	ret = writer->wake_fd < 0 || writer->news_fd < 0 || !writer->ends
		      ? errno
		      : pthread_create(&writer->thread, NULL, writer_main, writer);
	if (ret == 0) {
		pthread_setname_np(writer->thread, "capture");
		return writer;
	}
	if (writer->wake_fd >= 0)
		close(writer->wake_fd);
	if (writer->news_fd >= 0)
		close(writer->news_fd);
	free(writer->ends);
	free(writer);
	errno = ret;
	return NULL;
}

static void wake(const struct capture_writer *writer)
{
	if (eventfd_write(writer->wake_fd, 1) < 0)
		return;
}

void capture_writer_free(struct capture_writer *writer)
{
	if (!writer)
		return;
	atomic_store_explicit(&writer->stopping, true, memory_order_release);
	wake(writer);
	pthread_join(writer->thread, NULL);
	close(writer->wake_fd);
	close(writer->news_fd);
	free(writer->ends);
	free(writer);
}

int capture_writer_fd(const struct capture_writer *writer)
{
	return writer->news_fd;
}

void capture_writer_start(struct capture_writer *writer, unsigned slot, struct capture_job *job)
{
	writer->slots[slot].job = job;
	atomic_store_explicit(&writer->slots[slot].state, CAPTURE_ACTIVE, memory_order_release);
	wake(writer);
}

void capture_writer_stop(struct capture_writer *writer, unsigned slot)
{
	atomic_store_explicit(&writer->slots[slot].state, CAPTURE_STOPPING, memory_order_release);
	wake(writer);
}

void capture_writer_reap(struct capture_writer *writer, unsigned slot)
{
	writer->slots[slot].job = NULL;
	atomic_store_explicit(&writer->slots[slot].state, CAPTURE_EMPTY, memory_order_release);
}

enum capture_state capture_writer_state(const struct capture_writer *writer, unsigned slot)
{
	return atomic_load_explicit(&writer->slots[slot].state, memory_order_acquire);
}

struct capture_totals capture_job_totals(const struct capture_job *job, unsigned n_workers,
					 unsigned n_ports)
{
	struct capture_totals totals = {.n_captured = counter_read(&job->n_captured),
					.n_missed = counter_read(&job->n_lost)};

	for (unsigned i = 0; i < n_workers * n_ports; i++) {
		totals.n_seen += counter_read(&job->watch.counts[i].n_seen);
		totals.n_missed += counter_read(&job->watch.counts[i].n_missed);
	}
	totals.n_seen -= counter_read(&job->n_surplus);
	return totals;
}
