#include "vmm/machine.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/sandbox.h"

/* Of those that can come; what else comes ends the VM with its number. */
static const char *const reason_names[VCPU_N_REASONS] = {[KVM_EXIT_UNKNOWN] = "unknown",
							 [KVM_EXIT_IO] = "port",
							 [KVM_EXIT_MMIO] = "mmio",
							 [KVM_EXIT_SHUTDOWN] = "shutdown",
							 [KVM_EXIT_FAIL_ENTRY] = "failed entry",
							 [KVM_EXIT_INTR] = "interrupted",
							 [KVM_EXIT_INTERNAL_ERROR] =
								 "internal error"};

const char *vcpu_reason_name(unsigned reason)
{
	return reason < VCPU_N_REASONS && reason_names[reason] ? reason_names[reason] : "other";
}

int vcpu_open(struct vcpu *vcpu, struct machine *machine, unsigned id, struct refusal *why)
{
	const struct kvm *kvm = &machine->kvm;
	void *run;

	*vcpu = (struct vcpu){.machine = machine, .id = id, .fd = -1, .stats_fd = -1};
	vcpu->fd = KVM_CALL(kvm->vm_fd, KVM_CREATE_VCPU, (void *)(uintptr_t)id, why);
	if (vcpu->fd < 0)
		return vcpu->fd;
	run = mmap(NULL, (size_t)kvm->run_len, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return refuse(why, errno, "vcpu%u: cannot map its state: %m", id);
	vcpu->run = run;
	if (kvm->has_stats)
		vcpu->stats_fd = ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL);
	return vcpu_state_init(vcpu->fd, kvm, id, machine->options->n_cpus, why);
}

/* One access of at most eight bytes at data. */
static void access_bus(struct bus *bus, uint64_t addr, unsigned width, bool is_write, uint8_t *data)
{
	uint64_t value = 0;

	if (is_write) {
		memcpy(&value, data, width);
		bus_write(bus, addr, width, value);
	} else {
		value = bus_read(bus, addr, width);
		memcpy(data, &value, width);
	}
}

static void handle_access(struct vcpu *vcpu, struct kvm_run *run)
{
	struct machine *machine = vcpu->machine;

	pthread_mutex_lock(&machine->lock);
	if (run->exit_reason == KVM_EXIT_MMIO)
		access_bus(&machine->mmio, run->mmio.phys_addr, run->mmio.len, run->mmio.is_write,
			   run->mmio.data);
	else /* A string instruction brings its whole count at once. */
		for (uint32_t i = 0; i < run->io.count; i++)
			access_bus(&machine->io, run->io.port, run->io.size,
				   run->io.direction == KVM_EXIT_IO_OUT,
				   (uint8_t *)run + run->io.data_offset + i * run->io.size);
	pthread_mutex_unlock(&machine->lock);
}

static void give_up(struct vcpu *vcpu, enum stop_cause cause, const char *what, uint64_t detail)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;

	if (vcpu->fd >= 0 && ioctl(vcpu->fd, KVM_GET_REGS, &regs) == 0 &&
	    ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) == 0)
		say("vcpu%u: %s (0x%lx) at rip 0x%llx, cr0 0x%llx, cr2 0x%llx, cr3 0x%llx",
		    vcpu->id, what, detail, regs.rip, sregs.cr0, sregs.cr2, sregs.cr3);
	else
		say("vcpu%u: %s (0x%lx)", vcpu->id, what, detail);
	stop_request(&vcpu->machine->stop, cause);
}

void vcpu_handle_exit(struct vcpu *vcpu, struct kvm_run *run)
{
	unsigned reason = run->exit_reason;

	vcpu->n_exits[reason < VCPU_N_REASONS ? reason : VCPU_N_REASONS - 1]++;
	switch (reason) {
	case KVM_EXIT_IO:
	case KVM_EXIT_MMIO:
		handle_access(vcpu, run);
		break;
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_SHUTDOWN:
		give_up(vcpu, STOP_TRIPLE_FAULT, "triple fault", 0);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		give_up(vcpu, STOP_KVM, "the CPU refuses the state of the guest",
			run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		give_up(vcpu, STOP_KVM, "KVM cannot emulate an instruction, suberror",
			run->internal.suberror);
		break;
	default:
		give_up(vcpu, STOP_KVM, "exit for an unexpected reason", reason);
	}
}

/* Only interrupts KVM_RUN. */
static void on_kick(int signal)
{
	(void)signal;
}

static void unblock_kick(void)
{
	struct sigaction action = {.sa_handler = on_kick};
	sigset_t set;

	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static int pin_to(unsigned cpu, struct refusal *why)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == 0)
		return 0;
	return refuse(why, errno,
		      "--pin: cannot run on CPU %u: %m; Cpus_allowed_list in /proc/self/status has "
		      "those that can",
		      cpu);
}

static void *run_vcpu(void *arg)
{
	struct vcpu *vcpu = arg;
	struct machine *machine = vcpu->machine;
	const struct options *options = machine->options;
	struct refusal why;

	unblock_kick();
	if ((vcpu->id < options->n_pins && pin_to(options->pin[vcpu->id], &why) < 0) ||
	    sandbox_enter(SANDBOX_VCPU, options->sandbox, &why) < 0) {
		say("%s", why.text);
		stop_request(&machine->stop, STOP_LAUNCHER);
	}
	pthread_mutex_lock(&machine->gate);
	pthread_mutex_unlock(&machine->gate);
	vcpu->entered_ns = machine_now_ns();
	while (stop_cause_of(&machine->stop) == STOP_NONE) {
		if (ioctl(vcpu->fd, KVM_RUN, 0) == 0)
			vcpu_handle_exit(vcpu, vcpu->run);
		else if (errno != EINTR && errno != EAGAIN)
			give_up(vcpu, STOP_KVM, "KVM_RUN fails, errno", (uint64_t)errno);
	}
	return NULL;
}

int vcpu_start(struct vcpu *vcpu, struct refusal *why)
{
	int rc = pthread_create(&vcpu->thread, NULL, run_vcpu, vcpu);

	if (rc != 0)
		return refuse(why, rc, "vcpu%u: cannot create its thread: %s", vcpu->id,
			      strerror(rc));
	vcpu->has_thread = true;
	return 0;
}

void vcpu_stop(struct vcpu *vcpu)
{
	if (!vcpu->has_thread)
		return;
	/* The flag for a thread that is about to enter the guest, the signal for one inside. */
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(vcpu->thread, SIGUSR1);
	pthread_join(vcpu->thread, NULL);
	vcpu->has_thread = false;
}

void vcpu_close(struct vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, (size_t)vcpu->machine->kvm.run_len);
	close(vcpu->stats_fd);
	close(vcpu->fd);
	vcpu->run = NULL;
	vcpu->fd = vcpu->stats_fd = -1;
}
