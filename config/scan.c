#include "config/scan.h"

#include <stdio.h>
#include <string.h>

void scan_init(struct scan *scan, const char *text, size_t len)
{
	*scan = (struct scan){.text = text, .len = len};
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		scan->pos = 3;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Bytes of the UTF-8 sequence at text (RFC 3629), 0 when it is none. */
static size_t utf8_len(const unsigned char *text, size_t len)
{
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned code;
	size_t n;

	if (text[0] < 0x80)
		return 1;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	n = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	if (n > len)
		return 0;
	code = text[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return n;
}

static bool check_bytes(struct scan_line *line, const char *text, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t step;

	for (size_t i = 0; i < len; i += step) {
		step = utf8_len(bytes + i, len - i);
		if (step == 0)
			snprintf(line->fault, sizeof(line->fault),
				 "byte 0x%02x is not UTF-8; save the file as UTF-8", bytes[i]);
		else if ((bytes[i] < ' ' && bytes[i] != '\t') || bytes[i] == 0x7f)
			snprintf(line->fault, sizeof(line->fault),
				 "control character 0x%02x; remove it", bytes[i]);
		else
			continue;
		return false;
	}
	return true;
}

static void scan_header(struct scan_line *line, const char *text, size_t len)
{
	const char *close = memchr(text, ']', len);
	const char *start = text + 1, *rest = close ? close + 1 : text + len, *end = close;

	if (!close) {
		snprintf(line->fault, sizeof(line->fault),
			 "section header without ]; write [KIND NAME] on one line");
		/* What was meant is still worth checking, up to a comment. */
		for (end = start; end < text + len && *end != ';' && *end != '#'; end++)
			;
	}
	while (rest < text + len && is_blank(*rest))
		rest++;
	if (rest < text + len && *rest != ';' && *rest != '#')
		snprintf(line->fault, sizeof(line->fault),
			 "text behind the section header; put it on a line of its own");
	while (start < end && is_blank(*start))
		start++;
	while (end > start && is_blank(end[-1]))
		end--;
	line->kind = SCAN_HEADER;
	memcpy(line->text, start, end - start);
	line->text[end - start] = '\0';
}

static void scan_entry(struct scan_line *line, const char *text, size_t len)
{
	const char *colon = memchr(text, ':', len);
	const char *equals = memchr(text, '=', len);

	line->kind = SCAN_ENTRY;
	memcpy(line->text, text, len);
	line->text[len] = '\0';
	/* inih would split at the colon. */
	if (colon && (!equals || colon < equals)) {
		snprintf(line->fault, sizeof(line->fault),
			 "a key is followed by =, not by a colon; write KEY = VALUE");
		line->kind = SCAN_BLANK;
	}
}

static void scan_one(struct scan_line *line, const char *text, size_t len)
{
	const char *start = text, *end = text + len;

	while (start < end && is_blank(*start))
		start++;
	if (start == end || *start == ';' || *start == '#')
		return;
	if (!check_bytes(line, text, len) || len > SCAN_MAX_LINE) {
		if (!line->fault[0])
			snprintf(line->fault, sizeof(line->fault),
				 "the line is too long: %zu bytes, at most %d are allowed", len,
				 SCAN_MAX_LINE);
		/* An unusable header still ends the section before it. */
		if (*start == '[')
			line->kind = SCAN_HEADER;
		return;
	}
	if (*start == '[')
		scan_header(line, start, end - start);
	else
		scan_entry(line, start, end - start);
	if (start > text && !line->fault[0])
		snprintf(line->fault, sizeof(line->fault),
			 "the line is indented; start it in the first column (a value cannot go on "
			 "in a second line)");
}

bool scan_next(struct scan *scan, struct scan_line *line)
{
	const char *text = scan->text + scan->pos;
	size_t left = scan->len - scan->pos, len;
	const char *newline, *nul;

	if (left == 0)
		return false;
	newline = memchr(text, '\n', left);
	len = newline ? (size_t)(newline - text) : left;
	scan->pos += newline ? len + 1 : len;
	*line = (struct scan_line){.number = ++scan->line};

	nul = memchr(text, '\0', len);
	if (nul) {
		snprintf(line->fault, sizeof(line->fault),
			 "NUL byte; the file must be plain text in UTF-8 (not UTF-16), the rest is "
			 "not read");
		scan->pos = scan->len;
		return true;
	}
	if (len > 0 && text[len - 1] == '\r')
		len--;
	scan_one(line, text, len);
	return true;
}
