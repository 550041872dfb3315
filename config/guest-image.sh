#!/usr/bin/env bash
# guest-image.sh DIR - a stock Debian kernel and a user space of one busybox: DIR/vmlinuz, DIR/initramfs.
#
# The kernel is Debian's cloud kernel, downloaded as a package and unpacked, not installed. The guest takes its
# address from the kernel's command line (guest_ip=10.0.0.1/24), says "guest is up", pings once the address of
# guest_ping=10.0.0.2 answers, and gives a shell on its serial console. The power button powers it off. What is
# there already is kept.
set -euo pipefail

if [[ $# != 1 || $1 == -* ]]; then
	echo "usage: guest-image.sh DIR    makes DIR/vmlinuz and DIR/initramfs" >&2
	exit 1
fi
dir=$1
metapackage=linux-image-cloud-amd64
# In the order in which they have to be loaded.
modules="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover net_failover virtio_net button evdev"

kernel_package() {
	apt-cache depends "$metapackage" 2>/dev/null | awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ {print $2; exit}'
}

# Unpacks the kernel's package into DIR/kernel.
fetch_kernel() {
	local package scratch
	package=$(kernel_package)
	if [[ -z $package ]]; then
		echo "guest-image.sh: apt knows no $metapackage: run apt-get update" >&2
		return 1
	fi
	scratch=$(mktemp -d "$dir/download.XXXXXX")
	echo "fetching the guests' kernel: $package"
	# Root's apt would hand the download to a user who may not write here.
	(cd "$scratch" && apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package" >/dev/null)
	dpkg-deb -x "$scratch"/*.deb "$scratch/root"
	rm -rf "$dir/kernel"
	mv "$scratch/root" "$dir/kernel"
	rm -rf "$scratch"
}

write_init() {
	cat >"$1" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
for module in $(cat /modules/order); do
	insmod /modules/$module.ko || echo "guest: $module: not loaded"
done
ip link set lo up
if [ -n "$guest_ip" ]; then
	ip addr add "$guest_ip" dev eth0
	ip link set eth0 up
fi
# The power button is an input device; a press is an event of 24 bytes.
for device in /sys/class/input/event*; do
	grep -q "Power Button" "$device/device/name" 2>/dev/null || continue
	(head -c 24 "/dev/input/${device##*/}" >/dev/null && poweroff -f) &
done
stty -echo
echo "guest is up"
if [ -n "$guest_ping" ]; then
	# The other one may still boot.
	tries=0
	while [ $tries -lt 60 ] && ! ping -c 1 -W 2 "$guest_ping" >/dev/null; do
		tries=$((tries + 1))
	done
	ping -c 5 -W 10 "$guest_ping"
fi
PS1= exec setsid cttyhack sh
INIT
	chmod +x "$1"
}

# The modules that the kernel has built in are left out.
pack_initramfs() {
	local root module file
	root=$(mktemp -d "$dir/initramfs.XXXXXX")
	mkdir -p "$root"/{bin,dev,proc,sys,tmp,modules}
	cp "$(command -v busybox)" "$root/bin/busybox"
	for module in $modules; do
		file=$(find "$dir/kernel/lib/modules" -name "$module.ko" -print -quit)
		if [[ -n $file ]]; then
			cp "$file" "$root/modules/"
			echo "$module" >>"$root/modules/order"
		elif ! grep -q "/$module.ko$" "$dir"/kernel/lib/modules/*/modules.builtin; then
			echo "guest-image.sh: the kernel has no module $module" >&2
			return 1
		fi
	done
	write_init "$root/init"
	(cd "$root" && find . | cpio --quiet -o -H newc) | gzip -1 >"$dir/initramfs.new"
	rm -rf "$root"
	mv "$dir/initramfs.new" "$dir/initramfs"
}

mkdir -p "$dir"
# Several may want it at once; the first one makes it.
exec {lock}>"$dir/.lock"
flock "$lock"
[[ -d $dir/kernel/boot ]] || fetch_kernel
if [[ ! -f $dir/vmlinuz ]]; then
	cp "$dir"/kernel/boot/vmlinuz-* "$dir/vmlinuz.new"
	mv "$dir/vmlinuz.new" "$dir/vmlinuz"
fi
# Newer than its recipe, or made again.
[[ $dir/initramfs -nt $0 ]] || pack_initramfs
