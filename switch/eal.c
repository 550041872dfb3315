#include "switch/eal.h"
#include "ports/log.h"

#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	MAX_ARGS = 16,
	ARG_LEN = 32,
	LCORES_LEN = 8 * 1024, /* every processor of a cpu_set_t by number */
	/* Memory of librte_vhost: what it needs itself, and for each queue of a port (its rings'
	   shadow copies). */
	BASE_MB = 16,
	QUEUE_KB = 256,
	PAGE_MB = 2,
	/* Buffers of an ethdev's queue, with its rings; those of more than the usual mtu are
	   larger. */
	DEVICE_MB = 8,
	DEVICE_QUEUE_MB = 6,
	DEVICE_JUMBO_MB = 26,
	MTU_USUAL = 1500,
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

static unsigned device_mb(const struct port_conf *port)
{
	if (port->type != PORT_ETHDEV)
		return 0;
	return DEVICE_MB +
	       port->n_queues * (port->mtu > MTU_USUAL ? DEVICE_JUMBO_MB : DEVICE_QUEUE_MB);
}

static unsigned memory_mb(const struct topology *topo)
{
	unsigned n_queues = 0, mb = BASE_MB;

	for (unsigned i = 0; i < topo->n_ports; i++) {
		n_queues += 2u * topo->ports[i].n_queues;
		mb += device_mb(&topo->ports[i]);
	}
	return mb + n_queues * QUEUE_KB / 1024;
}

static bool wants_pci(const struct topology *topo)
{
	for (unsigned i = 0; i < topo->n_ports; i++)
		if (topo->ports[i].type == PORT_ETHDEV && topo->ports[i].device_is_pci)
			return true;
	return false;
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

/* Keeps threads that do not poll away from where workers are pinned, unless there is nothing else.
 * The EAL gives its own threads what this one may use and no lcore has, or else what lcore 0 has:
 * both the same, here. Writes sets as the EAL reads them: "0@(1,2,5)". */
static void place_threads(const struct topology *topo, char *text, size_t len)
{
	cpu_set_t all, rest;
	size_t at;

	CPU_ZERO(&all);
	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		CPU_SET(0, &all);
	rest = all;
	for (unsigned w = 0; topo->sw.pinned && w < topo->sw.n_workers; w++)
		CPU_CLR(topo->sw.cores[w], &rest);
	if (CPU_COUNT(&rest) == 0)
		rest = all;
	sched_setaffinity(0, sizeof(rest), &rest);
	at = (size_t)snprintf(text, len, "--lcores=0@(");
	for (unsigned cpu = 0; cpu < CPU_SETSIZE && at < len; cpu++)
		if (CPU_ISSET(cpu, &rest))
			at += (size_t)snprintf(text + at, len - at, "%u,", cpu);
	text[at < len ? at - 1 : len - 1] = ')';
}

/* Lines of the library, of which front-ends can cause as many as they like. */
static ssize_t write_log(void *cookie, const char *text, size_t len)
{
	struct log_limit *limit = cookie;

	log_limited(limit, LOG_WARNING, "%.*s", (int)(len && text[len - 1] == '\n' ? len - 1 : len),
		    text);
	return (ssize_t)len;
}

static void limit_log(void)
{
	static struct log_limit limit;
	FILE *log = fopencookie(&limit, "w", (cookie_io_functions_t){.write = write_log});

	if (!log)
		return;
	setvbuf(log, NULL, _IOLBF, BUFSIZ);
	rte_openlog_stream(log);
}

int eal_start(const struct topology *topo)
{
	unsigned mb = memory_mb(topo);
	bool huge = wants_hugepages(topo, mb);
	struct eal_args args = {.argc = 0};
	char lcores[LCORES_LEN];

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
	place_threads(topo, lcores, sizeof(lcores));
	args.argv[args.argc++] = lcores;
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
	if (wants_pci(topo))
		/* Nothing is probed yet but the host bridge, which no driver knows: each port plugs
		 * in its own device, and complains in its own words. */
		add(&args, "--allow=0000:00:00.0");
	else
		add(&args, "--no-pci");
	add(&args, "--no-telemetry");
	add(&args, "--log-level=*:error");
	limit_log();
	if (rte_eal_init(args.argc, args.argv) < 0) {
		log_event(LOG_ERROR, "switch %s: DPDK does not start: %s", topo->sw.name,
			  rte_strerror(rte_errno));
		return -rte_errno;
	}
	return 0;
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
