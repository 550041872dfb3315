#include "vmm/vhost_user_message.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
	U64 = sizeof(uint64_t),
	STATE = sizeof(struct vhost_user_vring_state),
	ADDR = sizeof(struct vhost_user_addr),
	MEMORY = offsetof(struct vhost_user_memory, regions), /* and the regions */
};

#define REQUEST(name, sent, answered) [VHOST_USER_##name] = {#name, sent, answered}

/* What this front-end says, with the length of payload and answer in bytes. */
static const struct {
	const char *name;
	uint32_t sent, answered;
} requests[VHOST_USER_REQUEST_N] = {
	REQUEST(GET_FEATURES, 0, U64),
	REQUEST(SET_FEATURES, U64, 0),
	REQUEST(SET_OWNER, 0, 0),
	REQUEST(SET_MEM_TABLE, MEMORY, 0),
	REQUEST(SET_VRING_NUM, STATE, 0),
	REQUEST(SET_VRING_ADDR, ADDR, 0),
	REQUEST(SET_VRING_BASE, STATE, 0),
	REQUEST(GET_VRING_BASE, STATE, STATE),
	REQUEST(SET_VRING_KICK, U64, 0),
	REQUEST(SET_VRING_CALL, U64, 0),
	REQUEST(GET_PROTOCOL_FEATURES, 0, U64),
	REQUEST(SET_PROTOCOL_FEATURES, U64, 0),
	REQUEST(GET_QUEUE_NUM, 0, U64),
	REQUEST(SET_VRING_ENABLE, STATE, 0),
	REQUEST(NET_SET_MTU, U64, 0),
	REQUEST(SET_STATUS, U64, 0),
	REQUEST(GET_STATUS, 0, U64),
};

/* Bits 0 to 63 in rows of eight; "-" has no name. */
static const char feature_names[] =
	"CSUM GUEST_CSUM CTRL_GUEST_OFFLOADS MTU - MAC - GUEST_TSO4 "
	"GUEST_TSO6 GUEST_ECN GUEST_UFO HOST_TSO4 HOST_TSO6 HOST_ECN HOST_UFO MRG_RXBUF "
	"STATUS CTRL_VQ CTRL_RX CTRL_VLAN CTRL_RX_EXTRA GUEST_ANNOUNCE MQ CTRL_MAC_ADDR "
	"NOTIFY_ON_EMPTY - LOG_ALL ANY_LAYOUT INDIRECT_DESC EVENT_IDX PROTOCOL_FEATURES - "
	"VERSION_1 ACCESS_PLATFORM RING_PACKED IN_ORDER ORDER_PLATFORM SR_IOV NOTIF_DATA - "
	"RING_RESET - - - - - - - "
	"- - - - - - GUEST_USO4 GUEST_USO6 "
	"HOST_USO HASH_REPORT - - RSS - - SPEED_DUPLEX ";

void vhost_user_feature_names(uint64_t features, char *buf, size_t buf_len)
{
	const char *word = feature_names;
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned bit = 0; bit < 64; bit++, word += strcspn(word, " ") + 1) {
		const char *comma = used ? ", " : "";

		if (!(features >> bit & 1) || used >= buf_len)
			continue;
		if (*word == '-')
			used += (size_t)snprintf(buf + used, buf_len - used, "%sbit %u", comma,
						 bit);
		else
			used += (size_t)snprintf(buf + used, buf_len - used, "%s%.*s", comma,
						 (int)strcspn(word, " "), word);
	}
	/* A cut list says that it is one. */
	if (used >= buf_len)
		strcpy(buf + buf_len - sizeof("..."), "...");
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static const char astray[] = "the back-end does not follow the specification";

int vhost_user_fail(struct vhost_user *vu, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(vu->error, sizeof(vu->error), format, args);
	va_end(args);
	if (err != -EINVAL && err != -EAGAIN)
		vhost_user_close(vu);
	return err;
}

/* Waits until the socket is ready. A hang-up counts as ready: the next call says what it is. */
static int wait_ready(struct vhost_user *vu, short events, int64_t deadline)
{
	struct pollfd pollfd = {.fd = vu->fd, .events = events};
	int64_t left;
	int n;

	do {
		left = deadline - now_ms();
		n = poll(&pollfd, 1, left > 0 ? (int)left : 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return vhost_user_fail(vu, -errno, "poll: %m");
	if (n == 0)
		return vhost_user_fail(vu, -ETIMEDOUT,
				       "no answer within %d ms; see whether the back-end hangs",
				       vu->timeout_ms);
	return 0;
}

/* Sends or receives all of iov. msg has descriptors only to send: there is no room for those that
 * come with an answer, so the kernel closes them and says so in msg_flags. */
static int transfer(struct vhost_user *vu, bool sends, struct msghdr *msg, struct iovec iov,
		    int64_t deadline)
{
	int ret = 0;

	msg->msg_iov = &iov;
	msg->msg_iovlen = 1;
	while (iov.iov_len > 0 && ret == 0) {
		ssize_t n = sends ? sendmsg(vu->fd, msg, MSG_NOSIGNAL | MSG_DONTWAIT)
				  : recvmsg(vu->fd, msg, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && (errno == EPIPE || errno == ECONNRESET)))
			return vhost_user_fail(
				vu, -ECONNRESET,
				"the back-end closed the connection; its log may say why");
		if (n > 0 && (msg->msg_flags & MSG_CTRUNC))
			return vhost_user_fail(vu, -EPROTO,
					       "the answer brought file descriptors that nobody "
					       "asked for; %s",
					       astray);
		if (n > 0) {
			iov.iov_base = (char *)iov.iov_base + n;
			iov.iov_len -= (size_t)n;
			/* The descriptors went with the first byte. */
			msg->msg_control = NULL;
			msg->msg_controllen = 0;
		} else if (errno == EAGAIN) {
			ret = wait_ready(vu, sends ? POLLOUT : POLLIN, deadline);
		} else if (errno != EINTR) {
			ret = vhost_user_fail(vu, -errno, "%s: %m", sends ? "sendmsg" : "recvmsg");
		}
	}
	return ret;
}

static int send_all(struct vhost_user *vu, struct vhost_user_message *message, const int *fds,
		    unsigned n_fds, int64_t deadline)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * VHOST_USER_MAX_REGIONS)];
	} control = {.bytes = {0}};
	const struct iovec iov = {message, sizeof(message->header) + message->header.size};
	struct msghdr msg = {.msg_control = NULL};

	if (n_fds) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
						  .cmsg_type = SCM_RIGHTS,
						  .cmsg_len = CMSG_LEN(sizeof(int) * n_fds)};
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
	}
	return transfer(vu, true, &msg, iov, deadline);
}

static int check_header(struct vhost_user *vu, struct vhost_user_header header, uint32_t request,
			uint32_t len)
{
	bool is_known = header.request < VHOST_USER_REQUEST_N && requests[header.request].name;

	if (header.request != request)
		return vhost_user_fail(
			vu, -EPROTO, "the answer is to request %u (%s); %s", header.request,
			is_known ? requests[header.request].name : "unknown", astray);
	if ((header.flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION ||
	    !(header.flags & VHOST_USER_FLAG_REPLY))
		return vhost_user_fail(vu, -EPROTO,
				       "flags 0x%x are not those of an answer in version 1; %s",
				       header.flags, astray);
	if (header.size != len)
		return vhost_user_fail(vu, -EPROTO, "an answer of %u bytes where %u are due; %s",
				       header.size, len, astray);
	return 0;
}

static int receive_all(struct vhost_user *vu, void *bytes, size_t len, int64_t deadline)
{
	return transfer(vu, false, &(struct msghdr){.msg_control = NULL},
			(struct iovec){bytes, len}, deadline);
}

/* The answer takes the place of the message. */
static int converse(struct vhost_user *vu, struct vhost_user_message *message, const int *fds,
		    unsigned n_fds)
{
	uint32_t request = message->header.request, due = requests[request].answered;
	bool acked = !due && vhost_user_speaks(vu, VHOST_USER_PROTOCOL_REPLY_ACK);
	int64_t deadline = now_ms() + vu->timeout_ms;
	int ret;

	message->header.flags = VHOST_USER_VERSION | (acked ? VHOST_USER_FLAG_NEED_REPLY : 0u);
	ret = send_all(vu, message, fds, n_fds, deadline);
	if (acked)
		due = U64;
	if (ret < 0 || !due)
		return ret;
	ret = receive_all(vu, message, sizeof(message->header), deadline)
		      ?: check_header(vu, message->header, request, due)
		      ?: receive_all(vu, &message->payload, due, deadline);
	if (ret == 0 && acked && message->payload.u64 != 0)
		ret = vhost_user_fail(vu, -EREMOTEIO,
				      "the back-end refused it (answer %lu); its log says why",
				      message->payload.u64);
	return ret;
}

int vhost_user_exchange(struct vhost_user *vu, enum vhost_user_request request,
			union vhost_user_payload *payload, const int *fds, unsigned n_fds)
{
	struct vhost_user_message message = {
		.header = {.request = request, .size = requests[request].sent},
		.payload = *payload};
	char sentence[VHOST_USER_ERROR_LEN];
	int ret;

	if (request == VHOST_USER_SET_MEM_TABLE)
		message.header.size += n_fds * (uint32_t)sizeof(struct vhost_user_region);
	ret = converse(vu, &message, fds, n_fds);
	if (ret == 0) {
		*payload = message.payload;
		return 0;
	}
	memcpy(sentence, vu->error, sizeof(sentence));
	return vhost_user_fail(vu, ret, "%s: %s", requests[request].name, sentence);
}

bool vhost_user_speaks(const struct vhost_user *vu, enum vhost_user_protocol_feature feature)
{
	return vu->protocol_features >> feature & 1;
}
