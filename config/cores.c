#include "config/cores.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

enum {
	/* A list is printed in a line of its own, which has to fit through the scanner again. */
	MAX_LIST_LEN = 160,
};

static const char example[] = "write a count, or a list as in: cores 2,4-6";

struct core_list {
	uint16_t cores[TOPOLOGY_MAX_CORES];
	unsigned n_cores;
	cpu_set_t usable;
};

static int add_core(struct core_list *list, uint64_t core, struct value_why *why)
{
	if (core >= CPU_SETSIZE || !CPU_ISSET(core, &list->usable))
		return value_fault(why,
				   "core %ju does not exist or is not ours to use; nproc and "
				   "taskset -p $$ tell which are",
				   (uintmax_t)core);
	for (unsigned i = 0; i < list->n_cores; i++)
		if (list->cores[i] == core)
			return value_fault(why,
					   "core %ju is named twice; one worker runs on a core",
					   (uintmax_t)core);
	if (list->n_cores == TOPOLOGY_MAX_CORES)
		return value_fault(why, "more than %d cores; name fewer", TOPOLOGY_MAX_CORES);
	list->cores[list->n_cores++] = core;
	return 0;
}

/* One element, "N" or "FIRST-LAST", blanks around it allowed. */
static int add_range(struct core_list *list, const char *text, size_t len, struct value_why *why)
{
	const char *dash;
	uint64_t first, last;
	size_t first_len;
	int ret = 0;

	while (len > 0 && text[0] == ' ')
		text++, len--;
	while (len > 0 && text[len - 1] == ' ')
		len--;
	dash = memchr(text, '-', len);
	first_len = dash ? (size_t)(dash - text) : len;
	if (value_decimal(text, first_len, &first) < 0)
		return value_fault(why, "\"%.*s\" is not a core; %s", (int)len, text, example);
	last = first;
	if (dash && value_decimal(dash + 1, len - first_len - 1, &last) < 0)
		return value_fault(why, "\"%.*s\" is not a range of cores; %s", (int)len, text,
				   example);
	if (last < first)
		return value_fault(why, "the range %.*s runs backwards; write %ju-%ju", (int)len,
				   text, (uintmax_t)last, (uintmax_t)first);
	/* Stops at the first core that does not exist, so a huge range costs nothing. */
	for (uint64_t core = first; ret == 0 && core <= last; core++)
		ret = add_core(list, core, why);
	return ret;
}

static int parse_list(struct switch_conf *sw, const char *text, struct value_why *why)
{
	struct core_list list = {.n_cores = 0};
	const char *comma;
	int ret;

	if (strlen(text) > MAX_LIST_LEN)
		return value_fault(why, "the list is too long; write ranges, as in: cores 0-63");
	if (sched_getaffinity(0, sizeof(list.usable), &list.usable) < 0)
		return value_fault(why, "cannot tell which cores exist: %s; write a count",
				   strerror(errno));
	do {
		comma = strchrnul(text, ',');
		ret = add_range(&list, text, comma - text, why);
		if (ret < 0)
			return ret;
		text = comma + 1;
	} while (*comma);
	memcpy(sw->cores, list.cores, sizeof(sw->cores));
	sw->n_workers = list.n_cores;
	sw->pinned = true;
	return 0;
}

int cores_parse(struct switch_conf *sw, const char *text, struct value_why *why)
{
	static const char prefix[] = "cores ";
	uint64_t count;
	int ret;

	if (strncmp(text, prefix, strlen(prefix)) == 0)
		return parse_list(sw, text + strlen(prefix), why);
	ret = value_decimal(text, strlen(text), &count);
	if (ret == -EINVAL && strspn(text, "0123456789,- ") == strlen(text) &&
	    strpbrk(text + 1, ",-"))
		return value_fault(why, "\"%s\" looks like a list; write cores %s", text, text);
	if (ret == -EINVAL)
		return value_fault(why, "\"%s\" is not a number of workers; %s", text, example);
	if (ret < 0 || count < 1 || count > TOPOLOGY_MAX_CORES)
		return value_fault(why, "%s is out of range; write 1 to %d", text,
				   TOPOLOGY_MAX_CORES);
	sw->n_workers = count;
	sw->pinned = false;
	memset(sw->cores, 0, sizeof(sw->cores));
	return 0;
}

void cores_print(const struct switch_conf *sw, FILE *out)
{
	unsigned end;

	if (!sw->pinned) {
		fprintf(out, "%u", sw->n_workers);
		return;
	}
	for (unsigned i = 0; i < sw->n_workers; i = end) {
		for (end = i + 1; end < sw->n_workers && sw->cores[end] == sw->cores[end - 1] + 1;
		     end++)
			;
		fprintf(out, "%s%u", i ? "," : "cores ", sw->cores[i]);
		if (end > i + 1)
			fprintf(out, "-%u", sw->cores[end - 1]);
	}
}
