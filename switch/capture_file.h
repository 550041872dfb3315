/* capture_file.h - where the bytes of a capture go: a file that rotates, or a stream that somebody
 * reads.
 *
 * Threads:   one at a time.
 * Ownership: open gives, close takes back; it keeps the descriptor it is given. What room() returns
 * is the file's.
 * Failure:   a full disk, a limit or a reader that does not read loses frames, which are counted;
 * what is in a regular file always ends with a whole record. error says why the last ones were
 * lost.
 *
 * A regular file is written in whole buffers. Room for its last records is reserved on the disk
 * ahead of every buffer, so that a full disk does not keep them out. */
#ifndef SWITCH_CAPTURE_FILE_H
#define SWITCH_CAPTURE_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	CAPTURE_FILE_BUF = 1 << 20,
	CAPTURE_FILE_MAX_FRAMES = CAPTURE_FILE_BUF / 16, /* the smallest record is a pcap header */
};

enum capture_file_kind {
	CAPTURE_FILE_REGULAR,
	CAPTURE_FILE_DEVICE, /* /dev/null, /dev/full: written like a file, but has no end */
	CAPTURE_FILE_STREAM, /* pipe or socket: written only as far as it takes without waiting */
};

struct capture_file_conf {
	const char *path;      /* "-": standard output */
	int fd;		       /* -1: made from path; else kept, and path is only a name */
	bool force;	       /* an existing file gives way */
	uint64_t rotate_size;  /* 0: one file */
	unsigned rotate_files; /* 0: all stay */
	size_t reserve;	       /* bytes that the last records of a file take */
};

struct capture_file {
	int fd;
	enum capture_file_kind kind;
	int error; /* 0, or the errno of the last loss */
	bool gone; /* nobody will ever read on */
	bool force;
	char path[PATH_MAX];
	uint64_t rotate_size;
	unsigned rotate_files;
	unsigned number; /* of the file, the first is 1; 0: does not rotate */
	unsigned oldest; /* number of the oldest file that was not removed */
	size_t reserve;
	off_t base;   /* where the file was when we got it */
	uint64_t len; /* whole records in it */
	uint64_t rotate_at;
	uint8_t *buf;
	size_t buf_len;
	size_t n_sent;	/* of the buffer, streams only */
	uint32_t *ends; /* of the frames in the buffer */
	unsigned n_frames;
};

enum capture_file_flags {
	CAPTURE_FILE_FORCE = 1, /* an existing file gives way */
	CAPTURE_FILE_WAIT = 2,	/* for the reader of a named pipe */
};

/* A new file at path, mode 0600, never through a symbolic link; or the pipe or device that is there
 * already; "-" is standard output, unless that is a terminal. A descriptor or -errno. */
int capture_file_create(const char *path, unsigned flags);
/* What such an errno means here and what to do about it. */
const char *capture_file_fault(int error);

/* 0 or -errno. */
int capture_file_open(struct capture_file *file, const struct capture_file_conf *conf);

/* Room for a record of len bytes, or NULL when there is none now. */
uint8_t *capture_file_room(struct capture_file *file, size_t len, unsigned *n_lost);
/* The record is complete. */
void capture_file_add(struct capture_file *file, size_t len, bool is_frame);
/* Writes what can be written; returns how many frames were lost for good. */
unsigned capture_file_flush(struct capture_file *file);
/* The same for the last records, which may take the room that is reserved for them. */
unsigned capture_file_flush_last(struct capture_file *file);
bool capture_file_is_flushed(const struct capture_file *file);

/* Whether a record of len bytes belongs into the next file. */
bool capture_file_wants_rotation(const struct capture_file *file, size_t len);
/* Goes on in the next file; the caller has flushed this one. -errno: it stays in this one. */
int capture_file_rotate(struct capture_file *file);

/* Takes away the file that open made of conf's path, if nothing was rotated since. */
void capture_file_remove(const struct capture_file_conf *conf);

/* Returns how many frames were lost in it. */
unsigned capture_file_close(struct capture_file *file);

#endif
