#include "config/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

enum {
	LONGEST_WORD = 40,
	FAR = 1000,
};

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Edits (insert, delete, replace, swap of two neighbours) that turn a into b, blind to case. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned rows[3][LONGEST_WORD + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > LONGEST_WORD || b_len > LONGEST_WORD)
		return FAR;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *oldest = before;

		before = above;
		above = row;
		row = oldest;
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = min2(min2(above[j], row[j - 1]) + 1,
				      above[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = min2(row[j], before[j - 2] + 1);
		}
	}
	return row[b_len];
}

void suggest_init(struct suggest *suggest, const char *word)
{
	*suggest = (struct suggest){.word = word, .distance = FAR};
}

void suggest_try(struct suggest *suggest, const char *candidate)
{
	size_t len = strlen(suggest->word);
	unsigned distance = edit_distance(suggest->word, candidate);

	/* Whoever stops in the middle of a word (vhost for vhost-user) is near as well. */
	if (len >= 3 && strncasecmp(suggest->word, candidate, len) == 0)
		distance = min2(distance, 1);
	if (distance < suggest->distance) {
		suggest->distance = distance;
		suggest->best = candidate;
	}
}

const char *suggest_best(const struct suggest *suggest)
{
	/* More than one wrong letter in three is another word, not a slip. */
	size_t allowed = strlen(suggest->word) / 3;

	if (allowed == 0 && strlen(suggest->word) > 1)
		allowed = 1;
	return suggest->distance <= allowed ? suggest->best : NULL;
}
