#include "scene.h"

#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LOOK_MS = 10 };

static const char *const ports[SCENE_N_VICTIMS] = {"mallory0", "mallory1", "mallory2", "mallory3"};

const char *scene_port(const struct scene *scene)
{
	return ports[scene->victim];
}

void scene_next(struct scene *scene)
{
	scene->victim = (scene->victim + 1) % SCENE_N_VICTIMS;
	snprintf(scene->socket, sizeof(scene->socket), "%s/%s.sock", scene->run_dir,
		 scene_port(scene));
}

const char *scene_says(struct scene *scene, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(scene->why, sizeof(scene->why), format, args);
	va_end(args);
	return scene->why;
}

/* What `ringway show ports --json` says of the port under attack; NULL when it says nothing. */
static json_t *show(const struct scene *scene)
{
	char command[512];
	json_t *all, *port, *found = NULL;
	size_t i;
	FILE *pipe;

	snprintf(command, sizeof(command), "%s show ports --json -s %s/control.sock",
		 scene->ringway, scene->run_dir);
	pipe = popen(command, "re");
	if (!pipe)
		return NULL;
	all = json_loadf(pipe, 0, NULL);
	pclose(pipe);
	json_array_foreach (json_object_get(all, "ports"), i, port)
		if (strcmp(json_string_value(json_object_get(port, "name")), scene_port(scene)) ==
		    0)
			found = json_incref(port);
	json_decref(all);
	return found;
}

int64_t scene_count(const struct scene *scene, const char *counter)
{
	json_t *port = show(scene);
	const json_t *value = json_object_get(port, counter);
	int64_t n;

	if (!value)
		value = json_object_get(json_object_get(port, "drops"), counter);
	n = value ? json_integer_value(value) : -1;
	json_decref(port);
	return n;
}

const char *scene_wait_count(struct scene *scene, const char *counter, int64_t at_least)
{
	int64_t n = 0;

	for (unsigned ms = 0; ms < ATTACKER_WAIT_MS; ms += LOOK_MS) {
		n = scene_count(scene, counter);
		if (n >= at_least)
			return NULL;
		poll(NULL, 0, LOOK_MS);
	}
	return scene_says(scene, "%s is %lld, not %lld", counter, (long long)n,
			  (long long)at_least);
}

static bool is_stopped(const struct scene *scene, unsigned queue, const char *why)
{
	json_t *port = show(scene);
	const json_t *stopped;
	bool found = false;
	size_t i;

	json_array_foreach (json_object_get(port, "stopped"), i, stopped)
		found |= json_integer_value(json_object_get(stopped, "queue")) == queue &&
			 strcmp(json_string_value(json_object_get(stopped, "why")), why) == 0;
	json_decref(port);
	return found;
}

const char *scene_wait_stopped(struct scene *scene, unsigned queue, const char *why)
{
	char *said;
	json_t *port;

	for (unsigned ms = 0; ms < ATTACKER_WAIT_MS; ms += LOOK_MS) {
		if (is_stopped(scene, queue, why))
			return NULL;
		poll(NULL, 0, LOOK_MS);
	}
	port = show(scene);
	said = json_dumps(json_object_get(port, "stopped"), JSON_COMPACT | JSON_ENCODE_ANY);
	scene_says(scene, "queue %u is not stopped for \"%s\", but: %s", queue, why,
		   said ? said : "nothing");
	free(said);
	json_decref(port);
	return scene->why;
}

const char *scene_wait_link(struct scene *scene, const char *link)
{
	for (unsigned ms = 0; ms < ATTACKER_WAIT_MS; ms += LOOK_MS) {
		json_t *port = show(scene);
		const char *now = json_string_value(json_object_get(port, "link"));
		bool same = now && strcmp(now, link) == 0;

		json_decref(port);
		if (same)
			return NULL;
		poll(NULL, 0, LOOK_MS);
	}
	return scene_says(scene, "the link of %s is not %s", scene_port(scene), link);
}
