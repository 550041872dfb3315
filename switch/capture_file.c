#include "switch/capture_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	/* A pipe that is writable takes this much without waiting (pipe(7), PIPE_BUF). */
	STREAM_PIECE = 4096,
	/* Numbers that are tried when files of an earlier run are in the way. */
	ROTATE_TRIES = 1000,
};

static bool is_stream(mode_t mode)
{
	return S_ISFIFO(mode) || S_ISSOCK(mode);
}

static int create_new(const char *path, bool force)
{
	struct stat st;
	int fd;

	if (force && lstat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) &&
	    unlink(path) < 0)
		return -errno;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	return fd;
}

int capture_file_create(const char *path, unsigned flags)
{
	struct stat st;
	int fd;

	if (strcmp(path, "-") == 0) {
		if (isatty(STDOUT_FILENO))
			return -ENOTTY;
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	if (lstat(path, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
		return create_new(path, flags & CAPTURE_FILE_FORCE);
	fd = open(path, O_WRONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC |
				(flags & CAPTURE_FILE_WAIT ? 0 : O_NONBLOCK));
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
		return fd;
	close(fd);
	return -EEXIST;
}

const char *capture_file_fault(int error)
{
	switch (error) {
	case EEXIST:
		return "the file exists: move it away, or use --force";
	case ENXIO:
		return "nobody reads from this pipe: start the reader first";
	case ENOTTY:
		return "standard output is a terminal: name a file, or pipe it into tshark -r -";
	default:
		return strerror(error);
	}
}

/* out = path, or with number: lab.pcapng -> lab-00001.pcapng. */
static int file_name(const char *path, unsigned number, char out[PATH_MAX])
{
	const char *base = strrchr(path, '/');
	const char *dot = strrchr(base ? base : path, '.');
	int stem = dot ? (int)(dot - path) : (int)strlen(path);
	int len =
		number ? snprintf(out, PATH_MAX, "%.*s-%05u%s", stem, path, number, dot ? dot : "")
		       : snprintf(out, PATH_MAX, "%s", path);

	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Takes over a descriptor, which it keeps. */
static int adopt(struct capture_file *file, int fd)
{
	struct stat st;
	off_t at;

	if (fstat(fd, &st) < 0)
		return -errno;
	file->kind = S_ISREG(st.st_mode)     ? CAPTURE_FILE_REGULAR
		     : is_stream(st.st_mode) ? CAPTURE_FILE_STREAM
					     : CAPTURE_FILE_DEVICE;
	at = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
	file->base = at < 0 ? 0 : at;
	file->fd = fd;
	file->len = 0;
	file->rotate_at = file->rotate_size;
	return 0;
}

static int open_next(struct capture_file *file)
{
	char path[PATH_MAX];
	int fd = -EEXIST;
	int ret;

	for (unsigned i = 0; i < ROTATE_TRIES && fd == -EEXIST; i++) {
		ret = file_name(file->path, ++file->number, path);
		if (ret < 0)
			return ret;
		fd = capture_file_create(path, file->force ? CAPTURE_FILE_FORCE : 0);
	}
	return fd;
}

static int open_first(struct capture_file *file, const struct capture_file_conf *conf)
{
	char path[PATH_MAX];
	int ret;

	if (conf->fd >= 0)
		return conf->fd;
	file->number = conf->rotate_size ? 1 : 0;
	file->oldest = 1;
	ret = file_name(file->path, file->number, path);
	return ret < 0 ? ret : capture_file_create(path, conf->force ? CAPTURE_FILE_FORCE : 0);
}

int capture_file_open(struct capture_file *file, const struct capture_file_conf *conf)
{
	int fd, ret;

	*file = (struct capture_file){.fd = -1,
				      .force = conf->force,
				      .rotate_size = conf->rotate_size,
				      .rotate_files = conf->rotate_files,
				      .reserve = conf->reserve};
	if (snprintf(file->path, sizeof(file->path), "%s", conf->path) >= (int)sizeof(file->path))
		return -ENAMETOOLONG;
	file->buf = malloc(CAPTURE_FILE_BUF);
	file->ends = calloc(CAPTURE_FILE_MAX_FRAMES, sizeof(*file->ends));
	fd = file->buf && file->ends ? open_first(file, conf) : -ENOMEM;
	ret = fd < 0 ? fd : adopt(file, fd);
	if (ret < 0) {
		if (fd >= 0 && conf->fd < 0)
			close(fd);
		free(file->buf);
		free(file->ends);
		*file = (struct capture_file){.fd = -1};
	}
	return ret;
}

static unsigned forget_buffer(struct capture_file *file)
{
	unsigned n = 0;

	for (unsigned i = 0; i < file->n_frames; i++)
		n += file->ends[i] > file->n_sent;
	file->buf_len = 0;
	file->n_sent = 0;
	file->n_frames = 0;
	return n;
}

/* Whether the disk and the limits have room for the buffer and for the last records behind it. */
static int make_sure_of_room(const struct capture_file *file)
{
	off_t end = file->base + (off_t)(file->len + file->buf_len + file->reserve);
	struct rlimit limit;

	if (file->kind != CAPTURE_FILE_REGULAR || !file->reserve)
		return 0;
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
	    (rlim_t)end > limit.rlim_cur)
		return -EFBIG;
	if (fallocate(file->fd, FALLOC_FL_KEEP_SIZE, file->base + (off_t)file->len,
		      (off_t)(file->buf_len + file->reserve)) < 0 &&
	    (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		return -errno;
	/* Not every file system can reserve. */
	return 0;
}

static int write_all(const struct capture_file *file)
{
	size_t done = 0;

	while (done < file->buf_len) {
		ssize_t n = write(file->fd, file->buf + done, file->buf_len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

/* Takes back what a failed write left behind the last whole record. */
static void cut_back(const struct capture_file *file)
{
	off_t end = file->base + (off_t)file->len;

	if (file->kind == CAPTURE_FILE_REGULAR && ftruncate(file->fd, end) == 0)
		lseek(file->fd, end, SEEK_SET);
}

static unsigned flush_file(struct capture_file *file)
{
	int ret = make_sure_of_room(file);

	if (ret == 0) {
		ret = write_all(file);
		if (ret < 0)
			cut_back(file);
	}
	if (ret < 0) {
		file->error = -ret;
		return forget_buffer(file);
	}
	file->error = 0;
	file->len += file->buf_len;
	file->n_sent = file->buf_len;
	return forget_buffer(file);
}

/* One piece of the stream; 0: it takes no more now. */
static ssize_t send_piece(const struct capture_file *file)
{
	struct pollfd out = {.fd = file->fd, .events = POLLOUT};
	size_t len = file->buf_len - file->n_sent;
	ssize_t n;

	if (poll(&out, 1, 0) <= 0)
		return 0;
	if (out.revents & (POLLERR | POLLHUP | POLLNVAL))
		return -EPIPE;
	n = write(file->fd, file->buf + file->n_sent, len < STREAM_PIECE ? len : STREAM_PIECE);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n;
}

static unsigned flush_stream(struct capture_file *file)
{
	while (file->n_sent < file->buf_len) {
		ssize_t n = send_piece(file);

		if (n < 0) {
			file->error = (int)-n;
			file->gone = true;
			return forget_buffer(file);
		}
		if (n == 0)
			return 0;
		file->n_sent += (size_t)n;
	}
	file->error = 0;
	file->len += file->buf_len;
	return forget_buffer(file);
}

unsigned capture_file_flush(struct capture_file *file)
{
	if (file->buf_len == 0)
		return 0;
	return file->kind == CAPTURE_FILE_STREAM ? flush_stream(file) : flush_file(file);
}

unsigned capture_file_flush_last(struct capture_file *file)
{
	size_t reserve = file->reserve;
	unsigned n_lost;

	file->reserve = 0;
	n_lost = capture_file_flush(file);
	file->reserve = reserve;
	return n_lost;
}

bool capture_file_is_flushed(const struct capture_file *file)
{
	return file->buf_len == 0;
}

uint8_t *capture_file_room(struct capture_file *file, size_t len, unsigned *n_lost)
{
	*n_lost = 0;
	if (file->gone)
		return NULL;
	if (len > CAPTURE_FILE_BUF - file->buf_len || file->n_frames == CAPTURE_FILE_MAX_FRAMES) {
		*n_lost = capture_file_flush(file);
		if (len > CAPTURE_FILE_BUF - file->buf_len ||
		    file->n_frames == CAPTURE_FILE_MAX_FRAMES)
			return NULL;
	}
	return file->buf + file->buf_len;
}

void capture_file_add(struct capture_file *file, size_t len, bool is_frame)
{
	file->buf_len += len;
	if (is_frame)
		file->ends[file->n_frames++] = (uint32_t)file->buf_len;
}

bool capture_file_wants_rotation(const struct capture_file *file, size_t len)
{
	return file->number && file->len + file->buf_len + len + file->reserve > file->rotate_at;
}

int capture_file_rotate(struct capture_file *file)
{
	char path[PATH_MAX];
	int last = file->fd;
	int fd = open_next(file);
	int ret = fd < 0 ? fd : adopt(file, fd);

	if (ret < 0) {
		/* Losing nothing goes before the size: try again when as much has come again. */
		file->error = -ret;
		file->rotate_at = file->len + file->rotate_size;
		return ret;
	}
	close(last);
	while (file->rotate_files && file->number - file->oldest >= file->rotate_files)
		if (file_name(file->path, file->oldest++, path) == 0)
			unlink(path);
	return 0;
}

void capture_file_remove(const struct capture_file_conf *conf)
{
	char path[PATH_MAX];
	struct stat st;

	if (file_name(conf->path, conf->rotate_size ? 1 : 0, path) == 0 && lstat(path, &st) == 0 &&
	    S_ISREG(st.st_mode))
		unlink(path);
}

unsigned capture_file_close(struct capture_file *file)
{
	unsigned n_lost;

	if (file->fd < 0)
		return 0;
	n_lost = capture_file_flush_last(file);
	n_lost += forget_buffer(file);
	/* Gives back what was reserved. */
	if (file->kind == CAPTURE_FILE_REGULAR)
		cut_back(file);
	close(file->fd);
	free(file->buf);
	free(file->ends);
	*file = (struct capture_file){.fd = -1};
	return n_lost;
}
