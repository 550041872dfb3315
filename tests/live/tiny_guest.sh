#!/bin/bash
# The built-in guest on this machine's /dev/kvm, also on one that only emulates: every way a VM can end, where it runs, and
# two guests that ping each other through dpdk-testpmd, which is not ours: one launcher connects to it, it to the other.
# Usage: tiny_guest.sh BUILD-FOLDER
set -uo pipefail

vmm=$(realpath "$1")/ringway-vmm
work=$(mktemp -d "${TMPDIR:-/tmp}/tiny-guest.XXXXXX")
failed=0
children=()

clean_up() {
    local child
    for child in "${children[@]}"; do kill -KILL "$child" 2>/dev/null; done
    wait 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT

fault() {
    echo "FAILED: $*"
    failed=$((failed + 1))
}

# ends CODE WORD ARGUMENTS...: the VM ends with CODE, and standard error or the console has WORD.
ends() {
    local wanted=$1 word=$2 code
    shift 2
    timeout 60 "$vmm" "$@" </dev/null >"$work/out" 2>"$work/err"
    code=$?
    if [[ $code != "$wanted" ]] || ! grep -q -- "$word" "$work/out" "$work/err"; then
        fault "ringway-vmm $*: exit code $code instead of $wanted, or no \"$word\""
        cat "$work/out" "$work/err"
    else
        echo "ok: $* -> $code"
    fi
}

every_end_has_its_exit_code() {
    ends 0 power-off --append action=poweroff
    ends 123 reboot --append action=reboot
    ends 123 reboot --append action=i8042
    ends 126 "triple fault" --append action=triplefault
    ends 7 exit-port --append "action=exit code=7"
    ends 0 exit-port --append "action=exit code=0" --cpus 4
    ends 3 "no network device" --sandbox log
    ends 2 "cannot understand: nonsense" --append nonsense
    ends 124 timeout --append action=hang --timeout 1
    ends 0 flood --append "action=flood count=2000"
}

every_refusal_says_what_to_do() {
    echo "no kernel" >"$work/text"
    : >"$work/empty"
    ends 125 "unknown option" --nonsense
    ends 125 "needs a value" --memory
    ends 125 "not a size" --memory lots
    ends 125 "at least 96 MiB" --kernel "$work/text" --memory 32M
    ends 125 "No such file" --kernel "$work/absent"
    ends 125 "is an empty file" --kernel "$work/empty"
    ends 125 "unknown kind" --kernel "$work/text"
    ends 125 "is not a file" --kernel "$work"
    ends 125 "without a PVH entry" --kernel "$vmm"
    ends 125 "File exists; give a free path" --net "socket=$work/text,role=server"
    ends 125 "is not open" --status-fd 99
    ends 125 "multicast" --net socket=/tmp/x,mac=01:00:00:00:00:01
    ends 125 "socket=PATH is missing" --net mtu=1500
    ends 125 "given twice" --net socket=/tmp/x --net socket=/tmp/x
    ends 125 "none of stdio" --console nowhere
    ends 125 "nr_hugepages to 1024 or more" --hugepages 1G --memory 1024G
    ends 125 "cannot run on CPU 1023" --pin 1023 --append action=poweroff
    ends 124 "waiting for a back-end" --net socket="$work/absent" --timeout 1
    if [[ $(id -u) == 0 ]]; then
        chmod 755 "$work"
        setpriv --reuid 65534 --clear-groups "$vmm" --append action=poweroff </dev/null >"$work/out" 2>&1
        grep -q "adduser" "$work/out" || fault "without permission for /dev/kvm there is no advice"
        unshare --mount sh -c "mount -t tmpfs none /dev && '$vmm' <&-" >"$work/out" 2>&1
        grep -q "modprobe" "$work/out" || fault "without /dev/kvm there is no advice"
        unshare --mount sh -c "mount --bind /dev/null /dev/kvm && '$vmm' <&-" >"$work/out" 2>&1
        grep -q "is it KVM?" "$work/out" || fault "another device is taken for /dev/kvm"
    fi
}

back_end_without_a_needed_feature_is_named() {
    # One from before virtio 1.0: it offers nothing.
    python3 -c '
import socket, struct, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
peer, _ = server.accept()
get_features = 1
while struct.unpack("III", peer.recv(12, socket.MSG_WAITALL))[0] != get_features:
    pass
peer.sendall(struct.pack("=IIIQ", get_features, 5, 8, 0))
' "$work/old.sock" &
    children+=("$!")
    local try
    for ((try = 0; try < 100; try++)); do if [[ -S $work/old.sock ]]; then break; else sleep 0.1; fi; done
    ends 124 "the guest needs VERSION_1, which the back-end lacks; enable it there" --net "socket=$work/old.sock" --timeout 3
}

acpi_tables_come_apart_without_a_complaint() {
    mkdir "$work/acpi"
    "$vmm" --cpus 3 --dry-run --dump-acpi "$work/acpi" </dev/null >"$work/out" || fault "--dump-acpi ends with $?"
    local table
    for table in XSDT FACP APIC DSDT; do
        # No word but the summary's "0 Errors, 0 Warnings" may be there.
        if ! (cd "$work/acpi" && iasl -d "$table.aml") >"$work/out" 2>&1 || grep -qE '(^|[^0-9])[1-9][0-9]* (Errors|Warnings)|Error |Warning ' "$work/out"; then
            fault "iasl finds fault with $table"
            cat "$work/out"
        fi
    done
    grep -q "Local Apic ID : 02" "$work/acpi/APIC.dsl" || fault "the third CPU is not in the MADT"
}

signals_press_the_power_button_first() {
    # hang is deaf to the button: the first signal is not enough, the second is.
    "$vmm" --append action=hang --console "file:$work/hang" --stop-timeout 30 --pin 0 </dev/null 2>"$work/err" &
    local vm=$! code
    children+=("$vm")
    wait_for "$work/hang" hanging || fault "the guest does not start"
    grep -qx "Cpus_allowed_list:.0" /proc/"$vm"/task/*/status || fault "no thread is pinned to CPU 0"
    kill -TERM "$vm"
    wait_for "$work/err" "power button" || fault "SIGTERM is not heard"
    kill -TERM "$vm" # at once: the same request
    sleep 0.7
    kill -0 "$vm" 2>/dev/null || fault "the first SIGTERM ended the VM at once"
    kill -TERM "$vm"
    wait "$vm"
    code=$?
    [[ $code == 124 ]] || fault "two signals: exit code $code"
    # The next one in huge pages, where this machine lends some.
    local pages=/sys/kernel/mm/hugepages/hugepages-2048kB before huge=()
    before=$(cat $pages/nr_hugepages 2>/dev/null || echo 0)
    if { echo $((before + 4)) >$pages/nr_hugepages; } 2>/dev/null && [[ $(cat $pages/free_hugepages) -ge 4 ]]; then
        huge=(--hugepages 2M --memory 8M)
    fi
    "$vmm" --append action=hang --console "file:$work/hang2" --stop-timeout 1 "${huge[@]}" </dev/null 2>"$work/err" &
    vm=$!
    children+=("$vm")
    wait_for "$work/hang2" hanging || fault "the guest does not start"
    if [[ ${#huge[@]} -gt 0 ]]; then
        grep -A 30 ringway-guest-ram "/proc/$vm/smaps" | grep -q "KernelPageSize: *2048 kB" || fault "not in huge pages"
        echo "$before" >$pages/nr_hugepages # those in use go when the VM goes
        echo "ok: --hugepages"
    else
        echo "measured: --hugepages: not tried, this machine lends no huge pages now"
    fi
    kill -TERM "$vm"
    wait "$vm"
    code=$?
    [[ $code == 124 ]] || fault "one signal and no answer: exit code $code"
    grep -q "did not power off in time" "$work/err" || fault "the grace is not mentioned"
}

# Without a back-end, for which a start would wait.
a_start_is_measured() {
    local try
    for ((try = 0; try < 5; try++)); do
        "$vmm" --append action=poweroff --stats </dev/null 2>&1 | sed -n 's/.*first guest instruction: //p'
    done | sort -n | sed -n '3s/^/measured: start to first guest instruction, the middle one of five: /p'
}

# wait_for FILE WORD: up to 20 s.
wait_for() {
    local try
    for ((try = 0; try < 200; try++)); do
        if grep -q -- "$2" "$1" 2>/dev/null; then return 0; fi
        sleep 0.1
    done
    return 1
}

start_testpmd() {
    mkfifo "$work/keys"
    dpdk-testpmd --no-huge -m 256 --no-pci --no-telemetry --file-prefix="tiny$$" -l 0,1 \
        --vdev "net_vhost0,iface=$work/a.sock,queues=1,client=1" --vdev "net_vhost1,iface=$work/b.sock,queues=1" -- \
        --forward-mode=io --auto-start --total-num-mbufs=4096 --nb-cores=1 -i <"$work/keys" >"$work/testpmd" 2>&1 &
    testpmd=$!
    children+=("$testpmd")
    exec 9>"$work/keys"
}

start_answerer() {
    "$vmm" --name b --net "socket=$work/b.sock" --console "file:$work/b.out" --stop-timeout 20 --status-fd 8 \
        --append "ip=10.0.0.2" </dev/null 2>"$work/b.err" 8>"$work/b.status" &
    answerer=$!
    children+=("$answerer")
}

counter() {
    sed -n "s/.*stats: $2 \([0-9]*\).*/\1/p" "$1"
}

guests_ping_without_a_loss_and_without_an_exit_for_a_kick() {
    local count=${RINGWAY_PINGS:-2000} code mmio
    timeout 300 "$vmm" --name a --net "socket=$work/a.sock,role=server" --console "file:$work/a.out" --stats \
        --append "ip=10.0.0.1 ping=10.0.0.2 count=$count interval_us=0 timeout_ms=4000 quiet=1" </dev/null 2>"$work/a.err"
    code=$?
    grep -h sent "$work/a.out"
    grep -h -E 'resident|exit to launcher|kvm: (exits|mmio_exits|irq_inj)|net0: kicks' "$work/a.err"
    grep -q "$count sent, $count received, 0 lost" "$work/a.out" || fault "lost echoes"
    [[ $code == 0 ]] || fault "the pinging guest ended with $code"
    grep -q "kicks through launcher 0," "$work/a.err" || fault "a kick went through the launcher"
    # Registers are read and written at the start only; frames cost no exit to the launcher.
    mmio=$(counter "$work/a.err" "vcpu0 exit to launcher: mmio")
    [[ -n $mmio && $mmio -lt 200 ]] || fault "$mmio exits for device memory"
    # 8 MiB beyond the guest's RAM is what a launcher may cost.
    [[ $(counter "$work/a.err" "resident beyond guest RAM:") -le 8192 ]] || fault "the launcher is too large"
}

guest_follows_its_link_when_the_back_end_dies_and_returns() {
    local lost
    "$vmm" --timeout 120 --name a --net "socket=$work/a.sock,role=server" --console "file:$work/c.out" --stats --stop-timeout 20 \
        --append "ip=10.0.0.1 ping=10.0.0.2 count=0 interval_us=20000 timeout_ms=200" </dev/null 2>"$work/c.err" &
    local vm=$!
    children+=("$vm")
    wait_for "$work/c.out" "seq=10 " || fault "no ping before the loss"
    kill -KILL "$testpmd"
    wait "$testpmd" 2>/dev/null
    exec 9>&-
    wait_for "$work/c.out" "link down" || fault "the guest does not see its link go down"
    rm -f "$work/b.sock" "$work/keys"
    start_testpmd
    wait_for "$work/c.out" "link up" || fault "the guest does not see its link come up"
    : >"$work/c.out"
    wait_for "$work/c.out" "bytes from" || fault "no traffic after the return"
    kill -TERM "$vm"
    wait "$vm"
    lost=$(grep -ch "lost its back-end" "$work/c.err")
    [[ $lost == 1 ]] || fault "lost its back-end $lost times"
    grep -q "connects 2, losses 1" "$work/c.err" || fault "not reconnected once"
    grep -a "sent" "$work/c.out"
}

answerer_powers_off_by_its_button() {
    kill -TERM "$answerer"
    wait "$answerer" || fault "the answering guest did not power off cleanly"
    if ! grep -q '^ready$' "$work/b.status" || ! grep -q '^running$' "$work/b.status" ||
        [[ $(tail -n 1 "$work/b.status") != "exit 0 power-off" ]]; then
        fault "status lines: $(tr '\n' ';' <"$work/b.status")"
    fi
}

if [[ ! -e /dev/kvm ]]; then
    echo "skipped: this machine has no /dev/kvm"
    exit 77
fi
every_end_has_its_exit_code
every_refusal_says_what_to_do
back_end_without_a_needed_feature_is_named
acpi_tables_come_apart_without_a_complaint
signals_press_the_power_button_first
a_start_is_measured
start_testpmd
start_answerer
guests_ping_without_a_loss_and_without_an_exit_for_a_kick
guest_follows_its_link_when_the_back_end_dies_and_returns
answerer_powers_off_by_its_button
echo "$failed faults"
[[ $failed == 0 ]]
