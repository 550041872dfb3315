#include "ports/memory_guard.h"
#include "config/topology.h"
#include "ports/guest_memory.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct mapping {
	_Atomic uintptr_t addr;
	_Atomic size_t len; /* 0: none. Release, pairs with the handler's acquire: addr is set */
};

struct memory_guard {
	struct mapping mappings[GUEST_MEMORY_MAX_REGIONS];
	atomic_bool taken;
	atomic_bool lost;
};

/* A signal handler has nothing but what is global. */
static struct memory_guard guards[TOPOLOGY_MAX_PORTS];
static _Thread_local volatile sig_atomic_t expected;

/* A plain system call: this runs in a signal handler, where the library promises nothing of mmap().
 */
static bool put_empty(uintptr_t addr, size_t len)
{
	return syscall(SYS_mmap, addr, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) >= 0;
}

static bool replace_watched(uintptr_t fault)
{
	for (unsigned g = 0; g < TOPOLOGY_MAX_PORTS; g++)
		for (unsigned i = 0; i < GUEST_MEMORY_MAX_REGIONS; i++) {
			struct mapping *mapping = &guards[g].mappings[i];
			size_t len = atomic_load_explicit(&mapping->len, memory_order_acquire);
			uintptr_t addr = atomic_load_explicit(&mapping->addr, memory_order_relaxed);

			if (fault - addr >= len)
				continue;
			atomic_store_explicit(&guards[g].lost, true, memory_order_relaxed);
			/* All of it: of a mapping of hugepages no small part can be replaced. */
			return put_empty(addr, len);
		}
	return false;
}

static bool replace_page(uintptr_t fault)
{
	static const size_t page_sizes[] = {4096, 2 << 20, 1 << 30};

	for (unsigned i = 0; i < sizeof(page_sizes) / sizeof(page_sizes[0]); i++)
		if (put_empty(fault & ~(page_sizes[i] - 1), page_sizes[i]))
			return true;
	return false;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	uintptr_t fault = (uintptr_t)info->si_addr;

	(void)context;
	if (info->si_code > 0 && (replace_watched(fault) || (expected && replace_page(fault))))
		return;
	/* Returns to where it came from, which now ends the process with a core; one that was sent
	   comes from nowhere. */
	signal(number, SIG_DFL);
	if (info->si_code <= 0)
		raise(number);
}

struct memory_guard *memory_guard_take(void)
{
	const struct sigaction action = {.sa_sigaction = on_bus_error,
					 .sa_flags = SA_SIGINFO | SA_RESTART};

	for (unsigned g = 0; g < TOPOLOGY_MAX_PORTS; g++)
		if (!atomic_exchange(&guards[g].taken, true)) {
			sigaction(SIGBUS, &action, NULL);
			return &guards[g];
		}
	return NULL;
}

void memory_guard_give_back(struct memory_guard *guard)
{
	if (!guard)
		return;
	memory_guard_forget(guard);
	atomic_store(&guard->taken, false);
}

void memory_guard_watch(struct memory_guard *guard, unsigned i, void *addr, size_t len)
{
	struct mapping *mapping = &guard->mappings[i];

	atomic_store_explicit(&mapping->len, 0, memory_order_release);
	atomic_store_explicit(&mapping->addr, (uintptr_t)addr, memory_order_relaxed);
	atomic_store_explicit(&mapping->len, len, memory_order_release);
}

void memory_guard_forget(struct memory_guard *guard)
{
	for (unsigned i = 0; i < GUEST_MEMORY_MAX_REGIONS; i++)
		atomic_store_explicit(&guard->mappings[i].len, 0, memory_order_release);
	atomic_store_explicit(&guard->lost, false, memory_order_relaxed);
}

bool memory_guard_lost(const struct memory_guard *guard)
{
	return atomic_load_explicit(&guard->lost, memory_order_relaxed);
}

void memory_guard_expect(bool expect)
{
	expected = expect;
}
