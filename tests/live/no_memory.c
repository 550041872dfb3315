/* no_memory - preloaded into a program, lets every allocation fail while the file exists that
 * NO_MEMORY names. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* What lies behind glibc's own names of these functions. */
void *__libc_malloc(size_t len);
void *__libc_calloc(size_t n, size_t len);
void *__libc_realloc(void *at, size_t len);
void *__libc_memalign(size_t align, size_t len);

static bool is_short(void)
{
	const char *path = getenv("NO_MEMORY");
	int before = errno;
	bool is = path && access(path, F_OK) == 0;

	errno = is ? ENOMEM : before;
	return is;
}

void *malloc(size_t len)
{
	return is_short() ? NULL : __libc_malloc(len);
}

void *calloc(size_t n, size_t len)
{
	return is_short() ? NULL : __libc_calloc(n, len);
}

void *realloc(void *at, size_t len)
{
	return is_short() ? NULL : __libc_realloc(at, len);
}

void *aligned_alloc(size_t align, size_t len)
{
	return is_short() ? NULL : __libc_memalign(align, len);
}

int posix_memalign(void **at, size_t align, size_t len)
{
	if (is_short())
		return ENOMEM;
	*at = __libc_memalign(align, len);
	return *at ? 0 : ENOMEM;
}
