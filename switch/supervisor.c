#include "switch/supervisor.h"
#include "ports/log.h"
#include "switch/vm.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "switch/vm_record.h"

struct supervisor {
	const struct topology *topo;
	struct vm_host host;
	int epoll_fd;
	bool stopping;
	unsigned n_vms;
	struct vm vms[];
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct supervisor *supervisor_new(const struct topology *topo)
{
	struct supervisor *supervisor =
		calloc(1, sizeof(*supervisor) + topo->n_vms * sizeof(struct vm));
	int error = ENOMEM;

	if (!supervisor)
		goto fail;
	supervisor->topo = topo;
	supervisor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (supervisor->epoll_fd < 0) {
		error = errno;
		goto fail;
	}
	if (topo->n_vms)
		vm_host_look(&supervisor->host);
	for (; supervisor->n_vms < topo->n_vms; supervisor->n_vms++) {
		unsigned i = supervisor->n_vms;

		error = -vm_init(&supervisor->vms[i], topo, &topo->vms[i], &supervisor->host);
		if (error)
			goto fail;
	}
	return supervisor;

fail:
	supervisor_free(supervisor);
	errno = error;
	return NULL;
}

void supervisor_free(struct supervisor *supervisor)
{
	if (!supervisor)
		return;
	for (unsigned i = 0; i < supervisor->n_vms; i++)
		vm_fini(&supervisor->vms[i]);
	if (supervisor->epoll_fd >= 0)
		close(supervisor->epoll_fd);
	free(supervisor);
}

static void watch(struct supervisor *supervisor, struct vm *vm)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = vm};

	if (vm_is_alive(vm) &&
	    epoll_ctl(supervisor->epoll_fd, EPOLL_CTL_ADD, vm->process.pidfd, &event) < 0)
		log_event(LOG_ERROR, "vm %s: cannot be watched: %s", vm->conf->name,
			  strerror(errno));
}

static bool is_configured(const struct supervisor *supervisor, const char *record_path)
{
	for (unsigned i = 0; i < supervisor->n_vms; i++)
		if (strcmp(supervisor->vms[i].paths.record, record_path) == 0)
			return true;
	return false;
}

/* VMs of an earlier file of which this one knows nothing. */
static void tell_strangers(const struct supervisor *supervisor)
{
	char pattern[PATH_MAX];
	glob_t found = {0};

	snprintf(pattern, sizeof(pattern), "%s/*.vm", supervisor->topo->sw.run_dir);
	if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++) {
			struct vm_process process;
			struct vm_record record;

			if (is_configured(supervisor, found.gl_pathv[i]) ||
			    vm_record_load(&record, found.gl_pathv[i]) < 0)
				continue;
			if (vm_process_adopt(&process, record.pid, record.start) < 0) {
				unlink(found.gl_pathv[i]);
				continue;
			}
			log_event(
				LOG_WARNING,
				"%s: a VM of an earlier file still runs and is left alone; end it "
				"with: kill %d",
				found.gl_pathv[i], (int)record.pid);
			vm_process_forget(&process);
		}
	globfree(&found);
}

void supervisor_start(struct supervisor *supervisor)
{
	tell_strangers(supervisor);
	for (unsigned i = 0; i < supervisor->n_vms; i++) {
		struct vm *vm = &supervisor->vms[i];

		if (!vm_adopt(vm))
			vm_start(vm);
		watch(supervisor, vm);
	}
}

static unsigned longest_grace(const struct supervisor *supervisor)
{
	unsigned longest = 0;

	for (unsigned i = 0; i < supervisor->n_vms; i++)
		if (vm_is_alive(&supervisor->vms[i]) &&
		    supervisor->vms[i].conf->stop_timeout_s > longest)
			longest = supervisor->vms[i].conf->stop_timeout_s;
	return longest;
}

void supervisor_stop(struct supervisor *supervisor)
{
	unsigned n_alive = supervisor_n_alive(supervisor);

	if (n_alive && !supervisor->stopping)
		log_event(LOG_INFO,
			  "switch %s: pressed the power button of %u VM%s; they have %u s, a "
			  "second signal ends them at once",
			  supervisor->topo->sw.name, n_alive, n_alive > 1 ? "s" : "",
			  longest_grace(supervisor));
	supervisor->stopping = true;
	for (unsigned i = 0; i < supervisor->n_vms; i++)
		vm_stop(&supervisor->vms[i], now_ms());
}

unsigned supervisor_n_alive(const struct supervisor *supervisor)
{
	unsigned n = 0;

	for (unsigned i = 0; i < supervisor->n_vms; i++)
		n += vm_is_alive(&supervisor->vms[i]);
	return n;
}

int supervisor_fd(const struct supervisor *supervisor)
{
	return supervisor->epoll_fd;
}

void supervisor_serve(struct supervisor *supervisor)
{
	struct epoll_event event;

	/* The pidfd that is closed with its VM leaves the epoll set by itself. */
	while (epoll_wait(supervisor->epoll_fd, &event, 1, 0) == 1) {
		struct vm *vm = event.data.ptr;

		vm_reap(vm, now_ms());
		if (vm_is_alive(vm))
			break;
	}
}

void supervisor_tick(struct supervisor *supervisor)
{
	for (unsigned i = 0; i < supervisor->n_vms; i++) {
		struct vm *vm = &supervisor->vms[i];
		bool was_alive = vm_is_alive(vm);

		vm_tick(vm, now_ms());
		if (!was_alive)
			watch(supervisor, vm);
	}
}

json_t *supervisor_report(const struct supervisor *supervisor)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < supervisor->n_vms; i++)
		json_array_append_new(list, vm_describe(&supervisor->vms[i]));
	return json_pack("{s:o}", "vms", list);
}
