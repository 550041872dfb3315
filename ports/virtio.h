/* virtio.h - the virtqueue and the network header as VIRTIO 1.2 lays them out in guest memory
 * (sections 2.7, 2.8, 5.1.6).
 *
 * Every field is little-endian; the product runs on little-endian hosts only (asserted below), so
 * they are plain integers. Whoever reads them reads memory that a guest may change at any instant:
 * load once into a local, check, use. */
#ifndef PORTS_VIRTIO_H
#define PORTS_VIRTIO_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest memory is read without byte swaps");

enum virtq_desc_flags {
	VIRTQ_DESC_F_NEXT = 1,
	VIRTQ_DESC_F_WRITE = 2,
	VIRTQ_DESC_F_INDIRECT = 4,
	/* of packed rings (2.8.1): each equals the wrap counter of who set it last */
	VIRTQ_DESC_F_AVAIL = 1 << 7,
	VIRTQ_DESC_F_USED = 1 << 15,
};

/* 2.7.5 */
struct virtq_desc {
	uint64_t addr; /* guest-physical */
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};
static_assert(sizeof(struct virtq_desc) == 16, "VIRTIO 1.2 section 2.7.5");

enum { VIRTQ_AVAIL_F_NO_INTERRUPT = 1, VIRTQ_USED_F_NO_NOTIFY = 1, VIRTQ_SIZE_MAX = 32768 };

/* 2.7.6; a le16 used_event follows ring[size] */
struct virtq_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[];
};
static_assert(offsetof(struct virtq_avail, ring) == 4, "VIRTIO 1.2 section 2.7.6");

struct virtq_used_elem {
	uint32_t id;
	uint32_t len;
};

/* 2.7.8; a le16 avail_event follows ring[size] */
struct virtq_used {
	uint16_t flags;
	uint16_t idx;
	struct virtq_used_elem ring[];
};
static_assert(offsetof(struct virtq_used, ring) == 4, "VIRTIO 1.2 section 2.7.8");

/* 2.8.13 */
struct virtq_packed_desc {
	uint64_t addr; /* guest-physical */
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};
static_assert(sizeof(struct virtq_packed_desc) == 16, "VIRTIO 1.2 section 2.8.13");

/* A place in a packed ring: bits 0 .. 14 count descriptors, bit 15 is the wrap counter there. */
enum { VIRTQ_WRAP = 1 << 15 };

enum virtq_event_flags { VIRTQ_EVENT_ENABLE, VIRTQ_EVENT_DISABLE, VIRTQ_EVENT_DESC };

/* 2.8.14: the driver area and the device area of a packed ring */
struct virtq_event {
	uint16_t off_wrap; /* with VIRTQ_EVENT_DESC: the place that is waited for */
	uint16_t flags;
};
static_assert(sizeof(struct virtq_event) == 4, "VIRTIO 1.2 section 2.8.14");

enum virtio_net_hdr_flags {
	VIRTIO_NET_HDR_F_NEEDS_CSUM = 1,
	VIRTIO_NET_HDR_F_DATA_VALID = 2,
};

enum virtio_net_hdr_gso {
	VIRTIO_NET_HDR_GSO_NONE = 0,
	VIRTIO_NET_HDR_GSO_TCPV4 = 1,
	VIRTIO_NET_HDR_GSO_UDP = 3,
	VIRTIO_NET_HDR_GSO_TCPV6 = 4,
	VIRTIO_NET_HDR_GSO_ECN = 0x80,
};

/* 5.1.6; without num_buffers (10 bytes) when neither MRG_RXBUF nor VERSION_1 was negotiated */
struct virtio_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};
static_assert(sizeof(struct virtio_net_hdr) == 12, "VIRTIO 1.2 section 5.1.6");
enum { VIRTIO_NET_HDR_LEGACY_LEN = 10, VIRTIO_NET_HDR_LEN = 12 };

/* Feature bits, 5.1.3 and 6 */
enum virtio_feature {
	VIRTIO_NET_F_CSUM = 0,
	VIRTIO_NET_F_GUEST_CSUM = 1,
	VIRTIO_NET_F_MTU = 3,
	VIRTIO_NET_F_GSO = 6,
	VIRTIO_NET_F_GUEST_TSO4 = 7,
	VIRTIO_NET_F_GUEST_TSO6 = 8,
	VIRTIO_NET_F_GUEST_ECN = 9,
	VIRTIO_NET_F_GUEST_UFO = 10,
	VIRTIO_NET_F_HOST_TSO4 = 11,
	VIRTIO_NET_F_HOST_TSO6 = 12,
	VIRTIO_NET_F_HOST_ECN = 13,
	VIRTIO_NET_F_HOST_UFO = 14,
	VIRTIO_NET_F_MRG_RXBUF = 15,
	VIRTIO_NET_F_MQ = 22,
	VIRTIO_F_LOG_ALL = 26,
	VIRTIO_F_INDIRECT_DESC = 28,
	VIRTIO_F_EVENT_IDX = 29,
	VIRTIO_F_VERSION_1 = 32,
	VIRTIO_F_RING_PACKED = 34,
	VIRTIO_F_IN_ORDER = 35,
};

#endif
