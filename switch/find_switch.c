#include "switch/find_switch.h"
#include "switch/control.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The sockets where a switch of that name may listen. */
static void look_for(glob_t *found, const char *name)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char pattern[PATH_MAX];

	snprintf(pattern, sizeof(pattern), "/run/ringway/%s/control.sock", name);
	glob(pattern, 0, NULL, found);
	if (!runtime)
		return;
	snprintf(pattern, sizeof(pattern), "%s/ringway/%s/control.sock", runtime, name);
	glob(pattern, found->gl_pathc ? GLOB_APPEND : 0, NULL, found);
}

/* Leaves out what switches left behind that were killed; also those of others, unless there is
 * nothing else. */
static size_t keep_living(const glob_t *found, const char **living)
{
	const char *foreign = NULL;
	size_t n = 0;

	for (size_t i = 0; i < found->gl_pathc; i++) {
		int ret = control_probe(found->gl_pathv[i]);

		if (ret == -EACCES)
			foreign = found->gl_pathv[i];
		else if (ret == 0 || ret == -ETIMEDOUT)
			living[n++] = found->gl_pathv[i];
	}
	if (n == 0 && foreign)
		living[n++] = foreign;
	return n;
}

static int choose(const char *which, const char *const *living, size_t n, char path[PATH_MAX])
{
	if (n == 1) {
		snprintf(path, PATH_MAX, "%s", living[0]);
		return 0;
	}
	if (n == 0) {
		fprintf(stderr,
			"ringway: no running switch%s%s found: start one with `ringway run FILE`; "
			"one with a run-dir of its own is found with --switch "
			"RUN-DIR/control.sock\n",
			which ? " named " : "", which ? which : "");
		return -1;
	}
	fprintf(stderr, "ringway: several switches are running: choose one with\n");
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "  --switch %s\n", living[i]);
	return -1;
}

int find_switch(const char *which, char path[PATH_MAX])
{
	glob_t found = {0};
	const char **living;
	int ret = -1;

	if (which && strchr(which, '/')) {
		snprintf(path, PATH_MAX, "%s", which);
		return 0;
	}
	look_for(&found, which ? which : "*");
	living = calloc(found.gl_pathc + 1, sizeof(*living));
	if (living)
		ret = choose(which, living, keep_living(&found, living), path);
	free(living);
	globfree(&found);
	return ret;
}
