#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	REQUEST_LAST = 45, /* of the specification, and a few more */
	SET_VRING_ERR = 14,
	MANY_FDS = 253, /* SCM_MAX_FD */
	NEED_REPLY = VHOST_USER_FLAG_NEED_REPLY,
};

/* The switch hangs up on whoever says that. */
static const char *refuses(struct scene *scene, const struct message *message)
{
	struct attacker a;
	const char *why = NULL;

	if (attacker_open(&a, scene->socket, ATTACKER_SPLIT) < 0 || attacker_shake(&a) < 0)
		why = scene_says(scene, "cannot attack: %s", a.error);
	/* EPIPE: it did so before all had been said. */
	else if (attacker_say(&a, message) < 0 && errno != EPIPE && errno != ECONNRESET)
		why = scene_says(scene, "cannot say it: %s", strerror(errno));
	else if (!attacker_hung_up(&a))
		why = scene_says(scene, "request %u, flags %x, size %u, %u descriptors is taken",
				 message->request, message->flags, message->size, message->n_fds);
	attacker_close(&a);
	return why;
}

static const char *refuses_u64(struct scene *scene, uint32_t request, uint64_t value, int fd)
{
	return refuses(scene, &(struct message){.request = request,
						.flags = VHOST_USER_VERSION,
						.size = SIZE_OF_PAYLOAD,
						.payload = &value,
						.payload_len = sizeof(value),
						.fds = &fd,
						.n_fds = fd >= 0});
}

/* VUP-06 */
static const char *wrong_sizes(struct scene *scene, const void *arg)
{
	const uint32_t sizes[] = {1, 7, 9, 4096, 0xffffffff};
	const char *why = NULL;

	(void)arg;
	for (uint32_t request = 1; request < REQUEST_LAST && !why; request++)
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !why; i++)
			why = refuses(scene, &(struct message){.request = request,
							       .flags = VHOST_USER_VERSION |
									(i % 2 ? NEED_REPLY : 0),
							       .size = sizes[i],
							       .payload_len = 4096});
	return why;
}

/* VUP-07 */
static const char *wrong_flags(struct scene *scene, const void *arg)
{
	const uint32_t flags[] = {0, 2, 3, VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY};
	const char *why = NULL;

	(void)arg;
	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]) && !why; i++)
		why = refuses(scene, &(struct message){.request = VHOST_USER_GET_FEATURES,
						       .flags = flags[i]});
	return why;
}

/* VUP-08, VUP-25, VUP-28, VUP-29, VUP-37, VUP-38: what was not negotiated, with and without
 * descriptors, asking for an answer or not. */
static const char *requests_nobody_needs(struct scene *scene, const void *arg)
{
	const uint32_t requests[] = {0,	 6,  7,	 19, 21, 22, 24, 25, 26,  27,
				     28, 29, 30, 31, 32, 33, 41, 44, 255, 0xffffffff};
	/* The description of in-flight tables: 1 MiB for 65535 queues of 65535 entries. */
	static const uint64_t inflight[3] = {1 << 20, 0, UINT32_MAX};
	const char *why = NULL;
	int fd = memfd_create("inflight", MFD_CLOEXEC);

	(void)arg;
	for (unsigned i = 0; i < 2 * sizeof(requests) / sizeof(requests[0]) && !why; i++)
		why = refuses(scene, &(struct message){.request = requests[i / 2],
						       .flags = VHOST_USER_VERSION |
								(i % 2 ? NEED_REPLY : 0),
						       .size = SIZE_OF_PAYLOAD,
						       .payload = inflight,
						       .payload_len = sizeof(inflight),
						       .fds = &fd,
						       .n_fds = i % 2});
	close(fd);
	return why;
}

/* VUP-02, VUP-04: what was not offered. The library says no: the answer to the next question tells.
 */
static const char *features_not_offered(struct scene *scene, const void *arg)
{
	const char *why;

	(void)arg;
	why = refuses_u64(scene, VHOST_USER_SET_FEATURES, UINT64_MAX, -1);
	return why ? why : refuses_u64(scene, VHOST_USER_SET_PROTOCOL_FEATURES, UINT64_MAX, -1);
}

/* VUP-11, VUP-12, VUP-14, VUP-18, VUP-26 */
static const char *values_out_of_range(struct scene *scene, const void *arg)
{
	static const struct {
		uint32_t request;
		uint64_t value;
	} values[] = {
		{VHOST_USER_SET_VRING_NUM, (uint64_t)0 << 32 | 1},
		{VHOST_USER_SET_VRING_NUM, (uint64_t)3 << 32 | 1},
		{VHOST_USER_SET_VRING_NUM, (uint64_t)32769 << 32 | 1},
		{VHOST_USER_SET_VRING_NUM, (uint64_t)65535 << 32 | 1},
		{VHOST_USER_SET_VRING_NUM, (uint64_t)1 << 63 | 1},
		{VHOST_USER_SET_VRING_NUM, (uint64_t)256 << 32 | 255},
		{VHOST_USER_SET_VRING_NUM, (uint64_t)256 << 32 | 256},
		{VHOST_USER_SET_VRING_NUM, (uint64_t)256 << 32 | 65536},
		{VHOST_USER_SET_VRING_BASE, 0xffffffff},
		{VHOST_USER_GET_VRING_BASE, 0xffffffff},
		{VHOST_USER_SET_VRING_ENABLE, (uint64_t)2 << 32},
		{VHOST_USER_SET_VRING_ENABLE, (uint64_t)0xffffffff << 32},
		{VHOST_USER_SET_VRING_KICK, VHOST_USER_VRING_NO_FD | 255},
		{VHOST_USER_SET_VRING_CALL, 65536 | VHOST_USER_VRING_NO_FD},
		{VHOST_USER_NET_SET_MTU, 67},
		{VHOST_USER_NET_SET_MTU, 65536},
		{VHOST_USER_SET_STATUS, 256},
	};
	const char *why = NULL;

	(void)arg;
	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]) && !why; i++)
		why = refuses_u64(scene, values[i].request, values[i].value, -1);
	return why;
}

static const char *wrong_ring_addresses(struct scene *scene, const void *arg)
{
	static const struct vhost_user_addr addrs[] = {
		{.index = 255},		  {.index = 0, .flags = 1}, {.index = 0, .desc = 8},
		{.index = 0, .avail = 1}, {.index = 0, .used = 2},
	};
	const char *why = NULL;

	(void)arg;
	for (unsigned i = 0; i < sizeof(addrs) / sizeof(addrs[0]) && !why; i++)
		why = refuses(scene, &(struct message){.request = VHOST_USER_SET_VRING_ADDR,
						       .flags = VHOST_USER_VERSION,
						       .size = SIZE_OF_PAYLOAD,
						       .payload = &addrs[i],
						       .payload_len = sizeof(addrs[i])});
	return why;
}

/* VUP-09: the switch must close them all; the descriptors that it has are counted at the end. */
static const char *wrong_numbers_of_fds(struct scene *scene, const void *arg)
{
	const unsigned numbers[] = {1, 2, 8, 9, MANY_FDS};
	const unsigned n_numbers = sizeof(numbers) / sizeof(numbers[0]);
	int fds[MANY_FDS];
	const char *why = NULL;

	(void)arg;
	for (unsigned i = 0; i < MANY_FDS; i++)
		fds[i] = STDIN_FILENO;
	for (uint32_t request = 1; request <= VHOST_USER_NET_SET_MTU && !why; request++)
		/* SET_VRING_ERR takes one, of any kind. */
		for (unsigned i = request == SET_VRING_ERR; i < n_numbers && !why; i++)
			why = refuses(scene, &(struct message){.request = request,
							       .flags = VHOST_USER_VERSION,
							       .size = 8,
							       .payload_len = 8,
							       .fds = fds,
							       .n_fds = numbers[i]});
	/* A bad number of a queue, and descriptors where there should be none: the library would
	 * forget them. */
	for (unsigned i = 0; i < 100 && !why; i++)
		why = refuses(scene,
			      &(struct message){.request = VHOST_USER_SET_VRING_NUM,
						.flags = VHOST_USER_VERSION | NEED_REPLY,
						.size = 8,
						.payload = &(struct vhost_user_vring_state){256, 8},
						.payload_len = 8,
						.fds = fds,
						.n_fds = 8});
	return why;
}

/* VUP-10, VUP-27: whatever a front-end may have open. */
static const char *wrong_kinds_of_fds(struct scene *scene, const void *arg)
{
	int sockets[2], pipes[2];
	const char *why = NULL;

	(void)arg;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0 || pipe(pipes) < 0)
		return "no descriptors";
	{
		const int fds[] = {open("/dev/null", O_RDWR | O_CLOEXEC),
				   open("/dev/zero", O_RDWR | O_CLOEXEC),
				   open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
				   open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
				   open("/tmp", O_PATH | O_CLOEXEC),
				   memfd_create("kick", MFD_CLOEXEC),
				   epoll_create1(EPOLL_CLOEXEC),
				   sockets[0],
				   sockets[1],
				   pipes[0],
				   pipes[1]};

		for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
			if (!why)
				why = refuses_u64(scene, VHOST_USER_SET_VRING_KICK, 1, fds[i]);
			if (!why)
				why = refuses_u64(scene, VHOST_USER_SET_VRING_CALL, 0, fds[i]);
			close(fds[i]);
		}
	}
	return why;
}

static const char *refuses_region(struct scene *scene, struct vhost_user_region region, int fd)
{
	const struct vhost_user_memory table = {.n_regions = 1, .regions = {region}};

	return refuses(scene, &(struct message){.request = VHOST_USER_SET_MEM_TABLE,
						.flags = VHOST_USER_VERSION,
						.size = SIZE_OF_PAYLOAD,
						.payload = &table,
						.payload_len = 8 + 32,
						.fds = &fd,
						.n_fds = 1});
}

static int sealed_memory(off_t len)
{
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (ftruncate(fd, len) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* VUP-10, VUP-20, MEM-03 */
static const char *wrong_memory(struct scene *scene, const void *arg)
{
	enum { PAGE = 4096 };
	int file = memfd_create("memory", MFD_CLOEXEC),
	    zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
	int proc = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	int read_only = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), sealed = sealed_memory(PAGE);
	const char *why = NULL;
	const struct {
		struct vhost_user_region region;
		int fd;
	} regions[] = {
		{{.size = 0}, file},
		{{.size = 2 * PAGE}, file}, /* longer than the file */
		{{.size = PAGE, .offset = PAGE}, file},
		{{.size = PAGE, .offset = UINT64_MAX - 1}, file},
		{{.size = UINT64_MAX}, file},
		{{.size = PAGE, .gpa = UINT64_MAX - 1}, file},
		{{.size = PAGE, .va = UINT64_MAX - 1}, file},
		{{.size = UINT64_C(1) << 46}, file}, /* all of the switch's address space */
		{{.size = PAGE}, zero},
		{{.size = PAGE}, proc},
		{{.size = PAGE}, STDIN_FILENO},
		{{.size = PAGE}, read_only},
		{{.size = PAGE}, sealed}, /* cannot be mapped, which the library then forgets */
	};

	(void)arg;
	if (file < 0 || ftruncate(file, PAGE) < 0)
		why = "no file";
	for (unsigned i = 0; i < sizeof(regions) / sizeof(regions[0]) && !why; i++)
		why = refuses_region(scene, regions[i].region, regions[i].fd);
	close(file);
	close(zero);
	close(proc);
	close(read_only);
	close(sealed);
	return why;
}

const struct attack attacks_on_messages[] = {
	{"messages of other sizes than the protocol's", wrong_sizes, NULL},
	{"messages of another version, and answers without a question", wrong_flags, NULL},
	{"requests that were not negotiated", requests_nobody_needs, NULL},
	{"features that were not offered", features_not_offered, NULL},
	{"values out of range", values_out_of_range, NULL},
	{"ring addresses that are misaligned, or logged", wrong_ring_addresses, NULL},
	{"descriptors where none belong, and too many", wrong_numbers_of_fds, NULL},
	{"kicks and calls that are no eventfd", wrong_kinds_of_fds, NULL},
	{"memory that is none, or not as long as it says", wrong_memory, NULL},
	{NULL, NULL, NULL},
};
