#include "config/device.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* DDDD:BB:DD.F, its hexadecimal digits as x. */
static const char pci_pattern[] = "xxxx:xx:xx.x";

bool device_is_pci(const char *device)
{
	size_t i;

	for (i = 0; pci_pattern[i]; i++)
		if (pci_pattern[i] == 'x' ? !isxdigit((unsigned char)device[i])
					  : device[i] != pci_pattern[i])
			return false;
	return device[i] == '\0';
}

/* A driver's name, which begins with net_ as all do, a number, and parameters. */
static bool is_vdev(const char *text)
{
	size_t name_len = strcspn(text, ",");

	return strncmp(text, "net_", strlen("net_")) == 0 &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789") == name_len &&
	       isdigit((unsigned char)text[name_len - 1]);
}

int device_parse(char device[TOPOLOGY_DEVICE_LEN], const char *text, struct value_why *why)
{
	char full[TOPOLOGY_DEVICE_LEN];

	if (strlen(text) >= TOPOLOGY_DEVICE_LEN - strlen("0000:"))
		return value_fault(why,
				   "the device is too long: %zu bytes, at most %zu are allowed",
				   strlen(text), TOPOLOGY_DEVICE_LEN - sizeof("0000:"));
	snprintf(full, sizeof(full), "0000:%s", text);
	if (device_is_pci(full))
		text = full;
	if (!device_is_pci(text) && !is_vdev(text))
		return value_fault(
			why,
			"\"%s\" is no device; write a PCI address as in 0000:03:00.0, or a "
			"virtual device with its number, as in net_af_packet0,iface=eth1",
			text);
	memmove(device, text, strlen(text) + 1);
	/* As sysfs spells it. */
	for (size_t i = 0; device_is_pci(device) && device[i]; i++)
		device[i] = (char)tolower((unsigned char)device[i]);
	return 0;
}
