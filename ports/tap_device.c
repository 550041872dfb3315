#include "ports/tap_device.h"
#include "ports/log.h"
#include "ports/virtio.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct ifreq request_for(const struct port_conf *conf)
{
	struct ifreq request;

	memset(&request, 0, sizeof(request));
	memcpy(request.ifr_name, conf->ifname, sizeof(conf->ifname));
	return request;
}

static void print_address(const struct ip_prefix *address, char *text, size_t len)
{
	char host[INET6_ADDRSTRLEN];

	inet_ntop(address->version == 4 ? AF_INET : AF_INET6, address->bytes, host, sizeof(host));
	snprintf(text, len, "%s/%u", host, address->prefix_len);
}

/* What a user without the right to make interfaces lets root do once. */
static void say_how_to_make_it(const struct port_conf *conf)
{
	char address[INET6_ADDRSTRLEN + 64] = "", mtu[64] = "";

	if (conf->address.version) {
		char text[INET6_ADDRSTRLEN + 4];

		print_address(&conf->address, text, sizeof(text));
		snprintf(address, sizeof(address), " && ip address add %s dev %s", text,
			 conf->ifname);
	}
	if (conf->mtu)
		snprintf(mtu, sizeof(mtu), " mtu %u", conf->mtu);
	log_event(LOG_ERROR,
		  "port %s: TAP %s: no permission to make it. Let root make it for you once: "
		  "ip tuntap add dev %s mode tap user %u%s%s && ip link set dev %s%s up",
		  conf->name, conf->ifname, conf->ifname, geteuid(),
		  conf->n_queues > 1 ? " multi_queue" : "", address, conf->ifname, mtu);
}

static void complain_of_attach(const struct port_conf *conf, int error)
{
	switch (error) {
	case EPERM:
		say_how_to_make_it(conf);
		break;
	case EBUSY:
		log_event(LOG_ERROR,
			  "port %s: TAP %s: another program has it open: end that, or write "
			  "another ifname",
			  conf->name, conf->ifname);
		break;
	case EINVAL:
		log_event(LOG_ERROR,
			  "port %s: TAP %s: there is an interface of that name, but it is no TAP, "
			  "or one with%s multi_queue: write another ifname, or another number of "
			  "queues, or make that TAP anew",
			  conf->name, conf->ifname, conf->n_queues > 1 ? "out" : "");
		break;
	default:
		log_event(LOG_ERROR, "port %s: TAP %s: %s", conf->name, conf->ifname,
			  strerror(error));
	}
}

static int attach(const struct port_conf *conf, int fd)
{
	const unsigned offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	const int hdr_len = VIRTIO_NET_HDR_LEN;
	struct ifreq request = request_for(conf);

	request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (conf->n_queues > 1)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	if (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &hdr_len) < 0 ||
	    ioctl(fd, TUNSETOFFLOAD, offloads) < 0)
		return -errno;
	return 0;
}

static int open_tun(const struct port_conf *conf)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int error = errno;

	if (fd >= 0)
		return fd;
	if (error == ENOENT || error == ENODEV || error == ENXIO)
		log_event(LOG_ERROR,
			  "port %s: there is no /dev/net/tun: load the kernel's driver (modprobe "
			  "tun), or pass the device into the container",
			  conf->name);
	else
		log_event(LOG_ERROR, "port %s: /dev/net/tun: %s: most systems give it mode 0666",
			  conf->name, strerror(error));
	return -error;
}

static uint64_t fnv1a(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(1099511628211);
	return hash;
}

/* What this host has, and another has not: machine-id(5), or its name where there is none, as in
 * many containers. */
static void read_host(char *host, size_t len)
{
	FILE *file = fopen("/etc/machine-id", "re");

	host[0] = '\0';
	if (file && !fgets(host, (int)len, file))
		host[0] = '\0';
	if (file)
		fclose(file);
	if (!host[0] && gethostname(host, len) < 0)
		host[0] = '\0';
	host[len - 1] = '\0';
}

/* An address that the interface has after every restart, or guests would send to the one before
 * until their neighbour tables forget it. Another host has another one. */
static void keep_mac(const struct port_conf *conf, int fd)
{
	struct ifreq request = request_for(conf);
	char host[128];
	uint64_t hash;

	read_host(host, sizeof(host));
	hash = fnv1a(fnv1a(UINT64_C(14695981039346656037), host), conf->ifname);
	memcpy(request.ifr_hwaddr.sa_data, &hash, 6);
	request.ifr_hwaddr.sa_data[0] = 0x02; /* locally administered */
	request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	/* The kernel's choice is a good one, too. */
	if (ioctl(fd, SIOCSIFHWADDR, &request) < 0)
		log_event(LOG_INFO, "port %s: TAP %s: has a random MAC address: %s", conf->name,
			  conf->ifname, strerror(errno));
}

/* Of an interface that we have just made. */
static int keep_for(const struct port_conf *conf, int fd)
{
	keep_mac(conf, fd);
	if (conf->owner != (uid_t)-1 && ioctl(fd, TUNSETOWNER, (unsigned long)conf->owner) < 0)
		return -errno;
	if (conf->persist == YES && ioctl(fd, TUNSETPERSIST, 1UL) < 0)
		return -errno;
	return 0;
}

int tap_device_open(const struct port_conf *conf, int *fds)
{
	bool existed = tap_device_exists(conf);
	unsigned n = 0;
	int ret = 0;

	for (; ret == 0 && n < conf->n_queues; n++) {
		fds[n] = open_tun(conf);
		if (fds[n] < 0) {
			ret = fds[n];
			break;
		}
		ret = attach(conf, fds[n]);
		if (ret == 0 && n == 0 && !existed)
			ret = keep_for(conf, fds[n]);
		if (ret < 0)
			complain_of_attach(conf, -ret);
	}
	while (ret < 0 && n > 0)
		close(fds[--n]);
	return ret;
}

static void complain_of_setting(const struct port_conf *conf, const char *what, int error,
				const char *command)
{
	log_event(LOG_WARNING, "port %s: TAP %s: cannot set %s: %s; as root: %s", conf->name,
		  conf->ifname, what, strerror(error), command);
}

static bool has_address(const struct port_conf *conf)
{
	const struct ip_prefix *wanted = &conf->address;
	const void *bytes;
	struct ifaddrs *list;
	bool found = false;

	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *at = list; at && !found; at = at->ifa_next) {
		if (!at->ifa_addr || strcmp(at->ifa_name, conf->ifname) != 0)
			continue;
		if (wanted->version == 4 && at->ifa_addr->sa_family == AF_INET)
			bytes = &((const struct sockaddr_in *)(const void *)at->ifa_addr)->sin_addr;
		else if (wanted->version == 6 && at->ifa_addr->sa_family == AF_INET6)
			bytes = &((const struct sockaddr_in6 *)(const void *)at->ifa_addr)
					 ->sin6_addr;
		else
			continue;
		found = memcmp(bytes, wanted->bytes, wanted->version == 4 ? 4 : 16) == 0;
	}
	freeifaddrs(list);
	return found;
}

static int set_address4(const struct port_conf *conf)
{
	struct ifreq request = request_for(conf);
	struct sockaddr_in addr = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret = 0;

	if (fd < 0)
		return -errno;
	memcpy(&addr.sin_addr, conf->address.bytes, sizeof(addr.sin_addr));
	memcpy(&request.ifr_addr, &addr, sizeof(addr));
	if (ioctl(fd, SIOCSIFADDR, &request) < 0)
		ret = -errno;
	addr.sin_addr.s_addr = htonl(UINT32_MAX << (32 - conf->address.prefix_len));
	memcpy(&request.ifr_netmask, &addr, sizeof(addr));
	if (ret == 0 && ioctl(fd, SIOCSIFNETMASK, &request) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* struct in6_ifreq of linux/ipv6.h, which cannot be included beside netinet/in.h. */
struct ipv6_request {
	struct in6_addr addr;
	uint32_t prefix_len;
	int ifindex;
};

static int set_address6(const struct port_conf *conf)
{
	struct ipv6_request request = {.prefix_len = conf->address.prefix_len,
				       .ifindex = (int)if_nametoindex(conf->ifname)};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret = 0;

	if (fd < 0)
		return -errno;
	memcpy(&request.addr, conf->address.bytes, sizeof(request.addr));
	if (ioctl(fd, SIOCSIFADDR, &request) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static void set_address(const struct port_conf *conf)
{
	char text[INET6_ADDRSTRLEN + 4], command[128];
	int ret;

	if (!conf->address.version || has_address(conf))
		return;
	ret = conf->address.version == 4 ? set_address4(conf) : set_address6(conf);
	print_address(&conf->address, text, sizeof(text));
	snprintf(command, sizeof(command), "ip address add %s dev %s", text, conf->ifname);
	if (ret < 0)
		complain_of_setting(conf, "its address", -ret, command);
}

static void set_mtu(const struct port_conf *conf, int fd)
{
	struct ifreq request = request_for(conf);
	char command[128];

	if (!conf->mtu || tap_device_mtu(conf) == conf->mtu)
		return;
	request.ifr_mtu = conf->mtu;
	snprintf(command, sizeof(command), "ip link set dev %s mtu %u", conf->ifname, conf->mtu);
	if (ioctl(fd, SIOCSIFMTU, &request) < 0)
		complain_of_setting(conf, "its mtu", errno, command);
}

static void set_up(const struct port_conf *conf, int fd)
{
	struct ifreq request = request_for(conf);
	char command[128];

	if (ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP))
		return;
	request.ifr_flags |= IFF_UP;
	snprintf(command, sizeof(command), "ip link set dev %s up", conf->ifname);
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		complain_of_setting(conf, "it up", errno, command);
}

void tap_device_configure(const struct port_conf *conf)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		log_event(LOG_WARNING, "port %s: TAP %s: not configured: %s", conf->name,
			  conf->ifname, strerror(errno));
		return;
	}
	set_mtu(conf, fd);
	set_address(conf);
	set_up(conf, fd);
	close(fd);
}

uint16_t tap_device_mtu(const struct port_conf *conf)
{
	struct ifreq request = request_for(conf);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint16_t mtu = 0;

	if (fd < 0)
		return 0;
	if (ioctl(fd, SIOCGIFMTU, &request) == 0 && request.ifr_mtu > 0 &&
	    request.ifr_mtu <= UINT16_MAX)
		mtu = (uint16_t)request.ifr_mtu;
	close(fd);
	return mtu;
}

enum tap_device_state tap_device_state(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	/* The kernel says "writable" exactly when the interface is up, and an error when it is gone
	 * (drivers/net/tun.c, tun_chr_poll). */
	if (poll(&poll_fd, 1, 0) < 0)
		return TAP_DEVICE_DOWN;
	if (poll_fd.revents & (POLLERR | POLLNVAL))
		return TAP_DEVICE_GONE;
	return poll_fd.revents & POLLOUT ? TAP_DEVICE_UP : TAP_DEVICE_DOWN;
}

bool tap_device_exists(const struct port_conf *conf)
{
	return if_nametoindex(conf->ifname) != 0;
}
