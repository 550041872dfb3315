/* offload.h - in software what a destination did not negotiate: checksums filled in, TCP segmented.
 *
 * Threads:   one worker each.
 * Ownership: offload_new() gives, offload_free() takes back. The frames that come out lie in its
 * memory and are good until the next call.
 *
 * The slow path, so it may copy: the frame is first made private and whole, because its headers are
 * read from behind the head too. librte_gso would need mbufs and cannot segment TCP over IPv6.
 * Rules: VIRTIO 1.2 section 5.1.6; RFC 9293 (sequence numbers and flags), RFC 791, RFC 8200, RFC
 * 3168 (CWR on the first segment only). */
#ifndef SWITCH_OFFLOAD_H
#define SWITCH_OFFLOAD_H

#include "ports/frame.h"

/* A frame makes at most this many segments: 64 KiB at the smallest MSS that hosts use, 536 bytes
 * (RFC 9293, 3.7.1). */
enum { OFFLOAD_MAX_SEGMENTS = 128 };

struct offload;

/* NULL with errno when there is no memory. */
struct offload *offload_new(void);
void offload_free(struct offload *offload);

/* Makes of frame what a destination with these offloads (enum frame_needs) may see. Returns how
 * many frames that are and where they are listed, or 0 when it cannot be done: its headers
 * contradict each other, or it would make too many segments. */
unsigned offload_complete(struct offload *offload, const struct frame *frame, uint8_t offloads,
			  const struct frame *const **completed);

#endif
