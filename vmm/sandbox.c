#include "vmm/sandbox.h"

#include <errno.h>
#include <linux/kvm.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { ALL = 1 << SANDBOX_VCPU | 1 << SANDBOX_CONTROL | 1 << SANDBOX_WRITER };

/* Calls and requests of ioctl(2), and the threads that may make them. */
struct rule {
	unsigned threads;
	unsigned long number;
};

#define CALL(name)    ALL, SCMP_SYS(name) /* memory, locks, time, the end of a thread, lines */
#define NO_VCPU(name) 1 << SANDBOX_CONTROL | 1 << SANDBOX_WRITER, SCMP_SYS(name)
#define CONTROL(name) 1 << SANDBOX_CONTROL, SCMP_SYS(name)
#define DEVICES	      1 << SANDBOX_VCPU | 1 << SANDBOX_CONTROL

static const struct rule calls[] = {
	{CALL(write)},		{CALL(futex)},		 {CALL(rt_sigreturn)},
	{CALL(rt_sigprocmask)}, {CALL(restart_syscall)}, {CALL(clock_gettime)},
	{CALL(munmap)},		{CALL(madvise)},	 {CALL(brk)},
	{CALL(exit)},		{CALL(exit_group)},	 {CALL(sched_yield)},
	{CALL(gettid)},		{CALL(getpid)},		 {CALL(tgkill)},
	{CALL(poll)},		{CALL(clock_nanosleep)}, {NO_VCPU(read)},
	{CONTROL(pread64)},	{CONTROL(ppoll)},	 {CONTROL(sendmsg)},
	{CONTROL(recvmsg)},	{CONTROL(connect)},	 {CONTROL(accept4)},
	{CONTROL(close)},	{CONTROL(fcntl)},	 {CONTROL(unlink)},
	{CONTROL(getpgrp)},	{CONTROL(kill)},	 {CONTROL(getsockopt)},
	{CONTROL(newfstatat)},	{CONTROL(fstat)},	 {CONTROL(lseek)}};

static const struct rule ioctls[] = {
	{ALL, TCGETS}, /* of isatty(3), before a line on standard error */
	{DEVICES, KVM_SET_GSI_ROUTING},
	{DEVICES, KVM_IRQFD},
	{DEVICES, KVM_IOEVENTFD},
	{DEVICES, KVM_SIGNAL_MSI},
	{DEVICES, KVM_IRQ_LINE},
	{1 << SANDBOX_VCPU, KVM_GET_REGS},
	{1 << SANDBOX_VCPU, KVM_RUN},
	{1 << SANDBOX_VCPU, KVM_GET_SREGS},
	{1 << SANDBOX_CONTROL, TCSETS},
	{1 << SANDBOX_CONTROL, TCSETSW},
	{1 << SANDBOX_CONTROL, TCSETSF},
	{1 << SANDBOX_CONTROL, TIOCGPGRP},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int add_rules(scmp_filter_ctx ctx, enum sandbox_thread thread)
{
	/* The heap may grow, but nothing new becomes executable. */
	const struct scmp_arg_cmp not_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_exec)
			 ?: seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_exec);

	for (size_t i = 0; i < COUNT(calls) && rc == 0; i++)
		if (calls[i].threads >> thread & 1)
			rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, (int)calls[i].number, 0);
	for (size_t i = 0; i < COUNT(ioctls) && rc == 0; i++)
		if (ioctls[i].threads >> thread & 1)
			rc = seccomp_rule_add(
				ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, ioctls[i].number));
	if (rc == 0 && thread == SANDBOX_CONTROL)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
	return rc;
}

int sandbox_harden(enum sandbox_mode mode, struct refusal *why)
{
	const struct rlimit none = {0, 0};

	if (mode == SANDBOX_OFF)
		return 0;
	return prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
			       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
		       ? refuse(why, errno, "sandbox: %m; --sandbox off goes on without")
		       : 0;
}

int sandbox_enter(enum sandbox_thread thread, enum sandbox_mode mode, struct refusal *why)
{
	scmp_filter_ctx ctx;
	int rc;

	if (mode == SANDBOX_OFF)
		return 0;
	/* A trap instead of a kill, so that the handler can give the terminal back first. */
	ctx = seccomp_init(mode == SANDBOX_LOG ? SCMP_ACT_LOG : SCMP_ACT_TRAP);
	rc = ctx ? add_rules(ctx, thread) : -ENOMEM;
	if (rc == 0)
		rc = seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	return rc == 0 ? 0
		       : refuse(why, -rc,
				"sandbox: cannot load the filter: %s; --sandbox off goes on "
				"without",
				strerror(-rc));
}
