#include "switch/vm_status.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum {
	LINE_LEN = 256,
	/* Exit codes of ringway-vmm; below them, the guest's own. */
	EXIT_REBOOT = 123,
	EXIT_STOPPED = 124,
	EXIT_LAUNCHER = 125,
	EXIT_TRIPLE_FAULT = 126,
	EXIT_KVM = 127,
};

void vm_status_read(struct vm_status *status, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[LINE_LEN];

	*status = (struct vm_status){.exit_code = -1};
	while (file && fgets(line, sizeof(line), file)) {
		int code;

		if (strcmp(line, "running\n") == 0)
			status->running = true;
		else if (strcmp(line, "ready\n") == 0)
			status->ready = true;
		else if (sscanf(line, "exit %d", &code) == 1 && code >= 0 && code <= 255)
			status->exit_code = code;
	}
	if (file)
		fclose(file);
}

static const char *launcher_text(int code)
{
	switch (code) {
	case EXIT_REBOOT:
		return "asked for a reboot";
	case EXIT_STOPPED:
		return "did not power off and was ended";
	case EXIT_LAUNCHER:
		return "ringway-vmm failed, the log says why";
	case EXIT_TRIPLE_FAULT:
		return "triple fault of the guest";
	case EXIT_KVM:
		return "KVM failed, the log says how";
	default:
		return "unknown exit code";
	}
}

static void judge_code(struct vm_end *end, enum vm_hypervisor hypervisor, int code, bool stopped)
{
	end->failed = code != 0;
	if (code == 0) {
		snprintf(end->text, sizeof(end->text), "powered off");
	} else if (hypervisor == VM_HYPERVISOR_QEMU) {
		snprintf(end->text, sizeof(end->text), "exit code %d of QEMU, the log says why",
			 code);
	} else if (code < EXIT_REBOOT) {
		snprintf(end->text, sizeof(end->text), "exit code %d, which the guest gave", code);
	} else {
		end->reboot = code == EXIT_REBOOT;
		end->failed = !end->reboot && !(stopped && code == EXIT_STOPPED);
		snprintf(end->text, sizeof(end->text), "%s (exit code %d)", launcher_text(code),
			 code);
	}
}

void vm_end_judge(struct vm_end *end, enum vm_hypervisor hypervisor, int wait_status, int reported,
		  bool stopped)
{
	*end = (struct vm_end){.failed = true};
	if (wait_status != -1 && WIFSIGNALED(wait_status)) {
		snprintf(end->text, sizeof(end->text), "killed by signal %d (%s)",
			 WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
		end->failed = !stopped;
	} else if (wait_status != -1) {
		judge_code(end, hypervisor, WEXITSTATUS(wait_status), stopped);
	} else if (reported >= 0) {
		judge_code(end, hypervisor, reported, stopped);
	} else if (hypervisor == VM_HYPERVISOR_QEMU) {
		/* Not our child, so nobody tells. Rather a VM too few than one that its user shut
		 * down. */
		end->failed = false;
		snprintf(end->text, sizeof(end->text),
			 "ended, how is unknown: an earlier switch had started it");
	} else {
		snprintf(end->text, sizeof(end->text), "killed: ringway-vmm left no exit code");
		end->failed = !stopped;
	}
}
