#!/bin/bash
# capture_cost.sh - what captures cost: cycles a frame with nobody capturing against a build that cannot capture, and what
# happens to frames and copies when everything is captured at half of saturation.
#
# The build that cannot is this tree with the branches of switch/worker.c compiled out. compare.sh lets the two take turns.
set -euo pipefail

usage() {
	cat <<-'USAGE'
		usage: tests/bench/capture_cost.sh [options]
		  --turns N            of the two builds (default 40)
		  --seconds S          length of a slice, one build's part of a turn (default 0.1)
		  --size N             bytes of a frame: 64 (default) or 1500
		  --realtime           as of compare.sh
		  --build DIR          where ringway and vgen are (default: build beside the sources)
		  --core-switch N      the polling core (default 1)
		  --core-generator N   core of vgen and of all control threads (default 0)
		Needs jq. The other build is made in a temporary folder: a minute.
	USAGE
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$root/build
turns=40
seconds=0.1
realtime=
size=64
core_switch=1
core_generator=0
while [[ $# -gt 0 ]]; do
	case $1 in
	--realtime) realtime=--realtime ;;
	--turns | --seconds | --size | --build | --core-switch | --core-generator)
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
	echo "$tree/build"
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
	"$build/vgen" --core "$core_generator" --size "$size" --window 512 "$@" "$dir/run/p0.sock" "$dir/run/p1.sock"
}

# Half of what the guests can take; they keep so few frames under way that none is lost for want of receive buffers, which
# other work on the machine would lead to, capture or not.
at_half_rate() {
	local rate capturing
	start "$build/ringway"
	generate --seconds 1 --warm-up 0.2 >"$dir/result"
	rate=$(jq '.frames_per_second / 4 | floor' "$dir/result") # of each of two ports
	echo "at half of saturation, $((2 * rate)) frames a second:"
	generate --mode rate --rate "$rate" --seconds 3 >"$dir/result"
	jq -r '"  nobody captures: \(.sent) frames sent, \(.lost) lost"' "$dir/result"
	"$build/ringway" capture -s 128 -w /dev/null --switch "$dir/run/control.sock" 2>"$dir/said" &
	capturing=$!
	until grep -q capturing "$dir/said"; do sleep 0.02; done
	generate --mode rate --rate "$rate" --seconds 3 >"$dir/result"
	kill -INT "$capturing"
	wait "$capturing"
	jq -r '"  128 bytes of each captured: \(.sent) frames sent, \(.lost) lost"' "$dir/result"
	echo "  copies: $(sed -n 2p "$dir/said")"
	stop
}

without=$(make_without)
# shellcheck disable=SC2086
"$root/tests/bench/compare.sh" --build "$build" --switches other --other "$without" --cases "$size-split" --rounds 1 \
	--turns "$turns" --seconds "$seconds" --out "$dir/compare" --core-switch "$core_switch" \
	--core-generator "$core_generator" $realtime
at_half_rate
