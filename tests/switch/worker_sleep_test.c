#include "tests/suite.h"
#include "tests/switch/worker_rig.h"

#include <pthread.h>
#include <rte_rcu_qsbr.h>
#include <unistd.h>

struct running {
	struct worker_rig *rig;
	struct rte_rcu_qsbr *qsbr;
	pthread_t thread;
};

static void *run(void *arg)
{
	worker_run(((struct running *)arg)->rig->worker);
	return NULL;
}

static void wait_for_count(const struct worker *worker, enum worker_counter which, uint64_t n)
{
	while (worker_count(worker, which) < n)
		usleep(100);
}

/* The worker of the rig again, with a thread of its own. */
static void start(struct running *running)
{
	struct worker_rig *rig = running->rig = worker_rig_new(BRIDGE_SWITCH);

	running->qsbr = aligned_alloc(64, rte_rcu_qsbr_get_memsize(1));
	CU_ASSERT_PTR_NOT_NULL_FATAL(running->qsbr);
	rte_rcu_qsbr_init(running->qsbr, 1);
	worker_free(rig->worker);
	rig->worker = worker_new(&(struct worker_conf){.n_ports = WORKER_RIG_PORTS,
						       .idle = IDLE_ADAPTIVE,
						       .tsc_hz = 1000000000,
						       .qsbr = running->qsbr,
						       .snapshot = &rig->snapshot});
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->worker);
}

static void stop(struct running *running)
{
	worker_stop(running->rig->worker);
	pthread_join(running->thread, NULL);
	free(running->qsbr);
	worker_rig_check_and_free(running->rig);
}

static void a_worker_sleeps_when_idle_and_wakes_when_told(void)
{
	struct running running;
	int kick[2];

	start(&running);
	CU_ASSERT_EQUAL_FATAL(pipe(kick), 0);
	CU_ASSERT_EQUAL(worker_watch(running.rig->worker, kick[0]), 0);
	pthread_create(&running.thread, NULL, run, &running);
	wait_for_count(running.rig->worker, WORKER_SLEEPS, 1);
	/* A grace period does not wait for a sleeper. */
	rte_rcu_qsbr_synchronize(running.qsbr, RTE_QSBR_THRID_INVALID);
	CU_ASSERT_EQUAL(write(kick[1], "", 1), 1);
	wait_for_count(running.rig->worker, WORKER_SLEEPS, 2);
	worker_wake(running.rig->worker);
	wait_for_count(running.rig->worker, WORKER_SLEEPS, 3);
	CU_ASSERT_TRUE(running.rig->fakes[0].n_armed >= 3);
	CU_ASSERT_TRUE(running.rig->fakes[0].n_disarmed >= 2);
	worker_unwatch(running.rig->worker, kick[0]);
	close(kick[0]);
	close(kick[1]);
	stop(&running);
}

static void a_worker_does_not_sleep_on_frames_that_came_while_it_armed(void)
{
	struct running running;

	start(&running);
	running.rig->fakes[0].says_work = true;
	pthread_create(&running.thread, NULL, run, &running);
	while (__atomic_load_n(&running.rig->fakes[0].n_armed, __ATOMIC_RELAXED) < 5)
		usleep(100);
	CU_ASSERT_EQUAL(worker_count(running.rig->worker, WORKER_SLEEPS), 0);
	stop(&running);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a_worker_sleeps_when_idle_and_wakes_when_told",
		 a_worker_sleeps_when_idle_and_wakes_when_told},
		{"a_worker_does_not_sleep_on_frames_that_came_while_it_armed",
		 a_worker_does_not_sleep_on_frames_that_came_while_it_armed},
		CU_TEST_INFO_NULL,
	};

	return suite_run("worker_sleep", tests);
}
