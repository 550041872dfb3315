/* The text of an INI file: any bytes give a topology or a complaint, and what is dumped loads
 * again. */
#include "config/parse.h"
#include "tests/fuzz/input.h"

#include <stdio.h>
#include <stdlib.h>

static void count_line(void *ctx, const char *line)
{
	unsigned *n_lines = ctx;

	/* Lines go to terminals: no control characters of somebody else's. */
	for (; *line; line++)
		if ((unsigned char)*line < ' ' || *line == 0x7f)
			abort();
	++*n_lines;
}

static char *dump(const struct topology *topo, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (!out || topology_dump(topo, out) < 0 || fclose(out) != 0)
		abort();
	return text;
}

static int load(struct topology *topo, const char *text, size_t len)
{
	unsigned n_lines = 0;
	int ret = topology_load_text(topo, text, len, "t.ini", count_line, &n_lines);

	if (ret < 0 && n_lines == 0)
		abort();
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct topology topo;
	char *first, *second;
	size_t first_len, second_len;

	if (load(&topo, (const char *)bytes, len) == 0) {
		first = dump(&topo, &first_len);
		topology_fini(&topo);
		if (load(&topo, first, first_len) < 0)
			abort();
		second = dump(&topo, &second_len);
		if (first_len != second_len || memcmp(first, second, first_len) != 0)
			abort();
		free(first);
		free(second);
	}
	topology_fini(&topo);
	return 0;
}
