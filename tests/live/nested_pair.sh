#!/bin/sh
# Scenario: one file is the whole lab. `ringway run` boots two stock kernels, one with two CPUs and two pairs of queues:
# ping, 5 MB over TCP with equal checksums; one ends with an exit code of its own, the other powers off by its button when
# the switch ends. A third has no port and reboots.
failed=0
fault() {
    echo "nested_pair: FAILED: $*"
    failed=1
}

# wait_for FILE WORD: up to 900 s; a clock in here may run fast.
wait_for() {
    tries=0
    while ! grep -q -- "$2" "$1" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 900 ] || return 1
        sleep 1
    done
}

cat >/tmp/lab.ini <<INI
[switch]
name = nested
run-dir = /run/lab
[port a]
queues = 2
[port b]
[vm a]
ports = a
kernel = /inner/vmlinuz
initrd = /inner/initrd
memory = 256M
cpus = 2
append = quiet ip=10.0.0.1 ping=10.0.0.2 fetch=10.0.0.2 exit=3
stats = yes
[vm b]
ports = b
kernel = /inner/vmlinuz
initrd = /inner/initrd
memory = 256M
append = quiet ip=10.0.0.2 serve=5000000 wait
stop-timeout = 300
stats = yes
[vm c]
kernel = /inner/vmlinuz
initrd = /inner/initrd
memory = 256M
append = quiet restart
INI
ringway run /tmp/lab.ini >/tmp/switch 2>&1 &
switch=$!
wait_for /tmp/switch 'vm a: .*, after' || fault "a did not end"
wait_for /run/lab/b.console "INNER SUM" || fault "b has served nothing"
ringway show vms -s /run/lab/control.sock || fault "no answer of the switch"
kill -TERM $switch
wait $switch || fault "the switch ended with $?"

cat /run/lab/a.console /run/lab/b.console | tr -d '\r' | grep INNER
grep -E 'exit to launcher|kvm: (exits|mmio_exits|irq_inj|halt_exits)|net0:|routes|resident|, after' /tmp/switch
grep -q 'vm a: exit code 3, which the guest gave, after' /tmp/switch || fault "a did not end with its exit code"
grep -q 'vm b: powered off, after' /tmp/switch || fault "b did not power off"
grep -q 'vm c: .*reboot' /tmp/switch || fault "c did not reboot"
cat /run/lab/*.console | grep 'INNER COMPLAINS' && fault "a kernel complains about its tables or clocks"
grep -q 'hypervisor qemu' /tmp/switch && fault "auto did not choose kvm"
grep -q 'INNER UP cpus=2 nics=1' /run/lab/a.console || fault "a did not come up with two CPUs and its NIC"
grep -q 'INNER UP cpus=1 nics=1' /run/lab/b.console || fault "b did not come up with its NIC"
grep -q '5 packets received' /run/lab/a.console || fault "lost echoes"
sums() { cat /run/lab/a.console /run/lab/b.console | tr -d '\r' | grep 'INNER SUM'; }
[ "$(sums | wc -l) $(sums | sort -u | wc -l)" = "2 1" ] || fault "checksums differ"
grep -q 'INNER BUTTON' /run/lab/b.console || fault "b did not hear its power button"
grep -q 'vm a: stats: net0: kicks through launcher 0,' /tmp/switch || fault "kicks went through the launcher"
[ $failed = 0 ] || cat /tmp/switch
exit $failed
