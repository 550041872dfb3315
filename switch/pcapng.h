/* pcapng.h - blocks of a pcapng file, each into memory of the caller (draft-ietf-opsawg-pcapng,
 * sections 4.1, 4.2, 4.3 and 4.6).
 *
 * Threads:   none of its own.
 * Ownership: borrows everything.
 * Failure:   a block that does not fit into the room is not written at all, and its length is 0.
 *
 * Blocks are little-endian, link type is Ethernet, times are nanoseconds since 1970. */
#ifndef SWITCH_PCAPNG_H
#define SWITCH_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

enum {
	PCAPNG_TEXT_MAX = 2048, /* longest name, description, filter or comment; the rest is cut */
	PCAPNG_PACKET_EXTRA =
		112, /* what a packet takes beyond its bytes and its comment, at most */
};

/* epb_flags, section 4.3.1 */
enum pcapng_flags {
	PCAPNG_INBOUND = 1,
	PCAPNG_OUTBOUND = 2,
	PCAPNG_CSUM_NOT_READY = 1 << 9, /* the sender leaves a checksum to whoever comes after it */
	PCAPNG_SEGMENTATION = 1 << 11,	/* ... and the cutting into TCP segments */
};

struct pcapng_interface {
	const char *name;
	const char *description;
	const char *filter; /* NULL or "": none */
	uint32_t snaplen;
};

struct pcapng_packet {
	uint32_t interface; /* the first interface block of a section is 0 */
	uint32_t flags;	    /* enum pcapng_flags */
	uint64_t ns;
	const uint8_t *data;
	uint32_t cap_len;
	uint32_t len; /* on the wire */
	uint32_t queue;
	uint64_t n_lost;     /* packets of this interface that were lost since the one before */
	const char *comment; /* NULL: none */
};

struct pcapng_statistics {
	uint32_t interface;
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t n_received;  /* by the port */
	uint64_t n_dropped;   /* by the port */
	uint64_t n_accepted;  /* by the filter, in the directions that were asked for */
	uint64_t n_missed;    /* of these */
	uint64_t n_delivered; /* of these */
	const char *comment;  /* NULL: none */
};

/* Each returns the length of its block, a multiple of 4. */
size_t pcapng_section(uint8_t *out, size_t room, const char *program);
size_t pcapng_interface(uint8_t *out, size_t room, const struct pcapng_interface *interface);
size_t pcapng_packet(uint8_t *out, size_t room, const struct pcapng_packet *packet);
size_t pcapng_statistics(uint8_t *out, size_t room, const struct pcapng_statistics *statistics);

#endif
