#include "switch/eal.h"
#include "ports/log.h"

#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	MAX_ARGS = 16,
	ARG_LEN = 32,
	/* Memory of librte_vhost: what it needs itself, and for each queue of a port (its rings'
	   shadow copies). */
	BASE_MB = 16,
	QUEUE_KB = 256,
	PAGE_MB = 2,
};

struct eal_args {
	char text[MAX_ARGS][ARG_LEN];
	char *argv[MAX_ARGS + 1];
	int argc;
};

static void add(struct eal_args *args, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct eal_args *args, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(args->text[args->argc], ARG_LEN, format, values);
	va_end(values);
	args->argv[args->argc] = args->text[args->argc];
	args->argc++;
}

static unsigned memory_mb(const struct topology *topo)
{
	unsigned n_queues = 0;

	for (unsigned i = 0; i < topo->n_ports; i++)
		n_queues += 2u * topo->ports[i].n_queues;
	return BASE_MB + n_queues * QUEUE_KB / 1024;
}

static unsigned free_hugepages(void)
{
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
	unsigned n = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%u", &n) != 1)
		n = 0;
	fclose(file);
	return n;
}

static bool wants_hugepages(const struct topology *topo, unsigned mb)
{
	if (topo->sw.hugepages == HUGEPAGES_AUTO)
		return free_hugepages() >= (mb + PAGE_MB - 1) / PAGE_MB;
	return topo->sw.hugepages == HUGEPAGES_YES;
}

/* The first processor that this process may run on: the EAL wants to be told one that exists. */
static int first_cpu(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return 0;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &cpus))
			return i;
	return 0;
}

int eal_start(const struct topology *topo)
{
	unsigned mb = memory_mb(topo);
	bool huge = wants_hugepages(topo, mb);
	struct eal_args args = {.argc = 0};
	cpu_set_t cpus;

	if (topo->sw.hugepages == HUGEPAGES_YES &&
	    free_hugepages() < (mb + PAGE_MB - 1) / PAGE_MB) {
		log_event(LOG_ERROR,
			  "switch %s: hugepages = yes, but %u of 2 MiB are free and %u are needed: "
			  "sysctl "
			  "vm.nr_hugepages=%u, or hugepages = auto",
			  topo->sw.name, free_hugepages(), (mb + PAGE_MB - 1) / PAGE_MB,
			  (mb + PAGE_MB - 1) / PAGE_MB);
		return -ENOMEM;
	}
	add(&args, "ringway");
	add(&args, "--lcores=0@%d", first_cpu());
	add(&args, "-m");
	add(&args, "%u", mb);
	if (huge) {
		add(&args, "--in-memory");
	} else {
		/* 22.11 refuses --in-memory together with --no-huge. */
		add(&args, "--no-huge");
		add(&args, "--no-shconf");
	}
	add(&args, "--iova-mode=va");
	add(&args, "--no-pci");
	add(&args, "--no-telemetry");
	add(&args, "--log-level=*:error");
	/* The EAL pins the thread that calls it; ours goes back to where its user put it. */
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return -errno;
	if (rte_eal_init(args.argc, args.argv) < 0) {
		log_event(LOG_ERROR, "switch %s: DPDK does not start: %s", topo->sw.name,
			  rte_strerror(rte_errno));
		return -rte_errno;
	}
	return sched_setaffinity(0, sizeof(cpus), &cpus) < 0 ? -errno : 0;
}

void eal_stop(void)
{
	rte_eal_cleanup();
}

int eal_thread_enter(void)
{
	return rte_thread_register() < 0 ? -rte_errno : 0;
}

void eal_thread_leave(void)
{
	rte_thread_unregister();
}
