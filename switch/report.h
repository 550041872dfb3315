/* report.h - what `ringway show` shows, as JSON; the one form in which the running switch describes
 * itself.
 *
 * Threads:   the control thread.
 * Ownership: gives the object (json_decref).
 * Failure:   {"error": text} says what was wrong and what would be right. */
#ifndef SWITCH_REPORT_H
#define SWITCH_REPORT_H

#include "switch/plane.h"

#include <jansson.h>

/* words is a request such as "ports" or "qemu guest0". */
json_t *report(struct plane *plane, const char *words);

#endif
