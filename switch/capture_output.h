/* capture_output.h - a capture file as a reader sees it: pcapng by our own writer, or pcap by
 * libpcap, which knows neither ports nor reasons.
 *
 * Threads:   one at a time.
 * Ownership: open gives, close takes back. Borrows the ports' names.
 * Failure:   as capture_file.h says; every function that writes returns how many frames were lost
 * meanwhile. */
#ifndef SWITCH_CAPTURE_OUTPUT_H
#define SWITCH_CAPTURE_OUTPUT_H

#include "switch/capture_file.h"
#include "switch/capture_ring.h"
#include "switch/pcapng.h"

#include <pcap/pcap.h>

struct capture_output {
	struct capture_file file;
	struct pcapng_interface *interfaces; /* n_interfaces of them */
	uint32_t *interface_of;		     /* by port id; UINT32_MAX: not captured */
	unsigned n_interfaces;
	pcap_t *pcap; /* NULL: pcapng */
	pcap_dumper_t *dumper;
	uint8_t *at; /* where libpcap writes now */
};

struct capture_output_conf {
	struct capture_file_conf file;
	bool is_pcap;
	unsigned n_ports;
	/* By port id; a NULL name: not captured. */
	const struct pcapng_interface *ports;
};

/* 0 or -errno. */
int capture_output_open(struct capture_output *output, const struct capture_output_conf *conf);

/* n_lost is of the port, since its packet before; false: there was no room for it. */
bool capture_output_packet(struct capture_output *output, const struct capture_record *record,
			   uint32_t cap_len, uint64_t ns, uint64_t n_lost, unsigned *n_gone);

/* Whether the next packet of cap_len bytes belongs into the next file: then write the statistics
 * of each port and rotate. */
bool capture_output_wants_rotation(const struct capture_output *output, uint32_t cap_len);
unsigned capture_output_rotate(struct capture_output *output);

/* statistics->interface is a port id here. */
unsigned capture_output_statistics(struct capture_output *output,
				   const struct pcapng_statistics *statistics);
unsigned capture_output_close(struct capture_output *output);

#endif
