#include "switch/vm_log.h"
#include "ports/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { READ_LEN = 4096 };

void vm_log_open(struct vm_log *log, const char *name, const char *path, uint64_t offset)
{
	*log = (struct vm_log){.name = name, .path = path, .offset = offset};
	log->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (log->fd < 0)
		log_event(LOG_WARNING, "vm %s: its log %s cannot be read: %s", name, path,
			  strerror(errno));
}

void vm_log_close(struct vm_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

static void tell(struct vm_log *log, unsigned *n_told, bool all)
{
	static const char own_prefix[] = "ringway-vmm: ";
	const char *line = log->line;

	log->line[log->line_len] = '\0';
	log->line_len = 0;
	if (!all && *n_told == VM_LOG_BURST) {
		log->n_skipped++;
		return;
	}
	if (strncmp(line, own_prefix, sizeof(own_prefix) - 1) == 0)
		line += sizeof(own_prefix) - 1;
	if (*line == '\0')
		return;
	log_event(LOG_INFO, "vm %s: %s", log->name, line);
	++*n_told;
}

static void take(struct vm_log *log, const char *text, size_t len, unsigned *n_told, bool all)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\n') {
			tell(log, n_told, all);
			continue;
		}
		if (c == '\r')
			continue;
		/* Nothing in it shall play tricks on a terminal. */
		log->line[log->line_len++] = c < ' ' || c == 0x7f ? '?' : (char)c;
		if (log->line_len == sizeof(log->line) - 1)
			tell(log, n_told, all);
	}
}

bool vm_log_follow(struct vm_log *log, bool all)
{
	char text[READ_LEN];
	unsigned n_told = 0;
	bool any = false;
	ssize_t len;

	while (log->fd >= 0 && (len = pread(log->fd, text, sizeof(text), (off_t)log->offset)) > 0) {
		take(log, text, (size_t)len, &n_told, all);
		log->offset += (uint64_t)len;
		any = true;
	}
	/* A last line without its newline. */
	if (all && log->line_len)
		tell(log, &n_told, all);
	if (log->n_skipped)
		log_event(LOG_WARNING, "vm %s: %llu more lines stand in %s", log->name,
			  (unsigned long long)log->n_skipped, log->path);
	log->n_skipped = 0;
	return any;
}
