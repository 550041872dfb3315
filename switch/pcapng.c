#include "switch/pcapng.h"

#include <stdbool.h>
#include <string.h>

enum block_type {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
};

enum option_code {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	IF_TSRESOL = 9,
	IF_FILTER = 11,
	EPB_FLAGS = 2,
	EPB_DROPCOUNT = 4,
	EPB_QUEUE = 6,
	ISB_STARTTIME = 2,
	ISB_ENDTIME = 3,
	ISB_IFRECV = 4,
	ISB_IFDROP = 5,
	ISB_FILTERACCEPT = 6,
	ISB_OSDROP = 7,
	ISB_USRDELIV = 8,
};

enum {
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	LINKTYPE_ETHERNET = 1,
	TSRESOL_NANOSECONDS = 9, /* 10^-9 */
	FILTER_IS_TEXT = 0,	 /* the first byte of if_filter: a filter as libpcap reads it */
	LENGTH_OFFSET = 4,
};

/* Where the next bytes of a block go. */
struct cursor {
	uint8_t *start;
	size_t len;
	size_t room;
	bool full;
};

static void put(struct cursor *at, const void *bytes, size_t len)
{
	if (at->full || len > at->room - at->len) {
		at->full = true;
		return;
	}
	if (len)
		memcpy(at->start + at->len, bytes, len);
	at->len += len;
}

static void put_u16(struct cursor *at, uint16_t value)
{
	put(at, &value, sizeof(value));
}

static void put_u32(struct cursor *at, uint32_t value)
{
	put(at, &value, sizeof(value));
}

/* Times and 64-bit options of statistics: times have their high half first, counts do not. */
static void put_time(struct cursor *at, uint64_t ns)
{
	put_u32(at, (uint32_t)(ns >> 32));
	put_u32(at, (uint32_t)ns);
}

static void pad(struct cursor *at, size_t len)
{
	static const uint8_t zeros[4];

	put(at, zeros, (4 - len % 4) % 4);
}

static void begin_option(struct cursor *at, enum option_code code, size_t len)
{
	put_u16(at, (uint16_t)code);
	put_u16(at, (uint16_t)len);
}

static void put_option(struct cursor *at, enum option_code code, const void *bytes, size_t len)
{
	begin_option(at, code, len);
	put(at, bytes, len);
	pad(at, len);
}

static void put_option_text(struct cursor *at, enum option_code code, const char *text)
{
	if (text && text[0])
		put_option(at, code, text, strnlen(text, PCAPNG_TEXT_MAX));
}

static void put_option_u64(struct cursor *at, enum option_code code, uint64_t value)
{
	put_option(at, code, &value, sizeof(value));
}

static void put_option_time(struct cursor *at, enum option_code code, uint64_t ns)
{
	begin_option(at, code, sizeof(ns));
	put_time(at, ns);
}

static struct cursor begin_block(uint8_t *out, size_t room, enum block_type type)
{
	struct cursor at = {.start = out, .room = room};

	put_u32(&at, (uint32_t)type);
	put_u32(&at, 0);
	return at;
}

/* Its length stands at both ends of a block. */
static size_t end_block(struct cursor *at)
{
	uint32_t len = (uint32_t)(at->len + sizeof(len));

	put_u32(at, len);
	if (at->full)
		return 0;
	memcpy(at->start + LENGTH_OFFSET, &len, sizeof(len));
	return len;
}

size_t pcapng_section(uint8_t *out, size_t room, const char *program)
{
	struct cursor at = begin_block(out, room, BLOCK_SECTION);
	const uint64_t length_unknown = UINT64_MAX;

	put_u32(&at, BYTE_ORDER_MAGIC);
	put_u16(&at, 1);
	put_u16(&at, 0);
	put(&at, &length_unknown, sizeof(length_unknown));
	put_option_text(&at, SHB_USERAPPL, program);
	begin_option(&at, OPTION_END, 0);
	return end_block(&at);
}

size_t pcapng_interface(uint8_t *out, size_t room, const struct pcapng_interface *interface)
{
	struct cursor at = begin_block(out, room, BLOCK_INTERFACE);
	const uint8_t resolution = TSRESOL_NANOSECONDS;
	const uint8_t filter_kind = FILTER_IS_TEXT;

	put_u16(&at, LINKTYPE_ETHERNET);
	put_u16(&at, 0);
	put_u32(&at, interface->snaplen);
	put_option_text(&at, IF_NAME, interface->name);
	put_option_text(&at, IF_DESCRIPTION, interface->description);
	if (interface->filter && interface->filter[0]) {
		size_t len = strnlen(interface->filter, PCAPNG_TEXT_MAX);

		begin_option(&at, IF_FILTER, 1 + len);
		put(&at, &filter_kind, 1);
		put(&at, interface->filter, len);
		pad(&at, 1 + len);
	}
	put_option(&at, IF_TSRESOL, &resolution, sizeof(resolution));
	begin_option(&at, OPTION_END, 0);
	return end_block(&at);
}

size_t pcapng_packet(uint8_t *out, size_t room, const struct pcapng_packet *packet)
{
	struct cursor at = begin_block(out, room, BLOCK_PACKET);

	put_u32(&at, packet->interface);
	put_time(&at, packet->ns);
	put_u32(&at, packet->cap_len);
	put_u32(&at, packet->len);
	put(&at, packet->data, packet->cap_len);
	pad(&at, packet->cap_len);
	put_option_text(&at, OPTION_COMMENT, packet->comment);
	put_option(&at, EPB_FLAGS, &packet->flags, sizeof(packet->flags));
	if (packet->n_lost)
		put_option_u64(&at, EPB_DROPCOUNT, packet->n_lost);
	put_option(&at, EPB_QUEUE, &packet->queue, sizeof(packet->queue));
	begin_option(&at, OPTION_END, 0);
	return end_block(&at);
}

size_t pcapng_statistics(uint8_t *out, size_t room, const struct pcapng_statistics *statistics)
{
	struct cursor at = begin_block(out, room, BLOCK_STATISTICS);

	put_u32(&at, statistics->interface);
	put_time(&at, statistics->end_ns);
	put_option_text(&at, OPTION_COMMENT, statistics->comment);
	put_option_time(&at, ISB_STARTTIME, statistics->start_ns);
	put_option_time(&at, ISB_ENDTIME, statistics->end_ns);
	put_option_u64(&at, ISB_IFRECV, statistics->n_received);
	put_option_u64(&at, ISB_IFDROP, statistics->n_dropped);
	put_option_u64(&at, ISB_FILTERACCEPT, statistics->n_accepted);
	put_option_u64(&at, ISB_OSDROP, statistics->n_missed);
	put_option_u64(&at, ISB_USRDELIV, statistics->n_delivered);
	begin_option(&at, OPTION_END, 0);
	return end_block(&at);
}
