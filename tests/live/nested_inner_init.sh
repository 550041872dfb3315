#!/bin/sh
# init of a stock Debian guest of ringway-vmm. Words of the kernel's command line say what to do:
#     ip=A.B.C.D  ping=A.B.C.D  serve=LEN  fetch=A.B.C.D  exit=N (by the exit port)  restart
#     wait (for the power button)
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover net_failover virtio_net \
    button evdev; do
    insmod /modules/$module.ko
done
word() { tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"; }
echo "INNER UP cpus=$(nproc) nics=$(ip -o link | grep -c 'eth[0-9]')"
dmesg | grep -iE 'acpi (bios )?(error|warning|exception)|tsc: unable|nobody cared' && echo "INNER COMPLAINS"
if [ -n "$(word ip)" ]; then
    ip addr add "$(word ip)/24" dev eth0
    ip link set eth0 up
    echo "INNER ADDRESS $(word ip) mac $(cat /sys/class/net/eth0/address)"
fi
port_write $((0x6f1)) 1 # ready
if [ -n "$(word ping)" ]; then
    tries=0
    while [ $tries -lt 15 ] && ! ping -c 1 -W 2 "$(word ping)" >/dev/null; do tries=$((tries + 1)); done
    ping -c 5 -W 2 "$(word ping)" | sed 's/^/INNER /'
fi
# serve=LEN: one file for the first who comes to port 5000; fetch=A.B.C.D: takes it. Both print its checksum.
if [ -n "$(word serve)" ]; then
    head -c "$(word serve)" /dev/urandom >/tmp/file
    echo "INNER SUM $(sha256sum </tmp/file)"
    nc -l -p 5000 </tmp/file
fi
if [ -n "$(word fetch)" ]; then
    # An input that never ends: at its end nc would hang up before it has everything.
    mknod /tmp/silence p
    tries=0
    while [ $tries -lt 60 ] && [ ! -s /tmp/got ]; do
        nc "$(word fetch)" 5000 <>/tmp/silence >/tmp/got || sleep 1
        tries=$((tries + 1))
    done
    echo "INNER GOT $(wc -c </tmp/got) bytes"
    echo "INNER SUM $(sha256sum </tmp/got)"
    queues=$(find /sys/class/net/eth0/queues -name 'rx-*' | wc -l)
    echo "INNER QUEUES $queues"
    grep virtio /proc/interrupts | sed 's/^/INNER IRQ /'
fi
if [ -n "$(word exit)" ]; then
    port_write $((0x6f0)) "$(word exit)"
fi
if grep -qw wait /proc/cmdline; then
    # A key press of the power button is 24 bytes; the type of event does not matter here.
    head -c 24 /dev/input/event0 >/dev/null
    echo "INNER BUTTON"
fi
echo "INNER DOWN"
if grep -qw restart /proc/cmdline; then reboot -f; fi
poweroff -f
