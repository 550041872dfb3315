/* captures.h - the captures of a running switch: started by its INI file or by a client, listed,
 * stopped.
 *
 * Threads:   the control thread.
 * Ownership: captures_new() gives, captures_free() takes back. It borrows the environment, and of a
 * capture's configuration nothing.
 * Failure:   -errno with a sentence in why: what was wrong and what would be right. Captures that
 * run go on.
 *
 * Nothing is allocated and no thread runs before the first capture. */
#ifndef SWITCH_CAPTURES_H
#define SWITCH_CAPTURES_H

#include "config/topology.h"
#include "switch/capture.h"
#include "switch/counters.h"

#include <jansson.h>
#include <stdbool.h>

enum { CAPTURES_WHY_LEN = 2048 };

struct captures;

struct captures_env {
	const struct topology *topo;
	uint64_t tsc_hz;
	bool native; /* filters may become machine code: the EAL is there */
	void *ctx;
	/* Returns when every worker looks at this set, or at none when it is NULL. */
	int (*publish)(void *ctx, const struct capture_set *set);
	/* What the switch counted for a port so far; from any thread. */
	void (*count)(void *ctx, unsigned port, struct port_counters *counters);
	/* The capture that a client started is complete; its last report, borrowed. */
	void (*ended)(void *ctx, unsigned long client, json_t *report);
};

/* What a client asks for beyond what an INI file says. */
struct capture_extra {
	unsigned long client; /* not 0 */
	int fd;		      /* taken, also when the start fails */
	uint64_t max_frames;  /* 0: no end */
	bool is_pcap;
};

/* NULL with errno. */
struct captures *captures_new(const struct captures_env *env);
/* For a switch that does not start after all: takes away the files of its INI file's captures,
 * which would be in the way of the next try. */
void captures_forget_files(const struct captures *captures);
/* Ends every capture and completes its file. Workers no longer run. */
void captures_free(struct captures *captures);

/* extra is NULL for a capture of the INI file, force then says whether its file may replace
 * another. */
int captures_start(struct captures *captures, const struct capture_conf *conf, bool force,
		   const struct capture_extra *extra, char why[CAPTURES_WHY_LEN]);
/* Starts what a client asks for, {"ports": "a,b", "direction": "both", "drops": false, "snaplen":
 * 64, "filter": "", "count": 0, "file": NAME, "pcap": false}; what is left out has the default of
 * an INI file. Takes fd. */
int captures_start_request(struct captures *captures, const char *request, unsigned long client,
			   int fd, char why[CAPTURES_WHY_LEN]);
/* The client goes away, or has enough: ended() follows. */
void captures_stop_client(struct captures *captures, unsigned long client);

const struct topology *captures_topology(const struct captures *captures);

/* Readable when captures_serve() has something to do; -1: nothing runs yet. */
int captures_fd(const struct captures *captures);
void captures_serve(struct captures *captures);

/* Gives {"captures": [...]}. */
json_t *captures_report(const struct captures *captures);

#endif
