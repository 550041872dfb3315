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

/* Memory, locks, time, the end of a thread, lines on standard error. */
static const int any_thread[] = {
	SCMP_SYS(write),	  SCMP_SYS(futex),	     SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(restart_syscall), SCMP_SYS(clock_gettime),
	SCMP_SYS(munmap),	  SCMP_SYS(madvise),	     SCMP_SYS(brk),
	SCMP_SYS(exit),		  SCMP_SYS(exit_group),	     SCMP_SYS(sched_yield),
	SCMP_SYS(gettid),	  SCMP_SYS(getpid),	     SCMP_SYS(tgkill),
	SCMP_SYS(poll),		  SCMP_SYS(clock_nanosleep),
};

static const int control_thread[] = {
	SCMP_SYS(read),	      SCMP_SYS(pread64),    SCMP_SYS(ppoll),   SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg),    SCMP_SYS(connect),    SCMP_SYS(accept4), SCMP_SYS(close),
	SCMP_SYS(fcntl),      SCMP_SYS(unlink),	    SCMP_SYS(getpgrp), SCMP_SYS(kill),
	SCMP_SYS(getsockopt), SCMP_SYS(newfstatat), SCMP_SYS(fstat),   SCMP_SYS(lseek)};

static const unsigned long vcpu_ioctls[] = {
	KVM_RUN,      KVM_SET_GSI_ROUTING, KVM_IRQFD,	  KVM_IOEVENTFD, KVM_SIGNAL_MSI,
	KVM_IRQ_LINE, KVM_GET_REGS,	   KVM_GET_SREGS, TCGETS,
};

static const unsigned long control_ioctls[] = {KVM_SET_GSI_ROUTING,
					       KVM_IRQFD,
					       KVM_IOEVENTFD,
					       KVM_SIGNAL_MSI,
					       KVM_IRQ_LINE,
					       TCGETS,
					       TCSETS,
					       TCSETSW,
					       TCSETSF,
					       TIOCGPGRP,
					       KVM_GET_REGS};

/* For the console's own error lines. */
static const unsigned long writer_ioctls[] = {TCGETS};

static int allow_calls(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

static int allow_ioctls(scmp_filter_ctx ctx, const unsigned long *requests, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, requests[i]));
	return rc;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The heap may grow, but nothing new becomes executable. */
static int allow_memory(scmp_filter_ctx ctx, int call)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1,
				SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static int add_rules(scmp_filter_ctx ctx, enum sandbox_thread thread)
{
	int rc = allow_calls(ctx, any_thread, COUNT(any_thread))
			 ?: allow_memory(ctx, SCMP_SYS(mmap))
			 ?: allow_memory(ctx, SCMP_SYS(mprotect));

	switch (thread) {
	case SANDBOX_VCPU:
		return rc ?: allow_ioctls(ctx, vcpu_ioctls, COUNT(vcpu_ioctls));
	case SANDBOX_WRITER:
		return rc ?: allow_ioctls(ctx, writer_ioctls, COUNT(writer_ioctls));
	default:
		return rc ?: allow_calls(ctx, control_thread, COUNT(control_thread))
				     ?: allow_ioctls(ctx, control_ioctls, COUNT(control_ioctls))
				     ?: seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
							 SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
	}
}

int sandbox_harden(enum sandbox_mode mode)
{
	const struct rlimit none = {0, 0};

	if (mode == SANDBOX_OFF)
		return 0;
	return prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
			       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
		       ? -errno
		       : 0;
}

int sandbox_enter(enum sandbox_thread thread, enum sandbox_mode mode)
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
	if (rc < 0)
		say("sandbox: cannot load the filter: %s; --sandbox off goes on without",
		    strerror(-rc));
	return rc;
}
