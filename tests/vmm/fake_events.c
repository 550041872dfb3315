#include "fake_events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct fake_events *self_of(struct events *events)
{
	return (struct fake_events *)events;
}

static unsigned index_of(unsigned gsi)
{
	if (gsi < FAKE_FIRST_GSI || gsi >= FAKE_FIRST_GSI + FAKE_MAX_GSIS)
		abort();
	return gsi - FAKE_FIRST_GSI;
}

static int route(struct events *events, unsigned gsi, const struct msi_message *message)
{
	struct fake_events *self = self_of(events);

	self->route[index_of(gsi)] = *message;
	self->routed[index_of(gsi)] = true;
	self->n_routes++;
	return 0;
}

static int attach(struct events *events, unsigned gsi, int fd)
{
	struct fake_events *self = self_of(events);

	self->attached_without_route |= !self->routed[index_of(gsi)];
	self->attached_fd[index_of(gsi)] = fd;
	self->n_attaches++;
	return 0;
}

static int detach(struct events *events, unsigned gsi, int fd)
{
	struct fake_events *self = self_of(events);

	if (self->attached_fd[index_of(gsi)] != fd)
		return -EINVAL;
	self->attached_fd[index_of(gsi)] = 0;
	self->n_detaches++;
	return 0;
}

static int send(struct events *events, const struct msi_message *message)
{
	struct fake_events *self = self_of(events);

	self->last_sent = *message;
	self->n_sent++;
	return 0;
}

static int add_doorbell(struct events *events, uint64_t addr, int fd)
{
	struct fake_events *self = self_of(events);

	self->doorbell[self->n_doorbells++] = (struct fake_doorbell){addr, fd};
	return 0;
}

static int remove_doorbell(struct events *events, uint64_t addr, int fd)
{
	struct fake_events *self = self_of(events);

	for (unsigned i = 0; i < self->n_doorbells; i++) {
		if (self->doorbell[i].addr == addr && self->doorbell[i].fd == fd) {
			self->doorbell[i] = self->doorbell[--self->n_doorbells];
			return 0;
		}
	}
	return -ENOENT;
}

static int set_pin(struct events *events, unsigned gsi, int level)
{
	(void)gsi;
	self_of(events)->n_pins += level != 0;
	return 0;
}

static const struct event_ops fake_ops = {.route = route,
					  .attach = attach,
					  .detach = detach,
					  .send = send,
					  .add_doorbell = add_doorbell,
					  .remove_doorbell = remove_doorbell,
					  .set_pin = set_pin};

void fake_events_init(struct fake_events *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->base.ops = &fake_ops;
}
