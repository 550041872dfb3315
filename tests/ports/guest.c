#include "tests/ports/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static void *sure(void *memory)
{
	if (!memory || memory == MAP_FAILED) {
		perror("guest");
		exit(EXIT_FAILURE);
	}
	return memory;
}

static void regions_open(struct guest *guest)
{
	unsigned n = guest->conf.n_regions ? guest->conf.n_regions : 1;

	for (unsigned i = 0; i < n; i++) {
		uint8_t *all = sure(mmap(NULL, GUEST_REGION_LEN + 2 * GUEST_PAGE, PROT_NONE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

		if (mprotect(all + GUEST_PAGE, GUEST_REGION_LEN, PROT_READ | PROT_WRITE) < 0)
			sure(NULL);
		memset(all + GUEST_PAGE, GUEST_PATTERN, GUEST_REGION_LEN);
		guest->mem.regions[i] =
			(struct guest_region){.gpa = GUEST_BASE + (uint64_t)i * GUEST_REGION_LEN,
					      .size = GUEST_REGION_LEN,
					      .hva = all + GUEST_PAGE};
	}
	guest->mem.n_regions = n;
	guest->next_gpa = GUEST_BASE;
	guest->shadow = sure(malloc((size_t)n * GUEST_REGION_LEN));
}

void guest_open(struct guest *guest, const struct guest_conf *conf)
{
	unsigned size = conf->size;

	*guest = (struct guest){.conf = *conf, .call_fd = eventfd(0, EFD_NONBLOCK)};
	regions_open(guest);
	guest->desc_area = sure(calloc(size, sizeof(struct virtq_desc)));
	if (guest_is_packed(guest)) {
		guest->driver_area = sure(calloc(1, 4));
		guest->device_area = sure(calloc(1, 4));
		guest->conf.start = conf->start ? conf->start : 1 << 15;
	} else {
		guest->driver_area = sure(calloc(1, 6u + 2u * size));
		guest->device_area = sure(calloc(1, 6u + 8u * size));
		guest_avail(guest)->idx = conf->start;
		guest_used(guest)->idx = conf->start;
	}
	guest->next_avail = guest->next_used = guest->conf.start;
	guest->next_slot = (uint16_t)(conf->start % size);
	guest->out = sure(calloc(size, sizeof(*guest->out)));
	if (vring_init(&guest->vr, &(struct vring_conf){.desc_area = guest->desc_area,
							.driver_area = guest->driver_area,
							.device_area = guest->device_area,
							.mem = &guest->mem,
							.features = conf->features,
							.size = conf->size,
							.last_avail = guest->conf.start,
							.last_used = guest->conf.start,
							.call_fd = guest->call_fd}) < 0)
		sure(NULL);
}

void guest_close(struct guest *guest)
{
	unsigned n = guest->conf.n_regions ? guest->conf.n_regions : 1;

	vring_fini(&guest->vr);
	for (unsigned i = 0; i < n; i++)
		munmap(guest->mem.regions[i].hva - GUEST_PAGE, GUEST_REGION_LEN + 2 * GUEST_PAGE);
	free(guest->shadow);
	free(guest->desc_area);
	free(guest->driver_area);
	free(guest->device_area);
	free(guest->out);
	close(guest->call_fd);
}

uint64_t guest_take(struct guest *guest, uint32_t len)
{
	uint64_t gpa = guest->next_gpa;

	guest->next_gpa += len;
	if (guest->next_gpa > GUEST_BASE + (uint64_t)guest->mem.n_regions * GUEST_REGION_LEN) {
		fputs("guest: the test takes more memory than there is\n", stderr);
		exit(EXIT_FAILURE);
	}
	return gpa;
}

static uint8_t *byte_at(const struct guest *guest, uint64_t gpa)
{
	uint64_t offset = gpa - GUEST_BASE;

	return guest->mem.regions[offset / GUEST_REGION_LEN].hva + offset % GUEST_REGION_LEN;
}

void guest_write(struct guest *guest, uint64_t gpa, const void *buf, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		*byte_at(guest, gpa + i) = ((const uint8_t *)buf)[i];
}

void guest_read(const struct guest *guest, uint64_t gpa, void *buf, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = *byte_at(guest, gpa + i);
}

unsigned guest_room(const struct guest *guest)
{
	return guest->conf.size - guest->n_slots_out;
}

/* Where in the table slot i lies: any odd factor makes a permutation of a power of two. */
static uint16_t placed(const struct guest *guest, unsigned slot)
{
	unsigned mask = guest->conf.size - 1u;

	return (uint16_t)((guest->conf.shuffled ? slot * 7 + 3 : slot) & mask);
}

static uint16_t flags_of(const struct guest_piece *piece, bool next)
{
	return (uint16_t)((piece->write ? VIRTQ_DESC_F_WRITE : 0) | (next ? VIRTQ_DESC_F_NEXT : 0));
}

/* Writes the table of the pieces from n_direct on; the descriptor that refers to it. */
static struct virtq_desc put_table(struct guest *guest, const struct guest_chain *chain)
{
	unsigned n = chain->n - chain->n_direct;

	for (unsigned i = 0; i < n; i++) {
		const struct guest_piece *piece = &chain->pieces[chain->n_direct + i];
		uint64_t gpa = chain->table_gpa + i * sizeof(struct virtq_desc);
		struct virtq_desc desc = {.addr = piece->gpa,
					  .len = piece->len,
					  .flags = flags_of(piece, i + 1 < n),
					  .next = (uint16_t)(i + 1)};
		struct virtq_packed_desc packed = {
			.addr = piece->gpa, .len = piece->len, .flags = flags_of(piece, false)};

		if (guest_is_packed(guest))
			guest_write(guest, gpa, &packed, sizeof(packed));
		else
			guest_write(guest, gpa, &desc, sizeof(desc));
	}
	return (struct virtq_desc){.addr = chain->table_gpa,
				   .len = (uint32_t)(n * sizeof(struct virtq_desc)),
				   .flags = VIRTQ_DESC_F_INDIRECT};
}

static void remember_out(struct guest *guest, uint16_t id, unsigned n_slots)
{
	unsigned at = (guest->out_first + guest->n_out) % guest->conf.size;

	guest->out[at].id = id;
	guest->out[at].n_slots = (uint16_t)n_slots;
	guest->n_out++;
	guest->n_slots_out += n_slots;
}

static struct virtq_desc slot_of(struct guest *guest, const struct guest_chain *chain, unsigned i,
				 unsigned n_slots)
{
	const struct guest_piece *piece = &chain->pieces[i];

	if (i == chain->n_direct)
		return put_table(guest, chain);
	return (struct virtq_desc){
		.addr = piece->gpa, .len = piece->len, .flags = flags_of(piece, i + 1 < n_slots)};
}

uint16_t guest_place_after(const struct guest *guest, uint16_t place, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		place++;
		if ((place & (VIRTQ_WRAP - 1)) == guest->conf.size)
			place = (uint16_t)(~place & VIRTQ_WRAP);
	}
	return place;
}

static void post_split(struct guest *guest, const struct guest_chain *chain, unsigned n_slots)
{
	struct virtq_avail *avail = guest_avail(guest);

	for (unsigned i = 0; i < n_slots; i++) {
		struct virtq_desc desc = slot_of(guest, chain, i, n_slots);

		desc.next = placed(guest, guest->next_slot + i + 1u);
		*guest_desc(guest, placed(guest, guest->next_slot + i)) = desc;
	}
	avail->ring[guest->next_avail++ & (guest->conf.size - 1)] = placed(guest, guest->next_slot);
	guest->next_slot = (uint16_t)(guest->next_slot + n_slots);
	__atomic_store_n(&avail->idx, guest->next_avail, __ATOMIC_RELEASE);
}

/* The flags of the first descriptor are written last: they make the buffer available. */
static void post_packed(struct guest *guest, const struct guest_chain *chain, unsigned n_slots,
			uint16_t id)
{
	for (unsigned i = n_slots; i-- > 0;) {
		uint16_t place = guest_place_after(guest, guest->next_avail, i);
		struct virtq_desc desc = slot_of(guest, chain, i, n_slots);
		struct virtq_packed_desc *at = guest_packed(guest, place & (VIRTQ_WRAP - 1));

		at->addr = desc.addr;
		at->len = desc.len;
		at->id = i + 1 == n_slots ? id : (uint16_t)~id;
		__atomic_store_n(
			&at->flags,
			desc.flags | (place & VIRTQ_WRAP ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED),
			__ATOMIC_RELEASE);
	}
	guest->next_avail = guest_place_after(guest, guest->next_avail, n_slots);
	guest->next_id++;
}

uint16_t guest_post(struct guest *guest, const struct guest_chain *chain)
{
	unsigned n_slots = chain->n_direct + (chain->n_direct < chain->n);
	uint16_t id = guest_is_packed(guest) ? guest->next_id : placed(guest, guest->next_slot);

	remember_out(guest, id, n_slots);
	if (guest_is_packed(guest))
		post_packed(guest, chain, n_slots, id);
	else
		post_split(guest, chain, n_slots);
	return id;
}

struct guest_piece guest_post_one(struct guest *guest, uint32_t len, bool write)
{
	struct guest_piece piece = {.gpa = guest_take(guest, len), .len = len, .write = write};

	guest_post(guest, &(struct guest_chain){.pieces = &piece, .n = 1, .n_direct = 1});
	return piece;
}

/* Reads the next used entry; false: the device has written none. */
static bool read_used(const struct guest *guest, struct guest_used *used)
{
	uint16_t at = guest->next_used;

	if (guest_is_packed(guest)) {
		const struct virtq_packed_desc *desc = guest_packed(guest, at & (VIRTQ_WRAP - 1));
		uint16_t flags = __atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE);
		uint16_t wrap = at & VIRTQ_WRAP ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0;

		if ((flags & (VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED)) != wrap)
			return false;
		*used = (struct guest_used){.id = desc->id, .len = desc->len};
		/* "whether any data has been written" (2.8.5) */
		return (desc->len > 0) == !!(flags & VIRTQ_DESC_F_WRITE);
	}
	if (__atomic_load_n(&guest_used(guest)->idx, __ATOMIC_ACQUIRE) == at)
		return false;
	*used = (struct guest_used){
		.id = (uint16_t)guest_used(guest)->ring[at & (guest->conf.size - 1)].id,
		.len = guest_used(guest)->ring[at & (guest->conf.size - 1)].len};
	return true;
}

/* How many buffers the entry gives back: up to the one it names, when the device promised order; 0
 * when it names one that cannot come now. */
static unsigned batch_of(const struct guest *guest, uint16_t id)
{
	bool in_order = guest->conf.features & FEATURE(VIRTIO_F_IN_ORDER);

	for (unsigned i = 0; i < (in_order ? guest->n_out : guest->n_out > 0); i++)
		if (guest->out[(guest->out_first + i) % guest->conf.size].id == id)
			return i + 1;
	return 0;
}

bool guest_collect(struct guest *guest, struct guest_used *used)
{
	unsigned n_slots;

	if (guest->n_batch == 0) {
		if (!read_used(guest, &guest->batch))
			return false;
		guest->n_batch = batch_of(guest, guest->batch.id);
		if (guest->n_batch == 0)
			return false;
	}
	n_slots = guest->out[guest->out_first].n_slots;
	*used = (struct guest_used){.id = guest->out[guest->out_first].id, .len = guest->batch.len};
	guest->n_batch--;
	guest->n_slots_out -= n_slots;
	guest->n_out--;
	guest->out_first = (guest->out_first + 1) % guest->conf.size;
	guest->next_used = guest_is_packed(guest)
				   ? guest_place_after(guest, guest->next_used, n_slots)
				   : (uint16_t)(guest->next_used + 1);
	return true;
}

unsigned guest_collect_all(struct guest *guest)
{
	struct guest_used used;
	unsigned n = 0;

	while (guest_collect(guest, &used))
		n++;
	return n;
}

unsigned guest_notified(struct guest *guest)
{
	eventfd_t n = 0;

	return eventfd_read(guest->call_fd, &n) < 0 ? 0 : (unsigned)n;
}

void guest_remember(struct guest *guest)
{
	for (unsigned i = 0; i < guest->mem.n_regions; i++)
		memcpy(guest->shadow + (size_t)i * GUEST_REGION_LEN, guest->mem.regions[i].hva,
		       GUEST_REGION_LEN);
}

bool guest_unchanged_but(const struct guest *guest, const struct guest_piece *pieces, unsigned n)
{
	uint64_t end = GUEST_BASE + (uint64_t)guest->mem.n_regions * GUEST_REGION_LEN;
	bool allowed;

	for (uint64_t gpa = GUEST_BASE; gpa < end; gpa++) {
		/* Whole pages at once, where nothing changed. */
		while (gpa < end && gpa % GUEST_PAGE == 0 &&
		       memcmp(byte_at(guest, gpa), &guest->shadow[gpa - GUEST_BASE], GUEST_PAGE) ==
			       0)
			gpa += GUEST_PAGE;
		if (gpa == end)
			break;
		allowed = *byte_at(guest, gpa) == guest->shadow[gpa - GUEST_BASE];
		for (unsigned i = 0; i < n && !allowed; i++)
			allowed = gpa - pieces[i].gpa < pieces[i].len;
		if (!allowed)
			return false;
	}
	return true;
}
