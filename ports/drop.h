/* drop.h - why a frame was not delivered: the one list of reasons, with the names that a user sees.
 *
 * A reason is charged to one port: to the source for what is wrong with the frame (the first
 * group), to the destination for what is wrong there (the second). Every frame that is not
 * delivered is counted under exactly one of them. */
#ifndef PORTS_DROP_H
#define PORTS_DROP_H

enum drop_reason {
	DROP_RUNT,	 /* shorter than an Ethernet header */
	DROP_OVERSIZE,	 /* longer than any virtio-net frame can be */
	DROP_BAD_VNET,	 /* virtio_net_hdr that lies, or asks for what was not negotiated
			    (VIRTIO 1.2 5.1.6.2) */
	DROP_BAD_SOURCE, /* source address is a group address or zero (IEEE 802.3 3.2.3) */
	DROP_L2CP,	 /* 01-80-C2-00-00-0x and l2cp = drop (IEEE 802.1Q table 8-1) */
	DROP_SAME_PORT,	 /* the destination lives on the port it came from (IEEE 802.1Q 8.6.1) */
	DROP_NO_PORT,	 /* no other port of the bridge, and of its VLAN, has a link */
	DROP_VLAN, /* its VLAN is not one of the port's, or of its destination's (802.1Q 8.6.2) */
	DROP_SPOOFED,  /* source address is not one that the port is bound to by mac = */
	DROP_MAX_MACS, /* source address is one more than the port's max-macs */
	DROP_STORM,    /* to be flooded, and the port has used up its storm = of this second */
	DROP_ISOLATED, /* both ports are isolated = yes */

	DROP_LINK_DOWN, /* the link, or the queue, went down with the frame on its way */
	DROP_TX_FULL,	/* the destination has posted no buffers */
	DROP_TOO_BIG,	/* over the destination's mtu, or over its receive buffers without MRG_RXBUF
			 */
	DROP_NO_OFFLOAD, /* the destination lacks an offload that software cannot complete for this
			    frame */
	DROP_QUEUE_BROKEN, /* the destination's ring is malformed and stopped */
	DROP_N
};

/* "runt", "tx_full", ...: as in `ringway show ports` and in captures. */
extern const char *const drop_names[DROP_N];

#endif
