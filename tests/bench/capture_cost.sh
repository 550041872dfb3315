#!/bin/bash
# capture_cost.sh - what captures cost: cycles a frame with nobody capturing against a build that cannot capture, and what
# happens to frames and copies when everything is captured at half of saturation.
#
# The build that cannot is this tree with the branches of switch/worker.c compiled out. The two take turns (A B A B ...), each
# time freshly started, with one polling core each and the same guests (vgen) on the other core. What counts is busy TSC
# cycles of the polling core per frame, as the switch itself counts them.
set -euo pipefail

usage() {
	cat <<-'USAGE'
		usage: tests/bench/capture_cost.sh [options]
		  --rounds N           pairs of trials (default 10)
		  --seconds S          length of a trial (default 1)
		  --size N             bytes of a frame (default 64)
		  --build DIR          where ringway and vgen are (default: build beside the sources)
		  --core-switch N      the polling core (default 1)
		  --core-generator N   core of vgen and of all control threads (default 0)
		Needs jq. The other build is made in a temporary folder: a minute.
	USAGE
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$root/build
rounds=10
seconds=1
size=64
core_switch=1
core_generator=0
while [[ $# -gt 0 ]]; do
	case $1 in
	--rounds | --seconds | --size | --build | --core-switch | --core-generator)
		[[ $# -ge 2 ]] || { usage >&2 && exit 2; }
		name=${1#--}
		printf -v "${name//-/_}" '%s' "$2"
		shift
		;;
	--help) usage && exit 0 ;;
	*) usage >&2 && exit 2 ;;
	esac
	shift
done
build=$(cd "$build" && pwd)
dir=$(mktemp -d /tmp/capture-cost.XXXXXX)
pid=

cleanup() {
	[[ -z $pid ]] || kill "$pid" 2>/dev/null || true
	wait
	rm -rf "$dir"
}
trap cleanup EXIT

# The same sources, without the branches.
make_without() {
	local tree=$dir/tree
	mkdir "$tree"
	tar -C "$root" --exclude='./build*' --exclude=./.git -c . | tar -C "$tree" -x
	sed -i 's/if (worker->captures)/if (0)/; /worker->captures = snapshot->captures;/d' "$tree/switch/worker.c"
	[[ $(grep -c 'if (0)' "$tree/switch/worker.c") == 3 ]] || {
		echo "capture_cost.sh: switch/worker.c has other branches than this script knows" >&2
		return 1
	}
	meson setup "$tree/build" "$tree" -Dtests=false >"$dir/meson.log"
	ninja --quiet -C "$tree/build" ringway
	echo "$tree/build/ringway"
}

start() { # PROGRAM
	cat >"$dir/lab.ini" <<-INI
		[switch]
		workers = cores $core_switch
		idle = poll
		run-dir = $dir/run
		[port p0]
		[port p1]
	INI
	"$1" run "$dir/lab.ini" >"$dir/log" 2>&1 &
	pid=$!
	until grep -qx ready "$dir/log"; do
		kill -0 "$pid" 2>/dev/null || { cat "$dir/log" >&2 && return 1; }
		sleep 0.02
	done
}

stop() {
	kill "$pid"
	wait "$pid"
	pid=
}

generate() { # VGEN-OPTION...
	"$build/vgen" --core "$core_generator" --size "$size" --connect-timeout 10 "$@" "$dir/run/p0.sock" "$dir/run/p1.sock"
}

counted() { # PROGRAM: busy cycles and frames
	"$1" show workers --json -s "$dir/run/control.sock" |
		jq -r '[.workers[] | [.busy_cycles, .frames]] | transpose | map(add) | join(" ")'
}

trial() { # PROGRAM: cycles a frame
	start "$1"
	generate --window 512 --seconds "$seconds" --warm-up 0.2 >"$dir/result"
	counted "$1" | awk '{print $1 / $2}'
	stop
}

compare() {
	local with without round
	echo "cycles a frame of $size bytes, nobody captures:"
	for ((round = 1; round <= rounds; round++)); do
		with=$(trial "$build/ringway")
		without=$(trial "$1")
		echo "$with $without" | awk '{printf "  with captures %.1f, without %.1f, ratio %.3f\n", $1, $2, $1 / $2}'
		echo "$with $without" >>"$dir/pairs"
	done
	awk '{print $1 / $2}' "$dir/pairs" | sort -n | awk '{r[NR] = $1} END {
		printf "ratio: median %.3f, range %.3f-%.3f of %d pairs\n", (r[int((NR + 1) / 2)] + r[int(NR / 2) + 1]) / 2, r[1], r[NR], NR}'
	awk 'NR == 1 || $1 < a {a = $1} NR == 1 || $2 < b {b = $2} END {printf "ratio of the best trials: %.3f\n", a / b}' "$dir/pairs"
}

# Other work on the machine makes receivers late, and frames lost, without any capture too: hence the run before.
at_half_rate() {
	local rate capturing long
	long=$(awk -v s="$seconds" 'BEGIN {print 3 * s}')
	start "$build/ringway"
	generate --window 512 --seconds "$seconds" --warm-up 0.2 >"$dir/result"
	rate=$(jq '.frames_per_second / 4 | floor' "$dir/result") # of each of two ports
	echo "at half of saturation, $((2 * rate)) frames a second:"
	generate --mode rate --rate "$rate" --seconds "$long" >"$dir/result"
	jq -r '"  nobody captures: \(.sent) frames sent, \(.lost) lost"' "$dir/result"
	"$build/ringway" capture -s 128 -w /dev/null --switch "$dir/run/control.sock" 2>"$dir/said" &
	capturing=$!
	until grep -q capturing "$dir/said"; do sleep 0.02; done
	generate --mode rate --rate "$rate" --seconds "$long" >"$dir/result"
	kill -INT "$capturing"
	wait "$capturing"
	jq -r '"  128 bytes of each captured: \(.sent) frames sent, \(.lost) lost"' "$dir/result"
	echo "  copies: $(sed -n 2p "$dir/said")"
	stop
}

without=$(make_without)
compare "$without"
at_half_rate
