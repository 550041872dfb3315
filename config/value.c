#include "config/value.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/address.h"
#include "config/capture_value.h"
#include "config/cores.h"
#include "config/device.h"
#include "config/macs.h"
#include "config/path.h"
#include "config/suggest.h"
#include "config/topology.h"
#include "config/vlans.h"
#include "config/vm_value.h"

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

int value_fault(struct value_why *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return -EINVAL;
}

int value_decimal(const char *text, size_t len, uint64_t *number)
{
	uint64_t sum = 0;

	if (len == 0 || (text[0] == '0' && len > 1))
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (__builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, text[i] - '0', &sum))
			return -ERANGE;
	*number = sum;
	return 0;
}

static void store_uint(const struct key_def *key, void *field, uint64_t number)
{
	uint32_t u32 = number;
	uint16_t u16 = number;

	if (key->size == sizeof(u16))
		memcpy(field, &u16, sizeof(u16));
	else
		memcpy(field, &u32, sizeof(u32));
}

static uint32_t load_uint(const struct key_def *key, const void *field)
{
	uint32_t u32;
	uint16_t u16;

	if (key->size == sizeof(u16)) {
		memcpy(&u16, field, sizeof(u16));
		return u16;
	}
	memcpy(&u32, field, sizeof(u32));
	return u32;
}

static int parse_uint(const struct key_def *key, const char *text, void *field,
		      struct value_why *why)
{
	uint64_t number;
	int ret = value_decimal(text, strlen(text), &number);

	if (ret == -EINVAL)
		return value_fault(why, "\"%s\" is not a plain decimal number; write %ju to %ju",
				   text, (uintmax_t)key->min, (uintmax_t)key->max);
	if (ret < 0 || number < key->min || number > key->max)
		return value_fault(why, "%s is out of range; write %ju to %ju", text,
				   (uintmax_t)key->min, (uintmax_t)key->max);
	store_uint(key, field, number);
	return 0;
}

static int parse_enum(const struct key_def *key, const char *text, void *field,
		      struct value_why *why)
{
	struct suggest suggest;
	const char *near;
	char words[128] = "";
	size_t len = 0;

	suggest_init(&suggest, text);
	for (unsigned i = 0; key->words[i]; i++) {
		if (strcmp(key->words[i], text) == 0) {
			store_uint(key, field, i);
			return 0;
		}
		suggest_try(&suggest, key->words[i]);
		if (len < sizeof(words))
			len += snprintf(words + len, sizeof(words) - len, "%s%s", i ? ", " : "",
					key->words[i]);
	}
	near = suggest_best(&suggest);
	if (near)
		return value_fault(why, "\"%s\" is not known; did you mean \"%s\"? (%s)", text,
				   near, words);
	return value_fault(why, "\"%s\" is not known; write %s%s", text,
			   key->words[1] ? "one of " : "", words);
}

int value_check_name(const char *text, struct value_why *why)
{
	size_t len = strlen(text);

	if (text[strspn(text, ALNUM "-_.")] != '\0')
		return value_fault(why, "\"%s\" is not a name; use letters, digits, - _ and . only",
				   text);
	if (text[0] == '-' || text[0] == '.')
		return value_fault(
			why, "\"%s\" is not a name; begin it with a letter, a digit or _", text);
	if (len >= TOPOLOGY_NAME_LEN)
		return value_fault(why,
				   "the name is too long: %zu characters, at most %d are allowed",
				   len, TOPOLOGY_NAME_LEN - 1);
	return 0;
}

static int parse_name(const struct key_def *key, const char *text, void *field,
		      struct value_why *why)
{
	int ret = value_check_name(text, why);

	if (ret == 0 && strlen(text) >= key->size)
		ret = value_fault(why,
				  "the name is too long: %zu characters, at most %zu are allowed",
				  strlen(text), key->size - 1);
	if (ret == 0)
		snprintf(field, key->size, "%s", text);
	return ret;
}

static int parse_ref(const struct key_def *key, const char *text, void *field,
		     struct value_why *why)
{
	(void)key, (void)field;
	return value_check_name(text, why);
}

static int parse_path(const struct key_def *key, const char *text, void *field,
		      struct value_why *why)
{
	size_t len = strlen(text);
	const char *fault = path_fault(text);

	if (fault)
		return value_fault(why, "%s", fault);
	if (key->type == VALUE_DIR && text[0] != '/')
		return value_fault(why, "\"%s\" is relative; write an absolute path", text);
	if (len > key->max)
		return value_fault(why, "the path is too long: %zu bytes, at most %ju are allowed",
				   len, (uintmax_t)key->max);
	snprintf(field, key->size, "%s", text);
	return 0;
}

static int parse_mode(const struct key_def *key, const char *text, void *field,
		      struct value_why *why)
{
	size_t len = strlen(text);
	const char *digits = len == 4 && text[0] == '0' ? text + 1 : text;

	if (strlen(digits) != 3 || strspn(digits, "01234567") != 3)
		return value_fault(
			why, "\"%s\" is not a mode; write three octal digits, as in 0660", text);
	store_uint(key, field, strtoul(digits, NULL, 8));
	return 0;
}

/* The system's tables may hold long entries; 64 KiB is beyond every one seen. */
enum {
	NSS_BUF_LEN = 65536,
};

static int find_id(enum value_type type, const char *name, uint32_t *id)
{
	char *buf = malloc(NSS_BUF_LEN);
	struct passwd user, *user_found = NULL;
	struct group group, *group_found = NULL;
	int err;

	if (!buf)
		return -ENOMEM;
	if (type == VALUE_USER)
		err = getpwnam_r(name, &user, buf, NSS_BUF_LEN, &user_found);
	else
		err = getgrnam_r(name, &group, buf, NSS_BUF_LEN, &group_found);
	if (user_found)
		*id = user.pw_uid;
	if (group_found)
		*id = group.gr_gid;
	free(buf);
	if (user_found || group_found)
		return 0;
	/* getpwnam(3) lists what "not found" may be called as well. */
	return err == 0 || err == ENOENT || err == ESRCH || err == EBADF || err == EPERM ? -ENOENT
											 : -err;
}

static int parse_id(const struct key_def *key, const char *text, void *field, struct value_why *why)
{
	const char *noun = key->type == VALUE_USER ? "user" : "group";
	uint64_t number;
	uint32_t id = 0;
	int ret = value_decimal(text, strlen(text), &number);

	/* A number need not be in the system's tables (containers); chown(2) leaves -1 alone. */
	if (ret == -ERANGE || (ret == 0 && number >= UINT32_MAX))
		return value_fault(why,
				   "%s is out of range; write the %s's name or a number below %ju",
				   text, noun, (uintmax_t)UINT32_MAX);
	if (ret == 0) {
		store_uint(key, field, number);
		return 0;
	}
	ret = find_id(key->type, text, &id);
	if (ret < 0 && ret != -ENOENT)
		return value_fault(why, "the %s \"%s\" cannot be looked up (%s); write a number",
				   noun, text, strerror(-ret));
	if (ret < 0)
		return value_fault(
			why, "there is no %s \"%s\"; write the name of an existing %s, or a number",
			noun, text, noun);
	store_uint(key, field, id);
	return 0;
}

static int parse_workers(const struct key_def *key, const char *text, void *field,
			 struct value_why *why)
{
	(void)key;
	return cores_parse(field, text, why);
}

static int parse_address(const struct key_def *key, const char *text, void *field,
			 struct value_why *why)
{
	(void)key;
	return address_parse(field, text, why);
}

static int parse_device(const struct key_def *key, const char *text, void *field,
			struct value_why *why)
{
	(void)key;
	return device_parse(field, text, why);
}

static int parse_vlans(const struct key_def *key, const char *text, void *field,
		       struct value_why *why)
{
	(void)key;
	return vlans_parse(field, text, why);
}

static int parse_macs(const struct key_def *key, const char *text, void *field,
		      struct value_why *why)
{
	(void)key;
	return macs_parse(field, text, why);
}

static void print_uint(const struct key_def *key, const void *field, FILE *out)
{
	fprintf(out, "%ju", (uintmax_t)load_uint(key, field));
}

static void print_enum(const struct key_def *key, const void *field, FILE *out)
{
	fputs(key->words[load_uint(key, field)], out);
}

static void print_text(const struct key_def *key, const void *field, FILE *out)
{
	(void)key;
	fputs(field, out);
}

static void print_mode(const struct key_def *key, const void *field, FILE *out)
{
	fprintf(out, "%04jo", (uintmax_t)load_uint(key, field));
}

static void print_address(const struct key_def *key, const void *field, FILE *out)
{
	(void)key;
	address_print(field, out);
}

static void print_vlans(const struct key_def *key, const void *field, FILE *out)
{
	(void)key;
	vlans_print(field, out);
}

static void print_macs(const struct key_def *key, const void *field, FILE *out)
{
	(void)key;
	macs_print(field, out);
}

static void print_workers(const struct key_def *key, const void *field, FILE *out)
{
	(void)key;
	cores_print(field, out);
}

static const struct {
	int (*parse)(const struct key_def *key, const char *text, void *field,
		     struct value_why *why);
	void (*print)(const struct key_def *key, const void *field, FILE *out);
} types[] = {
	[VALUE_UINT] = {parse_uint, print_uint},
	[VALUE_ENUM] = {parse_enum, print_enum},
	[VALUE_NAME] = {parse_name, print_text},
	[VALUE_REF] = {parse_ref, NULL},
	[VALUE_DIR] = {parse_path, print_text},
	[VALUE_SOCKET] = {parse_path, print_text},
	[VALUE_MODE] = {parse_mode, print_mode},
	[VALUE_USER] = {parse_id, print_uint},
	[VALUE_DEVICE] = {parse_device, print_text},
	[VALUE_VLANS] = {parse_vlans, print_vlans},
	[VALUE_MACS] = {parse_macs, print_macs},
	[VALUE_ADDRESS] = {parse_address, print_address},
	[VALUE_GROUP] = {parse_id, print_uint},
	[VALUE_WORKERS] = {parse_workers, print_workers},
	[VALUE_PORTS] = {capture_value_parse_ports, print_text},
	[VALUE_FILTER] = {capture_value_parse_filter, print_text},
	[VALUE_FILE] = {parse_path, print_text},
	[VALUE_SIZE] = {capture_value_parse_size, capture_value_print_size},
	[VALUE_VM_PORTS] = {vm_value_parse_ports, print_text},
	[VALUE_INPUT] = {parse_path, print_text},
	[VALUE_TEXT] = {vm_value_parse_text, print_text},
	[VALUE_MEMORY] = {vm_value_parse_memory, vm_value_print_memory},
};
_Static_assert(sizeof(types) / sizeof(types[0]) == VALUE_TYPE_N, "every type has its functions");

int value_parse(const struct key_def *key, const char *text, void *field, struct value_why *why)
{
	if (text[0] == '\0')
		return value_fault(why, "the value is empty; write one or remove the line");
	if (text[0] == '"' || text[0] == '\'')
		return value_fault(why, "%s is quoted; write the value without quotes", text);
	return types[key->type].parse(key, text, field, why);
}

void value_print(const struct key_def *key, const void *field, FILE *out)
{
	types[key->type].print(key, field, out);
}

static bool unset_is_minus_one(const struct key_def *key)
{
	return key->type == VALUE_REF || key->type == VALUE_USER || key->type == VALUE_GROUP;
}

void value_unset(const struct key_def *key, void *field)
{
	memset(field, unset_is_minus_one(key) ? 0xff : 0, key->size);
}

bool value_is_set(const struct key_def *key, const void *field)
{
	const unsigned char *bytes = field, unset = unset_is_minus_one(key) ? 0xff : 0;

	if (key->fallback)
		return true;
	for (size_t i = 0; i < key->size; i++)
		if (bytes[i] != unset)
			return true;
	return false;
}

/* Of the types whose values look the same whatever the key. */
static const char *const descriptions[VALUE_TYPE_N] = {
	[VALUE_MODE] = "octal MODE, 0000..0777",
	[VALUE_USER] = "USER or number",
	[VALUE_GROUP] = "GROUP or number",
	[VALUE_ADDRESS] = "ADDRESS/PREFIX-LENGTH",
	[VALUE_DEVICE] = "PCI address, or NAME,PARAMETER=VALUE,...",
	[VALUE_VLANS] = "VLANs as in: 10,20-29",
	[VALUE_PORTS] = "NAME,NAME,... of [port NAME], or *",
	[VALUE_FILTER] = "pcap-filter(7)",
	[VALUE_FILE] = "PATH or -",
	[VALUE_INPUT] = "PATH of a file",
};

void value_describe(const struct key_def *key, FILE *out)
{
	uint32_t mib;

	switch (key->type) {
	case VALUE_UINT:
		fprintf(out, "%ju..%ju", (uintmax_t)key->min, (uintmax_t)key->max);
		break;
	case VALUE_ENUM:
		for (unsigned i = 0; key->words[i]; i++)
			fprintf(out, "%s%s", i ? " | " : "", key->words[i]);
		break;
	case VALUE_NAME:
		fprintf(out, "NAME (letters, digits, - _ . and at most %zu of them)",
			key->size - 1);
		break;
	case VALUE_REF:
		fprintf(out, "NAME of a [%s NAME]", key->refers_to);
		break;
	case VALUE_DIR:
		fprintf(out, "absolute PATH, at most %ju bytes", (uintmax_t)key->max);
		break;
	case VALUE_SOCKET:
		fprintf(out, "PATH, at most %ju bytes", (uintmax_t)key->max);
		break;
	case VALUE_MACS:
		fprintf(out, "MAC, or up to %d as in: 52:54:00:00:00:01, 52:54:00:00:00:02",
			TOPOLOGY_MAX_MACS);
		break;
	case VALUE_WORKERS:
		fprintf(out, "%ju..%ju, or cores LIST as in: cores 2,4-6", (uintmax_t)key->min,
			(uintmax_t)key->max);
		break;
	case VALUE_SIZE:
		capture_value_print_size(key, &key->min, out);
		fputs("..", out);
		capture_value_print_size(key, &key->max, out);
		fputs(" bytes, as in 64K, 10M, 2G", out);
		break;
	case VALUE_VM_PORTS:
		fprintf(out, "NAME, NAME, ... of [port NAME]s, at most %d", VM_CONF_MAX_PORTS);
		break;
	case VALUE_TEXT:
		fprintf(out, "text of at most %zu bytes", key->size - 1);
		break;
	case VALUE_MEMORY:
		mib = (uint32_t)key->min;
		vm_value_print_memory(key, &mib, out);
		fputs("..", out);
		mib = (uint32_t)key->max;
		vm_value_print_memory(key, &mib, out);
		break;
	default:
		fputs(descriptions[key->type], out);
		break;
	}
}
