#include "switch/capture_output.h"
#include "ports/drop.h"
#include "ports/frame.h"
#include "switch/capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SECTION_LEN = 128,
	INTERFACE_LEN = 128, /* without its texts */
	STATISTICS_LEN = 128 + 512,
	PCAP_HEADER_LEN = 24,
	PCAP_RECORD_LEN = 16,
	COMMENT_LEN = 64,
};

/* libpcap writes into a stream of ours, so that its bytes take the same way as pcapng's. */
static ssize_t take_bytes(void *cookie, const char *bytes, size_t len)
{
	struct capture_output *output = cookie;

	memcpy(output->at, bytes, len);
	output->at += len;
	return (ssize_t)len;
}

/* Writes the header of a pcap file to output->at. */
static int open_dumper(struct capture_output *output)
{
	const cookie_io_functions_t functions = {.write = take_bytes};
	FILE *stream = fopencookie(output, "w", functions);

	if (!stream)
		return -ENOMEM;
	setvbuf(stream, NULL, _IONBF, 0);
	output->dumper = pcap_dump_fopen(output->pcap, stream);
	if (output->dumper)
		return 0;
	fclose(stream);
	return -ENOMEM;
}

static size_t header_len(const struct capture_output *output)
{
	size_t len = SECTION_LEN;

	if (output->pcap)
		return PCAP_HEADER_LEN;
	for (unsigned i = 0; i < output->n_interfaces; i++)
		len += INTERFACE_LEN + strlen(output->interfaces[i].name) +
		       strlen(output->interfaces[i].description) +
		       strlen(output->interfaces[i].filter);
	return len;
}

static size_t write_header(struct capture_output *output, uint8_t *to, size_t room)
{
	size_t len;

	if (output->pcap) {
		output->at = to;
		if (output->dumper)
			pcap_dump_close(output->dumper);
		output->dumper = NULL;
		return open_dumper(output) < 0 ? 0 : PCAP_HEADER_LEN;
	}
	len = pcapng_section(to, room, "ringway " RINGWAY_VERSION);
	for (unsigned i = 0; i < output->n_interfaces; i++)
		len += pcapng_interface(to + len, room - len, &output->interfaces[i]);
	return len;
}

/* A file begins with it, also when what was to be its beginning was lost. */
static bool begin_file(struct capture_output *output, unsigned *n_gone)
{
	size_t len = header_len(output);
	uint8_t *to;

	*n_gone = 0;
	if (output->file.len > 0 || output->file.buf_len > 0)
		return true;
	to = capture_file_room(&output->file, len, n_gone);
	len = to ? write_header(output, to, len) : 0;
	if (len == 0)
		return false;
	capture_file_add(&output->file, len, false);
	return true;
}

static int choose_ports(struct capture_output *output, const struct capture_output_conf *conf)
{
	output->interfaces = calloc(conf->n_ports, sizeof(*output->interfaces));
	output->interface_of = calloc(conf->n_ports, sizeof(*output->interface_of));
	if (!output->interfaces || !output->interface_of)
		return -ENOMEM;
	for (unsigned i = 0; i < conf->n_ports; i++) {
		output->interface_of[i] = UINT32_MAX;
		if (!conf->ports[i].name)
			continue;
		output->interface_of[i] = output->n_interfaces;
		output->interfaces[output->n_interfaces++] = conf->ports[i];
	}
	return 0;
}

static void free_parts(struct capture_output *output)
{
	if (output->dumper)
		pcap_dump_close(output->dumper);
	if (output->pcap)
		pcap_close(output->pcap);
	free(output->interfaces);
	free(output->interface_of);
}

int capture_output_open(struct capture_output *output, const struct capture_output_conf *conf)
{
	struct capture_file_conf file = conf->file;
	unsigned n_gone;
	int ret;

	*output = (struct capture_output){.file = {.fd = -1}};
	ret = choose_ports(output, conf);
	if (ret == 0 && conf->is_pcap) {
		output->pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, FRAME_LEN_MAX,
								    PCAP_TSTAMP_PRECISION_NANO);
		ret = output->pcap ? 0 : -ENOMEM;
	}
	file.reserve = conf->is_pcap ? 0 : output->n_interfaces * STATISTICS_LEN;
	/* Every record of a file, the header and the last ones too, fits into one buffer. */
	if (ret == 0 && header_len(output) + file.reserve > CAPTURE_FILE_BUF)
		ret = -E2BIG;
	if (ret == 0)
		ret = capture_file_open(&output->file, &file);
	if (ret < 0) {
		free_parts(output);
		*output = (struct capture_output){.file = {.fd = -1}};
		return ret;
	}
	begin_file(output, &n_gone);
	capture_file_flush(&output->file);
	return 0;
}

static size_t packet_len(const struct capture_output *output, uint32_t cap_len)
{
	return cap_len +
	       (output->pcap ? (size_t)PCAP_RECORD_LEN : (size_t)PCAPNG_PACKET_EXTRA + COMMENT_LEN);
}

static uint32_t flags_of(const struct capture_record *record)
{
	bool outbound = record->point == CAPTURE_TX ||
			(record->point == CAPTURE_DROP && record->why >= DROP_LINK_DOWN);
	uint32_t flags = outbound ? PCAPNG_OUTBOUND : PCAPNG_INBOUND;

	if (record->needs & FRAME_NEEDS_CSUM)
		flags |= PCAPNG_CSUM_NOT_READY;
	if (record->needs & (FRAME_NEEDS_TSO4 | FRAME_NEEDS_TSO6))
		flags |= PCAPNG_SEGMENTATION;
	return flags;
}

static size_t write_pcapng(const struct capture_output *output, uint8_t *to, size_t room,
			   const struct capture_record *record, const struct pcapng_packet *packet)
{
	struct pcapng_packet full = *packet;
	char comment[COMMENT_LEN];

	full.interface = output->interface_of[record->port];
	full.flags = flags_of(record);
	full.queue = record->queue;
	if (record->point == CAPTURE_DROP) {
		snprintf(comment, sizeof(comment), "dropped: %s", drop_names[record->why]);
		full.comment = comment;
	}
	return pcapng_packet(to, room, &full);
}

static size_t write_pcap(struct capture_output *output, uint8_t *to,
			 const struct capture_record *record, const struct pcapng_packet *packet)
{
	/* With this precision libpcap takes the microseconds for nanoseconds. */
	const struct pcap_pkthdr header = {
		.ts = {.tv_sec = (time_t)(packet->ns / 1000000000),
		       .tv_usec = (suseconds_t)(packet->ns % 1000000000)},
		.caplen = packet->cap_len,
		.len = packet->len};

	output->at = to;
	pcap_dump((u_char *)output->dumper, &header, record->data);
	return (size_t)(output->at - to);
}

bool capture_output_packet(struct capture_output *output, const struct capture_record *record,
			   uint32_t cap_len, uint64_t ns, uint64_t n_lost, unsigned *n_gone)
{
	const struct pcapng_packet packet = {.ns = ns,
					     .data = record->data,
					     .cap_len = cap_len,
					     .len = record->len,
					     .n_lost = n_lost};
	size_t len = packet_len(output, cap_len);
	unsigned n_more;
	uint8_t *to;

	if (!begin_file(output, n_gone))
		return false;
	to = capture_file_room(&output->file, len, &n_more);
	*n_gone += n_more;
	/* What was just written may have failed with the beginning of the file. */
	if (!to || (output->file.len == 0 && output->file.buf_len == 0))
		return false;
	len = output->pcap ? write_pcap(output, to, record, &packet)
			   : write_pcapng(output, to, len, record, &packet);
	capture_file_add(&output->file, len, true);
	return true;
}

bool capture_output_wants_rotation(const struct capture_output *output, uint32_t cap_len)
{
	return capture_file_wants_rotation(&output->file, packet_len(output, cap_len));
}

unsigned capture_output_rotate(struct capture_output *output)
{
	unsigned n_lost = capture_file_flush_last(&output->file);

	/* Where it fails the packet goes into the same file; else it finds a new one to begin. */
	capture_file_rotate(&output->file);
	return n_lost;
}

unsigned capture_output_statistics(struct capture_output *output,
				   const struct pcapng_statistics *statistics)
{
	struct pcapng_statistics full = *statistics;
	unsigned n_gone;
	uint8_t *to;

	full.interface = output->interface_of[statistics->interface];
	if (output->pcap || full.interface == UINT32_MAX || !begin_file(output, &n_gone))
		return 0;
	to = capture_file_room(&output->file, STATISTICS_LEN, &n_gone);
	if (to && (output->file.len > 0 || output->file.buf_len > 0))
		capture_file_add(&output->file, pcapng_statistics(to, STATISTICS_LEN, &full),
				 false);
	return n_gone;
}

unsigned capture_output_close(struct capture_output *output)
{
	unsigned n_lost = capture_file_close(&output->file);

	free_parts(output);
	*output = (struct capture_output){.file = {.fd = -1}};
	return n_lost;
}
