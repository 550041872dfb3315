#include "ports/ethdev_device.h"
#include "ports/ethdev_check.h"
#include "ports/frame.h"
#include "ports/log.h"

#include <errno.h>
#include <net/if.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	RX_DESCRIPTORS = 512,
	TX_DESCRIPTORS = 512,
	POOL_CACHE = 32,
	POOL_SPARE = 1024,  /* for the caches of workers, and what they hold in their hands */
	AF_XDP_RING = 2048, /* net_af_xdp fills it, whatever it is told */
	MTU_USUAL = 1500,
	TAGS_LEN = 8, /* of two VLAN tags */
	L2_LEN = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN,
};

/* Offloads that we make use of. Checksums are of use only together: a frame may be any. */
#define CSUM_OFFLOADS                                                                              \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |                            \
	 RTE_ETH_TX_OFFLOAD_UDP_CKSUM)

static int complain(const struct port_conf *conf, const char *action, int error)
{
	log_event(LOG_ERROR, "port %s: device %s: %s: %s", conf->name, conf->device, action,
		  rte_strerror(error));
	return -error;
}

/* Plugs it in; returns DPDK's number of it. */
static int probe(const struct port_conf *conf, uint16_t *port_id)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	int ret = ethdev_check(conf);

	if (ret < 0)
		return ret;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(conf->device, ","), conf->device);
	errno = 0;
	ret = rte_dev_probe(conf->device);
	if (ret == 0)
		ret = rte_eth_dev_get_port_by_name(name, port_id);
	if (ret == 0)
		return 0;
	log_event(LOG_ERROR, "port %s: device %s: cannot be opened: %s", conf->name, conf->device,
		  ethdev_likely_reason(conf, errno ? errno : -ret));
	return ret;
}

static uint32_t data_len_of(const struct port_conf *conf)
{
	uint32_t mtu = conf->mtu > MTU_USUAL ? conf->mtu : MTU_USUAL;
	uint32_t len = RTE_PKTMBUF_HEADROOM + mtu + L2_LEN + TAGS_LEN;

	return len < RTE_MBUF_DEFAULT_BUF_SIZE ? RTE_MBUF_DEFAULT_BUF_SIZE
					       : RTE_ALIGN_CEIL(len, 1024);
}

static void free_zone(struct rte_mempool_memhdr *chunk, void *zone)
{
	(void)chunk;
	rte_memzone_free(zone);
}

/* Makes the pool's mbufs, in one piece of memory. */
static int fill_pool(struct rte_mempool *pool)
{
	size_t chunk_len, align;
	ssize_t len = rte_mempool_ops_calc_mem_size(pool, pool->size, 0, &chunk_len, &align);
	const struct rte_memzone *zone =
		len > 0 ? rte_memzone_reserve_aligned(pool->name, (size_t)len, SOCKET_ID_ANY, 0,
						      (unsigned)align)
			: NULL;
	int ret = zone ? rte_mempool_populate_iova(pool, zone->addr, zone->iova, zone->len,
						   free_zone, (void *)(uintptr_t)zone)
		       : -ENOMEM;

	if (ret >= 0)
		return 0;
	rte_memzone_free(zone);
	return ret;
}

/* Like rte_pktmbuf_pool_create(), but with one mbuf right behind the other. That leaves gaps before
 * pages where there are no hugepages, for devices that use physical addresses; ours use virtual
 * ones, and net_af_xdp reckons without gaps: what is at the pool's end would never be sent. */
static struct rte_mempool *pool_new(const char *name, unsigned n, uint16_t data_room)
{
	struct rte_pktmbuf_pool_private private = {.mbuf_data_room_size = data_room};
	struct rte_mempool *pool = rte_mempool_create_empty(
		name, n, (unsigned)sizeof(struct rte_mbuf) + data_room, POOL_CACHE, sizeof(private),
		SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	int ret;

	if (!pool)
		return NULL;
	rte_pktmbuf_pool_init(pool, &private);
	ret = fill_pool(pool);
	if (ret < 0) {
		rte_mempool_free(pool);
		rte_errno = -ret;
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

static int make_pool(const struct port_conf *conf, struct ethdev_device *device)
{
	bool is_af_xdp = strncmp(conf->device, "net_af_xdp", strlen("net_af_xdp")) == 0;
	unsigned n = POOL_SPARE + conf->n_queues * (RX_DESCRIPTORS + TX_DESCRIPTORS +
						    2 * BURST_MAX + (is_af_xdp ? AF_XDP_RING : 0));
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "ethdev-%u", device->port_id);
	device->pool = pool_new(name, n, (uint16_t)data_len_of(conf));
	if (!device->pool)
		return complain(conf, "no memory for its buffers", rte_errno);
	device->data_len = data_len_of(conf) - RTE_PKTMBUF_HEADROOM;
	return 0;
}

static uint64_t offloads_of(const struct rte_eth_dev_info *info)
{
	uint64_t has = info->tx_offload_capa;
	uint64_t use = has & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;

	if ((has & CSUM_OFFLOADS) != CSUM_OFFLOADS)
		return use;
	use |= CSUM_OFFLOADS;
	if ((has & RTE_ETH_TX_OFFLOAD_TCP_TSO) && (use & RTE_ETH_TX_OFFLOAD_MULTI_SEGS))
		use |= RTE_ETH_TX_OFFLOAD_TCP_TSO;
	return use;
}

/* Asks for receive interrupts, without DPDK's complaints about devices that have none. */
static int configure_with_interrupts(struct ethdev_device *device, const struct rte_eth_conf *eth)
{
	uint16_t n = device->n_rx_queues;
	int ret;

	rte_log_set_level_pattern("lib.ethdev", RTE_LOG_EMERG);
	ret = rte_eth_dev_configure(device->port_id, n, n, eth);
	if (ret == 0 && rte_eth_dev_rx_intr_ctl_q_get_fd(device->port_id, 0) < 0)
		ret = -ENOTSUP;
	rte_log_set_level_pattern("lib.ethdev", RTE_LOG_ERR);
	return ret;
}

static int configure(const struct port_conf *conf, const struct rte_eth_dev_info *info,
		     struct ethdev_device *device)
{
	struct rte_eth_conf eth = {.intr_conf.rxq = 1, .txmode.offloads = device->tx_offloads};
	uint16_t n = conf->n_queues;
	int ret;

	if (n > info->max_rx_queues || n > info->max_tx_queues) {
		uint16_t max = RTE_MIN(info->max_rx_queues, info->max_tx_queues);

		log_event(LOG_ERROR, "port %s: device %s has %u queues: write queues = %u",
			  conf->name, conf->device, max, max);
		return -EINVAL;
	}
	eth.rxmode.mtu = device->mtu;
	if (n > 1 && info->flow_type_rss_offloads) {
		eth.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		eth.rx_adv_conf.rss_conf.rss_hf =
			info->flow_type_rss_offloads &
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
	}
	ret = configure_with_interrupts(device, &eth);
	device->interrupts = ret == 0;
	if (ret < 0) {
		/* Not every device can wake us. */
		eth.intr_conf.rxq = 0;
		ret = rte_eth_dev_configure(device->port_id, n, n, &eth);
	}
	return ret < 0 ? complain(conf, "cannot be configured", -ret) : 0;
}

static int set_up_queues(const struct port_conf *conf, const struct rte_eth_dev_info *info,
			 struct ethdev_device *device)
{
	struct rte_eth_txconf tx = info->default_txconf;
	uint16_t n_rx = RX_DESCRIPTORS, n_tx = TX_DESCRIPTORS;
	int ret = rte_eth_dev_adjust_nb_rx_tx_desc(device->port_id, &n_rx, &n_tx);

	tx.offloads = device->tx_offloads;
	for (uint16_t q = 0; ret == 0 && q < conf->n_queues; q++) {
		ret = rte_eth_rx_queue_setup(device->port_id, q, n_rx,
					     (unsigned)rte_eth_dev_socket_id(device->port_id), NULL,
					     device->pool);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(
				device->port_id, q, n_tx,
				(unsigned)rte_eth_dev_socket_id(device->port_id), &tx);
	}
	return ret < 0 ? complain(conf, "its queues cannot be set up", -ret) : 0;
}

static int set_mtu(const struct port_conf *conf, const struct rte_eth_dev_info *info,
		   struct ethdev_device *device)
{
	uint32_t max = UINT16_MAX;
	uint16_t mtu = MTU_USUAL;

	/* A virtual device may have one already. */
	if (rte_eth_dev_get_mtu(device->port_id, &mtu) < 0 || mtu == 0)
		mtu = MTU_USUAL;
	device->mtu = conf->mtu ? conf->mtu : mtu;
	if (info->max_mtu && info->max_mtu < max)
		max = info->max_mtu;
	if (info->max_rx_pktlen > L2_LEN && info->max_rx_pktlen - L2_LEN < max)
		max = info->max_rx_pktlen - L2_LEN;
	if (device->mtu > max) {
		log_event(LOG_ERROR, "port %s: device %s: its mtu is %u at most: write mtu = %u",
			  conf->name, conf->device, max, max);
		return -EINVAL;
	}
	return 0;
}

/* Some virtual devices learn their mtu only here; those that cannot keep what they have. */
static int start(const struct port_conf *conf, struct ethdev_device *device)
{
	int ret = 0;

	if (conf->mtu && rte_eth_dev_set_mtu(device->port_id, conf->mtu) < 0)
		log_event(LOG_WARNING, "port %s: device %s: its own mtu stays as it is", conf->name,
			  conf->device);
	ret = rte_eth_dev_start(device->port_id);
	if (ret < 0)
		return complain(conf, "does not start", -ret);
	/* A bridge wants frames to whomever. Some virtual devices have no such mode. */
	ret = rte_eth_promiscuous_enable(device->port_id);
	if (ret < 0 && ret != -ENOTSUP)
		log_event(
			LOG_WARNING,
			"port %s: device %s: not promiscuous: %s: frames to guests may not arrive",
			conf->name, conf->device, rte_strerror(-ret));
	return 0;
}

/* Asks the kernel about the interface under a virtual device. */
static bool ask_interface(int ifindex, unsigned long question, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool answered;

	memset(request, 0, sizeof(*request));
	answered = fd >= 0 && if_indextoname((unsigned)ifindex, request->ifr_name) &&
		   ioctl(fd, question, request) == 0;
	if (fd >= 0)
		close(fd);
	return answered;
}

/* The driver of a virtual device does not look at it, and loses longer frames without a word. */
static void respect_interface_mtu(struct ethdev_device *device)
{
	struct ifreq request;

	if (device->ifindex > 0 && ask_interface(device->ifindex, SIOCGIFMTU, &request) &&
	    request.ifr_mtu > 0 && request.ifr_mtu < device->mtu)
		device->mtu = (uint16_t)request.ifr_mtu;
}

static int bring_up(const struct port_conf *conf, struct ethdev_device *device)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(device->port_id, &info);

	if (ret < 0)
		return complain(conf, "tells nothing of itself", -ret);
	device->tx_offloads = offloads_of(&info);
	device->scatters = device->tx_offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	device->ifindex = ethdev_sits_on_interface(conf) ? (int)info.if_index : 0;
	if (device->ifindex > 0)
		ethdev_check_interface(conf, device->ifindex);
	device->n_rx_queues = device->n_tx_queues = conf->n_queues;
	ret = set_mtu(conf, &info, device);
	if (ret == 0)
		ret = make_pool(conf, device);
	if (ret == 0)
		ret = configure(conf, &info, device);
	if (ret == 0)
		ret = set_up_queues(conf, &info, device);
	if (ret == 0)
		ret = start(conf, device);
	respect_interface_mtu(device);
	return ret;
}

int ethdev_device_open(const struct port_conf *conf, struct ethdev_device *device)
{
	int ret;

	*device = (struct ethdev_device){.pool = NULL};
	ret = probe(conf, &device->port_id);
	if (ret < 0)
		return ret;
	ret = bring_up(conf, device);
	if (ret < 0)
		ethdev_device_close(device);
	return ret;
}

void ethdev_device_close(struct ethdev_device *device)
{
	struct rte_eth_dev_info info;
	bool known = rte_eth_dev_info_get(device->port_id, &info) == 0;

	rte_eth_dev_stop(device->port_id);
	rte_eth_dev_close(device->port_id);
	if (known)
		rte_dev_remove(info.device);
	rte_mempool_free(device->pool);
}

bool ethdev_device_link(const struct ethdev_device *device)
{
	struct rte_eth_link link;
	struct ifreq request;

	if (rte_eth_link_get_nowait(device->port_id, &link) < 0)
		return false;
	if (device->ifindex > 0)
		return ask_interface(device->ifindex, SIOCGIFFLAGS, &request) &&
		       (request.ifr_flags & IFF_UP) && (request.ifr_flags & IFF_RUNNING);
	return link.link_status == RTE_ETH_LINK_UP;
}
