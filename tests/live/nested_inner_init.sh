#!/bin/sh
# init of a stock Debian guest of ringway-vmm. Words of the kernel's command line say what to do:
#     ip=A.B.C.D  ping=A.B.C.D  exit=N (by the exit port)  wait (for the power button)  serve=FILE-LEN  fetch=FROM
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover net_failover virtio_net \
    button evdev; do
    insmod /modules/$module.ko
done
word() { tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"; }
echo "INNER UP cpus=$(nproc) nics=$(ls /sys/class/net | grep -c eth)"
dmesg | grep -iE 'acpi (bios )?(error|warning|exception)|tsc: unable|nobody cared' && echo "INNER COMPLAINS"
if [ -n "$(word ip)" ]; then
    ip addr add "$(word ip)/24" dev eth0
    ip link set eth0 up
    echo "INNER ADDRESS $(word ip) mac $(cat /sys/class/net/eth0/address)"
fi
printf '\1' | dd of=/dev/port bs=1 conv=notrunc seek=$((0x6f1)) 2>/dev/null
if [ -n "$(word ping)" ]; then
    for try in 1 2 3 4 5 6 7 8 9 10; do ping -c 1 -W 2 "$(word ping)" >/dev/null && break; done
    ping -c 5 -W 2 "$(word ping)" | sed 's/^/INNER /'
fi
if [ -n "$(word exit)" ]; then
    printf "\\$(printf %03o "$(word exit)")" | dd of=/dev/port bs=1 conv=notrunc seek=$((0x6f0)) 2>/dev/null
fi
if grep -qw wait /proc/cmdline; then
    # A key press of the power button is 24 bytes; the type of event does not matter here.
    head -c 24 /dev/input/event0 >/dev/null
    echo "INNER BUTTON"
fi
echo "INNER DOWN"
if grep -qw restart /proc/cmdline; then reboot -f; fi
poweroff -f
