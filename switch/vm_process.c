#include "switch/vm_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum {
	FILE_MODE = 0600,
	STAT_LEN = 1024,
	STAT_START_FIELD = 22, /* proc(5) */
};

/* The state and the start time of a process, from /proc/PID/stat. The second field is a name in
 * parentheses that may hold anything. */
static int read_stat(pid_t pid, char *state, uint64_t *start)
{
	char path[32], text[STAT_LEN], *at;
	unsigned long long ticks;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -ESRCH;
	text[len] = '\0';
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %c", state) != 1)
		return -ESRCH;
	for (unsigned field = 2; at && field < STAT_START_FIELD; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, " %llu", &ticks) != 1)
		return -ESRCH;
	*start = ticks;
	return 0;
}

static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int error;

	sigemptyset(&none);
	sigfillset(&all);
	error = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
						       POSIX_SPAWN_SETSIGDEF);
	if (!error)
		error = posix_spawnattr_setsigmask(attr, &none);
	return error ? error : posix_spawnattr_setsigdefault(attr, &all);
}

static int set_descriptors(posix_spawn_file_actions_t *actions, const char *log_path,
			   const char *status_path)
{
	const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND;
	int error =
		posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (!error)
		error = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, log_path, flags,
							 FILE_MODE);
	if (!error)
		error = posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
	if (!error)
		error = posix_spawn_file_actions_addopen(actions, VM_PROCESS_STATUS_FD, status_path,
							 flags, FILE_MODE);
	/* Libraries of ours may hold descriptors that lack O_CLOEXEC. */
	return error ? error
		     : posix_spawn_file_actions_addclosefrom_np(actions, VM_PROCESS_STATUS_FD + 1);
}

int vm_process_start(struct vm_process *process, const char *program, char *const *words,
		     const char *log_path, const char *status_path)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char state;
	int error;

	*process = (struct vm_process){.pidfd = -1, .is_child = true};
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_init(&actions);
	error = set_attributes(&attr);
	if (!error)
		error = set_descriptors(&actions, log_path, status_path);
	if (!error)
		error = posix_spawn(&process->pid, program, &actions, &attr, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	if (error) {
		process->pid = 0;
		return -error;
	}
	/* Until it is reaped the pid cannot become another's. */
	process->pidfd = pidfd_open(process->pid, 0);
	if (process->pidfd >= 0 && read_stat(process->pid, &state, &process->start) == 0)
		return 0;
	error = process->pidfd < 0 ? errno : ESRCH;
	kill(process->pid, SIGKILL);
	waitpid(process->pid, NULL, 0);
	vm_process_forget(process);
	return -error;
}

int vm_process_adopt(struct vm_process *process, pid_t pid, uint64_t start)
{
	uint64_t found;
	char state;
	int pidfd;

	*process = (struct vm_process){.pidfd = -1};
	pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	if (pidfd < 0)
		return -ESRCH;
	/* Looked up after the pidfd was opened, so that both mean the same process. A zombie waits
	 * only for whoever inherited it. */
	if (read_stat(pid, &state, &found) < 0 || found != start || state == 'Z' || state == 'X') {
		close(pidfd);
		return -ESRCH;
	}
	*process = (struct vm_process){.pid = pid, .pidfd = pidfd, .start = start};
	return 0;
}

int vm_process_signal(const struct vm_process *process, int signal)
{
	if (process->pidfd < 0)
		return -ESRCH;
	return pidfd_send_signal(process->pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

int vm_process_reap(const struct vm_process *process, int *wait_status)
{
	siginfo_t info = {.si_pid = 0};
	uint64_t start;
	char state;

	if (process->is_child) {
		if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED | WNOHANG) < 0)
			return -errno;
		if (info.si_pid == 0)
			return -EAGAIN;
		*wait_status = info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0)
							  : W_EXITCODE(0, info.si_status);
		return 0;
	}
	*wait_status = -1;
	if (read_stat(process->pid, &state, &start) == 0 && start == process->start &&
	    state != 'Z' && state != 'X')
		return -EAGAIN;
	return 0;
}

void vm_process_forget(struct vm_process *process)
{
	if (process->pidfd >= 0)
		close(process->pidfd);
	*process = (struct vm_process){.pidfd = -1};
}

uint64_t vm_process_uptime(const struct vm_process *process)
{
	struct timespec now;
	uint64_t started_s = process->start / (uint64_t)sysconf(_SC_CLK_TCK);

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec > started_s ? (uint64_t)now.tv_sec - started_s : 0;
}
