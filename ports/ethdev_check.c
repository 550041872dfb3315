#include "ports/ethdev_check.h"
#include "ports/log.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Words with a blank before and behind each, as the build lists them. */
static const char drivers[] = " " RINGWAY_ETHDEV_DRIVERS " ";

/* The last part of what a link in sysfs points to, or NULL. */
static const char *link_target(const char *address, const char *link, char target[PATH_MAX])
{
	char path[PATH_MAX];
	ssize_t len;
	char *slash;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", address, link);
	len = readlink(path, target, PATH_MAX - 1);
	if (len < 0)
		return NULL;
	target[len] = '\0';
	slash = strrchr(target, '/');
	return slash ? slash + 1 : target;
}

static bool is_driven_by(const struct port_conf *conf, const char *name)
{
	char target[PATH_MAX];
	const char *driver = link_target(conf->device, "driver", target);

	return driver && strcmp(driver, name) == 0;
}

static int check_driver(const struct port_conf *conf)
{
	char target[PATH_MAX];
	const char *driver = link_target(conf->device, "driver", target);

	if (is_driven_by(conf, "vfio-pci"))
		return 0;
	if (driver)
		log_event(
			LOG_ERROR,
			"port %s: device %s is the kernel's, by its driver %s: give it to us with: "
			"modprobe vfio-pci && dpdk-devbind.py --bind=vfio-pci %s",
			conf->name, conf->device, driver, conf->device);
	else
		log_event(LOG_ERROR,
			  "port %s: device %s is bound to no driver: give it to us with: modprobe "
			  "vfio-pci && dpdk-devbind.py --bind=vfio-pci %s",
			  conf->name, conf->device, conf->device);
	return -EBUSY;
}

/* vfio-pci takes no device without one. */
static int check_iommu(const struct port_conf *conf)
{
	char target[PATH_MAX];

	if (link_target(conf->device, "iommu_group", target))
		return 0;
	log_event(LOG_ERROR,
		  "port %s: device %s is behind no IOMMU, and without one it could write "
		  "anywhere: switch it on in the firmware and boot with intel_iommu=on or "
		  "amd_iommu=on",
		  conf->name, conf->device);
	return -ENODEV;
}

static int check_permission(const struct port_conf *conf)
{
	char target[PATH_MAX], path[PATH_MAX];
	const char *group = link_target(conf->device, "iommu_group", target);

	snprintf(path, sizeof(path), "/dev/vfio/%.32s", group ? group : "");
	if (access(path, R_OK | W_OK) == 0)
		return 0;
	log_event(LOG_ERROR,
		  "port %s: device %s: %s: %s; as root: chown %u %s, and let `ulimit -l` "
		  "allow as much memory as the switch uses",
		  conf->name, conf->device, path, strerror(errno), geteuid(), path);
	return -EACCES;
}

static int check_pci(const struct port_conf *conf)
{
	char path[PATH_MAX];
	int ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", conf->device);
	if (access(path, F_OK) < 0) {
		log_event(LOG_ERROR,
			  "port %s: there is no PCI device %s: `lspci -D` lists those that are "
			  "there",
			  conf->name, conf->device);
		return -ENODEV;
	}
	/* Its driver works beside the kernel's, which keeps the device. */
	if (is_driven_by(conf, "mlx5_core"))
		return 0;
	ret = check_iommu(conf);
	if (ret == 0)
		ret = check_driver(conf);
	return ret < 0 ? ret : check_permission(conf);
}

/* The value of a parameter of a virtual device: eth1 of net_af_packet0,iface=eth1. */
static bool parameter(const struct port_conf *conf, const char *name, char *value, size_t size)
{
	size_t name_len = strlen(name);

	for (const char *at = strchr(conf->device, ','); at; at = strchr(at, ',')) {
		at++;
		if (strncmp(at, name, name_len) != 0 || at[name_len] != '=')
			continue;
		at += name_len + 1;
		snprintf(value, size, "%.*s", (int)strcspn(at, ","), at);
		return true;
	}
	return false;
}

bool ethdev_sits_on_interface(const struct port_conf *conf)
{
	return strncmp(conf->device, "net_af_", strlen("net_af_")) == 0 ||
	       strncmp(conf->device, "net_pcap", strlen("net_pcap")) == 0;
}

static int check_vdev(const struct port_conf *conf)
{
	char word[64], value[64];
	size_t len = strcspn(conf->device, ",");

	while (len > 0 && isdigit((unsigned char)conf->device[len - 1]))
		len--;
	snprintf(word, sizeof(word), " %.*s ", (int)len, conf->device);
	if (!strstr(drivers, word)) {
		log_event(LOG_ERROR,
			  "port %s: device %s: no driver \"%.*s\" is built in; these are: %s",
			  conf->name, conf->device, (int)len, conf->device, RINGWAY_ETHDEV_DRIVERS);
		return -ENODEV;
	}
	if (ethdev_sits_on_interface(conf) && parameter(conf, "iface", value, sizeof(value)) &&
	    if_nametoindex(value) == 0) {
		log_event(LOG_ERROR,
			  "port %s: device %s: there is no interface %s: `ip link` lists those "
			  "that are there",
			  conf->name, conf->device, value);
		return -ENODEV;
	}
	return 0;
}

int ethdev_check(const struct port_conf *conf)
{
	return conf->device_is_pci ? check_pci(conf) : check_vdev(conf);
}

static bool ask_ethtool(const char *ifname, void *question)
{
	struct ifreq request = {.ifr_data = question};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool answered;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	answered = fd >= 0 && ioctl(fd, SIOCETHTOOL, &request) == 0;
	if (fd >= 0)
		close(fd);
	return answered;
}

void ethdev_check_interface(const struct port_conf *conf, int ifindex)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_value gro = {.cmd = ETHTOOL_GGRO};
	char ifname[IF_NAMESIZE];

	if (!if_indextoname((unsigned)ifindex, ifname))
		return;
	/* A packet socket shows frames as they lie in the kernel: checksums that were left to the
	 * device are missing, merged ones are too long and cut off. */
	if (ask_ethtool(ifname, &driver) && strcmp(driver.driver, "veth") == 0)
		log_event(LOG_WARNING,
			  "port %s: the other end of %s leaves checksums to the device, and %.*s "
			  "cannot complete them: TCP will stall until you run there: ethtool -K "
			  "INTERFACE tx off",
			  conf->name, ifname, (int)strcspn(conf->device, ","), conf->device);
	else if (ask_ethtool(ifname, &gro) && gro.data)
		log_event(
			LOG_WARNING,
			"port %s: %s merges frames (GRO), and those longer than its mtu are lost: "
			"ethtool -K %s gro off",
			conf->name, ifname, ifname);
}

const char *ethdev_likely_reason(const struct port_conf *conf, int error)
{
	if (conf->device_is_pci)
		return "no driver that is built in knows this device; those "
		       "are: " RINGWAY_ETHDEV_DRIVERS;
	/* Drivers return -1, which is -EPERM, for anything. */
	if (geteuid() != 0 &&
	    (error == EPERM || error == EACCES || strncmp(conf->device, "net_af_", 7) == 0))
		return "it needs the capability CAP_NET_RAW: setcap cap_net_raw+ep ringway, or a "
		       "TAP "
		       "in a bridge (type = tap)";
	return "DPDK's lines above say what it did not like; the parameters of each driver are in "
	       "https://doc.dpdk.org/guides-22.11/nics/";
}
