#include "switch/vm_paths.h"
#include "ports/log.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int place(char path[VM_PATHS_LEN], const struct topology *topo, const struct vm_conf *vm,
		 const char *ending)
{
	int len = snprintf(path, VM_PATHS_LEN, "%s/%s.%s", topo->sw.run_dir, vm->name, ending);

	return len < VM_PATHS_LEN ? 0 : -ENAMETOOLONG;
}

int vm_paths_init(struct vm_paths *paths, const struct topology *topo, const struct vm_conf *vm)
{
	const char *console = vm->console == VM_CONSOLE_FILE ? "console" : "tty";

	if (place(paths->console, topo, vm, console) == 0 &&
	    place(paths->monitor, topo, vm, "mon") == 0 &&
	    place(paths->log, topo, vm, "log") == 0 &&
	    place(paths->status, topo, vm, "stat") == 0 &&
	    place(paths->record, topo, vm, "vm") == 0)
		return 0;
	log_event(LOG_ERROR,
		  "vm %s: its files in %s would have too long names: choose a shorter name or "
		  "run-dir",
		  vm->name, topo->sw.run_dir);
	return -ENAMETOOLONG;
}

void vm_paths_remove(const struct vm_paths *paths, const struct vm_conf *vm)
{
	unlink(paths->monitor);
	unlink(paths->log);
	unlink(paths->status);
	unlink(paths->record);
	if (vm->console == VM_CONSOLE_PTY)
		unlink(paths->console);
}
