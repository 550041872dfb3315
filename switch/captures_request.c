#include "switch/captures.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SNAPLEN_MIN = 14, SNAPLEN_MAX = 262144 };

/* A text of the request, or its default; NULL when it is none, or too long for len bytes. */
static const char *text_of(const json_t *request, const char *key, const char *fallback, size_t len)
{
	const json_t *value = json_object_get(request, key);
	const char *text = value ? json_string_value(value) : fallback;

	return text && strlen(text) < len ? text : NULL;
}

static int read_direction(const char *text, struct capture_conf *conf)
{
	static const char *const words[CAPTURE_DIRECTION_N] = {
		[CAPTURE_BOTH] = "both", [CAPTURE_ONLY_RX] = "rx", [CAPTURE_ONLY_TX] = "tx"};

	for (unsigned i = 0; i < CAPTURE_DIRECTION_N; i++) {
		if (strcmp(text, words[i]) == 0) {
			conf->direction = i;
			return 0;
		}
	}
	return -EINVAL;
}

/* An integer of the request between min and max, or its default; -EINVAL. */
static int read_integer(const json_t *request, const char *key, json_int_t fallback, json_int_t min,
			json_int_t max, json_int_t *number)
{
	const json_t *value = json_object_get(request, key);

	*number = value ? json_integer_value(value) : fallback;
	return (value && !json_is_integer(value)) || *number < min || *number > max ? -EINVAL : 0;
}

static int read_conf(const struct topology *topo, const json_t *request, struct capture_conf *conf,
		     char why[CAPTURES_WHY_LEN])
{
	const char *ports = text_of(request, "ports", "*", sizeof(conf->ports));
	const char *filter = text_of(request, "filter", "", sizeof(conf->filter));
	const char *file = text_of(request, "file", "-", sizeof(conf->file));
	const char *direction = text_of(request, "direction", "both", sizeof("both"));
	const char *stranger;
	json_int_t snaplen;
	size_t len;

	if (!ports || !filter || !file) {
		snprintf(why, CAPTURES_WHY_LEN,
			 "ports, filter and file are texts shorter than %d bytes",
			 CAPTURE_TEXT_LEN);
		return -EINVAL;
	}
	if (!direction || read_direction(direction, conf) < 0) {
		snprintf(why, CAPTURES_WHY_LEN, "the direction is rx, tx or both");
		return -EINVAL;
	}
	if (read_integer(request, "snaplen", SNAPLEN_MAX, SNAPLEN_MIN, SNAPLEN_MAX, &snaplen) < 0) {
		snprintf(why, CAPTURES_WHY_LEN, "the snaplen is a number from %d to %d",
			 SNAPLEN_MIN, SNAPLEN_MAX);
		return -EINVAL;
	}
	conf->snaplen = (uint32_t)snaplen;
	conf->drops = json_is_true(json_object_get(request, "drops")) ? YES : NO;
	strcpy(conf->ports, ports);
	strcpy(conf->filter, filter);
	strcpy(conf->file, file);
	stranger = topology_find_ports(topo, conf, &len);
	if (!stranger)
		return 0;
	snprintf(why, CAPTURES_WHY_LEN,
		 "there is no port \"%.*s\": `ringway show ports` lists them", (int)len, stranger);
	return -ENOENT;
}

int captures_start_request(struct captures *captures, const char *request, unsigned long client,
			   int fd, char why[CAPTURES_WHY_LEN])
{
	struct capture_extra extra = {.client = client, .fd = fd};
	struct capture_conf conf = {0};
	json_t *json = json_loads(request, 0, NULL);
	json_int_t max_frames = 0;
	int ret = -EINVAL;

	snprintf(conf.name, sizeof(conf.name), "live-%lu", client);
	if (!json_is_object(json)) {
		snprintf(why, CAPTURES_WHY_LEN, "the request is no JSON object");
	} else if (fd < 0) {
		snprintf(why, CAPTURES_WHY_LEN, "the request brings no file descriptor");
	} else if (read_integer(json, "count", 0, 0, INT64_MAX, &max_frames) < 0) {
		snprintf(why, CAPTURES_WHY_LEN, "the count is a number from 0");
	} else {
		extra.max_frames = (uint64_t)max_frames;
		extra.is_pcap = json_is_true(json_object_get(json, "pcap"));
		ret = read_conf(captures_topology(captures), json, &conf, why);
	}
	json_decref(json);
	if (ret == 0)
		return captures_start(captures, &conf, false, &extra, why);
	if (fd >= 0)
		close(fd);
	return ret;
}
