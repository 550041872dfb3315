#include "ports/memory_guard.h"
#include "tests/suite.h"

#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, N_PAGES = 4 };

static volatile unsigned char *map_file(int fd)
{
	return mmap(NULL, N_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

/* MEM-03 */
static void memory_that_was_cut_off_reads_as_zeros_and_is_noted(void)
{
	struct memory_guard *guard = memory_guard_take();
	int fd = memfd_create("guard", MFD_CLOEXEC);
	volatile unsigned char *at;

	CU_ASSERT_FATAL(guard && fd >= 0 && ftruncate(fd, N_PAGES * PAGE) == 0);
	at = map_file(fd);
	at[0] = at[3 * PAGE] = 7;
	memory_guard_watch(guard, 0, (void *)(uintptr_t)at, N_PAGES * PAGE);
	CU_ASSERT_FALSE(memory_guard_lost(guard));
	CU_ASSERT_FATAL(ftruncate(fd, PAGE) == 0);
	CU_ASSERT_EQUAL(at[0], 7);
	CU_ASSERT_FALSE(memory_guard_lost(guard));
	CU_ASSERT_EQUAL(at[3 * PAGE], 0);
	CU_ASSERT_TRUE(memory_guard_lost(guard));
	/* Whoever was in the middle of something goes on. */
	at[2 * PAGE] = 9;
	CU_ASSERT_EQUAL(at[2 * PAGE], 9);
	memory_guard_forget(guard);
	CU_ASSERT_FALSE(memory_guard_lost(guard));
	munmap((void *)(uintptr_t)at, N_PAGES * PAGE);
	close(fd);
	memory_guard_give_back(guard);
}

/* What a process comes to that reads memory nobody watches. */
static int status_of_a_reader(bool expects)
{
	struct memory_guard *guard = memory_guard_take();
	int fd = memfd_create("guard", MFD_CLOEXEC), status = -1;
	pid_t child;

	CU_ASSERT_FATAL(guard && fd >= 0 && ftruncate(fd, N_PAGES * PAGE) == 0);
	child = fork();
	if (child == 0) {
		volatile unsigned char *at = map_file(fd);

		memory_guard_expect(expects);
		if (ftruncate(fd, 0) < 0)
			_exit(1);
		_exit(at[PAGE]);
	}
	waitpid(child, &status, 0);
	close(fd);
	memory_guard_give_back(guard);
	return status;
}

/* SIG-06 */
static void a_fault_elsewhere_ends_the_process(void)
{
	int status = status_of_a_reader(false);

	CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

static void a_page_that_is_expected_to_go_is_replaced(void)
{
	CU_ASSERT_EQUAL(status_of_a_reader(true), 0);
}

int main(void)
{
	CU_TestInfo tests[] = {SUITE_TEST(memory_that_was_cut_off_reads_as_zeros_and_is_noted),
			       SUITE_TEST(a_fault_elsewhere_ends_the_process),
			       SUITE_TEST(a_page_that_is_expected_to_go_is_replaced),
			       CU_TEST_INFO_NULL};

	return suite_run("memory_guard", tests);
}
