/* mac.h - MAC addresses as numbers: the first byte on the wire lowest, as in fdb_key.
 *
 * Threads:   none of its own. */
#ifndef SWITCH_MAC_H
#define SWITCH_MAC_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAC_MASK      UINT64_C(0x0000ffffffffffff)
#define MAC_GROUP_BIT UINT64_C(1)
/* 01-80-C2-00-00-0x: the low four bits of the last byte are free (IEEE 802.1Q table 8-1). */
#define MAC_L2CP      UINT64_C(0x000000c28001)
#define MAC_L2CP_MASK UINT64_C(0xf0ffffffffff)

/* From eight bytes that begin with it. */
static inline uint64_t mac_load(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word & MAC_MASK;
}

static inline bool mac_is_group(uint64_t mac)
{
	return mac & MAC_GROUP_BIT;
}

static inline bool mac_is_l2cp(uint64_t mac)
{
	return (mac & MAC_L2CP_MASK) == MAC_L2CP;
}

#endif
