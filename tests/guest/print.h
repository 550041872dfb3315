/* print.h - lines on the serial port of the tiny guest.
 *
 * Threads:   one.
 * Ownership: one line buffer.
 * Failure:   a line that is too long is cut. */
#ifndef TESTS_GUEST_PRINT_H
#define TESTS_GUEST_PRINT_H

#include <stdint.h>

void print(const char *text);
void print_number(uint32_t number);
/* Four bytes in network order. */
void print_ip(const uint8_t ip[4]);
void print_mac(const uint8_t mac[6]);
/* Sends the line: one string instruction, one exit. */
void print_end(void);

#endif
