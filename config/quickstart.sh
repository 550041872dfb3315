#!/usr/bin/env bash
# quickstart.sh - installs what is missing, builds Ringway, boots two guests and lets one ping the other through the switch.
#
#   config/quickstart.sh           two tiny guests, which any /dev/kvm runs
#   config/quickstart.sh --linux   two stock Debian guests: on KVM, or emulated by QEMU where there is none
#
# Ends with exit code 0 when every ping was answered and captured, and leaves nothing behind but build/, with a capture of the
# pings in build/quickstart.pcapng.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=
switch=

usage() {
	sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
}

step() {
	printf '\n\033[1m== %s\033[0m\n' "$*"
}

cleanup() {
	[[ -z $switch ]] || kill "$switch" 2>/dev/null || true
	wait 2>/dev/null || true
	[[ -z $scratch ]] || rm -rf "$scratch"
}

# wait_for FILE TEXT SECONDS PID: until FILE says TEXT, unless PID ends before.
wait_for() {
	local tenths
	for ((tenths = 0; tenths < $3 * 10; tenths++)); do
		grep -q -- "$2" "$1" 2>/dev/null && return 0
		kill -0 "$4" 2>/dev/null || break
		sleep 0.1
	done
	echo "quickstart.sh: waited in vain for \"$2\"; $(basename "$1") says:" >&2
	tail -n 30 "$1" >&2
	return 1
}

show() {
	build/ringway show "$@" -s "$scratch/run/control.sock"
}

build() {
	[[ -f build/build.ninja ]] || meson setup build >"$scratch/meson.log" 2>&1 || {
		cat "$scratch/meson.log" >&2
		return 1
	}
	ninja --quiet -C build ringway ringway-vmm
}

# write_lab KIND: the file that is the whole lab.
write_lab() {
	local i vm
	cat >"$lab" <<-INI
		[switch]
		run-dir = $scratch/run
		[capture pings]
		file = $PWD/build/quickstart.pcapng
		[port guest0]
		[port guest1]
	INI
	for i in 0 1; do
		vm=("[vm guest$i]" "ports = guest$i" "stats = yes")
		if [[ $1 == linux ]]; then
			vm+=("kernel = $PWD/build/guest/vmlinuz" "initrd = $PWD/build/guest/initramfs" "memory = 192M"
				"stop-timeout = 60" "append = quiet no_timer_check guest_ip=10.0.0.$((i + 1))/24")
			[[ $i == 1 ]] || vm[-1]+=" guest_ping=10.0.0.2"
		elif [[ $i == 0 ]]; then
			vm+=("append = ip=10.0.0.1 ping=10.0.0.2 count=1000 interval_us=0 quiet=1")
		else
			vm+=("append = ip=10.0.0.2")
		fi
		printf '%s\n' "${vm[@]}" >>"$lab"
	done
	sed 's/^/    /' "$lab"
}

start_lab() {
	rm -f build/quickstart.pcapng
	build/ringway run "$lab" 2>"$scratch/switch.log" &
	switch=$!
	wait_for "$scratch/switch.log" '^ready' 20 "$switch"
}

# report PATTERN: what guest0 says of its pings; all must have been answered.
report() {
	tr -d '\r' <"$scratch/run/guest0.console" | grep -E "$1" | sed 's/^/    /'
	grep -qE '(^|, )(1000|5) (packets )?received' "$scratch/run/guest0.console"
}

# The first pings of the capture, if there is a program that shows them.
show_capture() {
	local file=build/quickstart.pcapng
	if command -v tshark >/dev/null; then
		tshark -n -r "$file" -Y icmp -c 1000 2>/dev/null
	elif command -v tcpdump >/dev/null; then
		tcpdump -n -r "$file" -c 100 icmp 2>/dev/null
	else
		echo "$(stat -c %s "$file") bytes for Wireshark, tshark -r or tcpdump -r"
	fi | sed -n '1,6s/^/    /p'
}

n_captured() {
	show captures --json | tr ',' '\n' | sed -n 's/.*"captured": *\([0-9]*\).*/\1/p'
}

# Ends the lab: the guests power off first.
stop_lab() {
	kill "$switch"
	wait "$switch"
	grep -E 'power|, after' "$scratch/switch.log" | sed 's/^/    /'
}

# How often guest0 left guest mode, and how often that was for the launcher, for each of its frames.
exits_per_frame() {
	awk -v frames="$1" '
		/vm guest0: stats: vcpu0 kvm: exits/ { exits = $NF }
		/vm guest0: stats: vcpu0 exit to launcher: mmio/ { mmio = $NF }
		/vm guest0: stats: net0: kicks through launcher/ { kicks = $8 + 0 }
		END {
			if (!exits) { print "    exits: none are counted by this hypervisor"; exit }
			printf "    guest0, %d frames: %.2f exits from guest mode a frame\n", frames, exits / frames
			printf "    to the launcher: %d for registers, at the start; for kicks: %d\n", mmio, kicks
		}' "$scratch/switch.log"
}

frames_of_guest0() {
	show ports | awk '$1 == "guest0" { print $4 + $5 }'
}

kind=tiny
case ${1:-} in
'') ;;
--linux) kind=linux ;;
-h | --help)
	usage
	exit 0
	;;
*)
	echo "quickstart.sh: $1 is not known" >&2
	usage >&2
	exit 1
	;;
esac
if [[ $kind == tiny && ! -w /dev/kvm ]]; then
	echo "no /dev/kvm that $(id -un) may use: stock Debian guests in QEMU instead"
	kind=linux
fi

scratch=$(mktemp -d)
lab=$scratch/two-guests.ini
trap cleanup EXIT
step "Installing what is missing, building"
config/install.sh build guests
build
[[ $kind == tiny ]] || config/guest-image.sh build/guest
build/ringway --version
step "Starting switch and guests: build/ringway run two-guests.ini"
write_lab "$kind"
start_lab
step "guest0 pings guest1"
if [[ $kind == tiny ]]; then
	wait_for "$scratch/run/guest0.console" 'received' 60 "$switch"
	report 'sent'
else
	wait_for "$scratch/run/guest0.console" 'packet loss' 240 "$switch"
	report '^PING|^64 bytes|packets'
fi
step "What the switch saw: build/ringway show ports, show fdb, show vms, show captures"
show ports
echo
show fdb
echo
show vms
echo
show captures
frames=$(frames_of_guest0)
captured=$(n_captured)
step "Ending it: the guests get their power button"
stop_lab
exits_per_frame "$frames"
step "What it captured: build/quickstart.pcapng"
show_capture
echo "    $captured frames, each where it came from and where it went"
[[ $captured -gt 0 ]]
