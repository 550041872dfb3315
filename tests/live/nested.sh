#!/bin/bash
# Boots stock Debian kernels with ringway-vmm on a machine whose /dev/kvm cannot: inside a QEMU (TCG) guest with
# nested SVM, whose own kernel is Debian's, too.
#
#     nested.sh SCENARIO      a script that runs inside the outer guest, next to /inner/vmlinuz and /inner/initrd,
#                             with ringway-vmm and ringway in its PATH; it prints its own verdict and ends with 0
#
# Needs: qemu-system-x86 busybox-static cpio linux-image-cloud-amd64 (downloaded, not installed).
# RINGWAY_KERNEL_DEB names a package that was downloaded before. RINGWAY_BUILD names the build folder, which keeps the
# download.
set -euo pipefail

scenario=$(realpath "$1")
source_dir=$(realpath "$(dirname "$0")/../..")
build_dir=$(realpath "${RINGWAY_BUILD:-$source_dir/build}")
timeout_s=${RINGWAY_NESTED_TIMEOUT:-1100}
work_dir=$(mktemp -d "${TMPDIR:-/tmp}/ringway-nested.XXXXXX")
qemu=
trap 'if [ -n "$qemu" ]; then kill "$qemu" 2>/dev/null || true; fi; rm -rf "$work_dir"' EXIT
trap 'exit 143' TERM INT

fetch_kernel() {
    local deb=${RINGWAY_KERNEL_DEB:-} package cache=$build_dir/nested-kernel
    if [ -z "$deb" ]; then
        package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends:/ { print $2; exit }')
        mkdir -p "$cache"
        if ! compgen -G "$cache/${package}_*.deb" >/dev/null; then
            (cd "$cache" && apt-get -o APT::Sandbox::User=root download "$package" >/dev/null)
        fi
        deb=$(compgen -G "$cache/${package}_*.deb" | tail -n 1)
    fi
    dpkg-deb -x "$deb" "$work_dir/kernel"
    vmlinuz=$(echo "$work_dir"/kernel/boot/vmlinuz-*)
    modules=$(echo "$work_dir"/kernel/lib/modules/*/kernel)
}

# base_tree DIR: what both initramfs have.
base_tree() {
    mkdir -p "$1"/{bin,dev,proc,sys,tmp,run,lib,lib64,modules}
    cp "$(command -v busybox)" "$1/bin/busybox"
    local applet
    for applet in sh mount insmod ls cat echo sleep poweroff reboot ip ping nproc dd printf grep sed seq kill md5sum nc \
        head tail wc mkdir rm ifconfig arping cut tr timeout awk sort date ps dmesg find udhcpc sha256sum mknod true false; do
        ln -sf busybox "$1/bin/$applet"
    done
}

# pack DIR FILE: a newc archive.
pack() {
    (cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet) >"$2"
}

# copy_program FILE TREE: with its shared libraries.
copy_program() {
    cp "$1" "$2/bin/"
    ldd "$1" | awk '/=> \// { print $3 } /^[ \t]*\/lib/ { print $1 }' | while read -r library; do
        mkdir -p "$2$(dirname "$library")"
        cp -Lu "$library" "$2$library"
    done
}

inner_initrd() {
    local tree=$work_dir/inner module
    base_tree "$tree"
    for module in drivers/virtio/virtio drivers/virtio/virtio_ring drivers/virtio/virtio_pci_modern_dev \
        drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci net/core/failover drivers/net/net_failover \
        drivers/net/virtio_net drivers/acpi/button drivers/input/evdev; do
        cp "$modules/$module.ko" "$tree/modules/"
    done
    "${CC:-cc}" -O2 -static -o "$tree/bin/port_write" "$source_dir/tests/live/port_write.c"
    cp "$source_dir/tests/live/nested_inner_init.sh" "$tree/init"
    chmod +x "$tree/init"
    pack "$tree" "$1"
}

outer_initrd() {
    local tree=$work_dir/outer module program
    base_tree "$tree"
    mkdir -p "$tree/inner"
    for module in virt/lib/irqbypass arch/x86/kvm/kvm arch/x86/kvm/kvm-amd; do
        cp "$modules/$module.ko" "$tree/modules/"
    done
    for program in ringway-vmm ringway; do
        if [ -x "$build_dir/$program" ]; then copy_program "$build_dir/$program" "$tree"; fi
    done
    cp "$vmlinuz" "$tree/inner/vmlinuz"
    cp "$work_dir/inner.cpio" "$tree/inner/initrd"
    cp "$scenario" "$tree/scenario"
    cp "$source_dir/tests/live/nested_outer_init.sh" "$tree/init"
    chmod +x "$tree/init" "$tree/scenario"
    pack "$tree" "$1"
}

fetch_kernel
inner_initrd "$work_dir/inner.cpio"
outer_initrd "$work_dir/outer.cpio"
# The TSC of an emulated CPU on a busy host is calibrated wrong, by a factor of ten at times.
log=${RINGWAY_NESTED_LOG:-$work_dir/log}
# Nor does its timer always tick in time for the kernel's check.
run_outer() {
    timeout "$timeout_s" qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m 2048 -nographic -no-reboot -nodefaults \
        -serial stdio -kernel "$vmlinuz" -initrd "$work_dir/outer.cpio" \
        -append "console=ttyS0 quiet panic=-1 rdinit=/init tsc=unstable clocksource=hpet no_timer_check" \
        </dev/null >"$log" 2>&1 &
    qemu=$!
    wait "$qemu" || true
    cat "$log"
}

run_outer
# An emulated outer kernel may die of its own clock before the scenario has an end. That says nothing about what is
# tested, so it gets a second chance; a verdict does not.
if ! grep -q '^NESTED VERDICT' "$log"; then
    echo "nested: the outer machine came to no verdict; once more"
    run_outer
fi
if grep -q '^NESTED VERDICT 0' "$log"; then
    echo "nested: passed"
else
    echo "nested: FAILED" >&2
    exit 1
fi
