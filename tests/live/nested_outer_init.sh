#!/bin/sh
# init of the outer guest: KVM, then the scenario, then the end.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mkdir -p /dev/shm /dev/pts
mount -t devpts devpts /dev/pts
ip link set lo up
insmod /modules/irqbypass.ko
insmod /modules/kvm.ko
insmod /modules/kvm-amd.ko nested=0
/bin/sh /scenario
echo "NESTED VERDICT $?"
poweroff -f
