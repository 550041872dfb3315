#!/bin/bash
# compare.sh - Ringway, testpmd (io forwarding, no switching) and Open vSwitch-DPDK (NORMAL) side by side.
#
# For each case all switches are started, each with guests of its own (vgen on one core) and one polling core, the same for
# all. They take turns, a slice each (A B C A B C ...), and whoever's turn it is not is stopped (SIGSTOP). What counts is
# busy TSC cycles of the polling core per forwarded frame, as the switch itself counts them, and its ratio to the others'
# in the same turn: virtual machines move, so figures that lie apart cannot be compared. The distance of the two cores is
# measured before and after each turn. The result is a Markdown table on stdout, and slices.tsv, table.md and plot.svg in
# the output folder.
set -u

usage() {
	cat <<-'USAGE'
		usage: tests/bench/compare.sh [options]
		  --short              few cases, one round of a few short turns (for CI: prints, judges nothing)
		  --rounds N           how often all switches are started anew per case (default 2; short: 1)
		  --turns N            turns per round (default 15; short: 3)
		  --seconds S          length of a slice, one switch's part of a turn (default 0.3; short: 0.2)
		  --cases "A B ..."    default: all; short: 64-split 64-packed. Known cases:
		                       64-split 64-packed 1500-split 1500-packed tso-split tso-packed, rings of 1024,
		                       and the same with -256 behind for rings of 256; and 64-split-fresh, whose frames the
		                       guest writes anew each time, as it has to for many addresses (macs)
		  --switches "A B .."  what takes part beside Ringway (default: testpmd ovs), of
		                       testpmd  dpdk-testpmd, io forwarding
		                       ovs      Open vSwitch-DPDK, action NORMAL
		                       other    a second build of Ringway, see --other
		                       ports    Ringway with 64 ports, of which two are busy
		                       macs     Ringway with 64K addresses, in random order
		  --build DIR          where ringway and vgen are (default: build beside the sources)
		  --other DIR          a second build of Ringway, which is the switch "other"
		  --out DIR            (default: DIR/compare of the build)
		  --core-switch N      the polling core (default 1)
		  --core-generator N   core of vgen and of all control threads (default 0)
		  --realtime           during slices, SCHED_FIFO for the polling thread and vgen (root): for a machine that does
		                       other work too; that work stands still meanwhile
		Needs dpdk-testpmd (dpdk), openvswitch-switch-dpdk, jq, python3. Hugepages are used by testpmd and Open
		vSwitch if 4 GiB of them are free, else all run without.
	USAGE
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$here/../../build
rounds=2
turns=15
seconds=0.3
cases="64-split 64-packed 1500-split 1500-packed tso-split tso-packed 64-split-256 64-packed-256 1500-split-256"
switches="testpmd ovs"
other=
core_switch=1
core_generator=0
out=
realtime=

while [ $# -gt 0 ]; do
	case $1 in
	--short)
		rounds=1
		turns=3
		seconds=0.2
		cases="64-split 64-packed"
		;;
	--realtime) realtime=1 ;;
	--help)
		usage
		exit 0
		;;
	--rounds | --turns | --seconds | --cases | --switches | --build | --other | --out | --core-switch | --core-generator)
		[ $# -ge 2 ] || {
			echo "compare.sh: $1 needs a value" >&2
			usage >&2
			exit 2
		}
		name=${1#--}
		printf -v "${name//-/_}" '%s' "$2"
		shift
		;;
	*)
		echo "compare.sh: $1 is not known" >&2
		usage >&2
		exit 2
		;;
	esac
	shift
done
build=$(cd "$build" && pwd) || exit 2
out=${out:-$build/compare}
mkdir -p "$out" || exit 2
top=$(mktemp -d /tmp/compare.XXXXXX)
# shellcheck source=SCRIPTDIR/compare_switches.sh disable=SC1091
. "$here/compare_switches.sh"

say() { echo "compare: $*" >&2; }

for tool in jq python3 "$build/vgen"; do
	command -v "$tool" >/dev/null || {
		say "$tool is missing: build Ringway, and install jq and python3"
		exit 2
	}
done

declare -A pids to from # by switch: its process, and the pipes to and from its vgen
declare -A vgens

# Calls a function of a switch, where `dir` is its own folder and `pid` its process.
of_switch() { # SWITCH FUNCTION ARGUMENT...
	local dir=$top/$1 build=$build name=$1 function=$2 n_ports=2 status
	shift 2
	pid=${pids[$name]:-}
	case $name in
	testpmd | ovs) "${name}_$function" "$@" ;;
	other) build=$other ringway_"$function" "$@" ;;
	ports) n_ports=64 ringway_"$function" "$@" ;;
	*) ringway_"$function" "$@" ;;
	esac
	status=$?
	pids[$name]=$pid
	return $status
}

stop_all() {
	local switch
	for switch in "${!pids[@]}"; do
		kill -CONT "${pids[$switch]}" 2>/dev/null
		[ -z "${vgens[$switch]:-}" ] || kill "${vgens[$switch]}" 2>/dev/null
		of_switch "$switch" stop
		[ -z "${vgens[$switch]:-}" ] || wait "${vgens[$switch]}" 2>/dev/null
		rm -rf "${top:?}/$switch"
	done
	pids=() vgens=()
}

cleanup() {
	stop_all
	rm -rf "$top"
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
	case $1 in *-fresh) echo -n " --stamp" ;; esac
	echo " --ring-size $ring_size"
}

switch_options() { # SWITCH: what vgen has to know, and its sockets
	local n_ports=2
	case $1 in
	ovs) echo -n "$ovs_options" ;;
	ports)
		n_ports=64
		echo -n "--senders 2"
		;;
	macs) echo -n "--addresses 32768" ;;
	esac
	seq -f " $top/$1/p%.0f.sock" 0 $((n_ports - 1))
}

preemptions() { # of all threads of a process
	cat /proc/"$1"/task/*/status 2>/dev/null | awk '/^nonvoluntary/ {n += $2} END {print n + 0}'
}

# The threads that have the polling core to themselves, and vgen.
schedule() { # SWITCH POLICY PRIORITY
	local task
	[ -n "$realtime" ] || return 0
	for task in /proc/"${pids[$1]}"/task/*; do
		[ "$(awk '/^Cpus_allowed_list/ {print $2}' "$task/status")" = "$core_switch" ] &&
			chrt "$2" -p "$3" "${task##*/}"
	done
	chrt "$2" -p "$3" "${vgens[$1]}"
}

# Reads what the switch's vgen says until it says WORD.
await() { # SWITCH WORD
	local word heard=
	while read -r -t 120 -u "${from[$1]}" word; do
		[ "$word" != "$2" ] || return 0
		heard="$heard$word "
	done
	say "$1: ${heard:-vgen ended without a word}"
	return 1
}

# Starts a switch and its guests, and stops it before its first slice.
start() { # SWITCH CASE
	local dir=$top/$1 tso=0 in out
	case $2 in tso-*) tso=1 ;; esac
	mkdir "$dir" || return 1
	if ! of_switch "$1" start $tso; then
		say "$1 does not start; the end of its log:"
		tail -n 5 "$dir"/*.log >&2
		return 1
	fi
	mkfifo "$dir/to" "$dir/from"
	# shellcheck disable=SC2046,SC2086
	"$build/vgen" $(case_options "$2") --core "$core_generator" --seconds "$seconds" --slices "$turns" \
		--warm-up 0.3 --connect-timeout 30 --pause $(switch_options "$1") \
		<"$dir/to" >"$dir/result" 2>"$dir/from" &
	vgens[$1]=$!
	exec {out}>"$dir/to" {in}<"$dir/from"
	to[$1]=$out from[$1]=$in
	await "$1" warm && kill -STOP "${pids[$1]}"
}

# One line of slices.tsv, without the placements. A slice that the switch says nothing about fails.
slice() { # SWITCH CASE TURN LAST
	local preempted busy
	kill -CONT "${pids[$1]}"
	of_switch "$1" clear
	preempted=$(preemptions "${pids[$1]}")
	schedule "$1" --fifo 10
	echo >&"${to[$1]}"
	await "$1" "done" || return 1
	schedule "$1" --other 0
	busy=$(of_switch "$1" read) || return 1
	preempted=$(($(preemptions "${pids[$1]}") - preempted))
	echo >&"${to[$1]}"
	if [ "$4" = 0 ]; then
		await "$1" warm || return 1
	else
		wait "${vgens[$1]}"
	fi
	kill -STOP "${pids[$1]}"
	# shellcheck disable=SC2086
	jq -r -s --args '[$ARGS.positional[0, 1, 2, 3, 4, 5]] + (.[-1] | [.frames_per_second, .sent, .lost,
		.duplicated + .reordered + .strays, .mean_rx_burst]) + [$ARGS.positional[6]] | @tsv' \
		"$2" "$3" "$1" $busy $preempted <"$top/$1/result"
}

# A switch that fails is left out of the rest of the case.
turn() { # CASE TURN LAST
	local switch near_before near_after
	near_before=$(placement)
	: >"$top/turn"
	for switch in $running; do
		slice "$switch" "$1" "$2" "$3" >>"$top/turn" || {
			say "$switch, $1: not measured"
			running=$(without "$switch" "$running")
		}
	done
	near_after=$(placement)
	sed "s/\$/\t$near_before\t$near_after/" "$top/turn" >>"$out/slices.tsv"
	awk -F '\t' 'NR == 1 {printf "compare: %s %s", $1, $2} {printf "  %s %.1f", $3, $5 ? $4 / $5 : 0}
		END {print "  cycles a frame"}' "$top/turn" >&2
}

without() { # WORD "WORDS"
	local word
	for word in $2; do
		[ "$word" = "$1" ] || echo -n "$word "
	done
}

round() { # CASE NUMBER
	local switch i
	running=$switches
	for switch in $switches; do
		start "$switch" "$1" || running=$(without "$switch" "$running")
	done
	for ((i = 1; i <= turns; i++)); do
		[ -n "$running" ] || break
		turn "$1" $((($2 - 1) * turns + i)) $((i == turns))
	done
	stop_all
}

switches="ringway $switches"
case " $switches " in
*" other "*)
	[ -x "$other/ringway" ] || {
		say "--other: no build of Ringway there: ${other:-no folder was given}"
		exit 2
	}
	;;
esac
printf 'case\tturn\tswitch\tbusy_cycles\tframes\tbursts\tframes_per_second\tsent\tlost\tdisordered\trx_burst\tpreempted\tnear_before\tnear_after\n' \
	>"$out/slices.tsv"
for case in $cases; do
	case_options "$case" >/dev/null || {
		say "no case is called $case; see --help"
		exit 2
	}
done
for case in $cases; do
	for ((i = 1; i <= rounds; i++)); do
		round "$case" "$i"
	done
done
python3 "$here/compare_report.py" "$out"
