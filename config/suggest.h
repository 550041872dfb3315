/* suggest.h - the known word that is nearest to a misspelt one.
 *
 * Threads:   none of its own.
 * Ownership: borrows all words for as long as the struct is used.
 * Failure:   none; suggest_best() is NULL when nothing is near enough to be worth saying. */
#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

struct suggest {
	const char *word;
	const char *best;
	unsigned distance;
};

void suggest_init(struct suggest *suggest, const char *word);
void suggest_try(struct suggest *suggest, const char *candidate);
const char *suggest_best(const struct suggest *suggest);

#endif
