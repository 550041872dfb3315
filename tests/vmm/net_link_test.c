/* A network device between its driver and back-ends that come, go and lack things. */
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net_rig.h"
#include "scripted_backend.h"
#include "tests/suite.h"
#include "vmm/net_link.h"

#define BIT(n) (UINT64_C(1) << (n))

enum {
	LATER_MS = 100000, /* past every pause */
	DONE_BEFORE = 7,   /* used index at which a back-end is lost */
};

struct rig {
	struct net_rig net;
	struct net_link link;
	struct scripted_backend backend;
	pthread_mutex_t lock;
	int64_t now_ms;
	char folder[32];
	char path[64];
};

static void rig_open(struct rig *rig, unsigned pairs)
{
	struct options_net wish = {.server = true};
	struct refusal why;

	net_rig_open(&rig->net, pairs);
	/* What net_rig offers comes from a back-end of its own; here the first real one decides. */
	rig->net.net.vp.offered = 0;
	pthread_mutex_init(&rig->lock, NULL);
	rig->now_ms = 0;
	strcpy(rig->folder, "/tmp/net_link_test.XXXXXX");
	if (!mkdtemp(rig->folder))
		abort();
	snprintf(rig->path, sizeof(rig->path), "%s/s", rig->folder);
	wish.socket = rig->path;
	if (net_link_open(&rig->link, &rig->net.net, &rig->lock, &wish, &why) < 0)
		abort();
	scripted_backend_init(&rig->backend);
}

static void rig_close(struct rig *rig)
{
	net_link_close(&rig->link);
	net_rig_close(&rig->net);
	rmdir(rig->folder);
}

static void step(struct rig *rig)
{
	rig->now_ms += LATER_MS;
	net_link_step(&rig->link, rig->now_ms);
}

static void backend_comes(struct rig *rig)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, rig->path, strlen(rig->path));
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		abort();
	scripted_backend_serve(&rig->backend, fd);
	step(rig);
}

/* As after kill -9: the connection ends, nothing is said. */
static void backend_dies(struct rig *rig)
{
	shutdown(rig->backend.fd, SHUT_RDWR);
	scripted_backend_join(&rig->backend);
	net_link_event(&rig->link, rig->now_ms);
}

static const struct scripted_message *find(const struct rig *rig, uint32_t request, unsigned nth)
{
	for (unsigned i = 0; i < rig->backend.n_messages; i++)
		if (rig->backend.messages[i].request == request && nth-- == 0)
			return &rig->backend.messages[i];
	return NULL;
}

static uint16_t config_status(const struct rig *rig)
{
	return rig->net.net.config.status;
}

static bool readable(int fd)
{
	struct pollfd waiting = {.fd = fd, .events = POLLIN};

	return poll(&waiting, 1, 0) == 1;
}

static void drain(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) > 0)
		;
}

static void link_waits_for_a_back_end_and_says_so_in_its_state(void)
{
	struct pollfd interest;
	struct rig rig;

	rig_open(&rig, 1);
	step(&rig);
	CU_ASSERT_FALSE(rig.link.known);
	CU_ASSERT_EQUAL(config_status(&rig), 0);
	CU_ASSERT_TRUE(net_link_interest(&rig.link, &interest) > rig.now_ms);
	CU_ASSERT_EQUAL(interest.fd, rig.link.listen_fd);
	rig_close(&rig);
}

static void first_back_end_decides_what_is_offered(void)
{
	struct rig rig;

	rig_open(&rig, 2);
	rig.backend.features = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_CSUM) |
			       BIT(VHOST_USER_FEATURE_PROTOCOL) | BIT(VIRTIO_F_RING_PACKED) |
			       BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
	rig.backend.n_queues = 1; /* a pair */
	backend_comes(&rig);
	CU_ASSERT_TRUE(rig.link.known);
	CU_ASSERT_EQUAL(config_status(&rig), VIRTIO_NET_S_LINK_UP);
	/* Ours, and what both can. */
	CU_ASSERT_TRUE(rig.net.net.vp.offered & BIT(VIRTIO_NET_F_CSUM));
	CU_ASSERT_TRUE(rig.net.net.vp.offered & BIT(VIRTIO_NET_F_STATUS));
	CU_ASSERT_TRUE(rig.net.net.vp.offered & BIT(VIRTIO_NET_F_MTU));
	CU_ASSERT_FALSE(rig.net.net.vp.offered & BIT(VIRTIO_NET_F_HOST_TSO4));
	CU_ASSERT_FALSE(rig.net.net.vp.offered & BIT(VIRTIO_NET_F_MQ));
	CU_ASSERT_FALSE(rig.net.net.vp.offered & BIT(VIRTIO_F_RING_PACKED));
	CU_ASSERT_FALSE(rig.net.net.vp.offered & BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS));
	CU_ASSERT_FALSE(rig.net.net.vp.offered & BIT(VHOST_USER_FEATURE_PROTOCOL));
	CU_ASSERT_EQUAL(rig.net.net.max_pairs, 1);
	backend_dies(&rig);
	rig_close(&rig);
}

static void driver_starts_on_rings_that_begin_at_zero(void)
{
	const struct scripted_message *message;
	struct vring_used *used;
	struct rig rig;

	rig_open(&rig, 1);
	backend_comes(&rig);
	/* A driver that did not clear its ring: after a reset that is its own business. */
	used = guest_ram_at(&rig.net.ram, RIG_RINGS + RIG_DEVICE, sizeof(*used));
	used->idx = DONE_BEFORE;
	net_rig_drive(&rig.net, 0, 2);
	step(&rig);
	CU_ASSERT_EQUAL(rig.link.vu.state, VHOST_USER_RUNNING);
	backend_dies(&rig);
	message = find(&rig, VHOST_USER_SET_VRING_BASE, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	CU_ASSERT_EQUAL(message->payload.state.num, 0);
	message = find(&rig, VHOST_USER_SET_MEM_TABLE, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	CU_ASSERT_EQUAL(message->payload.memory.n_regions, 1);
	CU_ASSERT_EQUAL(message->payload.memory.regions[0].size, RIG_RAM);
	rig_close(&rig);
}

/* VMM-17, RCN-13, RCN-15 */
static void rings_go_on_where_a_lost_back_end_left_them(void)
{
	const struct scripted_message *message;
	struct vring_used *used;
	struct rig rig;

	rig_open(&rig, 1);
	backend_comes(&rig);
	net_rig_enable_memory(&rig.net);
	net_rig_unmask(&rig.net, 0, 0x77);
	net_rig_write(&rig.net, VIRTIO_PCI_COMMON_MSIX, 2, 0);
	net_rig_drive(&rig.net,
		      BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_CTRL_VQ) |
			      BIT(VIRTIO_NET_F_GUEST_ANNOUNCE),
		      3);
	step(&rig);
	used = guest_ram_at(&rig.net.ram, RIG_RINGS + RIG_RING_STRIDE + RIG_DEVICE, sizeof(*used));
	used->idx = DONE_BEFORE;
	backend_dies(&rig);
	CU_ASSERT_EQUAL(config_status(&rig), 0);
	CU_ASSERT_EQUAL(rig.net.events.n_sent, 1);
	for (unsigned i = 0; i < 2; i++) {
		drain(rig.net.net.vp.queue[i].call_fd);
		drain(rig.net.net.vp.queue[i].kick_fd);
	}
	backend_comes(&rig);
	CU_ASSERT_EQUAL(rig.link.vu.state, VHOST_USER_RUNNING);
	CU_ASSERT_EQUAL(config_status(&rig), VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
	CU_ASSERT_EQUAL(rig.net.events.n_sent, 2);
	for (unsigned i = 0; i < 2; i++) {
		CU_ASSERT_TRUE(readable(rig.net.net.vp.queue[i].call_fd));
		CU_ASSERT_TRUE(readable(rig.net.net.vp.queue[i].kick_fd));
	}
	backend_dies(&rig);
	message = find(&rig, VHOST_USER_SET_VRING_BASE, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	CU_ASSERT_EQUAL(message->payload.state.index, 1);
	CU_ASSERT_EQUAL(message->payload.state.num & 0xffff, DONE_BEFORE);
	CU_ASSERT_TRUE(rig.net.net.vp.started);
	rig_close(&rig);
}

static void back_end_that_lacks_an_acked_feature_is_refused_until_a_better_one_comes(void)
{
	struct rig rig;
	uint64_t all;

	rig_open(&rig, 1);
	all = rig.backend.features;
	backend_comes(&rig);
	net_rig_drive(&rig.net, BIT(VIRTIO_NET_F_MRG_RXBUF), 2);
	step(&rig);
	CU_ASSERT_EQUAL(rig.link.vu.state, VHOST_USER_RUNNING);
	backend_dies(&rig);
	rig.backend.features = all & ~BIT(VIRTIO_NET_F_MRG_RXBUF);
	backend_comes(&rig);
	scripted_backend_join(&rig.backend);
	CU_ASSERT_EQUAL(rig.link.vu.state, VHOST_USER_CLOSED);
	CU_ASSERT_EQUAL(config_status(&rig), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(rig.link.last_error, "MRG_RXBUF"));
	CU_ASSERT_PTR_NULL(find(&rig, VHOST_USER_SET_MEM_TABLE, 0));
	/* Refused before it was taken, not lost. */
	CU_ASSERT_EQUAL(rig.link.n_connects, 1);
	CU_ASSERT_EQUAL(rig.link.n_losses, 1);
	rig.backend.features = all;
	backend_comes(&rig);
	CU_ASSERT_EQUAL(rig.link.vu.state, VHOST_USER_RUNNING);
	backend_dies(&rig);
	rig_close(&rig);
}

static void back_end_with_fewer_queues_is_refused(void)
{
	struct rig rig;

	rig_open(&rig, 2);
	backend_comes(&rig);
	CU_ASSERT_EQUAL(rig.net.net.max_pairs, 2);
	net_rig_drive(&rig.net, BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_MQ), 5);
	step(&rig);
	backend_dies(&rig);
	rig.backend.n_queues = 1;
	backend_comes(&rig);
	scripted_backend_join(&rig.backend);
	CU_ASSERT_EQUAL(rig.link.vu.state, VHOST_USER_CLOSED);
	CU_ASSERT_EQUAL(rig.link.n_connects, 1);
	CU_ASSERT_EQUAL(rig.link.n_losses, 1);
	rig_close(&rig);
}

static void reset_is_done_when_the_back_end_has_let_go(void)
{
	struct rig rig;

	rig_open(&rig, 1);
	backend_comes(&rig);
	net_rig_drive(&rig.net, 0, 2);
	step(&rig);
	net_rig_write(&rig.net, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	CU_ASSERT_NOT_EQUAL(net_rig_read(&rig.net, VIRTIO_PCI_COMMON_STATUS, 1), 0);
	step(&rig);
	CU_ASSERT_EQUAL(net_rig_read(&rig.net, VIRTIO_PCI_COMMON_STATUS, 1), 0);
	CU_ASSERT_EQUAL(rig.link.vu.state, VHOST_USER_READY);
	/* And again, as after a reboot. */
	net_rig_drive(&rig.net, 0, 2);
	step(&rig);
	CU_ASSERT_EQUAL(rig.link.vu.state, VHOST_USER_RUNNING);
	backend_dies(&rig);
	CU_ASSERT_PTR_NOT_NULL(find(&rig, VHOST_USER_GET_VRING_BASE, 1));
	rig_close(&rig);
}

static void reset_is_done_without_a_back_end_too(void)
{
	struct rig rig;

	rig_open(&rig, 1);
	backend_comes(&rig);
	net_rig_drive(&rig.net, 0, 2);
	step(&rig);
	backend_dies(&rig);
	net_rig_write(&rig.net, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	step(&rig);
	CU_ASSERT_EQUAL(net_rig_read(&rig.net, VIRTIO_PCI_COMMON_STATUS, 1), 0);
	/* What comes now starts from nothing. */
	CU_ASSERT_FALSE(rig.link.resumed);
	rig_close(&rig);
}

static void pairs_that_the_driver_sets_reach_the_back_end_and_its_successor(void)
{
	struct rig rig;
	const struct scripted_message *message;

	rig_open(&rig, 2);
	backend_comes(&rig);
	net_rig_drive(&rig.net, BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_MQ), 5);
	step(&rig);
	rig.net.net.pairs = 2; /* as the control virtqueue does */
	step(&rig);
	CU_ASSERT_EQUAL(rig.link.pairs, 2);
	CU_ASSERT_TRUE(rig.link.queue[3].enabled);
	backend_dies(&rig);
	backend_comes(&rig);
	backend_dies(&rig);
	message = find(&rig, VHOST_USER_SET_VRING_ENABLE, 3);
	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	CU_ASSERT_EQUAL(message->payload.state.index, 3);
	CU_ASSERT_EQUAL(message->payload.state.num, 1);
	rig_close(&rig);
}

/* VMM-18: the device lives on without its back-end, whatever that did. */
static void every_fault_of_a_back_end_leaves_a_device_that_can_be_served_by_the_next(void)
{
	for (enum scripted_fault fault = FAULT_CLOSE; fault < FAULT_N; fault++) {
		for (unsigned at = 0; at < 30; at += 5) {
			struct rig rig;

			rig_open(&rig, 1);
			backend_comes(&rig);
			net_rig_drive(&rig.net, 0, 2);
			step(&rig);
			backend_dies(&rig);
			rig.backend.fault = fault;
			rig.backend.fault_at = at;
			/* Whether it is too slow or at fault, it is not taken. */
			rig.link.vu.timeout_ms = 30;
			backend_comes(&rig);
			backend_dies(&rig);
			rig.backend.fault = FAULT_NONE;
			rig.link.vu.timeout_ms = VHOST_USER_TIMEOUT_MS;
			backend_comes(&rig);
			CU_ASSERT_EQUAL(rig.link.vu.state, VHOST_USER_RUNNING);
			backend_dies(&rig);
			rig_close(&rig);
		}
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"link_waits_for_a_back_end_and_says_so_in_its_state",
		 link_waits_for_a_back_end_and_says_so_in_its_state},
		{"first_back_end_decides_what_is_offered", first_back_end_decides_what_is_offered},
		{"driver_starts_on_rings_that_begin_at_zero",
		 driver_starts_on_rings_that_begin_at_zero},
		{"rings_go_on_where_a_lost_back_end_left_them",
		 rings_go_on_where_a_lost_back_end_left_them},
		{"back_end_that_lacks_an_acked_feature_is_refused_until_a_better_one_comes",
		 back_end_that_lacks_an_acked_feature_is_refused_until_a_better_one_comes},
		{"back_end_with_fewer_queues_is_refused", back_end_with_fewer_queues_is_refused},
		{"reset_is_done_when_the_back_end_has_let_go",
		 reset_is_done_when_the_back_end_has_let_go},
		{"reset_is_done_without_a_back_end_too", reset_is_done_without_a_back_end_too},
		{"pairs_that_the_driver_sets_reach_the_back_end_and_its_successor",
		 pairs_that_the_driver_sets_reach_the_back_end_and_its_successor},
		{"every_fault_of_a_back_end_leaves_a_device_that_can_be_served_by_the_next",
		 every_fault_of_a_back_end_leaves_a_device_that_can_be_served_by_the_next},
		CU_TEST_INFO_NULL,
	};

	return suite_run("net link", tests);
}
