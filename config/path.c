#include "config/path.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *path_fault(const char *path)
{
	size_t len = strlen(path);
	const char *last = strrchr(path, '/');

	for (const char *c = path; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return "the path holds a control character; choose another path";
		if (*c == ';' && c > path && c[-1] == ' ')
			return "the path holds \" ;\", which begins a comment; choose another path";
	}
	if (len == 0 || path[0] == ' ' || path[len - 1] == ' ')
		return "the path begins or ends with a blank; choose another path";
	last = last ? last + 1 : path;
	if (*last == '\0')
		return "the path ends with /; write the name behind it, or remove it";
	if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		return "the path ends with a dot directory; write a name behind it";
	return NULL;
}

int path_join(char *out, size_t out_len, const char *dir, const char *path)
{
	int len = path[0] == '/' ? snprintf(out, out_len, "%s", path)
				 : snprintf(out, out_len, "%s/%s", dir, path);

	return len < 0 || (size_t)len >= out_len ? -ENAMETOOLONG : 0;
}

/* Adds one component to out, following it when it exists and is not the last. */
static int step(char out[PATH_MAX], const char *name, size_t name_len, bool is_last)
{
	char real[PATH_MAX];
	size_t len = strlen(out);

	if (name_len == 0 || (name_len == 1 && name[0] == '.'))
		return 0;
	if (name_len == 2 && name[0] == '.' && name[1] == '.') {
		char *slash = strrchr(out, '/');

		if (slash)
			*slash = '\0';
		return 0;
	}
	if (len + 1 + name_len >= PATH_MAX)
		return -ENAMETOOLONG;
	out[len] = '/';
	memcpy(out + len + 1, name, name_len);
	out[len + 1 + name_len] = '\0';
	if (!is_last && realpath(out, real))
		strcpy(out, strcmp(real, "/") == 0 ? "" : real);
	return 0;
}

int path_identity(char out[PATH_MAX], const char *path)
{
	out[0] = '\0';
	while (*path) {
		size_t len = strcspn(path, "/");
		int ret = step(out, path, len, path[len] == '\0');

		if (ret < 0)
			return ret;
		path += len + strspn(path + len, "/");
	}
	return 0;
}

int path_run_dir(char *out, size_t out_len, bool is_root, const char *xdg_runtime_dir,
		 const char *name)
{
	const char *base = is_root ? "/run" : xdg_runtime_dir;
	int len;

	if (!base || base[0] != '/')
		return -ENOENT;
	len = snprintf(out, out_len, "%s/ringway/%s", base, name);
	return len < 0 || (size_t)len >= out_len ? -ENAMETOOLONG : 0;
}
