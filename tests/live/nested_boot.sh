#!/bin/sh
# Scenario: one stock kernel without a NIC reaches its init, with one and two CPUs; every way to end has its exit code.
failed=0

# boot WANTED-CODE OPTIONS...: the guest must have come up and ended with this code.
boot() {
    wanted=$1
    shift
    ringway-vmm --kernel /inner/vmlinuz --initrd /inner/initrd --memory 256M --timeout 300 --stats "$@" \
        </dev/null >/tmp/out 2>/tmp/err
    code=$?
    grep -E 'INNER' /tmp/out
    grep -E 'first guest|resident|exit code' /tmp/err
    if [ $code != "$wanted" ] || ! grep -q 'INNER UP' /tmp/out || grep -q 'INNER COMPLAINS' /tmp/out; then
        echo "nested_boot: $*: exit code $code, wanted $wanted"
        tail -n 30 /tmp/out
        cat /tmp/err
        failed=1
    fi
}

boot 0 --append "quiet"
boot 3 --append "quiet exit=3" --cpus 2
grep -q 'INNER UP cpus=2' /tmp/out || { echo "the second CPU did not start"; failed=1; }
boot 123 --append "quiet restart"
exit $failed
