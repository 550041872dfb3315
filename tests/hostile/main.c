#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scene.h"

enum { A_WHILE = 200 }; /* frames of the bystanders between attacks */

static const struct {
	const char *name;
	const struct attack *attacks;
} groups[] = {
	{"messages", attacks_on_messages},	 {"handshakes", attacks_on_handshakes},
	{"descriptors", attacks_on_descriptors}, {"rings", attacks_on_rings},
	{"memory", attacks_on_memory},		 {"races", attacks_by_races},
};

/* What the bystanders noticed since then; NULL: nothing. */
static const char *noticed(struct scene *scene, const struct bystanders_books *before)
{
	bool goes_on = bystanders_wait(scene->bystanders, A_WHILE) == 0;
	struct bystanders_books now = bystanders_look(scene->bystanders);

	if (kill(scene->switch_pid, 0) < 0)
		return "the switch died";
	if (now.broken)
		return now.broken;
	if (!goes_on)
		return "the bystanders' frames no longer arrive";
	if (now.lost > before->lost || now.wrong > before->wrong)
		return scene_says(scene, "the bystanders lost %llu frames, %llu were wrong",
				  (unsigned long long)(now.lost - before->lost),
				  (unsigned long long)(now.wrong - before->wrong));
	if (20 * (now.skipped - before->skipped) > now.due - before->due)
		return scene_says(scene, "the bystanders could not send %llu of %llu frames",
				  (unsigned long long)(now.skipped - before->skipped),
				  (unsigned long long)(now.due - before->due));
	return NULL;
}

/* Each attack has its port, and the bystanders are asked after each. */
static unsigned run_group(struct scene *scene, const struct attack *attack, const char *only)
{
	unsigned n_failed = 0;

	for (; attack->name; attack++) {
		struct bystanders_books before = bystanders_look(scene->bystanders);
		const char *why, *hurt;
		char mine[sizeof(scene->why)];

		if (only && strcmp(only, attack->name) != 0)
			continue;
		scene_next(scene);
		why = attack->run(scene, attack->arg);
		snprintf(mine, sizeof(mine), "%s", why ? why : "");
		hurt = noticed(scene, &before);
		printf("%s: %s%s%s%s%s\n", why || hurt ? "FAILED" : "ok", attack->name,
		       why ? ": " : "", mine, hurt ? ": " : "", hurt ? hurt : "");
		fflush(stdout);
		n_failed += why || hurt;
		if (hurt && kill(scene->switch_pid, 0) < 0)
			break;
	}
	return n_failed;
}

static const struct attack *find_group(const char *name)
{
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strcmp(groups[i].name, name) == 0)
			return groups[i].attacks;
	return NULL;
}

int main(int argc, char **argv)
{
	struct scene scene = {0};
	char left[SCENE_PATH_LEN], right[SCENE_PATH_LEN];
	const struct attack *attacks = argc >= 5 ? find_group(argv[4]) : NULL;
	struct bystanders_books books;
	unsigned n_failed;

	if (!attacks) {
		fprintf(stderr,
			"usage: hostile RINGWAY RUN-DIR PID-OF-THE-SWITCH GROUP [ATTACK]\n");
		return 2;
	}
	scene.ringway = argv[1];
	scene.run_dir = argv[2];
	scene.switch_pid = (pid_t)strtol(argv[3], NULL, 10);
	snprintf(left, sizeof(left), "%s/alice.sock", scene.run_dir);
	snprintf(right, sizeof(right), "%s/bob.sock", scene.run_dir);
	scene.bystanders = bystanders_start(left, right);
	if (!scene.bystanders || bystanders_wait(scene.bystanders, A_WHILE) < 0)
		return 1;
	n_failed = run_group(&scene, attacks, argc > 5 ? argv[5] : NULL);
	bystanders_stop(scene.bystanders);
	books = bystanders_look(scene.bystanders);
	printf("bystanders: %llu received, %llu lost, %llu skipped\n",
	       (unsigned long long)books.received, (unsigned long long)books.lost,
	       (unsigned long long)books.skipped);
	free(scene.bystanders);
	return n_failed > 0 || books.lost > 0 || books.received == 0;
}
