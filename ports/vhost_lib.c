#include "ports/vhost_lib.h"
#include "ports/memory_guard.h"
#include "ports/vhost_gate.h"
#include "ports/vhost_wire.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <rte_vhost.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct vhost_lib {
	struct vhost_lib_conf conf;
	struct vhost_lib *next;
	struct memory_guard *guard;
	int vid; /* the library's device, -1: no front-end */
};

/* The library's callbacks carry nothing but its device number, so the way from its socket to our
 * struct has to be found in a list of the process. */
static struct {
	pthread_mutex_t lock;
	struct vhost_lib *first;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void registry_add(struct vhost_lib *lib)
{
	pthread_mutex_lock(&registry.lock);
	lib->next = registry.first;
	registry.first = lib;
	pthread_mutex_unlock(&registry.lock);
}

static void registry_remove(struct vhost_lib *lib)
{
	pthread_mutex_lock(&registry.lock);
	for (struct vhost_lib **at = &registry.first; *at; at = &(*at)->next)
		if (*at == lib) {
			*at = lib->next;
			break;
		}
	pthread_mutex_unlock(&registry.lock);
}

static struct vhost_lib *registry_find(int vid)
{
	struct vhost_lib *lib;
	char path[PATH_MAX];

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) < 0)
		return NULL;
	pthread_mutex_lock(&registry.lock);
	for (lib = registry.first; lib; lib = lib->next)
		if (strcmp(lib->conf.socket, path) == 0)
			break;
	pthread_mutex_unlock(&registry.lock);
	return lib;
}

/* Only the connection that was let in may speak for its socket. */
static struct vhost_lib *owner_of(int vid)
{
	struct vhost_lib *lib = registry_find(vid);

	return lib && lib->vid == vid ? lib : NULL;
}

static enum rte_vhost_msg_result before_message(int vid, void *data)
{
	struct vhost_lib *lib = owner_of(vid);
	struct vhost_user_message *msg = data;

	if (!lib)
		return RTE_VHOST_MSG_RESULT_ERR;
	memory_guard_expect(msg->header.request == VHOST_USER_SET_MEM_TABLE);
	switch (msg->header.request) {
	case VHOST_USER_SET_FEATURES:
		lib->conf.ops->features_set(lib->conf.ctx);
		break;
	case VHOST_USER_SET_MEM_TABLE:
	case VHOST_USER_RESET_OWNER:
		/* The library unmaps the old table and tells nobody. */
		lib->conf.ops->memory_changing(lib->conf.ctx);
		memory_guard_forget(lib->guard);
		break;
	case VHOST_USER_GET_QUEUE_NUM:
		/* The library would say 128. The specification counts queues, but QEMU and DPDK
		 * count the queue pairs of a network device. */
		msg->payload.u64 = lib->conf.n_queue_pairs;
		msg->header.size = sizeof(msg->payload.u64);
		return RTE_VHOST_MSG_RESULT_REPLY;
	default:
		break;
	}
	return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static void watch_memory(struct vhost_lib *lib)
{
	struct rte_vhost_memory *table = NULL;

	if (rte_vhost_get_mem_table(lib->vid, &table) < 0 || !table)
		return;
	for (unsigned i = 0; i < table->nregions && i < GUEST_MEMORY_MAX_REGIONS; i++)
		memory_guard_watch(lib->guard, i, table->regions[i].mmap_addr,
				   table->regions[i].mmap_size);
	free(table);
}

static enum rte_vhost_msg_result after_message(int vid, void *data)
{
	struct vhost_lib *lib = owner_of(vid);
	const struct vhost_user_message *msg = data;

	if (msg->header.request == VHOST_USER_SET_MEM_TABLE)
		vhost_gate_memory_taken();
	if (lib && msg->header.request == VHOST_USER_SET_MEM_TABLE) {
		watch_memory(lib);
		lib->conf.ops->memory_changed(lib->conf.ctx);
	}
	return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static const struct rte_vhost_user_extern_ops message_ops = {
	.pre_msg_handle = before_message,
	.post_msg_handle = after_message,
};

static int on_new_connection(int vid)
{
	struct vhost_lib *lib = registry_find(vid);

	if (!lib)
		return -1;
	if (lib->vid >= 0) {
		lib->conf.ops->refused(lib->conf.ctx);
		return -1;
	}
	lib->vid = vid;
	lib->conf.ops->connected(lib->conf.ctx);
	return rte_vhost_extern_callback_register(vid, &message_ops, NULL);
}

static void on_destroy_connection(int vid)
{
	struct vhost_lib *lib = owner_of(vid);
	char why[VHOST_LIB_WHY_LEN];
	bool refused = vhost_gate_refused(why, sizeof(why));

	if (!lib)
		return;
	memory_guard_forget(lib->guard);
	lib->conf.ops->disconnected(lib->conf.ctx, refused ? why : NULL);
	lib->vid = -1;
}

static int on_new_device(int vid)
{
	struct vhost_lib *lib = owner_of(vid);

	return lib && lib->conf.ops->started(lib->conf.ctx) == 0 ? 0 : -1;
}

static void on_destroy_device(int vid)
{
	struct vhost_lib *lib = owner_of(vid);

	if (lib)
		lib->conf.ops->stopped(lib->conf.ctx);
}

static int on_vring_state_changed(int vid, uint16_t index, int enable)
{
	struct vhost_lib *lib = owner_of(vid);

	if (!lib)
		return -1;
	lib->conf.ops->ring_changed(lib->conf.ctx, index, enable);
	return 0;
}

static const struct rte_vhost_device_ops device_ops = {
	.new_device = on_new_device,
	.destroy_device = on_destroy_device,
	.vring_state_changed = on_vring_state_changed,
	.new_connection = on_new_connection,
	.destroy_connection = on_destroy_connection,
};

/* Everything else that the library could do (logging for migration, back-end requests, in-flight
 * files, post-copy) is left out because nothing here uses it and a front-end could only misuse it.
 */
static const uint64_t protocol_features =
	UINT64_C(1) << VHOST_USER_PROTOCOL_F_MQ | UINT64_C(1) << VHOST_USER_PROTOCOL_F_REPLY_ACK |
	UINT64_C(1) << VHOST_USER_PROTOCOL_F_NET_MTU | UINT64_C(1) << VHOST_USER_PROTOCOL_F_STATUS;

int vhost_lib_open(struct vhost_lib **lib_out, const struct vhost_lib_conf *conf)
{
	struct vhost_lib *lib = malloc(sizeof(*lib));

	if (!lib)
		return -ENOMEM;
	*lib = (struct vhost_lib){.conf = *conf, .guard = memory_guard_take(), .vid = -1};
	if (!lib->guard ||
	    rte_vhost_driver_register(conf->socket, conf->client ? RTE_VHOST_USER_CLIENT : 0) < 0) {
		memory_guard_give_back(lib->guard);
		free(lib);
		return -EIO;
	}
	registry_add(lib);
	/* Not set_features(): that would make the library wait for every ring there is before it
	 * starts a device. */
	if (rte_vhost_driver_disable_features(conf->socket, conf->no_features) < 0 ||
	    rte_vhost_driver_set_protocol_features(conf->socket, protocol_features) < 0 ||
	    rte_vhost_driver_callback_register(conf->socket, &device_ops) < 0) {
		vhost_lib_close(lib);
		return -EIO;
	}
	*lib_out = lib;
	return 0;
}

static void ignore_signal(int number)
{
	(void)number;
}

/* The library's thread looks at a new listening socket when the poll(2) that it is in ends, a
 * second later at worst (22.11 wakes it for connections only). A signal ends it at once. */
static void wake_events_thread(void)
{
	const struct sigaction action = {.sa_handler = ignore_signal}; /* no SA_RESTART */
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *task;

	if (!tasks)
		return;
	sigaction(SIGUSR2, &action, NULL);
	while ((task = readdir(tasks))) {
		char path[sizeof("/proc/self/task//comm") + sizeof(task->d_name)], name[16] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fgets(name, sizeof(name), file) && strncmp(name, "vhost-events", 12) == 0)
			tgkill(getpid(), (pid_t)strtol(task->d_name, NULL, 10), SIGUSR2);
		fclose(file);
	}
	closedir(tasks);
}

int vhost_lib_start(struct vhost_lib *lib)
{
	errno = 0;
	if (rte_vhost_driver_start(lib->conf.socket) < 0)
		return errno ? -errno : -EIO;
	if (!lib->conf.client)
		wake_events_thread();
	return 0;
}

void vhost_lib_close(struct vhost_lib *lib)
{
	rte_vhost_driver_unregister(lib->conf.socket);
	registry_remove(lib);
	memory_guard_give_back(lib->guard);
	free(lib);
}

int vhost_lib_ring(const struct vhost_lib *lib, unsigned index, struct vhost_lib_ring *ring)
{
	struct rte_vhost_vring vring;

	if (rte_vhost_get_vhost_vring(lib->vid, (uint16_t)index, &vring) < 0 || !vring.desc ||
	    !vring.avail || !vring.used)
		return -EINVAL;
	*ring = (struct vhost_lib_ring){.desc = vring.desc,
					.avail = vring.avail,
					.used = vring.used,
					.size = vring.size,
					.kick_fd = vring.kickfd >= 0 ? vring.kickfd : -1,
					.call_fd = vring.callfd >= 0 ? vring.callfd : -1};
	return rte_vhost_get_vring_base(lib->vid, (uint16_t)index, &ring->last_avail,
					&ring->last_used) < 0
		       ? -EINVAL
		       : 0;
}

void vhost_lib_save_base(const struct vhost_lib *lib, unsigned index, uint16_t last_avail,
			 uint16_t last_used)
{
	rte_vhost_set_vring_base(lib->vid, (uint16_t)index, last_avail, last_used);
}

int vhost_lib_memory(const struct vhost_lib *lib, struct guest_memory *mem)
{
	struct rte_vhost_memory *table = NULL;

	mem->n_regions = 0;
	if (rte_vhost_get_mem_table(lib->vid, &table) < 0 || !table)
		return -ENOMEM;
	for (unsigned i = 0; i < table->nregions && i < GUEST_MEMORY_MAX_REGIONS; i++)
		mem->regions[mem->n_regions++] = (struct guest_region){
			.gpa = table->regions[i].guest_phys_addr,
			.size = table->regions[i].size,
			.hva = (uint8_t *)(uintptr_t)table->regions[i].host_user_addr};
	free(table);
	return 0;
}

bool vhost_lib_memory_lost(const struct vhost_lib *lib)
{
	return memory_guard_lost(lib->guard);
}

uint64_t vhost_lib_features(const struct vhost_lib *lib)
{
	uint64_t features = 0;

	rte_vhost_get_negotiated_features(lib->vid, &features);
	return features;
}

uint16_t vhost_lib_mtu(const struct vhost_lib *lib)
{
	uint16_t mtu = 0;

	return rte_vhost_get_mtu(lib->vid, &mtu) == 0 ? mtu : 0;
}
