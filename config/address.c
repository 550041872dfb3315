#include "config/address.h"

#include <arpa/inet.h>
#include <string.h>

int address_parse(struct ip_prefix *address, const char *text, struct value_why *why)
{
	const char *slash = strchr(text, '/');
	char host[INET6_ADDRSTRLEN];
	struct ip_prefix parsed = {.version = 4};
	uint64_t prefix_len, max = 32;

	if (!slash)
		return value_fault(
			why, "\"%s\" has no prefix length; write it as in 192.168.50.1/24", text);
	snprintf(host, sizeof(host), "%.*s", (int)(slash - text), text);
	if (inet_pton(AF_INET, host, parsed.bytes) != 1) {
		parsed.version = 6;
		max = 128;
		if (slash - text >= INET6_ADDRSTRLEN ||
		    inet_pton(AF_INET6, host, parsed.bytes) != 1)
			return value_fault(
				why,
				"\"%.*s\" is not an address; write one as in 192.168.50.1/24 or "
				"fd00::1/64",
				(int)(slash - text), text);
	}
	if (value_decimal(slash + 1, strlen(slash + 1), &prefix_len) < 0 || prefix_len < 1 ||
	    prefix_len > max)
		return value_fault(why, "\"%s\" is not a prefix length; write 1 to %ju", slash + 1,
				   (uintmax_t)max);
	/* The host's own address cannot be a group's or nobody's. */
	if (parsed.version == 4 ? parsed.bytes[0] == 0 || parsed.bytes[0] >= 224
				: parsed.bytes[0] == 0xff)
		return value_fault(why, "%s cannot be an interface's address", host);
	parsed.prefix_len = (uint8_t)prefix_len;
	*address = parsed;
	return 0;
}

void address_print(const struct ip_prefix *address, FILE *out)
{
	char host[INET6_ADDRSTRLEN];

	inet_ntop(address->version == 4 ? AF_INET : AF_INET6, address->bytes, host, sizeof(host));
	fprintf(out, "%s/%u", host, address->prefix_len);
}
