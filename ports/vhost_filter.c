#include "ports/vhost_filter.h"
#include "config/topology.h"
#include "ports/vhost_wire.h"

#include <stdbool.h>
#include <string.h>

enum {
	MAX_VRINGS = 2 * TOPOLOGY_MAX_QUEUES,
	RING_SIZE_MAX = 32768, /* VIRTIO 1.2 section 2.7 */
	MTU_MIN = 68,	       /* VIRTIO 1.2 section 5.1.4.1 */
	MTU_MAX = 65535,
};

/* The address space of this process is for all guests. */
#define MEMORY_MAX (UINT64_C(4) << 40)

static const char *check_index(uint32_t index)
{
	return index < MAX_VRINGS ? NULL : "there is no queue of that number";
}

static const char *check_state(const union vhost_user_payload *payload)
{
	return check_index(payload->state.index);
}

static const char *check_num(const union vhost_user_payload *payload)
{
	if (payload->state.num == 0 || payload->state.num > RING_SIZE_MAX)
		return "a ring has 1 to 32768 entries";
	return check_state(payload);
}

static const char *check_enable(const union vhost_user_payload *payload)
{
	return payload->state.num > 1 ? "neither 0 nor 1" : check_state(payload);
}

static const char *check_addr(const union vhost_user_payload *payload)
{
	const struct vhost_user_addr *addr = &payload->addr;

	if (addr->flags)
		return "logging was not negotiated";
	if (addr->desc % 16 || addr->avail % 2 || addr->used % 4)
		return "misaligned ring";
	return check_index(addr->index);
}

static const char *check_fd(const union vhost_user_payload *payload)
{
	uint64_t bits = payload->u64;

	if (bits & ~(uint64_t)(VHOST_USER_VRING_INDEX_MASK | VHOST_USER_VRING_NO_FD))
		return "reserved bits are set";
	return check_index((uint32_t)(bits & VHOST_USER_VRING_INDEX_MASK));
}

static bool ends_in_range(uint64_t start, uint64_t size)
{
	return size - 1 <= UINT64_MAX - start;
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a - b < b_size || b - a < a_size;
}

static const char *check_memory(const union vhost_user_payload *payload)
{
	const struct vhost_user_memory *memory = &payload->memory;

	uint64_t mapped = 0;

	for (unsigned i = 0; i < memory->n_regions; i++) {
		struct vhost_user_region at = memory->regions[i];

		if (at.size == 0)
			return "an empty region";
		if (!ends_in_range(at.gpa, at.size) || !ends_in_range(at.va, at.size) ||
		    at.offset > INT64_MAX || at.size > INT64_MAX - at.offset)
			return "a region past the end of the address space";
		/* As librte_vhost maps it: from the beginning of the file. */
		if (at.offset + at.size > MEMORY_MAX - mapped)
			return "more than 4 TiB";
		mapped += at.offset + at.size;
		for (unsigned j = 0; j < i; j++) {
			struct vhost_user_region other = memory->regions[j];

			/* The front-end's addresses may: one memory can be seen at two places. */
			if (overlap(at.gpa, at.size, other.gpa, other.size))
				return "regions overlap";
		}
	}
	return NULL;
}

static const char *check_mtu(const union vhost_user_payload *payload)
{
	return payload->u64 < MTU_MIN || payload->u64 > MTU_MAX ? "an mtu is 68 to 65535 bytes"
								: NULL;
}

static const char *check_status(const union vhost_user_payload *payload)
{
	return payload->u64 > UINT8_MAX ? "a status has 8 bits" : NULL;
}

enum fds {
	FDS_NONE,
	FDS_ONE_UNLESS_NO_FD,
	FDS_ONE_A_REGION,
};

/* What is not here is not allowed: logging and post-copy of migration, in-flight tables, requests
 * of the back-end, I/O TLBs, configuration, sessions. None of it is offered in features. */
static const struct {
	const char *name;
	uint32_t size; /* of the payload; that of SET_MEM_TABLE without its regions */
	enum fds fds;
	const char *(*check)(const union vhost_user_payload *payload);
} allowed[VHOST_USER_REQUEST_N] = {
	[VHOST_USER_GET_FEATURES] = {"GET_FEATURES", 0, FDS_NONE, NULL},
	[VHOST_USER_SET_FEATURES] = {"SET_FEATURES", 8, FDS_NONE, NULL},
	[VHOST_USER_SET_OWNER] = {"SET_OWNER", 0, FDS_NONE, NULL},
	[VHOST_USER_RESET_OWNER] = {"RESET_OWNER", 0, FDS_NONE, NULL},
	[VHOST_USER_SET_MEM_TABLE] = {"SET_MEM_TABLE", 8, FDS_ONE_A_REGION, check_memory},
	[VHOST_USER_SET_VRING_NUM] = {"SET_VRING_NUM", 8, FDS_NONE, check_num},
	[VHOST_USER_SET_VRING_ADDR] = {"SET_VRING_ADDR", 40, FDS_NONE, check_addr},
	[VHOST_USER_SET_VRING_BASE] = {"SET_VRING_BASE", 8, FDS_NONE, check_state},
	[VHOST_USER_GET_VRING_BASE] = {"GET_VRING_BASE", 8, FDS_NONE, check_state},
	[VHOST_USER_SET_VRING_KICK] = {"SET_VRING_KICK", 8, FDS_ONE_UNLESS_NO_FD, check_fd},
	[VHOST_USER_SET_VRING_CALL] = {"SET_VRING_CALL", 8, FDS_ONE_UNLESS_NO_FD, check_fd},
	[VHOST_USER_SET_VRING_ERR] = {"SET_VRING_ERR", 8, FDS_ONE_UNLESS_NO_FD, check_fd},
	[VHOST_USER_GET_PROTOCOL_FEATURES] = {"GET_PROTOCOL_FEATURES", 0, FDS_NONE, NULL},
	[VHOST_USER_SET_PROTOCOL_FEATURES] = {"SET_PROTOCOL_FEATURES", 8, FDS_NONE, NULL},
	[VHOST_USER_GET_QUEUE_NUM] = {"GET_QUEUE_NUM", 0, FDS_NONE, NULL},
	[VHOST_USER_SET_VRING_ENABLE] = {"SET_VRING_ENABLE", 8, FDS_NONE, check_enable},
	[VHOST_USER_NET_SET_MTU] = {"NET_SET_MTU", 8, FDS_NONE, check_mtu},
	[VHOST_USER_SET_STATUS] = {"SET_STATUS", 8, FDS_NONE, check_status},
	[VHOST_USER_GET_STATUS] = {"GET_STATUS", 0, FDS_NONE, NULL},
};

static bool is_allowed(uint32_t request)
{
	return request < VHOST_USER_REQUEST_N && allowed[request].name;
}

const char *vhost_filter_name(uint32_t request)
{
	return is_allowed(request) ? allowed[request].name : "unknown request";
}

static const char *check_header(const struct vhost_user_header *header)
{
	if (!is_allowed(header->request))
		return "not a request that a network device needs";
	if ((header->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION)
		return "not of version 1";
	if (header->flags & VHOST_USER_FLAG_REPLY)
		return "a reply, where a request belongs";
	if (header->size < allowed[header->request].size)
		return "too short";
	if (header->size > (header->request == VHOST_USER_SET_MEM_TABLE
				    ? sizeof(struct vhost_user_memory)
				    : allowed[header->request].size))
		return "too long";
	return NULL;
}

size_t vhost_filter_lacks(const void *bytes, size_t len)
{
	struct vhost_user_header header;

	if (len < sizeof(header))
		return sizeof(header) - len;
	memcpy(&header, bytes, sizeof(header));
	if (check_header(&header) || len - sizeof(header) >= header.size)
		return 0;
	return header.size - (len - sizeof(header));
}

static unsigned n_fds_due(uint32_t request, const union vhost_user_payload *payload)
{
	switch (allowed[request].fds) {
	case FDS_ONE_A_REGION:
		return payload->memory.n_regions;
	case FDS_ONE_UNLESS_NO_FD:
		return payload->u64 & VHOST_USER_VRING_NO_FD ? 0 : 1;
	default:
		return 0;
	}
}

const char *vhost_filter_refuses(const void *bytes, size_t len, unsigned n_fds)
{
	struct vhost_user_header header;
	union vhost_user_payload payload = {.memory.n_regions = 0};
	const char *why;

	if (len < sizeof(header))
		return "half a message";
	memcpy(&header, bytes, sizeof(header));
	why = check_header(&header);
	if (why)
		return why;
	if (len - sizeof(header) < header.size)
		return "half a message";
	memcpy(&payload, (const uint8_t *)bytes + sizeof(header), header.size);
	if (header.request == VHOST_USER_SET_MEM_TABLE) {
		if (payload.memory.n_regions > VHOST_USER_MAX_REGIONS)
			return "more than 8 regions";
		if (header.size < 8 + payload.memory.n_regions * sizeof(struct vhost_user_region))
			return "too short";
	}
	if (n_fds != n_fds_due(header.request, &payload))
		return n_fds > n_fds_due(header.request, &payload) ? "too many file descriptors"
								   : "too few file descriptors";
	return allowed[header.request].check ? allowed[header.request].check(&payload) : NULL;
}
