#include "config/complaints.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void complaints_init(struct complaints *complaints, const char *filename)
{
	*complaints = (struct complaints){.filename = filename};
}

void complaints_fini(struct complaints *complaints)
{
	for (size_t i = 0; i < complaints->n_items; i++)
		free(complaints->items[i].text);
	free(complaints->items);
	complaints->items = NULL;
	complaints->n_items = 0;
}

static char *compose(const struct complaints *complaints, int line, const char *where,
		     const char *what)
{
	char number[16] = "";
	char *text;

	if (line > 0)
		snprintf(number, sizeof(number), ":%d", line);
	if (asprintf(&text, "%s%s: %s%s%s", complaints->filename, number, where ? where : "",
		     where ? ": " : "", what) < 0)
		return NULL;
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return text;
}

static int store(struct complaints *complaints, int line, char *text)
{
	size_t n = complaints->n_items;

	/* Grows at every power of two. */
	if ((n & (n - 1)) == 0) {
		struct complaint *items =
			reallocarray(complaints->items, n ? n * 2 : 1, sizeof(*items));

		if (!items)
			return -1;
		complaints->items = items;
	}
	complaints->items[n] = (struct complaint){.line = line, .seq = n, .text = text};
	complaints->n_items++;
	return 0;
}

void complaints_add(struct complaints *complaints, int line, const char *where, const char *format,
		    ...)
{
	char *what, *text;
	va_list args;
	int len;

	complaints->n_total++;
	if (complaints->n_items == COMPLAINTS_MAX)
		return;
	va_start(args, format);
	len = vasprintf(&what, format, args);
	va_end(args);
	if (len < 0)
		return;
	text = compose(complaints, line, where, what);
	free(what);
	if (text && store(complaints, line, text) < 0)
		free(text);
}

static int by_line(const void *a, const void *b)
{
	const struct complaint *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->seq < y->seq ? -1 : 1;
}

void complaints_tell(struct complaints *complaints, topology_error *report, void *ctx)
{
	size_t n_untold = complaints->n_total - complaints->n_items;
	char *text;

	if (complaints->n_items)
		qsort(complaints->items, complaints->n_items, sizeof(complaints->items[0]),
		      by_line);
	for (size_t i = 0; i < complaints->n_items; i++)
		report(ctx, complaints->items[i].text);
	if (!n_untold)
		return;
	if (asprintf(&text, "%s: %zu more mistakes are not shown; mend the ones above first",
		     complaints->filename, n_untold) < 0)
		return;
	report(ctx, text);
	free(text);
}
