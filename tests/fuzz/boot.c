/* Kernel images of whatever kind, with and without an initrd. */
#include "vmm/boot.h"

#include "tests/fuzz/input.h"
#include "vmm/layout.h"

#include <stdlib.h>

enum { RAM_LEN = LAYOUT_KERNEL + (1 << 20) };

/* A copy that ends where the file ends. */
static struct boot_file file_of(struct input *in, size_t len)
{
	uint8_t *bytes;

	if (len > in->left)
		len = in->left;
	bytes = malloc(len ? len : 1);
	if (!bytes)
		abort();
	memcpy(bytes, in->at, len);
	in->at += len;
	in->left -= len;
	return (struct boot_file){.bytes = bytes, .len = len, .name = "fuzzed"};
}

static void check(const struct boot *boot)
{
	uint64_t end = boot->initrd_start + boot->initrd.len;

	if (boot->kernel_start < LAYOUT_HIGH_RAM || boot->entry < boot->kernel_start ||
	    boot->entry >= boot->kernel_end)
		abort();
	if (boot->initrd.len &&
	    (boot->initrd_start < boot->kernel_end || end > guest_ram_low_end(boot->ram) ||
	     memcmp(guest_ram_at(boot->ram, boot->initrd_start, boot->initrd.len),
		    boot->initrd.bytes, boot->initrd.len) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static uint8_t *memory;
	struct input in = {.at = bytes, .left = len};
	struct refusal why;
	struct guest_ram ram = {.n_regions = 1, .region = {{.size = RAM_LEN}}};
	struct boot boot = {.ram = &ram, .cmdline = "console=ttyS0"};

	/* From the heap, so that the address sanitizer sees its end. */
	if (!memory)
		memory = calloc(1, RAM_LEN);
	if (!memory)
		abort();
	ram.region[0].hva = memory;
	boot.initrd = file_of(&in, input_take(&in, 1));
	boot.kernel = file_of(&in, in.left);
	if (boot_load(&boot, &why) == 0)
		check(&boot);
	else if (why.text[0] == '\0')
		abort();
	free((void *)(uintptr_t)boot.initrd.bytes);
	free((void *)(uintptr_t)boot.kernel.bytes);
	return 0;
}
