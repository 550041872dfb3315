/* mbuf_pool.h - a pool of mbufs in plain memory, small enough to run dry, without an EAL.
 *
 * Threads:   one.
 * Ownership: mbuf_pool_new() gives, mbuf_pool_free() takes back; mbufs go back into their pool by
 * rte_pktmbuf_free().
 * Failure:   mbuf_pool_new() ends the program when there is no memory. */
#ifndef TESTS_PORTS_MBUF_POOL_H
#define TESTS_PORTS_MBUF_POOL_H

#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

/* n mbufs, each with a headroom of RTE_PKTMBUF_HEADROOM and room_len bytes behind it. */
struct rte_mempool *mbuf_pool_new(unsigned n, unsigned room_len);
void mbuf_pool_free(struct rte_mempool *pool);

/* How many mbufs lie in it. */
unsigned mbuf_pool_left(const struct rte_mempool *pool);

/* A packet that holds these bytes in mbufs of these lengths, ended by 0; the pool has enough of
 * them. */
struct rte_mbuf *mbuf_packet(struct rte_mempool *pool, const unsigned *lens, const uint8_t *bytes);

#endif
