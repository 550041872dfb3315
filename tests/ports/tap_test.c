/* A TAP port on sockets in place of the kernel's interface: each message is a frame, and a socket
 * can be full. OFL-01. */
#include "ports/port.h"
#include "ports/tap.h"
#include "ports/tap_device.h"
#include "tests/suite.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HDR = VIRTIO_NET_HDR_LEN, MESSAGE_MAX = HDR + FRAME_LEN_MAX + 64 };

/* What the test tells of the interface, and what the port did. */
static struct {
	int near_fd; /* the port's end */
	int far_fd;  /* the kernel's */
	enum tap_device_state state;
	bool exists;
	uint16_t mtu;
	unsigned n_opened;
	unsigned n_watched;
	unsigned n_unwatched;
	unsigned n_up;
	unsigned n_down;
} device;

static struct burst burst;
static uint8_t bytes[MESSAGE_MAX], got[MESSAGE_MAX];

int tap_device_open(const struct port_conf *conf, int *fds)
{
	int pair[2];

	(void)conf;
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	fds[0] = device.near_fd = pair[0];
	device.far_fd = pair[1];
	device.n_opened++;
	return 0;
}

void tap_device_configure(const struct port_conf *conf)
{
	(void)conf;
}

uint16_t tap_device_mtu(const struct port_conf *conf)
{
	(void)conf;
	return device.mtu;
}

enum tap_device_state tap_device_state(int fd)
{
	(void)fd;
	return device.state;
}

bool tap_device_exists(const struct port_conf *conf)
{
	(void)conf;
	return device.exists;
}

static void on_link(void *ctx, struct port *port, bool up)
{
	(void)ctx, (void)port;
	device.n_up += up;
	device.n_down += !up;
}

static void on_watch(void *ctx, struct port *port, unsigned queue, int fd)
{
	(void)ctx, (void)port, (void)queue, (void)fd;
	device.n_watched++;
}

static void on_unwatch(void *ctx, struct port *port, unsigned queue, int fd)
{
	(void)ctx, (void)port, (void)queue, (void)fd;
	device.n_unwatched++;
}

static const struct port_env env = {.link = on_link, .watch = on_watch, .unwatch = on_unwatch};
static const struct port_conf conf = {.name = "up", .ifname = "tap0", .n_queues = 1};

static struct port *open_port(uint16_t mtu)
{
	struct port *port;

	memset(&device, 0, sizeof(device));
	device.state = TAP_DEVICE_UP;
	device.exists = true;
	device.mtu = mtu;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	port = tap_port_open(&conf, 0, &env);
	CU_ASSERT_PTR_NOT_NULL_FATAL(port);
	return port;
}

static void close_port(struct port *port)
{
	port->ops->close(port);
	close(device.far_fd);
}

/* The kernel hands over a frame of len bytes behind this header. */
static void arrive(const struct virtio_net_hdr *hdr, uint32_t len)
{
	memcpy(bytes, hdr, HDR);
	CU_ASSERT_EQUAL_FATAL(send(device.far_fd, bytes, HDR + len, 0), HDR + len);
}

static void gather(const struct frame *frame, uint8_t *to)
{
	memcpy(to, frame->head, frame->head_len);
	to += frame->head_len;
	for (unsigned i = 0; i < frame->n_segments; i++) {
		memcpy(to, frame->segments[i].addr, frame->segments[i].len);
		to += frame->segments[i].len;
	}
}

static void frames_of_every_length_are_seen_whole(void)
{
	static const uint32_t lens[] = {14, 60, 64, 65, 1514, 9014, FRAME_LEN_MAX};
	const struct virtio_net_hdr plain = {.num_buffers = 0};
	struct port *port = open_port(1500);

	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		arrive(&plain, lens[i]);
		burst_reset(&burst);
		CU_ASSERT_EQUAL(port->ops->rx(port, 0, &burst), 1);
		CU_ASSERT_EQUAL_FATAL(burst.n, 1);
		CU_ASSERT_EQUAL(burst.frames[0].len, lens[i]);
		CU_ASSERT_EQUAL(burst.frames[0].needs, 0);
		gather(&burst.frames[0], got);
		CU_ASSERT_EQUAL(memcmp(got, bytes + HDR, lens[i]), 0);
	}
	close_port(port);
}

static void what_no_frame_can_be_is_refused_and_kept_for_captures(void)
{
	const struct virtio_net_hdr plain = {.num_buffers = 0};
	const struct virtio_net_hdr lies = {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1448};
	struct port *port = open_port(1500);

	arrive(&plain, 13);
	arrive(&lies, 2000);
	arrive(&plain, 60);
	burst_reset(&burst);
	CU_ASSERT_EQUAL(port->ops->rx(port, 0, &burst), 3);
	CU_ASSERT_EQUAL(burst.n, 1);
	CU_ASSERT_EQUAL(burst.n_refused, 2);
	CU_ASSERT_EQUAL(burst.n_dropped[DROP_RUNT], 1);
	CU_ASSERT_EQUAL(burst.n_dropped[DROP_BAD_VNET], 1);
	CU_ASSERT_EQUAL_FATAL(burst.n_kept, 1);
	CU_ASSERT_EQUAL(burst_kept(&burst, 0)->len, 2000);
	gather(burst_kept(&burst, 0), got);
	CU_ASSERT_EQUAL(memcmp(got, bytes + HDR, 2000), 0);

	arrive(&plain, FRAME_LEN_MAX + 1);
	burst_reset(&burst);
	CU_ASSERT_EQUAL(port->ops->rx(port, 0, &burst), 1);
	CU_ASSERT_EQUAL(burst.n_dropped[DROP_OVERSIZE], 1);
	CU_ASSERT_EQUAL(burst.n_kept, 1);
	close_port(port);
}

static void offloads_pass_both_ways_untouched(void)
{
	const struct virtio_net_hdr tso = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					   .gso_type = VIRTIO_NET_HDR_GSO_TCPV6,
					   .hdr_len = 74,
					   .gso_size = 1428,
					   .csum_start = 54,
					   .csum_offset = 16,
					   .num_buffers = 1};
	struct port *port = open_port(1500);
	const struct frame *frames[] = {&burst.frames[0]};
	enum drop_reason why;

	arrive(&tso, 60000);
	burst_reset(&burst);
	CU_ASSERT_EQUAL(port->ops->rx(port, 0, &burst), 1);
	CU_ASSERT_EQUAL_FATAL(burst.n, 1);
	CU_ASSERT_EQUAL(burst.frames[0].needs, FRAME_NEEDS_CSUM | FRAME_NEEDS_TSO6);
	CU_ASSERT_EQUAL(port->ops->tx(port, 0, frames, 1, &why), 1);
	CU_ASSERT_EQUAL(recv(device.far_fd, got, sizeof(got), 0), HDR + 60000);
	CU_ASSERT_EQUAL(memcmp(got, bytes, HDR + 60000), 0);
	close_port(port);
}

static void a_full_interface_refuses_and_takes_more_when_it_is_read(void)
{
	struct port *port = open_port(1500);
	struct frame frames[BURST_MAX] = {0};
	const struct frame *list[BURST_MAX];
	enum drop_reason why = DROP_N;
	unsigned n, n_read = 0;

	/* Some of a burst's frames; the kernel makes it its least. */
	CU_ASSERT_EQUAL(setsockopt(device.near_fd, SOL_SOCKET, SO_SNDBUF, &(int){1}, sizeof(int)),
			0);
	for (unsigned i = 0; i < BURST_MAX; i++) {
		frames[i] = (struct frame){.len = 60, .head_len = 60, .head = {[59] = (uint8_t)i}};
		list[i] = &frames[i];
	}
	n = port->ops->tx(port, 0, list, BURST_MAX, &why);
	CU_ASSERT_FATAL(n > 0 && n < BURST_MAX);
	CU_ASSERT_EQUAL(why, DROP_TX_FULL);
	CU_ASSERT_EQUAL(port->ops->tx(port, 0, list + n, 1, &why), 0);
	CU_ASSERT_EQUAL(recv(device.far_fd, got, sizeof(got), 0), HDR + 60);
	CU_ASSERT_EQUAL(got[HDR + 59], n_read++);
	while (recv(device.far_fd, got, sizeof(got), 0) == HDR + 60)
		CU_ASSERT_EQUAL(got[HDR + 59], n_read++);
	CU_ASSERT_EQUAL(n_read, n);
	CU_ASSERT_EQUAL(port->ops->tx(port, 0, list + n, 1, &why), 1);
	while (recv(device.far_fd, got, sizeof(got), 0) == HDR + 60)
		CU_ASSERT_EQUAL(got[HDR + 59], n_read++);
	CU_ASSERT_EQUAL(n_read, n + 1);
	close_port(port);
}

/* More than one writev() takes. */
static void a_frame_in_very_many_pieces_is_written_as_one(void)
{
	static struct segment segments[1500];
	struct port *port = open_port(1500);
	struct frame frame = {
		.len = FRAME_HEAD_LEN, .head_len = FRAME_HEAD_LEN, .segments = segments};
	const struct frame *list[] = {&frame};
	enum drop_reason why;

	memcpy(frame.head, bytes + HDR, FRAME_HEAD_LEN);
	for (unsigned n = 1022; n <= 1500; n = n == 1025 ? 1500 : n + 1) {
		for (unsigned i = 0; i < n; i++)
			segments[i] = (struct segment){bytes + HDR + FRAME_HEAD_LEN + i, 1};
		frame.n_segments = (uint16_t)n;
		frame.len = FRAME_HEAD_LEN + n;
		port->frame_max = FRAME_LEN_MAX;
		CU_ASSERT_EQUAL(port->ops->tx(port, 0, list, 1, &why), 1);
		CU_ASSERT_EQUAL(recv(device.far_fd, got, sizeof(got), 0), HDR + frame.len);
		CU_ASSERT_EQUAL(memcmp(got + HDR, bytes + HDR, frame.len), 0);
	}
	close_port(port);
}

static void frames_over_the_mtu_are_refused_one_by_one(void)
{
	struct port *port = open_port(100);
	struct frame small = {.len = 60, .head_len = 60}, large = {.len = 115, .head_len = 60};
	const struct frame *list[] = {&small, &large, &small};
	enum drop_reason why = DROP_N;

	CU_ASSERT_EQUAL(port->ops->tx(port, 0, list, 3, &why), 1);
	CU_ASSERT_EQUAL(why, DROP_TOO_BIG);
	/* The interface's mtu is followed. */
	device.mtu = 101;
	port->ops->housekeep(port);
	large.segments = &(struct segment){bytes, 55};
	large.n_segments = 1;
	CU_ASSERT_EQUAL(port->ops->tx(port, 0, list, 3, &why), 3);
	close_port(port);
}

static void an_idle_interface_is_asked_less_often_until_it_is_armed(void)
{
	const struct virtio_net_hdr plain = {.num_buffers = 0};
	struct port *port = open_port(1500);
	unsigned n_polls = 0;

	for (unsigned i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(port->ops->rx(port, 0, &burst), 0);
	arrive(&plain, 60);
	burst_reset(&burst);
	while (port->ops->rx(port, 0, &burst) == 0)
		n_polls++;
	CU_ASSERT(n_polls > 0 && n_polls <= 16);
	for (unsigned i = 0; i < 100; i++)
		port->ops->rx(port, 0, &burst);
	CU_ASSERT_FALSE(port->ops->arm(port, 0));
	arrive(&plain, 60);
	CU_ASSERT_TRUE(port->ops->arm(port, 0));
	port->ops->disarm(port, 0);
	burst_reset(&burst);
	CU_ASSERT_EQUAL(port->ops->rx(port, 0, &burst), 1);
	close_port(port);
}

static void an_interface_that_is_deleted_and_made_again_goes_on(void)
{
	const struct virtio_net_hdr plain = {.num_buffers = 0};
	struct port *port = open_port(1500);
	int first_fd = device.far_fd;

	CU_ASSERT_EQUAL(device.n_up, 1);
	device.state = TAP_DEVICE_DOWN;
	port->ops->housekeep(port);
	port->ops->housekeep(port);
	CU_ASSERT_EQUAL(device.n_down, 1);
	device.state = TAP_DEVICE_GONE;
	device.exists = false;
	for (unsigned i = 0; i < 3; i++)
		port->ops->housekeep(port);
	CU_ASSERT_EQUAL(device.n_down, 1);
	CU_ASSERT_EQUAL(device.n_unwatched, 1);
	CU_ASSERT_EQUAL(device.n_opened, 1);
	/* The far end sees that it was closed. */
	CU_ASSERT_EQUAL(send(first_fd, bytes, 72, 0), -1);
	close(first_fd);
	device.exists = true;
	device.state = TAP_DEVICE_UP;
	port->ops->housekeep(port);
	CU_ASSERT_EQUAL(device.n_opened, 2);
	CU_ASSERT_EQUAL(device.n_watched, 2);
	CU_ASSERT_EQUAL(device.n_up, 2);
	arrive(&plain, 60);
	burst_reset(&burst);
	CU_ASSERT_EQUAL(port->ops->rx(port, 0, &burst), 1);
	close_port(port);
	CU_ASSERT_EQUAL(device.n_unwatched, 2);
	CU_ASSERT_EQUAL(device.n_down, 2);
}

int main(void)
{
	CU_TestInfo tests[] = {
		SUITE_TEST(frames_of_every_length_are_seen_whole),
		SUITE_TEST(what_no_frame_can_be_is_refused_and_kept_for_captures),
		SUITE_TEST(offloads_pass_both_ways_untouched),
		SUITE_TEST(a_full_interface_refuses_and_takes_more_when_it_is_read),
		SUITE_TEST(a_frame_in_very_many_pieces_is_written_as_one),
		SUITE_TEST(frames_over_the_mtu_are_refused_one_by_one),
		SUITE_TEST(an_idle_interface_is_asked_less_often_until_it_is_armed),
		SUITE_TEST(an_interface_that_is_deleted_and_made_again_goes_on),
		CU_TEST_INFO_NULL,
	};

	return suite_run("tap", tests);
}
