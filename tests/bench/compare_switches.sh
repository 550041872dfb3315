# shellcheck shell=bash
# What the two sides of a sourced file share looks unset here, and unused there.
# shellcheck disable=SC2034,SC2154
#
# compare_switches.sh - starts, stops and reads the switches that compare.sh compares. Sourced.
#
# Each switch has  NAME_start TSO, NAME_stop, NAME_clear, NAME_read  and sets `pid`. NAME_read prints
# "busy-cycles frames bursts" of the polling core since NAME_clear (bursts: 0 if it does not say). NAME_options is what
# vgen needs to know about it.
# The sockets are $dir/p0.sock and $dir/p1.sock (and as many more as Ringway has $n_ports); nothing is left behind in any
# other place.

wait_for() { # SECONDS COMMAND...
	local tries=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		((tries-- > 0)) || return 1
		[ -z "${pid:-}" ] || kill -0 "$pid" 2>/dev/null || return 1
		sleep 0.05
	done
}

have_sockets() { [ -S "$dir/p0.sock" ] && [ -S "$dir/p1.sock" ]; }

# Memory of the DPDK programs: hugepages when there are enough of them, which is what their users have, and DPDK finds them.
dpdk_memory() { # MiB
	local free
	free=$(awk '/HugePages_Free/ {n = $2} /Hugepagesize/ {print int(n * $2 / 1024)}' /proc/meminfo)
	if [ "${free:-0}" -ge "$1" ] && grep -q ' hugetlbfs ' /proc/mounts; then
		echo "-m $1"
	else
		echo "--no-huge -m $1"
	fi
}

# --- Ringway

ringway_start() {
	local i
	{
		printf '[switch]\nname = bench\nworkers = cores %s\nidle = poll\nrun-dir = %s\n' "$core_switch" "$dir"
		printf '[bridge default]\nmax-macs = 131072\n'
		for ((i = 0; i < ${n_ports:-2}; i++)); do
			printf '[port p%s]\nsocket = %s/p%s.sock\n' "$i" "$dir" "$i"
		done
	} >"$dir/ringway.ini"
	"$build/ringway" run "$dir/ringway.ini" >"$dir/ringway.log" 2>&1 &
	pid=$!
	wait_for 60 grep -qx ready "$dir/ringway.log" && have_sockets
}

ringway_stop() {
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	true
}

ringway_count() {
	"$build/ringway" show workers --json -s "$dir/control.sock" |
		jq -r '[.workers[] | [.busy_cycles, .frames, .bursts]] | transpose | map(add) | join(" ")'
}

ringway_clear() { ringway_before=$(ringway_count); }

ringway_read() {
	echo "$ringway_before $(ringway_count)" | awk '{print $4 - $1, $5 - $2, $6 - $3}'
}

# --- testpmd: forwards from port 0 to port 1 and back, with no switching at all

# Line by line (stdbuf), or its answers would stay in a buffer.
testpmd_start() { # TSO
	local tso=
	[ "$1" = 0 ] || tso=,tso=1,legacy-ol-flags=1
	mkfifo "$dir/testpmd.in"
	# Open for reading and writing, so that neither side blocks.
	exec {testpmd_in}<>"$dir/testpmd.in"
	# shellcheck disable=SC2046
	stdbuf -oL dpdk-testpmd -l "$core_generator,$core_switch" --main-lcore "$core_generator" --no-pci \
		$(dpdk_memory 1024) --file-prefix "testpmd$$" --no-telemetry \
		--vdev "net_vhost0,iface=$dir/p0.sock$tso" --vdev "net_vhost1,iface=$dir/p1.sock$tso" \
		-- -i --forward-mode=io --nb-cores=1 --record-core-cycles --no-lsc-interrupt \
		--rxd=1024 --txd=1024 <"$dir/testpmd.in" >"$dir/testpmd.log" 2>&1 &
	pid=$!
	wait_for 60 have_sockets || return 1
	wait_for 60 grep -q 'testpmd>' "$dir/testpmd.log" || return 1
	echo start >"$dir/testpmd.in"
}

testpmd_stop() {
	echo quit >"$dir/testpmd.in"
	wait_for 5 sh -c "! kill -0 $pid" || kill -9 "$pid"
	wait "$pid" 2>/dev/null
	exec {testpmd_in}>&-
	rm -f "$dir/testpmd.in"
}

# Says COMMAND and waits until PATTERN has come once more.
testpmd_say() { # COMMAND PATTERN
	local before
	before=$(grep -ac "$2" "$dir/testpmd.log")
	echo "$1" >"$dir/testpmd.in"
	wait_for 10 eval "[ \$(grep -ac '$2' '$dir/testpmd.log') -gt $before ]"
}

testpmd_clear() {
	echo "clear fwd stats all" >"$dir/testpmd.in"
	# Any later answer says that the command before it is done.
	testpmd_say "show config fwd" "io packet forwarding"
}

testpmd_read() {
	testpmd_say "show fwd stats all" "CPU cycles/packet" || return 1
	grep -a 'CPU cycles/packet' "$dir/testpmd.log" | tail -n 1 |
		sed -E 's/.*total cycles=([0-9]+).*packets=([0-9]+).*/\1 \2 0/'
}

# --- Open vSwitch with DPDK: a database, daemon and run directory of its own. It connects to vgen, not the other way
# round: only as client does it offer segmentation offload.

ovs_options=--server

ovs_env() {
	env OVS_RUNDIR="$dir" OVS_LOGDIR="$dir" OVS_DBDIR="$dir" OVS_SYSCONFDIR="$dir" "$@"
}

ovs_set() { ovs_env ovs-vsctl --db="unix:$dir/db.sock" --timeout=20 "$@"; }

ovs_start() { # TSO
	local tso=false extra
	pid=
	ovs_database=
	[ "$1" = 0 ] || tso=true
	extra=$(dpdk_memory 3072)
	case $extra in *no-huge*) extra="$extra --legacy-mem" ;; esac
	rm -f "$dir/conf.db"
	ovsdb-tool create "$dir/conf.db" /usr/share/openvswitch/vswitch.ovsschema || return 1
	env OVS_RUNDIR="$dir" ovsdb-server "$dir/conf.db" --remote="punix:$dir/db.sock" --unixctl="$dir/ovsdb.ctl" \
		--no-chdir -vconsole:off >"$dir/ovsdb.log" 2>&1 &
	ovs_database=$!
	wait_for 10 test -S "$dir/db.sock" || return 1
	ovs_set --no-wait init
	ovs_set --no-wait set Open_vSwitch . other_config:dpdk-init=true \
		other_config:pmd-cpu-mask="$(printf '0x%x' $((1 << core_switch)))" \
		other_config:dpdk-lcore-mask="$(printf '0x%x' $((1 << core_generator)))" \
		other_config:dpdk-extra="$extra --no-pci --file-prefix ovs$$ --no-telemetry" \
		other_config:userspace-tso-enable=$tso
	env OVS_RUNDIR="$dir" OVS_LOGDIR="$dir" OVS_DBDIR="$dir" OVS_SYSCONFDIR="$dir" \
		/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk "unix:$dir/db.sock" \
		--unixctl="$dir/vswitchd.ctl" --no-chdir -vconsole:warn >"$dir/ovs.log" 2>&1 &
	pid=$!
	ovs_set add-br br0 -- set bridge br0 datapath_type=netdev \
		-- add-port br0 p0 -- set Interface p0 type=dpdkvhostuserclient "options:vhost-server-path=$dir/p0.sock" \
		-- add-port br0 p1 -- set Interface p1 type=dpdkvhostuserclient "options:vhost-server-path=$dir/p1.sock"
}

ovs_stop() {
	local each
	for each in $pid $ovs_database; do
		kill "$each" 2>/dev/null
		wait "$each" 2>/dev/null
	done
	ovs_database=
	true
}

ovs_clear() { ovs_env ovs-appctl -t "$dir/vswitchd.ctl" dpif-netdev/pmd-stats-clear; }

ovs_read() {
	ovs_env ovs-appctl -t "$dir/vswitchd.ctl" dpif-netdev/pmd-stats-show | awk '
		/^pmd thread/ {pmd = 1} /^main thread/ {pmd = 0}
		pmd && /packets received:/ {frames += $3}
		pmd && /processing cycles:/ && !/avg/ {cycles += $3}
		pmd && /avg. packets per output batch:/ {batch = $6}
		END {print cycles + 0, frames + 0, (batch > 0 ? int(frames / batch) : 0)}'
}
