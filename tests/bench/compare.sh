#!/bin/bash
# compare.sh - Ringway, testpmd (io forwarding, no switching) and Open vSwitch-DPDK (NORMAL) side by side.
#
# For each case the switches take turns (A B C A B C ...), each time freshly started, with one polling core each and the
# same guests (vgen) on the other core. What counts is busy TSC cycles of the polling core per forwarded frame, as the
# switch itself counts them. Before and after each trial the distance of the two cores is measured, because virtual
# machines move. The result is a Markdown table on stdout, and trials.tsv, table.md and plot.svg in the output folder.
set -u

usage() {
	cat <<-'USAGE'
		usage: tests/bench/compare.sh [options]
		  --short              one round of few cases, a second each (for CI: prints, judges nothing)
		  --rounds N           how often each switch is measured per case (default 5; short: 1)
		  --slices N           a trial is so many slices, and its figure is that of the best: other work on the
		                       machine only ever adds cycles (default 6; short: 3)
		  --seconds S          length of a slice (default 0.5; short: 0.3)
		  --cases "A B ..."    default: all; short: 64-split 64-packed 1500-split. Known cases:
		                       64-split 64-packed 1500-split 1500-packed tso-split tso-packed, rings of 1024,
		                       and the same with -256 behind for rings of 256
		  --switches "A B .."  of: ringway testpmd ovs (default: all)
		  --build DIR          where ringway and vgen are (default: build beside the sources)
		  --out DIR            (default: DIR/compare of the build)
		  --core-switch N      the polling core (default 1)
		  --core-generator N   core of vgen and of all control threads (default 0)
		  --realtime           during slices, SCHED_FIFO for the polling thread and vgen (root): for a machine that does
		                       other work too; that work stands still meanwhile
		Needs dpdk-testpmd (dpdk), openvswitch-switch-dpdk, jq, python3. Hugepages are used by testpmd and Open
		vSwitch if 3 GiB of them are free, else all run without.
	USAGE
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$here/../../build
rounds=5
slices=6
seconds=0.5
cases="64-split 64-packed 1500-split 1500-packed tso-split tso-packed 64-split-256 64-packed-256 1500-split-256"
switches="ringway testpmd ovs"
core_switch=1
core_generator=0
as=
out=
realtime=

while [ $# -gt 0 ]; do
	case $1 in
	--short)
		rounds=1
		slices=3
		seconds=0.3
		cases="64-split 64-packed 1500-split"
		;;
	--realtime) realtime=1 ;;
	--help)
		usage
		exit 0
		;;
	--rounds | --slices | --seconds | --cases | --switches | --build | --out | --core-switch | --core-generator)
		[ $# -ge 2 ] || {
			usage >&2
			exit 2
		}
		name=${1#--}
		printf -v "${name//-/_}" '%s' "$2"
		shift
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
	shift
done
build=$(cd "$build" && pwd) || exit 2
out=${out:-$build/compare}
mkdir -p "$out" || exit 2
dir=$(mktemp -d /tmp/compare.XXXXXX)
pid=
# shellcheck source=SCRIPTDIR/compare_switches.sh disable=SC1091
. "$here/compare_switches.sh"

say() { echo "compare: $*" >&2; }

for tool in jq python3 "$build/vgen"; do
	command -v "$tool" >/dev/null || {
		say "$tool is missing: build Ringway, and install jq and python3"
		exit 2
	}
done

running=
cleanup() {
	[ -n "$running" ] && "${running}_stop"
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

placement() {
	"$build/vgen" --mode placement --core "$core_generator" --core-peer "$core_switch" |
		jq .cache_line_round_trip_cycles
}

case_options() { # CASE: what vgen has to know
	local ring_size=1024 window=512
	case $1 in *-256)
		ring_size=256
		window=128
		;;
	esac
	case $1 in
	64-*) echo -n "--size 64 --window $window" ;;
	1500-*) echo -n "--size 1500 --window $window" ;;
	# 64 KiB: 17 receive buffers of 4 KiB each.
	tso-*) echo -n "--size 65214 --tso 1448 --window $((window / 16))" ;;
	*) return 1 ;;
	esac
	case $1 in
	*-split*) echo -n " --ring split" ;;
	*-packed*) echo -n " --ring packed" ;;
	*) return 1 ;;
	esac
	echo " --ring-size $ring_size"
}

preemptions() { # of all threads of a process
	cat /proc/"$1"/task/*/status 2>/dev/null | awk '/^nonvoluntary/ {n += $2} END {print n + 0}'
}

# The threads that have the polling core to themselves, and vgen.
schedule() { # POLICY PRIORITY VGEN-PID
	local task
	[ -n "$realtime" ] || return 0
	for task in /proc/"$pid"/task/*; do
		[ "$(awk '/^Cpus_allowed_list/ {print $2}' "$task/status")" = "$core_switch" ] &&
			chrt "$1" -p "$2" "${task##*/}"
	done
	chrt "$1" -p "$2" "$3"
}

# Runs vgen against the running switch: leaves a JSON object for each slice in $dir/result, and a line "busy-cycles frames
# bursts preemptions" for each in $dir/busy.
measure() { # SWITCH CASE
	local word before options=$1_options
	rm -f "$dir/to" "$dir/from"
	mkfifo "$dir/to" "$dir/from"
	# shellcheck disable=SC2046,SC2086
	$as "$build/vgen" $(case_options "$2") ${!options:-} --core "$core_generator" --seconds "$seconds" --slices "$slices" \
		--warm-up 0.5 --connect-timeout 30 --pause "$dir/p0.sock" "$dir/p1.sock" <"$dir/to" >"$dir/result" 2>"$dir/from" &
	local vgen=$!
	exec {to}>"$dir/to" {from}<"$dir/from"
	: >"$dir/busy"
	lost_words=
	while read -r -t 120 -u "$from" word; do
		case $word in
		warm)
			"$1_clear"
			before=$(preemptions "$pid")
			schedule --fifo 10 "$vgen"
			echo >&"$to"
			;;
		done)
			schedule --other 0 "$vgen"
			echo "$("$1_read") $(($(preemptions "$pid") - before))" >>"$dir/busy"
			echo >&"$to"
			;;
		*) lost_words="$lost_words$word " ;;
		esac
	done
	exec {to}>&- {from}<&-
	wait "$vgen" || {
		say "$1, $2: not measured: ${lost_words:-vgen ended without a word}"
		return 1
	}
}

# The best slice as one line of trials.tsv. A slice that the switch says nothing about fails the trial.
choose() { # CASE ROUND SWITCH NEAR-BEFORE NEAR-AFTER
	jq -r -s --rawfile busy "$dir/busy" --args '
		[., ($busy | split("\n") | map(select(. != "") | split(" ") | map(tonumber)))] | transpose |
		map({vgen: .[0], n: .[1]}) | min_by(.n[0] / .n[1]) | [$ARGS.positional[0, 1, 2], .n[0, 1, 2],
		(.vgen | .frames_per_second, .sent, .lost, .duplicated + .reordered + .strays, .mean_rx_burst),
		$ARGS.positional[3, 4], .n[3]] | @tsv' "$@" <"$dir/result"
}

trial() { # SWITCH CASE ROUND
	local near_before near_after tso=0 ok=1
	case $2 in tso-*) tso=1 ;; esac
	near_before=$(placement)
	running=$1
	if ! "$1_start" $tso; then
		say "$1 does not start; the end of its log:"
		tail -n 5 "$dir/$1.log" >&2
		ok=0
	elif ! measure "$1" "$2"; then
		ok=0
	fi
	"$1_stop"
	running=
	rm -f "$dir"/*.sock
	[ $ok = 1 ] || return 1
	near_after=$(placement)
	choose "$2" "$3" "$1" "$near_before" "$near_after" >>"$out/trials.tsv" || {
		say "$1, $2: the switch's own counters could not be read"
		return 1
	}
	tail -n 1 "$out/trials.tsv" | awk '{printf "compare: %-14s round %s  %-8s %8.1f cycles a frame\n", $1, $2, $3,
		$5 ? $4 / $5 : 0}' >&2
}

printf 'case\tround\tswitch\tbusy_cycles\tframes\tbursts\tframes_per_second\tsent\tlost\tdisordered\trx_burst\tnear_before\tnear_after\tpreempted\n' \
	>"$out/trials.tsv"
for case in $cases; do
	case_options "$case" >/dev/null || {
		say "no case is called $case; see --help"
		exit 2
	}
done
for case in $cases; do
	skip=
	for ((round = 1; round <= rounds; round++)); do
		for switch in $switches; do
			case " $skip " in *" $switch "*) continue ;; esac
			trial "$switch" "$case" "$round" || skip="$skip $switch"
		done
	done
done
python3 "$here/compare_report.py" "$out"
