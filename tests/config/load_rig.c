#include "tests/config/load_rig.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/parse.h"

void told_line(void *ctx, const char *line)
{
	struct told *told = ctx;
	size_t len = strlen(line);
	char *text = realloc(told->text, told->len + len + 2);

	if (!text)
		abort();
	memcpy(text + told->len, line, len);
	memcpy(text + told->len + len, "\n", 2);
	told->text = text;
	told->len += len + 1;
}

const char *told_text(const struct told *told)
{
	return told->text ? told->text : "";
}

void told_fini(struct told *told)
{
	free(told->text);
	*told = (struct told){.text = NULL};
}

int rig_load(struct topology *topo, const char *text, struct told *told)
{
	size_t len = strlen(text);
	char *exact = malloc(len ? len : 1);
	int ret;

	/* Without the NUL at the end, so that a sanitizer sees who reads beyond it. */
	if (!exact)
		abort();
	memcpy(exact, text, len);
	ret = topology_load_text(topo, exact, len, "t.ini", told_line, told);
	free(exact);
	return ret;
}

void rig_load_sound(struct topology *topo, const char *text)
{
	struct told told = {.text = NULL};
	int ret = rig_load(topo, text, &told);

	if (ret != 0)
		printf("\nfile:\n%s\ntold:\n%s", text, told_text(&told));
	told_fini(&told);
	CU_ASSERT_EQUAL_FATAL(ret, 0);
}

char *rig_dump(const struct topology *topo)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out || topology_dump(topo, out) < 0 || fclose(out) != 0)
		abort();
	return text;
}

void rig_make_dir(char path[32])
{
	strcpy(path, "/tmp/ringway-config-XXXXXX");
	if (!mkdtemp(path))
		abort();
}
