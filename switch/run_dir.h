/* run_dir.h - the directory where a running switch keeps its sockets, held by one switch at a time.
 *
 * Threads:   the main thread.
 * Ownership: run_dir_claim() gives a descriptor that holds the lock; run_dir_release() takes it.
 * Failure:   -errno, after a logged line. */
#ifndef SWITCH_RUN_DIR_H
#define SWITCH_RUN_DIR_H

/* Makes the directory and what is missing above it, and locks it. */
int run_dir_claim(const char *path);
/* Removes the directory when it is empty. */
void run_dir_release(const char *path, int fd);

#endif
