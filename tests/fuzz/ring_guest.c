#include "tests/fuzz/ring_guest.h"

#include "tests/fuzz/guest_reads.h"

#include <stdlib.h>
#include <sys/eventfd.h>

enum { MAX_SIZE = 256 };

/* The second goes on where the first ends, but only as the guest counts. */
static const struct guest_region shape[RING_REGIONS] = {
	{.gpa = 0, .size = 0x800}, {.gpa = 0x800, .size = 0x10800}, {.gpa = 0x20000, .size = 48}};

/* Those that change how a ring is read, one for each bit of input. */
static const uint8_t features[] = {
	VIRTIO_F_RING_PACKED, VIRTIO_F_VERSION_1, VIRTIO_NET_F_MRG_RXBUF, VIRTIO_F_INDIRECT_DESC,
	VIRTIO_F_EVENT_IDX,   VIRTIO_F_IN_ORDER,  VIRTIO_NET_F_CSUM,	  VIRTIO_NET_F_HOST_TSO4,
};

static void *new_area(size_t len)
{
	void *area = calloc(1, len);

	if (!area)
		abort();
	return area;
}

static void read_conf(struct ring_guest *guest, struct input *in)
{
	static int call_fd = -1;
	struct vring_conf *conf = &guest->conf;
	uint8_t chosen = (uint8_t)input_take(in, 1);

	if (call_fd < 0)
		call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	*conf = (struct vring_conf){.mem = &guest->mem, .call_fd = call_fd};
	for (unsigned i = 0; i < sizeof(features); i++)
		conf->features |= (uint64_t)(chosen >> i & 1) << features[i];
	conf->size = (uint16_t)(input_take(in, 2) % (MAX_SIZE + 1));
	if (!(chosen & 1) && conf->size)
		conf->size = (uint16_t)(1u << (conf->size % 9));
	conf->last_avail = (uint16_t)input_take(in, 2);
	/* They differ where buffers were on their way when a ring was stopped, or a guest lies. */
	conf->last_used = (uint16_t)(conf->last_avail + input_take(in, 1));
}

/* One descriptor of the queue as a driver that knows the rules might write it. */
struct pattern {
	bool packed;
	bool same_head; /* every buffer is the first one */
	uint8_t n_chained;
	uint16_t flags;
	uint16_t stride;
	uint16_t n; /* made available */
	uint32_t len;
};

static void fill_split(const struct vring_conf *conf, const struct pattern *p)
{
	struct virtq_desc *desc = conf->desc_area;
	struct virtq_avail *avail = conf->driver_area;

	for (unsigned i = 0; i < conf->size; i++) {
		bool last = i % (p->n_chained + 1u) == p->n_chained || i + 1u == conf->size;

		desc[i] = (struct virtq_desc){.addr = (uint64_t)i * p->stride,
					      .len = p->len,
					      .flags = p->flags | (last ? 0 : VIRTQ_DESC_F_NEXT),
					      .next = (uint16_t)(i + 1)};
		avail->ring[i] = p->same_head ? 0 : (uint16_t)i;
	}
	avail->idx = (uint16_t)(conf->last_avail + p->n);
}

static void fill_packed(const struct vring_conf *conf, const struct pattern *p)
{
	struct virtq_packed_desc *desc = conf->desc_area;

	for (unsigned i = 0; i < conf->size; i++) {
		bool last = i % (p->n_chained + 1u) == p->n_chained || i + 1u == conf->size;
		uint16_t at = (uint16_t)((conf->last_avail + i) & (VIRTQ_WRAP - 1));
		bool wrap = !(conf->last_avail & VIRTQ_WRAP) == (at >= conf->size);
		uint16_t flags = wrap == (i < p->n) ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;

		desc[at % conf->size] = (struct virtq_packed_desc){
			.addr = (uint64_t)i * p->stride,
			.len = p->len,
			.id = (uint16_t)i,
			.flags = flags | p->flags | (last ? 0 : VIRTQ_DESC_F_NEXT)};
	}
}

static void fill_rings(const struct vring_conf *conf, struct input *in, bool writes)
{
	uint8_t bits = (uint8_t)input_take(in, 1);
	struct pattern p = {.same_head = bits & 1,
			    .n_chained = (uint8_t)input_take(in, 1),
			    .flags = (bits & VIRTQ_DESC_F_INDIRECT) |
				     (writes ? VIRTQ_DESC_F_WRITE : 0),
			    .stride = (uint16_t)input_take(in, 2),
			    .n = (uint16_t)input_take(in, 1),
			    .len = (uint32_t)input_take(in, 2)};

	if (conf->features >> VIRTIO_F_RING_PACKED & 1)
		fill_packed(conf, &p);
	else
		fill_split(conf, &p);
}

static void open_rings(struct ring_guest *guest)
{
	struct vring_conf *conf = &guest->conf;
	bool packed = conf->features >> VIRTIO_F_RING_PACKED & 1;
	size_t event = sizeof(struct virtq_event);
	size_t lens[RING_AREAS] = {conf->size * sizeof(struct virtq_desc),
				   packed ? event : 6 + 2u * conf->size,
				   packed ? event : 6 + 8u * conf->size};

	for (unsigned i = 0; i < RING_AREAS; i++) {
		guest->areas[i] = new_area(lens[i]);
		guest_reads_add(guest->areas[i], lens[i], i == 2 || (i == 0 && packed));
	}
	conf->desc_area = guest->areas[0];
	conf->driver_area = guest->areas[1];
	conf->device_area = guest->areas[2];
}

void ring_guest_open(struct ring_guest *guest, struct input *in, bool writes)
{
	/* As they are large, they stay from run to run. */
	static uint8_t *regions[2][RING_REGIONS];

	*guest = (struct ring_guest){.mem.n_regions = RING_REGIONS, .regions = regions[writes]};
	for (unsigned i = 0; i < RING_REGIONS; i++) {
		if (!guest->regions[i])
			guest->regions[i] = new_area(shape[i].size);
		memset(guest->regions[i], 0, shape[i].size);
		guest->mem.regions[i] = shape[i];
		guest->mem.regions[i].hva = guest->regions[i];
		guest_reads_add(guest->regions[i], shape[i].size, false);
	}
	read_conf(guest, in);
	open_rings(guest);
	guest->open = vring_init(&guest->vr, &guest->conf) == 0;
	if (guest->open)
		fill_rings(&guest->conf, in, writes);
}

void ring_guest_close(struct ring_guest *guest)
{
	if (guest->open)
		vring_fini(&guest->vr);
	for (unsigned i = 0; i < RING_AREAS; i++)
		free(guest->areas[i]);
}

void ring_guest_allow(const struct ring_guest *guest, bool writes)
{
	for (unsigned i = 0; i < RING_REGIONS; i++)
		guest_reads_allow(guest->regions[i], writes);
}

bool ring_guest_has(const struct ring_guest *guest, const uint8_t *addr, uint32_t len)
{
	for (unsigned i = 0; i < RING_REGIONS; i++) {
		uint64_t offset = (uintptr_t)addr - (uintptr_t)guest->regions[i];

		if (offset < shape[i].size && len <= shape[i].size - offset)
			return true;
	}
	return false;
}
