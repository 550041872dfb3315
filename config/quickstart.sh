#!/usr/bin/env bash
# quickstart.sh - installs what is missing, builds Ringway, boots two guests and lets one ping the other through the switch.
#
#   config/quickstart.sh           two guests
#   config/quickstart.sh --linux   the same with stock Debian kernels in QEMU, emulated: no KVM needed
#
# Ends with exit code 0 when every ping was answered, and leaves nothing behind but build/.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=
pids=()

step() {
	printf '\n\033[1m== %s\033[0m\n' "$*"
}

cleanup() {
	local pid
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
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
	ninja --quiet -C build ringway
}

start_switch() {
	cat >"$scratch/two-guests.ini" <<-INI
		[switch]
		run-dir = $scratch/run
		[port guest0]
		[port guest1]
	INI
	sed 's/^/    /' "$scratch/two-guests.ini"
	build/ringway run "$scratch/two-guests.ini" 2>"$scratch/switch.log" &
	pids+=($!)
	wait_for "$scratch/switch.log" '^ready' 20 "${pids[-1]}"
}

# start_linux_guest NAME ADDRESS: its console is the file NAME.out, its keyboard the pipe NAME.in.
start_linux_guest() {
	local network
	# What a user would paste. vectors=0: Debian 12's QEMU crashes with MSI-X and vhost-user when it emulates.
	network=$(show qemu "$1" | sed 's/ \\$//; /^-device/s/$/,vectors=0/')
	mkfifo "$scratch/$1.in"
	# shellcheck disable=SC2086 # the arguments are words
	qemu-system-x86_64 -accel tcg -cpu max -nodefaults -display none -no-reboot -serial stdio \
		-kernel build/guest/vmlinuz -initrd build/guest/initramfs \
		-append "console=ttyS0 quiet panic=-1 no_timer_check guest_ip=$2/24" \
		$network <>"$scratch/$1.in" >"$scratch/$1.out" 2>&1 &
	pids+=($!)
}

run_linux_guests() {
	config/guest-image.sh build/guest
	step "Booting two Debian guests, emulated"
	start_linux_guest guest0 10.0.0.1
	start_linux_guest guest1 10.0.0.2
	wait_for "$scratch/guest0.out" 'guest is up' 240 "${pids[-2]}"
	wait_for "$scratch/guest1.out" 'guest is up' 240 "${pids[-1]}"
	sed 's/^/    /' "$scratch/switch.log"
	step "guest0 pings guest1"
	echo 'ping -c 5 10.0.0.2' >"$scratch/guest0.in"
	wait_for "$scratch/guest0.out" 'packet loss' 120 "${pids[-2]}"
	sleep 0.2
	tr -d '\r' <"$scratch/guest0.out" | sed -n '/^PING/,$s/^/    /p'
	grep -q '5 packets received' "$scratch/guest0.out"
}

case ${1:---linux} in
--linux) run_guests=run_linux_guests ;;
*)
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
	exit 1
	;;
esac

scratch=$(mktemp -d)
trap cleanup EXIT
step "Installing what is missing, building"
config/install.sh build guests
build
build/ringway --version
step "Starting the switch: build/ringway run two-guests.ini"
start_switch
$run_guests
step "What the switch saw: build/ringway show ports, show fdb"
show ports
echo
show fdb
