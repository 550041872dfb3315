#include "print.h"

enum {
	LINE_LEN = 160,
	PORT_COM1 = 0x3f8,
};

static char line[LINE_LEN + 2]; /* and its CR LF */
static uint32_t line_len;

static void put(char c)
{
	if (line_len < LINE_LEN)
		line[line_len++] = c;
}

void print(const char *text)
{
	while (*text)
		put(*text++);
}

void print_number(uint32_t number)
{
	char digits[10];
	unsigned n = 0;

	do
		digits[n++] = (char)('0' + number % 10);
	while (number /= 10);
	while (n)
		put(digits[--n]);
}

void print_ip(const uint8_t ip[4])
{
	for (unsigned i = 0; i < 4; i++) {
		if (i)
			put('.');
		print_number(ip[i]);
	}
}

void print_mac(const uint8_t mac[6])
{
	static const char hex[] = "0123456789abcdef";

	for (unsigned i = 0; i < 6; i++) {
		if (i)
			put(':');
		put(hex[mac[i] >> 4]);
		put(hex[mac[i] & 15]);
	}
}

void print_end(void)
{
	const char *from = line;

	line[line_len++] = '\r';
	line[line_len++] = '\n';
	__asm__ volatile("rep outsb" : "+S"(from), "+c"(line_len) : "d"(PORT_COM1) : "memory");
	line_len = 0;
}
