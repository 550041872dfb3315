/* capture_conf.h - what a section [capture NAME] says; part of topology.h.
 *
 * Threads:   none of its own.
 * Ownership: plain data. */
#ifndef CONFIG_CAPTURE_CONF_H
#define CONFIG_CAPTURE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct topology;

enum {
	CAPTURE_NAME_LEN = 32,	 /* as TOPOLOGY_NAME_LEN */
	CAPTURE_MAX_PORTS = 256, /* as TOPOLOGY_MAX_PORTS */
	CAPTURE_TEXT_LEN = 1024, /* bytes of ports, filter or file with its NUL */
	TOPOLOGY_MAX_CAPTURES = 32,
};

/* As the switch sees it: rx comes from the port's guest. */
enum capture_direction { CAPTURE_BOTH, CAPTURE_ONLY_RX, CAPTURE_ONLY_TX, CAPTURE_DIRECTION_N };

struct capture_conf {
	char name[CAPTURE_NAME_LEN];
	char ports[CAPTURE_TEXT_LEN];		   /* names with commas between, or "*" */
	uint64_t port_set[CAPTURE_MAX_PORTS / 64]; /* the same as bits, by index */
	enum capture_direction direction;
	uint32_t drops;		       /* enum yes_no: dropped frames as well */
	char filter[CAPTURE_TEXT_LEN]; /* pcap-filter(7); "": everything */
	uint32_t snaplen;
	char file[CAPTURE_TEXT_LEN]; /* "-": standard output */
	uint64_t rotate_size;	     /* bytes; 0: one file */
	uint32_t rotate_files;	     /* 0: all stay */
	int line;
};

static inline bool capture_conf_has_port(const struct capture_conf *conf, unsigned port)
{
	return conf->port_set[port / 64] >> port % 64 & 1;
}

/* Finds the ports that conf->ports names. Returns NULL, or a name in the list that no port has (the
 * list's own bytes, *len of them). */
const char *topology_find_ports(const struct topology *topo, struct capture_conf *conf,
				size_t *len);

#endif
