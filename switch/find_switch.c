#include "switch/find_switch.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int find_switch(const char *which, char path[PATH_MAX])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char pattern[PATH_MAX];
	glob_t found = {0};
	int ret = -1;

	if (which && strchr(which, '/')) {
		snprintf(path, PATH_MAX, "%s", which);
		return 0;
	}
	snprintf(pattern, sizeof(pattern), "/run/ringway/%s/control.sock", which ? which : "*");
	glob(pattern, 0, NULL, &found);
	if (runtime) {
		snprintf(pattern, sizeof(pattern), "%s/ringway/%s/control.sock", runtime,
			 which ? which : "*");
		glob(pattern, found.gl_pathc ? GLOB_APPEND : 0, NULL, &found);
	}
	if (found.gl_pathc == 1) {
		snprintf(path, PATH_MAX, "%s", found.gl_pathv[0]);
		ret = 0;
	} else if (found.gl_pathc == 0) {
		fprintf(stderr,
			"ringway: no running switch%s%s found: start one with `ringway run FILE`, "
			"or name its control "
			"socket with -s SOCKET\n",
			which ? " named " : "", which ? which : "");
	} else {
		fprintf(stderr, "ringway: several switches are running: choose one with -s:\n");
		for (size_t i = 0; i < found.gl_pathc; i++)
			fprintf(stderr, "  -s %s\n", found.gl_pathv[i]);
	}
	globfree(&found);
	return ret;
}
