#include "config/capture_value.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <string.h>

#include "config/topology.h"

static const struct {
	char letter;
	unsigned shift;
} units[] = {{'G', 30}, {'M', 20}, {'K', 10}};

enum {
	SNAPLEN = 262144,
	MAX_INSTRUCTIONS = 4096, /* what the switch takes */
};

int capture_value_parse_ports(const struct key_def *key, const char *text, void *field,
			      struct value_why *why)
{
	char list[CAPTURE_TEXT_LEN] = "", name[TOPOLOGY_NAME_LEN + 1];
	size_t list_len = 0;

	if (strcmp(text, "*") == 0) {
		snprintf(field, key->size, "*");
		return 0;
	}
	do {
		size_t blanks = strspn(text, " \t"), len;
		int ret;

		text += blanks;
		len = strcspn(text, ", \t");
		snprintf(name, sizeof(name), "%.*s", (int)len, text);
		if (name[0] == '\0')
			return value_fault(why,
					   "a name is missing; write names of ports with commas "
					   "between, or *");
		ret = value_check_name(name, why);
		if (ret < 0)
			return ret;
		if (list_len + len + 2 > sizeof(list))
			return value_fault(why, "the list is too long; write * for all ports");
		list_len += (size_t)snprintf(list + list_len, sizeof(list) - list_len, "%s%s",
					     list_len ? "," : "", name);
		text += len;
		text += strspn(text, " \t");
		if (*text && *text != ',')
			return value_fault(why,
					   "\"%s\" follows without a comma; write names of ports "
					   "with commas between, or *",
					   text);
	} while (*text++ == ',');
	snprintf(field, key->size, "%s", list);
	return 0;
}

int capture_value_parse_filter(const struct key_def *key, const char *text, void *field,
			       struct value_why *why)
{
	struct bpf_program program;
	pcap_t *pcap;
	int ret = 0;

	if (strlen(text) >= key->size)
		return value_fault(why, "the filter is longer than %zu bytes; write a shorter one",
				   key->size - 1);
	pcap = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	if (!pcap)
		return value_fault(why, "no memory to compile the filter");
	if (pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		ret = value_fault(why, "libpcap says: %s; see pcap-filter(7)", pcap_geterr(pcap));
	} else {
		if (program.bf_len > MAX_INSTRUCTIONS)
			ret = value_fault(why,
					  "the filter makes %u instructions, at most %d are "
					  "allowed; write a shorter one",
					  program.bf_len, MAX_INSTRUCTIONS);
		pcap_freecode(&program);
	}
	pcap_close(pcap);
	if (ret == 0)
		snprintf(field, key->size, "%s", text);
	return ret;
}

int capture_value_parse_size(const struct key_def *key, const char *text, void *field,
			     struct value_why *why)
{
	size_t len = strlen(text);
	unsigned shift = 0;
	uint64_t number;
	int ret;

	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (text[len - 1] == units[i].letter)
			shift = units[i].shift;
	ret = value_decimal(text, shift ? len - 1 : len, &number);
	if (ret == -EINVAL)
		return value_fault(why, "\"%s\" is not a size; write bytes, or as in 64K, 10M, 2G",
				   text);
	if (ret < 0 || number > key->max >> shift || number << shift < key->min)
		return value_fault(why, "%s is out of range; write %juK to %juG", text,
				   (uintmax_t)key->min >> 10, (uintmax_t)key->max >> 30);
	number <<= shift;
	memcpy(field, &number, sizeof(number));
	return 0;
}

void capture_value_print_size(const struct key_def *key, const void *field, FILE *out)
{
	uint64_t number;

	(void)key;
	memcpy(&number, field, sizeof(number));
	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (number == 0 || number & ((UINT64_C(1) << units[i].shift) - 1))
			continue;
		fprintf(out, "%ju%c", (uintmax_t)number >> units[i].shift, units[i].letter);
		return;
	}
	fprintf(out, "%ju", (uintmax_t)number);
}
