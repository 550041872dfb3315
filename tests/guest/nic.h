/* nic.h - the tiny guest's driver for one virtio network device on PCI: two split rings, MSI-X.
 *
 * Threads:   one.
 * Ownership: the buffer of nic_receive() stays the driver's; it is valid until nic_done().
 * Failure:   false or NULL. */
#ifndef TESTS_GUEST_NIC_H
#define TESTS_GUEST_NIC_H

#include <stdbool.h>
#include <stdint.h>

enum {
	NIC_FRAME_LEN = 1514,
};

/* The index-th virtio network device of the bus. */
bool nic_init(unsigned index, uint8_t mac[6]);
bool nic_link_up(void);

/* The next frame that has come in, or NULL. */
uint8_t *nic_receive(uint32_t *len);
/* Gives the frame of the last nic_receive() back to the device. */
void nic_done(void);
/* Tells the device that there are buffers again, if it wants to know. After a burst. */
void nic_refilled(void);

/* Where to write the next frame; NULL while all buffers are on their way. */
uint8_t *nic_transmit_buffer(void);
void nic_transmit(uint32_t len);

#endif
