#include "switch/vm_record.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Numbers travel as text: a start time or hash may need all 64 bits. */
static json_t *number(uint64_t value)
{
	return json_sprintf("%llu", (unsigned long long)value);
}

static int parse(const json_t *object, const char *key, uint64_t *value)
{
	const char *text = json_string_value(json_object_get(object, key));
	char *end;

	if (!text || text[0] < '0' || text[0] > '9')
		return -EPROTO;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno || *end ? -EPROTO : 0;
}

int vm_record_save(const struct vm_record *record, const char *path)
{
	char temporary[PATH_MAX];
	json_t *object =
		json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "pid", number((uint64_t)record->pid),
			  "start", number(record->start), "hypervisor", number(record->hypervisor),
			  "restarts", number(record->n_restarts), "command",
			  number(record->command), "log_read", number(record->log_read));
	int ret = -ENOMEM;

	if (!object)
		return ret;
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	ret = 0;
	if (json_dump_file(object, temporary, JSON_COMPACT) < 0 || rename(temporary, path) < 0)
		ret = errno ? -errno : -EIO;
	if (ret < 0)
		unlink(temporary);
	json_decref(object);
	return ret;
}

int vm_record_load(struct vm_record *record, const char *path)
{
	uint64_t pid, start, hypervisor, n_restarts, command, log_read;
	json_t *object;
	int ret = 0;

	if (access(path, F_OK) < 0)
		return -errno;
	object = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	if (parse(object, "pid", &pid) < 0 || parse(object, "start", &start) < 0 ||
	    parse(object, "hypervisor", &hypervisor) < 0 ||
	    parse(object, "restarts", &n_restarts) < 0 || parse(object, "command", &command) < 0 ||
	    parse(object, "log_read", &log_read) < 0 || pid == 0 || pid > INT_MAX ||
	    hypervisor == VM_HYPERVISOR_AUTO || hypervisor >= VM_HYPERVISOR_N ||
	    n_restarts > UINT_MAX)
		ret = -EPROTO;
	else
		*record = (struct vm_record){.pid = (pid_t)pid,
					     .start = start,
					     .hypervisor = (enum vm_hypervisor)hypervisor,
					     .n_restarts = (unsigned)n_restarts,
					     .command = command,
					     .log_read = log_read};
	json_decref(object);
	return ret;
}

uint64_t vm_record_hash(char *const *words)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	/* With the NUL, so that "a" "bc" and "ab" "c" differ. */
	for (; *words; words++)
		for (const char *c = *words;; c++) {
			hash = (hash ^ (uint8_t)*c) * 1099511628211u;
			if (*c == '\0')
				break;
		}
	return hash;
}
