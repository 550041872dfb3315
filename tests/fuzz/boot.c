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

static void check(const struct boot_source *source, const struct boot_plan *plan,
		  const struct guest_ram *ram)
{
	uint64_t end = plan->initrd_start + plan->initrd_len;

	if (plan->kernel_start < LAYOUT_HIGH_RAM || plan->entry < plan->kernel_start ||
	    plan->entry >= plan->kernel_end || plan->initrd_len != source->initrd.len)
		abort();
	if (plan->initrd_len &&
	    (plan->initrd_start < plan->kernel_end || end > guest_ram_low_end(ram) ||
	     memcmp(guest_ram_at(ram, plan->initrd_start, plan->initrd_len), source->initrd.bytes,
		    plan->initrd_len) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static uint8_t *memory;
	struct input in = {.at = bytes, .left = len};
	struct boot_source source = {.cmdline = "console=ttyS0"};
	struct boot_plan plan;
	struct refusal why;
	struct guest_ram ram = {.n_regions = 1, .region = {{.size = RAM_LEN}}};

	/* From the heap, so that the address sanitizer sees its end. */
	if (!memory)
		memory = calloc(1, RAM_LEN);
	if (!memory)
		abort();
	ram.region[0].hva = memory;
	source.initrd = file_of(&in, input_take(&in, 1));
	source.kernel = file_of(&in, in.left);
	if (boot_load(&ram, &source, &plan, &why) == 0)
		check(&source, &plan, &ram);
	else if (why.text[0] == '\0')
		abort();
	free((void *)(uintptr_t)source.initrd.bytes);
	free((void *)(uintptr_t)source.kernel.bytes);
	return 0;
}
