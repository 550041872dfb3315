/* path.h - paths of an INI file: what may be written, joining, and when two paths are the same
 * file.
 *
 * Threads:   none of its own.
 * Ownership: writes into the caller's buffers.
 * Failure:   -ENAMETOOLONG when a result does not fit; nothing is ever cut. Looks at the file
 * system, changes nothing. */
#ifndef CONFIG_PATH_H
#define CONFIG_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* What is wrong with the spelling of a path, as a sentence that says what to do; NULL when it can
 * be used (and read back from an INI file as it is). */
const char *path_fault(const char *path);

/* out = path when it is absolute, dir/path otherwise. */
int path_join(char *out, size_t out_len, const char *dir, const char *path);

/* The one spelling that all names of a file share: its directory with links followed as far as it
 * exists, and its last component as it is, because bind(2) and connect(2) of two ports must not
 * meet there. */
int path_identity(char out[PATH_MAX], const char *path);

/* Where a switch lives when run-dir is not written. -ENOENT: xdg_runtime_dir is not usable (NULL or
 * relative). */
int path_run_dir(char *out, size_t out_len, bool is_root, const char *xdg_runtime_dir,
		 const char *name);

#endif
