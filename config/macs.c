#include "config/macs.h"

#include <string.h>

enum { MAC_TEXT_LEN = sizeof("00:00:00:00:00:00") - 1 };

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_mac(const char *text, size_t len, uint8_t mac[6])
{
	if (len != MAC_TEXT_LEN)
		return false;
	for (unsigned i = 0; i < 6; i++) {
		int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int add_mac(struct mac_list *list, const char *text, size_t len, struct value_why *why)
{
	static const uint8_t nobody[6];
	uint8_t mac[6];

	while (len > 0 && text[0] == ' ')
		text++, len--;
	while (len > 0 && text[len - 1] == ' ')
		len--;
	if (!read_mac(text, len, mac))
		return value_fault(
			why, "\"%.*s\" is not a MAC address; write it as in 52:54:00:12:34:56",
			(int)len, text);
	if ((mac[0] & 1) || memcmp(mac, nobody, sizeof(mac)) == 0)
		return value_fault(why, "%.*s cannot be a source address; write a station's",
				   (int)len, text);
	for (uint32_t i = 0; i < list->n; i++)
		if (memcmp(list->macs[i], mac, sizeof(mac)) == 0)
			return value_fault(why, "%.*s is named twice; name it once", (int)len,
					   text);
	if (list->n == TOPOLOGY_MAX_MACS)
		return value_fault(why, "more than %d addresses; use max-macs instead",
				   TOPOLOGY_MAX_MACS);
	memcpy(list->macs[list->n++], mac, sizeof(mac));
	return 0;
}

int macs_parse(struct mac_list *list, const char *text, struct value_why *why)
{
	struct mac_list parsed = {.n = 0};
	const char *comma;

	do {
		int ret;

		comma = strchrnul(text, ',');
		ret = add_mac(&parsed, text, (size_t)(comma - text), why);
		if (ret < 0)
			return ret;
		text = comma + 1;
	} while (*comma);
	*list = parsed;
	return 0;
}

void macs_print(const struct mac_list *list, FILE *out)
{
	for (uint32_t i = 0; i < list->n; i++) {
		const uint8_t *mac = list->macs[i];

		fprintf(out, "%s%02x:%02x:%02x:%02x:%02x:%02x", i ? ", " : "", mac[0], mac[1],
			mac[2], mac[3], mac[4], mac[5]);
	}
}
