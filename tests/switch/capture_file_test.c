/* Files of captures on a real file system: what they never overwrite, and that they end with a
 * whole record whatever fails. */
#include "switch/capture_file.h"
#include "tests/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct rig {
	char dir[64];
	char path[96];
	struct capture_file file;
};

static void rig_init(struct rig *rig)
{
	rig->file = (struct capture_file){.fd = -1};
	strcpy(rig->dir, "/tmp/capture_file_test.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig->dir));
	snprintf(rig->path, sizeof(rig->path), "%s/c.pcapng", rig->dir);
}

static void rig_fini(struct rig *rig)
{
	char command[128];

	capture_file_close(&rig->file);
	snprintf(command, sizeof(command), "rm -rf %s", rig->dir);
	CU_ASSERT_EQUAL(system(command), 0);
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? -1 : st.st_size;
}

static int make_file(const char *path, off_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int ret = fd < 0 ? -1 : ftruncate(fd, len);

	if (fd >= 0)
		close(fd);
	return ret;
}

/* Adds a record of len bytes. */
static bool add(struct capture_file *file, size_t len, char mark, unsigned *n_lost)
{
	uint8_t *room = capture_file_room(file, len, n_lost);

	if (!room)
		return false;
	memset(room, mark, len);
	capture_file_add(file, len, true);
	return true;
}

/* CAP-09 */
static void capture_file_is_for_its_owner_only(void)
{
	struct rig rig;
	struct stat st;
	mode_t mask = umask(0);

	rig_init(&rig);
	CU_ASSERT_EQUAL(capture_file_open(&rig.file,
					  &(struct capture_file_conf){.path = rig.path, .fd = -1}),
			0);
	umask(mask);
	CU_ASSERT_EQUAL_FATAL(stat(rig.path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
	rig_fini(&rig);
}

/* CAP-09 */
static void capture_file_takes_nothing_that_exists_without_force(void)
{
	struct rig rig;
	int fd;

	rig_init(&rig);
	fd = open(rig.path, O_CREAT | O_WRONLY, 0644);
	CU_ASSERT_EQUAL(write(fd, "keep", 4), 4);
	CU_ASSERT_EQUAL(capture_file_create(rig.path, 0), -EEXIST);
	CU_ASSERT_EQUAL(size_of(rig.path), 4);
	close(fd);
	fd = capture_file_create(rig.path, CAPTURE_FILE_FORCE);
	CU_ASSERT(fd >= 0);
	CU_ASSERT_EQUAL(size_of(rig.path), 0);
	close(fd);
	rig_fini(&rig);
}

/* CAP-09: the link goes, its target stays. */
static void capture_file_never_follows_a_link(void)
{
	struct rig rig;
	char target[96];
	int fd;

	rig_init(&rig);
	snprintf(target, sizeof(target), "%s/target", rig.dir);
	fd = open(target, O_CREAT | O_WRONLY, 0644);
	CU_ASSERT_EQUAL(write(fd, "keep", 4), 4);
	close(fd);
	CU_ASSERT_EQUAL(symlink(target, rig.path), 0);
	CU_ASSERT_EQUAL(capture_file_create(rig.path, 0), -EEXIST);
	fd = capture_file_create(rig.path, CAPTURE_FILE_FORCE);
	CU_ASSERT(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, "x", 1), 1);
	close(fd);
	CU_ASSERT_EQUAL(size_of(target), 4);
	rig_fini(&rig);
}

/* A link to a pipe is a link. */
static void capture_file_never_follows_a_link_to_a_device(void)
{
	struct rig rig;

	rig_init(&rig);
	CU_ASSERT_EQUAL(symlink("/dev/null", rig.path), 0);
	CU_ASSERT_EQUAL(capture_file_create(rig.path, 0), -EEXIST);
	rig_fini(&rig);
}

/* CAP-07 */
static void capture_file_tells_that_nobody_reads_a_pipe(void)
{
	struct rig rig;

	rig_init(&rig);
	CU_ASSERT_EQUAL(mkfifo(rig.path, 0600), 0);
	CU_ASSERT_EQUAL(capture_file_create(rig.path, 0), -ENXIO);
	rig_fini(&rig);
}

/* CAP-11 */
static void capture_file_rotates_and_keeps_as_many_as_it_is_told(void)
{
	struct rig rig;
	char path[128];
	unsigned n_lost;

	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(
		capture_file_open(&rig.file, &(struct capture_file_conf){.path = rig.path,
									 .fd = -1,
									 .rotate_size = 1000,
									 .rotate_files = 2}),
		0);
	for (unsigned i = 0; i < 25; i++) {
		if (capture_file_wants_rotation(&rig.file, 300)) {
			CU_ASSERT_EQUAL(capture_file_flush(&rig.file), 0);
			CU_ASSERT_EQUAL(capture_file_rotate(&rig.file), 0);
		}
		CU_ASSERT(add(&rig.file, 300, (char)i, &n_lost));
	}
	CU_ASSERT_EQUAL(capture_file_close(&rig.file), 0);
	for (unsigned i = 1; i <= 9; i++) {
		snprintf(path, sizeof(path), "%s/c-%05u.pcapng", rig.dir, i);
		CU_ASSERT_EQUAL(size_of(path), i < 8 ? -1 : i == 8 ? 900 : 300);
	}
	rig_fini(&rig);
}

/* The link leads to a file of the test's own: whoever breaks the code loses no other. */
static void capture_file_rotation_steps_over_files_of_others(void)
{
	char path[128], others[128];
	struct rig rig;

	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(
		capture_file_open(&rig.file, &(struct capture_file_conf){.path = rig.path,
									 .fd = -1,
									 .rotate_size = 1000}),
		0);
	snprintf(others, sizeof(others), "%s/others", rig.dir);
	CU_ASSERT_EQUAL(make_file(others, 5), 0);
	snprintf(path, sizeof(path), "%s/c-00002.pcapng", rig.dir);
	CU_ASSERT_EQUAL(symlink(others, path), 0);
	CU_ASSERT_EQUAL(capture_file_rotate(&rig.file), 0);
	CU_ASSERT_EQUAL(size_of(others), 5);
	snprintf(path, sizeof(path), "%s/c-00003.pcapng", rig.dir);
	CU_ASSERT_EQUAL(size_of(path), 0);
	rig_fini(&rig);
}

/* CAP-05 */
static void capture_file_counts_what_a_full_device_refuses(void)
{
	struct capture_file file;
	unsigned n_lost;

	CU_ASSERT_EQUAL_FATAL(
		capture_file_open(&file,
				  &(struct capture_file_conf){.path = "/dev/full", .fd = -1}),
		0);
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT(add(&file, 100, 'x', &n_lost));
	CU_ASSERT_EQUAL(capture_file_flush(&file), 3);
	CU_ASSERT_EQUAL(file.error, ENOSPC);
	CU_ASSERT_EQUAL(file.len, 0);
	CU_ASSERT_EQUAL(capture_file_close(&file), 0);
}

/* CAP-06: the last whole record is the end, and the reserve is still there. */
static void capture_file_stops_at_the_limit_with_a_whole_record(void)
{
	struct rlimit before, limit;
	struct rig rig;
	unsigned n_lost = 0, n = 0;

	signal(SIGXFSZ, SIG_IGN);
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(capture_file_open(&rig.file,
						&(struct capture_file_conf){
							.path = rig.path, .fd = -1, .reserve = 50}),
			      0);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 1000;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
	while (n < 20 && n_lost == 0) {
		CU_ASSERT(add(&rig.file, 99, 'x', &n_lost));
		n_lost = capture_file_flush(&rig.file);
		n++;
	}
	CU_ASSERT_EQUAL(n, 10);
	CU_ASSERT_EQUAL(n_lost, 1);
	CU_ASSERT_EQUAL(rig.file.error, EFBIG);
	CU_ASSERT_EQUAL(size_of(rig.path), 9 * 99);
	CU_ASSERT(add(&rig.file, 50, 'y', &n_lost));
	CU_ASSERT_EQUAL(capture_file_flush_last(&rig.file), 0);
	CU_ASSERT_EQUAL(size_of(rig.path), 9 * 99 + 50);
	/* Without a reserve write(2) itself finds the limit in the middle of a record. */
	rig.file.reserve = 0;
	CU_ASSERT(add(&rig.file, 99, 'z', &n_lost));
	CU_ASSERT_EQUAL(capture_file_flush(&rig.file), 1);
	CU_ASSERT_EQUAL(size_of(rig.path), 9 * 99 + 50);
	setrlimit(RLIMIT_FSIZE, &before);
	rig_fini(&rig);
}

/* CAP-07 */
static void capture_file_never_waits_for_a_reader(void)
{
	struct capture_file file;
	unsigned n_lost, n = 0;
	char buf[65536];
	size_t n_read = 0;
	ssize_t len;
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	CU_ASSERT_EQUAL_FATAL(
		capture_file_open(&file, &(struct capture_file_conf){.path = "-", .fd = fds[1]}),
		0);
	while (n < 10000 && add(&file, 1000, 'x', &n_lost))
		n++;
	CU_ASSERT(n < 10000);
	CU_ASSERT(n * 1000 >= 1000000);
	CU_ASSERT_EQUAL(capture_file_flush(&file), 0);
	/* It goes on where it stopped when the reader does. */
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	while (!capture_file_is_flushed(&file)) {
		while ((len = read(fds[0], buf, sizeof(buf))) > 0)
			n_read += (size_t)len;
		CU_ASSERT_EQUAL(capture_file_flush(&file), 0);
	}
	while ((len = read(fds[0], buf, sizeof(buf))) > 0)
		n_read += (size_t)len;
	CU_ASSERT_EQUAL(n_read, n * 1000);
	CU_ASSERT_EQUAL(capture_file_close(&file), 0);
	close(fds[0]);
}

static void capture_file_counts_what_a_reader_did_not_take(void)
{
	struct capture_file file;
	unsigned n_lost;
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	CU_ASSERT_EQUAL_FATAL(
		capture_file_open(&file, &(struct capture_file_conf){.path = "-", .fd = fds[1]}),
		0);
	/* A pipe holds 65536 bytes: 65 records and a part of the next one. */
	for (unsigned i = 0; i < 100; i++)
		CU_ASSERT(add(&file, 1000, 'x', &n_lost));
	CU_ASSERT_EQUAL(capture_file_close(&file), 35);
	close(fds[0]);
}

static void capture_file_notices_that_the_reader_went_away(void)
{
	struct capture_file file;
	unsigned n_lost;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	CU_ASSERT_EQUAL_FATAL(
		capture_file_open(&file, &(struct capture_file_conf){.path = "-", .fd = fds[1]}),
		0);
	close(fds[0]);
	CU_ASSERT(add(&file, 1000, 'x', &n_lost));
	CU_ASSERT_EQUAL(capture_file_flush(&file), 1);
	CU_ASSERT(file.gone);
	CU_ASSERT_FALSE(add(&file, 1000, 'x', &n_lost));
	CU_ASSERT_EQUAL(capture_file_close(&file), 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"capture_file_is_for_its_owner_only", capture_file_is_for_its_owner_only},
		{"capture_file_takes_nothing_that_exists_without_force",
		 capture_file_takes_nothing_that_exists_without_force},
		{"capture_file_never_follows_a_link", capture_file_never_follows_a_link},
		{"capture_file_never_follows_a_link_to_a_device",
		 capture_file_never_follows_a_link_to_a_device},
		{"capture_file_tells_that_nobody_reads_a_pipe",
		 capture_file_tells_that_nobody_reads_a_pipe},
		{"capture_file_rotates_and_keeps_as_many_as_it_is_told",
		 capture_file_rotates_and_keeps_as_many_as_it_is_told},
		{"capture_file_rotation_steps_over_files_of_others",
		 capture_file_rotation_steps_over_files_of_others},
		{"capture_file_counts_what_a_full_device_refuses",
		 capture_file_counts_what_a_full_device_refuses},
		{"capture_file_stops_at_the_limit_with_a_whole_record",
		 capture_file_stops_at_the_limit_with_a_whole_record},
		{"capture_file_never_waits_for_a_reader", capture_file_never_waits_for_a_reader},
		{"capture_file_counts_what_a_reader_did_not_take",
		 capture_file_counts_what_a_reader_did_not_take},
		{"capture_file_notices_that_the_reader_went_away",
		 capture_file_notices_that_the_reader_went_away},
		CU_TEST_INFO_NULL,
	};

	return suite_run("capture_file", tests);
}
