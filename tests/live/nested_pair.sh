#!/bin/sh
# Scenario: two stock kernels, one with two CPUs and two pairs of queues, on one switch: ping, 5 MB over TCP with equal
# checksums, one ends by its power button, the other by itself.
failed=0
fault() {
    echo "nested_pair: FAILED: $*"
    failed=1
}

# wait_for FILE WORD: up to 300 s.
wait_for() {
    tries=0
    while ! grep -q -- "$2" "$1" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || return 1
        sleep 1
    done
}

printf '[switch]\nname = nested\nrun-dir = /run/lab\n[port a]\nqueues = 2\n[port b]\n' >/tmp/lab.ini
ringway run /tmp/lab.ini >/tmp/switch 2>&1 &
switch=$!
wait_for /tmp/switch ready || fault "the switch is not ready"

ringway-vmm --name b --kernel /inner/vmlinuz --initrd /inner/initrd --memory 256M --console file:/tmp/b.out --stats \
    --timeout 500 --net socket=/run/lab/b.sock --stop-timeout 120 --append "quiet ip=10.0.0.2 serve=5000000 wait" \
    </dev/null 2>/tmp/b.err &
b=$!
ringway-vmm --name a --kernel /inner/vmlinuz --initrd /inner/initrd --memory 256M --console file:/tmp/a.out --stats \
    --timeout 500 --cpus 2 --net socket=/run/lab/a.sock,queues=2 \
    --append "quiet ip=10.0.0.1 ping=10.0.0.2 fetch=10.0.0.2" </dev/null 2>/tmp/a.err
code=$?
[ $code = 0 ] || fault "a ended with $code"
wait_for /tmp/b.out "INNER SUM" || fault "b has served nothing"
kill -TERM $b
wait $b || fault "b ended with $?"
grep -h INNER /tmp/a.out /tmp/b.out
grep -h -E 'exit to launcher|kvm: (exits|mmio_exits|irq_inj|halt_exits)|net0:|routes|resident' /tmp/a.err /tmp/b.err
grep -q 'INNER UP cpus=2 nics=1' /tmp/a.out || fault "a did not come up with two CPUs and its NIC"
grep -q '5 packets received' /tmp/a.out || fault "lost echoes"
[ "$(grep -h 'INNER SUM' /tmp/a.out /tmp/b.out | tr -d '\r' | sort -u | wc -l)" = 1 ] || fault "checksums differ"
grep -q 'INNER BUTTON' /tmp/b.out || fault "b did not hear its power button"
grep -q 'kicks through launcher 0,' /tmp/a.err || fault "kicks went through the launcher"
[ $failed = 0 ] || cat /tmp/a.err /tmp/b.err /tmp/switch
kill $switch
exit $failed
