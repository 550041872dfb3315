#!/bin/bash
# vgen_switch_test.sh BUILD SWITCH - the front-end and vgen against ringway, or against testpmd, a back-end not ours.
#
# Both pass every frame from one port to the other, so that with a window nothing may be lost, doubled, reordered or
# altered, whatever the ring looks like. Needs jq, for testpmd the package dpdk; no root and no hugepages.
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1
switch=$2
vgen=$build/vgen
# The next three are for compare_switches.sh.
# shellcheck disable=SC2034
core_switch=$(($(nproc) - 1))
# shellcheck disable=SC2034
core_generator=0
dir=$(mktemp -d /tmp/vgen-testpmd.XXXXXX)
# shellcheck source=SCRIPTDIR/compare_switches.sh disable=SC1091
. "$here/compare_switches.sh"

for tool in jq $([ "$switch" = ringway ] || echo dpdk-testpmd); do
	command -v "$tool" >/dev/null || {
		echo "not run: $tool is missing; install the packages dpdk and jq"
		exit 77
	}
done

# shellcheck disable=SC2317
cleanup() {
	"${switch}_stop"
	rm -rf "$dir"
}

failed=0
expect() { # NAME JQ-CONDITION VGEN-OPTIONS...
	local name=$1 condition=$2
	shift 2
	if "$vgen" --seconds 0.3 --warm-up 0.1 --connect-timeout 30 "$@" "$dir/p0.sock" "$dir/p1.sock" >"$dir/result" &&
		jq -e "$condition" "$dir/result" >/dev/null; then
		echo "ok: $name"
	else
		echo "FAILED: $name: not so: $condition"
		jq -c 'del(.setup, .rx_bursts, .per_port)' "$dir/result"
		tail -n 20 "$dir/$switch.log"
		failed=1
	fi
}

whole='.sent > 0 and .received == .sent and ([.lost, .gaps, .duplicated, .reordered, .strays, .foreign, .misshapen,
	.corrupt, .unmarked, .unsent] | add) == 0'
polls='.notifications == 0'
trap cleanup EXIT

"${switch}_start" 1 || {
	echo "$switch does not start:"
	cat "$dir/$switch.log"
	exit 1
}
expect "a split ring loses nothing and is not notified" "$whole and $polls" --window 512
expect "numbers built beforehand balance as well" "$whole" --window 128 --ring-size 256
expect "payload arrives unaltered" "$whole" --window 256 --size 1500 --touch
expect "without mergeable buffers" "$whole" --window 512 --size 1500 --touch --no-mergeable
expect "frames over several buffers" "$whole" --window 64 --size 1500 --touch --rx-buffer 256
expect "frames in several descriptors" "$whole" --window 128 --size 1500 --touch --segments 4
expect "a packed ring loses nothing and is not notified" "$whole and $polls" --ring packed --window 512
expect "a packed ring of odd size" "$whole" --ring packed --ring-size 450 --segments 3 --window 64 --touch --size 900
expect "packed, frames over several buffers" "$whole" --ring packed --window 64 --size 1500 --touch --rx-buffer 256
expect "packed and in order" "$whole" --ring packed --in-order --window 256 --touch
expect "segmentation offload keeps its marks" "$whole" --size 65214 --tso 1448 --window 16 --touch
expect "segmentation offload, packed" "$whole" --size 65214 --tso 1448 --window 16 --touch --ring packed
expect "EVENT_IDX without calls" "$whole and $polls" --event-idx --window 512
expect "sleeping guests are called" "$whole and .notifications > 0" --wait --mode rate --rate 2000
expect "sleeping guests with packed rings are called" "$whole and .notifications > 0" --wait --mode rate --rate 2000 \
	--ring packed
expect "round trips" "$whole and .round_trips.count > 0 and .round_trips.lost == 0" --mode ping-pong
expect "more addresses than descriptors" "$whole" --addresses 3000 --window 256
expect "flooding" "$whole" --pattern flood --window 256
expect "one way" "$whole and .per_port[1].sent == 0" --one-way --window 512
exit $failed
