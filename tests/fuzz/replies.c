/* A vhost-user back-end that says whatever it likes to the front-end. */
#include "tests/fuzz/input.h"
#include "tests/open_fds.h"
#include "tests/vmm/vhost_user_rig.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_REPLIES = 128, MAX_FDS = 12 };

/* What one byte says of a reply; without any it is the acknowledgement of its request. */
enum reply_bits {
	REPLY_LEN = 1,	    /* a length for its payload */
	REPLY_SIZE = 2,	    /* another one to be claimed */
	REPLY_FLAGS = 4,    /* flags that are not right */
	REPLY_FDS = 8,	    /* descriptors */
	REPLY_VALUE = 0x10, /* a payload that is not zero */
};

static void send_reply(int fd, struct input *in)
{
	struct {
		struct vhost_user_header header;
		uint8_t payload[256];
	} reply = {.header = {.request = (uint32_t)input_take(in, 1),
			      .flags = VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY,
			      .size = sizeof(uint64_t)}};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)];
	} control = {.bytes = {0}};
	uint8_t how = (uint8_t)input_take(in, 1);
	size_t len = how & REPLY_LEN ? input_take(in, 1) : sizeof(uint64_t);
	size_t fds_len = how & REPLY_FDS ? (1 + input_take(in, 1) % MAX_FDS) * sizeof(int) : 0;
	struct iovec iov = {.iov_base = &reply, .iov_len = sizeof(reply.header) + len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	reply.header.size = (uint32_t)(how & REPLY_SIZE ? input_take(in, 4) : len);
	if (how & REPLY_FLAGS)
		reply.header.flags = (uint32_t)input_take(in, 4);
	for (size_t i = 0; (how & REPLY_VALUE) && i < len; i++)
		reply.payload[i] = (uint8_t)input_take(in, 1);
	if (fds_len) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(fds_len);
		control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(fds_len),
						  .cmsg_level = SOL_SOCKET,
						  .cmsg_type = SCM_RIGHTS};
		for (size_t i = 0; i < fds_len; i += sizeof(fd))
			memcpy(CMSG_DATA(&control.header) + i, &fd, sizeof(fd));
	}
	/* A full socket loses what nobody would have read. */
	(void)!sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int live(struct rig *rig)
{
	int ret = vhost_user_handshake(&rig->vu, 1500);

	if (ret == 0)
		ret = vhost_user_start(&rig->vu, &rig->dev);
	if (ret == 0)
		ret = vhost_user_enable_pair(&rig->vu, &rig->dev, rig->dev.n_queues / 2 - 1, true);
	if (ret == 0)
		ret = vhost_user_stop(&rig->vu, &rig->dev);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct input in = {.at = bytes, .left = len};
	unsigned n_fds = open_fds();
	struct rig rig;
	int ends[2];

	rig_init(&rig);
	rig.dev.features = input_take(&in, 8);
	rig.dev.n_queues = 2 + 2 * (input_take(&in, 1) % (RIG_QUEUES / 2));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 ||
	    vhost_user_adopt(&rig.vu, ends[0]) < 0)
		abort();
	/* All answers lie there before the first question; then the back-end is gone. */
	for (unsigned i = 0; i < MAX_REPLIES && in.left; i++)
		send_reply(ends[1], &in);
	shutdown(ends[1], SHUT_WR);
	if (live(&rig) < 0 && rig.vu.error[0] == '\0')
		abort();
	rig_fini(&rig);
	close(ends[1]);
	if (open_fds() != n_fds)
		abort();
	return 0;
}
