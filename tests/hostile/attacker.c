#include "attacker.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/frame.h"

enum { POLL_MS = 1, SRC = 7, DST = 9, BUFFER_LEN = 2048, MAX_FDS = 253 };

static int fail(struct attacker *a, const char *error)
{
	a->error = error;
	return -1;
}

/* Not sealed, other than a decent guest's: it is to be cut short. */
static int open_memory(struct guest_memory *memory)
{
	*memory = (struct guest_memory){.fd = memfd_create("hostile", MFD_CLOEXEC),
					.len = ATTACKER_MEMORY};
	if (memory->fd < 0 || ftruncate(memory->fd, ATTACKER_MEMORY) < 0)
		return -1;
	memory->va = mmap(NULL, memory->len, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	if (memory->va == MAP_FAILED)
		memory->va = NULL;
	return memory->va ? 0 : -1;
}

static void describe(struct attacker *a)
{
	const uint64_t va = (uintptr_t)a->memory.va;

	for (unsigned q = 0; q < 2; q++)
		guest_ring_describe(&a->rings[q], &a->queues[q]);
	a->dev = (struct vhost_user_device){
		.features = a->features,
		.memory = {.n_regions = 2,
			   .regions = {{GUEST_MEMORY_GPA, ATTACKER_LOW, va, 0},
				       {.gpa = GUEST_MEMORY_GPA + ATTACKER_LOW,
					.size = ATTACKER_HIGH,
					.va = va + ATTACKER_MEMORY - ATTACKER_HIGH,
					.offset = ATTACKER_MEMORY - ATTACKER_HIGH}}},
		.memory_fds = {a->memory.fd, a->memory.fd},
		.queues = a->queues,
		.n_queues = 2};
}

int attacker_open(struct attacker *a, const char *path, uint64_t features)
{
	bool packed = features >> VIRTIO_F_RING_PACKED & 1;

	*a = (struct attacker){.path = path, .features = features};
	vhost_user_init(&a->vu);
	for (unsigned q = 0; q < 2; q++)
		a->rings[q].kickfd = a->rings[q].callfd = -1;
	if (open_memory(&a->memory) < 0)
		return fail(a, "no memory");
	for (unsigned q = 0; q < 2; q++)
		if (guest_ring_open(&a->rings[q], &a->memory, packed, ATTACKER_RING) < 0)
			return fail(a, "no eventfd");
	a->data = guest_memory_take(&a->memory, ATTACKER_LOW - a->memory.taken - 4096, 64);
	describe(a);
	return 0;
}

void attacker_close(struct attacker *a)
{
	vhost_user_close(&a->vu);
	for (unsigned q = 0; q < 2; q++)
		guest_ring_close(&a->rings[q]);
	guest_memory_close(&a->memory);
}

int attacker_connect(struct attacker *a)
{
	int ret = -EAGAIN;

	for (unsigned ms = 0; ret == -EAGAIN && ms < ATTACKER_WAIT_MS; ms += POLL_MS) {
		ret = vhost_user_connect(&a->vu, a->path);
		if (ret == -EAGAIN)
			poll(NULL, 0, POLL_MS);
	}
	return ret < 0 ? fail(a, a->vu.error) : 0;
}

int attacker_say(struct attacker *a, const struct message *message)
{
	struct vhost_user_header header = {
		.request = message->request,
		.flags = message->flags,
		.size = message->size == SIZE_OF_PAYLOAD ? message->payload_len : message->size};
	union {
		char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	unsigned char payload[8192] = {0};
	struct iovec iov[2] = {{&header, sizeof(header)}, {payload, message->payload_len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	if (message->payload)
		memcpy(payload, message->payload, message->payload_len);
	if (message->n_fds) {
		struct cmsghdr *cmsg = &control.align;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(message->n_fds * sizeof(int));
		*cmsg = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS,
					 .cmsg_len = CMSG_LEN(message->n_fds * sizeof(int))};
		memcpy(CMSG_DATA(cmsg), message->fds, message->n_fds * sizeof(int));
	}
	while (sendmsg(a->vu.fd, &msg, MSG_NOSIGNAL) < 0) {
		struct pollfd room = {.fd = a->vu.fd, .events = POLLOUT};

		if (errno != EAGAIN || poll(&room, 1, ATTACKER_WAIT_MS) != 1)
			return -errno;
	}
	return 0;
}

int attacker_sync(struct attacker *a)
{
	struct {
		struct vhost_user_header header;
		uint64_t features;
	} __attribute__((packed)) answer = {.header.request = 0};

	if (attacker_say(a, &(struct message){.request = VHOST_USER_GET_FEATURES,
					      .flags = VHOST_USER_VERSION}) < 0)
		return fail(a, "hung up");
	/* Answers to other questions come first, and are of other lengths. */
	while (answer.header.request != VHOST_USER_GET_FEATURES) {
		struct pollfd fd = {.fd = a->vu.fd, .events = POLLIN};

		if (poll(&fd, 1, ATTACKER_WAIT_MS) != 1 ||
		    recv(a->vu.fd, &answer.header, sizeof(answer.header), 0) !=
			    sizeof(answer.header) ||
		    recv(a->vu.fd, &answer.features, answer.header.size % 9, 0) < 0)
			return fail(a, "no answer");
	}
	return 0;
}

int attacker_join(struct attacker *a)
{
	int ret = -1;

	/* The one before may not be gone yet, and then the switch hangs up. */
	for (unsigned ms = 0; ret < 0 && ms < ATTACKER_WAIT_MS; ms += POLL_MS) {
		if (attacker_connect(a) < 0)
			return -1;
		ret = attacker_sync(a);
		if (ret < 0) {
			vhost_user_close(&a->vu);
			poll(NULL, 0, POLL_MS);
		}
	}
	return ret;
}

int attacker_shake(struct attacker *a)
{
	if (attacker_join(a) < 0)
		return -1;
	return vhost_user_handshake(&a->vu, 0) < 0 ? fail(a, a->vu.error) : 0;
}

int attacker_start(struct attacker *a)
{
	if (attacker_shake(a) < 0)
		return -1;
	return vhost_user_start(&a->vu, &a->dev) < 0 ? fail(a, a->vu.error) : 0;
}

int attacker_reset(struct attacker *a)
{
	if (vhost_user_stop(&a->vu, &a->dev) < 0)
		return fail(a, a->vu.error);
	for (unsigned q = 0; q < 2; q++) {
		struct guest_ring *ring = &a->rings[q];

		memset(ring->packed ? (void *)ring->packed_desc : ring->desc, 0,
		       sizeof(struct vring_desc) * ring->size);
		if (!ring->packed) {
			memset(ring->avail, 0, sizeof(uint16_t) * (3 + ring->size));
			memset(ring->used, 0, 6 + sizeof(struct vring_used_elem) * ring->size);
		}
		a->n_posted[q] = a->position[q] = a->taken[q] = a->n_used[q] = 0;
	}
	describe(a);
	return vhost_user_start(&a->vu, &a->dev) < 0 ? fail(a, a->vu.error) : 0;
}

int attacker_say_u64(struct attacker *a, uint32_t request, uint64_t value, int fd)
{
	return attacker_say(a, &(struct message){.request = request,
						 .flags = VHOST_USER_VERSION,
						 .size = SIZE_OF_PAYLOAD,
						 .payload = &value,
						 .payload_len = sizeof(value),
						 .fds = &fd,
						 .n_fds = fd >= 0});
}

int attacker_say_state(struct attacker *a, uint32_t request, uint32_t index, uint32_t num)
{
	return attacker_say_u64(a, request, index | (uint64_t)num << 32, -1);
}

bool attacker_hung_up(struct attacker *a)
{
	char bytes[4096];

	for (unsigned ms = 0; ms < ATTACKER_WAIT_MS; ms++) {
		struct pollfd fd = {.fd = a->vu.fd, .events = POLLIN};
		ssize_t n;

		if (poll(&fd, 1, 1) <= 0)
			continue;
		n = recv(a->vu.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
	}
	return false;
}

uint64_t attacker_gpa(const struct attacker *a, uint32_t offset)
{
	return guest_memory_gpa(&a->memory, a->data) + offset;
}

void attacker_write_frame(struct attacker *a, uint32_t offset)
{
	frame_build(a->data + offset,
		    &(struct frame_spec){.src = SRC, .dst = DST, .len = ATTACKER_FRAME});
}

static void post_packed(struct attacker *a, unsigned queue, const struct piece *pieces, unsigned n)
{
	struct guest_ring *ring = &a->rings[queue];
	uint16_t first_flags = 0;
	uint16_t first = a->position[queue] % ring->size;

	for (unsigned i = 0; i < n; i++) {
		uint16_t at = (uint16_t)(a->position[queue] + i);
		bool wrap = !(at / ring->size & 1);
		uint16_t flags = (uint16_t)(pieces[i].flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0) |
					    (wrap ? 1 << VRING_PACKED_DESC_F_AVAIL
						  : 1 << VRING_PACKED_DESC_F_USED));

		ring->packed_desc[at % ring->size] = (struct vring_packed_desc){
			.addr = pieces[i].addr,
			.len = pieces[i].len,
			.id = first,
			.flags = i ? flags : ring->packed_desc[at % ring->size].flags};
		if (i == 0)
			first_flags = flags;
	}
	a->lens[queue][first] = (uint16_t)n;
	a->position[queue] = (uint16_t)(a->position[queue] + n);
	__atomic_store_n(&ring->packed_desc[first].flags, first_flags, __ATOMIC_RELEASE);
}

static void post_split(struct attacker *a, unsigned queue, const struct piece *pieces, unsigned n)
{
	struct guest_ring *ring = &a->rings[queue];
	uint16_t head = a->position[queue] % ring->size;

	for (unsigned i = 0; i < n; i++) {
		uint16_t at = (uint16_t)(a->position[queue] + i);

		ring->desc[at % ring->size] = (struct vring_desc){
			.addr = pieces[i].addr,
			.len = pieces[i].len,
			.flags = (uint16_t)(pieces[i].flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0)),
			.next = (uint16_t)((at + 1) % ring->size)};
	}
	a->position[queue] = (uint16_t)(a->position[queue] + n);
	ring->avail->ring[(a->n_posted[queue] - 1) % ring->size] = head;
	__atomic_store_n(&ring->avail->idx, a->n_posted[queue], __ATOMIC_RELEASE);
}

void attacker_post(struct attacker *a, unsigned queue, const struct piece *pieces, unsigned n)
{
	a->n_posted[queue]++;
	if (a->rings[queue].packed)
		post_packed(a, queue, pieces, n);
	else
		post_split(a, queue, pieces, n);
	attacker_kick(a, queue);
}

void attacker_post_frame(struct attacker *a)
{
	attacker_write_frame(a, 0);
	attacker_post(
		a, ATTACKER_TX,
		&(struct piece){.addr = attacker_gpa(a, 0), .len = FRAME_VNET_LEN + ATTACKER_FRAME},
		1);
}

void attacker_post_buffers(struct attacker *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		attacker_post(a, ATTACKER_RX,
			      &(struct piece){.addr = attacker_gpa(a, (i + 1) * BUFFER_LEN),
					      .len = BUFFER_LEN,
					      .flags = VRING_DESC_F_WRITE},
			      1);
}

void attacker_publish(struct attacker *a, unsigned queue, uint16_t idx)
{
	__atomic_store_n(&a->rings[queue].avail->idx, idx, __ATOMIC_RELEASE);
	attacker_kick(a, queue);
}

void attacker_kick(struct attacker *a, unsigned queue)
{
	const uint64_t one = 1;

	if (write(a->rings[queue].kickfd, &one, sizeof(one)) < 0)
		return; /* full: there is a kick already */
}

uint16_t attacker_n_used(struct attacker *a, unsigned queue)
{
	struct guest_ring *ring = &a->rings[queue];

	if (!ring->packed)
		return __atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE);
	while (a->taken[queue] != a->position[queue]) {
		uint16_t at = a->taken[queue] % ring->size;
		bool wrap = !(a->taken[queue] / ring->size & 1);
		uint16_t flags = __atomic_load_n(&ring->packed_desc[at].flags, __ATOMIC_ACQUIRE);

		if ((flags >> VRING_PACKED_DESC_F_AVAIL & 1) != wrap ||
		    (flags >> VRING_PACKED_DESC_F_USED & 1) != wrap)
			break;
		a->taken[queue] = (uint16_t)(a->taken[queue] + a->lens[queue][at]);
		a->n_used[queue]++;
	}
	return a->n_used[queue];
}

bool attacker_drained(struct attacker *a, unsigned queue)
{
	for (unsigned ms = 0; ms < ATTACKER_WAIT_MS; ms++) {
		if (attacker_n_used(a, queue) == a->n_posted[queue])
			return true;
		poll(NULL, 0, 1);
	}
	return false;
}
