#include "vmm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/layout.h"

enum { IOAPIC_PINS = GSI_MSI_FIRST };

static const char device_path[] = "/dev/kvm";

static int open_device(struct kvm *kvm, struct refusal *why)
{
	kvm->fd = open(device_path, O_RDWR | O_CLOEXEC);
	if (kvm->fd >= 0)
		return 0;
	if (errno == EACCES || errno == EPERM)
		return refuse(why, errno,
			      "no permission for %s: add yourself to its group (`sudo adduser "
			      "$USER kvm`, then log in anew)",
			      device_path);
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return refuse(why, errno,
			      "no %s: load the module (`modprobe kvm_intel` or `kvm_amd`), switch "
			      "on virtualisation in the firmware, or allow nested virtualisation "
			      "on the host of this machine",
			      device_path);
	return refuse(why, errno, "%s: %m%s", device_path,
		      errno == EBUSY ? "; another hypervisor (VirtualBox?) holds the CPU" : "");
}

/* Of all capabilities that we need, IMMEDIATE_EXIT came last to KVM. */
static int check_version(struct kvm *kvm, struct refusal *why)
{
	int version = ioctl(kvm->fd, KVM_GET_API_VERSION, 0);

	if (version != KVM_API_VERSION)
		return refuse(why, ENOTSUP, "%s: API version %d, 12 is needed: is it KVM?",
			      device_path, version);
	if (ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT) <= 0)
		return refuse(
			why, ENOTSUP,
			"%s: this kernel's KVM lacks IMMEDIATE_EXIT; a newer kernel is needed",
			device_path);
	kvm->has_tsc_deadline = ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	kvm->has_stats = ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_BINARY_STATS_FD) > 0;
	return 0;
}

int kvm_call(int fd, unsigned long request, const char *name, void *argument, struct refusal *why)
{
	int rc;

	do
		rc = ioctl(fd, request, argument);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? refuse(why, errno, "%s: %m", name) : rc;
}

static int create_vm(struct kvm *kvm, struct refusal *why)
{
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	uint64_t identity = LAYOUT_IDENTITY_MAP;
	void *tss = (void *)(uintptr_t)LAYOUT_TSS;
	int fd = kvm->vm_fd = KVM_CALL(kvm->fd, KVM_CREATE_VM, 0, why);

	if (fd < 0)
		return fd;
	return KVM_CALL(fd, KVM_SET_IDENTITY_MAP_ADDR, &identity, why)
		       ?: KVM_CALL(fd, KVM_SET_TSS_ADDR, tss, why)
		       ?: KVM_CALL(fd, KVM_CREATE_IRQCHIP, NULL, why)
		       ?: KVM_CALL(fd, KVM_CREATE_PIT2, &pit, why);
}

static int call_vm(struct kvm *kvm, unsigned long request, void *argument)
{
	return ioctl(kvm->vm_fd, request, argument) < 0 ? -errno : 0;
}

int kvm_open(struct kvm *kvm, struct refusal *why)
{
	int rc;

	*kvm = (struct kvm){.fd = -1, .vm_fd = -1, .call = call_vm};
	rc = open_device(kvm, why) ?: check_version(kvm, why) ?: create_vm(kvm, why);
	if (rc == 0) {
		kvm->run_len = ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
		kvm->emulates = access("/sys/module/kvm_pvm", F_OK) == 0;
	}
	return rc;
}

void kvm_close(struct kvm *kvm)
{
	close(kvm->vm_fd);
	close(kvm->fd);
	kvm->vm_fd = kvm->fd = -1;
	free(kvm->table);
	kvm->table = NULL;
}

int kvm_map_ram(const struct kvm *kvm, const struct guest_ram *ram, struct refusal *why)
{
	int rc = 0;

	for (unsigned i = 0; i < ram->n_regions && rc == 0; i++) {
		const struct guest_ram_region *region = &ram->region[i];
		struct kvm_userspace_memory_region slot = {.slot = i,
							   .guest_phys_addr = region->gpa,
							   .memory_size = region->size,
							   .userspace_addr =
								   (uintptr_t)region->hva};

		rc = KVM_CALL(kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot, why);
	}
	return rc;
}

/* Not to the PIC: kernels that run hardware-reduced ACPI never touch it, and KVM leaves it open at
 * vector 0, so that each interrupt of a pin would come a second time, as an exception. */
int kvm_init_routes(struct kvm *kvm, unsigned n_gsis)
{
	const unsigned n = IOAPIC_PINS + n_gsis;

	kvm->table = calloc(1, sizeof(*kvm->table) + n * sizeof(kvm->table->entries[0]));
	if (!kvm->table)
		return -ENOMEM;
	kvm->table->nr = n;
	for (unsigned gsi = 0; gsi < n; gsi++) {
		struct kvm_irq_routing_entry *entry = &kvm->table->entries[gsi];

		entry->gsi = gsi;
		entry->type = gsi < IOAPIC_PINS ? KVM_IRQ_ROUTING_IRQCHIP : KVM_IRQ_ROUTING_MSI;
		if (gsi >= IOAPIC_PINS)
			entry->u.msi.address_lo = (uint32_t)LAYOUT_LAPIC;
		else
			entry->u.irqchip =
				(struct kvm_irq_routing_irqchip){KVM_IRQCHIP_IOAPIC, gsi};
	}
	return kvm->call(kvm, KVM_SET_GSI_ROUTING, kvm->table);
}

int kvm_route(struct kvm *kvm, unsigned gsi, const struct msi_message *message)
{
	if (gsi < GSI_MSI_FIRST || gsi >= kvm->table->nr)
		return -EINVAL;
	kvm->table->entries[gsi].u.msi = (struct kvm_irq_routing_msi){
		message->address_lo, message->address_hi, message->data, {0}};
	kvm->n_route_updates++;
	return kvm->call(kvm, KVM_SET_GSI_ROUTING, kvm->table);
}

int kvm_attach(struct kvm *kvm, unsigned gsi, int fd, bool on)
{
	struct kvm_irqfd request = {
		.fd = (uint32_t)fd, .gsi = gsi, .flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN};

	return kvm->call(kvm, KVM_IRQFD, &request);
}

int kvm_send(struct kvm *kvm, const struct msi_message *message)
{
	struct kvm_msi msi = {.address_lo = message->address_lo,
			      .address_hi = message->address_hi,
			      .data = message->data};

	return kvm->call(kvm, KVM_SIGNAL_MSI, &msi);
}

int kvm_doorbell(struct kvm *kvm, uint64_t addr, int fd, bool on)
{
	/* Length 0 puts the doorbell on the fast bus of KVM, where no instruction is decoded. */
	struct kvm_ioeventfd request = {
		.addr = addr, .len = 0, .fd = fd, .flags = on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN};

	return kvm->call(kvm, KVM_IOEVENTFD, &request);
}

int kvm_set_pin(struct kvm *kvm, unsigned gsi, bool level)
{
	struct kvm_irq_level line = {.irq = gsi, .level = level};

	return kvm->call(kvm, KVM_IRQ_LINE, &line);
}
