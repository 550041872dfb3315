/* How the front-end finds its back-end, and how it notices that it is gone. */
#include "tests/suite.h"
#include "vmm/vhost_user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[] = "/tmp/vhost-user-socket-test-XXXXXX";
static char path[sizeof(dir) + 8];

/* A socket file as a killed process leaves it. */
static void leave_stale_socket(void)
{
	int fd = vhost_user_listen(path);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	close(fd);
}

static void connect_waits_for_a_back_end_that_is_not_there_yet(void)
{
	struct vhost_user vu;

	vhost_user_init(&vu);
	unlink(path);
	CU_ASSERT_EQUAL(vhost_user_connect(&vu, path), -EAGAIN);
	CU_ASSERT_PTR_NOT_NULL(strstr(vu.error, path));
	leave_stale_socket();
	CU_ASSERT_EQUAL(vhost_user_connect(&vu, path), -EAGAIN);
	CU_ASSERT_EQUAL(vu.fd, -1);
	vhost_user_close(&vu);
}

static void connect_refuses_paths_that_cannot_be(void)
{
	struct vhost_user vu;
	char name[200];

	vhost_user_init(&vu);
	memset(name, 'x', sizeof(name));
	name[108] = '\0';
	CU_ASSERT_EQUAL(vhost_user_connect(&vu, name), -EINVAL);
	name[107] = '\0';
	CU_ASSERT_EQUAL(vhost_user_connect(&vu, name), -EAGAIN);
	CU_ASSERT_EQUAL(vhost_user_connect(&vu, ""), -EINVAL);
	CU_ASSERT_EQUAL(vhost_user_listen(""), -EINVAL);
	vhost_user_close(&vu);
}

static void listener_takes_over_only_a_stale_socket(void)
{
	int first, fd;

	unlink(path);
	leave_stale_socket();
	first = vhost_user_listen(path);
	CU_ASSERT_TRUE(first >= 0);
	CU_ASSERT_EQUAL(vhost_user_listen(path), -EADDRINUSE);
	close(first);
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CU_ASSERT_EQUAL(vhost_user_listen(path), -EEXIST);
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	close(fd);
	unlink(path);
}

static void front_end_connects_or_accepts(void)
{
	struct vhost_user server, client;
	int fd;

	unlink(path);
	fd = vhost_user_listen(path);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	vhost_user_init(&server);
	vhost_user_init(&client);
	CU_ASSERT_EQUAL(vhost_user_accept(&server, fd), -EAGAIN);
	CU_ASSERT_EQUAL(vhost_user_connect(&client, path), 0);
	CU_ASSERT_EQUAL(client.state, VHOST_USER_CONNECTED);
	CU_ASSERT_EQUAL(vhost_user_accept(&server, fd), 0);
	CU_ASSERT_EQUAL(server.state, VHOST_USER_CONNECTED);
	CU_ASSERT_EQUAL(vhost_user_check(&server), 0);
	vhost_user_close(&client);
	CU_ASSERT_EQUAL(vhost_user_check(&server), -ECONNRESET);
	CU_ASSERT_EQUAL(server.state, VHOST_USER_CLOSED);
	CU_ASSERT_EQUAL(vhost_user_check(&server), 0);
	vhost_user_close(&server);
	vhost_user_close(&client);
	close(fd);
}

static void unasked_words_end_the_connection(void)
{
	struct vhost_user vu;
	int ends[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	vhost_user_init(&vu);
	CU_ASSERT_EQUAL(vhost_user_adopt(&vu, ends[0]), 0);
	CU_ASSERT_EQUAL(write(ends[1], "x", 1), 1);
	CU_ASSERT_EQUAL(vhost_user_check(&vu), -EPROTO);
	CU_ASSERT_EQUAL(vu.fd, -1);
	vhost_user_close(&vu);
	close(ends[1]);
}

int main(void)
{
	CU_TestInfo tests[] = {
		SUITE_TEST(connect_waits_for_a_back_end_that_is_not_there_yet),
		SUITE_TEST(connect_refuses_paths_that_cannot_be),
		SUITE_TEST(listener_takes_over_only_a_stale_socket),
		SUITE_TEST(front_end_connects_or_accepts),
		SUITE_TEST(unasked_words_end_the_connection),
		CU_TEST_INFO_NULL,
	};

	int failed;

	if (!mkdtemp(dir))
		return EXIT_FAILURE;
	snprintf(path, sizeof(path), "%s/s", dir);
	failed = suite_run("vhost-user socket", tests);
	unlink(path);
	return rmdir(dir) ? EXIT_FAILURE : failed;
}
