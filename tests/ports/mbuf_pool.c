#include "tests/ports/mbuf_pool.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <stdlib.h>
#include <string.h>

/* What rte_mempool's own caches and rings would be. */
struct shelf {
	unsigned n;
	unsigned size;
	void *mbufs[];
};

static int put_back(struct rte_mempool *pool, void *const *mbufs, unsigned n)
{
	struct shelf *shelf = pool->pool_data;

	if (shelf->n + n > shelf->size)
		abort();
	memcpy(shelf->mbufs + shelf->n, mbufs, n * sizeof(mbufs[0]));
	shelf->n += n;
	return 0;
}

static int take(struct rte_mempool *pool, void **mbufs, unsigned n)
{
	struct shelf *shelf = pool->pool_data;

	if (n > shelf->n)
		return -ENOBUFS;
	shelf->n -= n;
	memcpy(mbufs, shelf->mbufs + shelf->n, n * sizeof(mbufs[0]));
	return 0;
}

static int keep_data(struct rte_mempool *pool)
{
	(void)pool;
	return 0;
}

static unsigned count(const struct rte_mempool *pool)
{
	return mbuf_pool_left(pool);
}

static int32_t ops_index(void)
{
	static const struct rte_mempool_ops ops = {.name = "shelf",
						   .alloc = keep_data,
						   .enqueue = put_back,
						   .dequeue = take,
						   .get_count = count};

	for (uint32_t i = 0; i < rte_mempool_ops_table.num_ops; i++)
		if (strcmp(rte_mempool_ops_table.ops[i].name, ops.name) == 0)
			return (int32_t)i;
	return rte_mempool_register_ops(&ops);
}

static void *memory(size_t len)
{
	void *bytes = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(len, RTE_CACHE_LINE_SIZE));

	if (!bytes)
		abort();
	memset(bytes, 0, len);
	return bytes;
}

struct rte_mempool *mbuf_pool_new(unsigned n, unsigned room_len)
{
	struct rte_mempool *pool = memory(sizeof(*pool) + sizeof(struct rte_pktmbuf_pool_private));
	struct shelf *shelf = memory(sizeof(*shelf) + n * sizeof(shelf->mbufs[0]));
	struct rte_pktmbuf_pool_private *private = rte_mempool_get_priv(pool);

	private->mbuf_data_room_size = (uint16_t)(RTE_PKTMBUF_HEADROOM + room_len);
	pool->private_data_size = sizeof(*private);
	pool->elt_size = (uint32_t)sizeof(struct rte_mbuf) + private->mbuf_data_room_size;
	pool->ops_index = ops_index();
	pool->size = n;
	pool->pool_data = shelf;
	shelf->size = n;
	for (unsigned i = 0; i < n; i++) {
		/* Each has a header in front that names its pool. */
		struct rte_mempool_objhdr *header =
			memory(RTE_CACHE_LINE_SIZE + (size_t)pool->elt_size);
		void *mbuf = (uint8_t *)header + RTE_CACHE_LINE_SIZE;

		rte_pktmbuf_init(pool, NULL, mbuf, i);
		put_back(pool, &mbuf, 1);
	}
	return pool;
}

unsigned mbuf_pool_left(const struct rte_mempool *pool)
{
	const struct shelf *shelf = pool->pool_data;

	return shelf->n;
}

void mbuf_pool_free(struct rte_mempool *pool)
{
	struct shelf *shelf = pool->pool_data;

	for (unsigned i = 0; i < shelf->n; i++)
		free((uint8_t *)shelf->mbufs[i] - RTE_CACHE_LINE_SIZE);
	free(shelf);
	free(pool);
}

struct rte_mbuf *mbuf_packet(struct rte_mempool *pool, const unsigned *lens, const uint8_t *bytes)
{
	struct rte_mbuf *first = NULL, *last = NULL;

	for (; *lens; bytes += *lens++) {
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);

		memcpy(rte_pktmbuf_append(mbuf, (uint16_t)*lens), bytes, *lens);
		if (first) {
			last->next = mbuf;
			first->nb_segs++;
			first->pkt_len += *lens;
		} else {
			first = mbuf;
		}
		last = mbuf;
	}
	return first;
}
