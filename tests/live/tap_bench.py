"""tap_bench.py: TCP to this host over our TAP and, in the same run, over DPDK's net_tap. Prints both numbers, and what they cost."""
import statistics

from lab import lab, tap
from netns import unique
from rig import expect, live, main, measured

# net_tap counts the Ethernet header as part of what has to fit into its mtu of 1500 when it segments: at 1487 and above it
# takes no full segment, and TCP stalls.
MTU = 1486
ROUNDS = 3


def throughput(ports, sender, receiver):
    """(Gbit/s, cycles that the switch was busy for each KiB)."""
    with lab(ports, "ha") as (switch, inside, (ha,)):
        # It stays in this namespace: net_tap's interface loses its link when it is moved.
        inside.run("ip", "address", "add", "10.9.0.2/24", "dev", receiver)
        inside.run("ip", "link", "set", receiver, "up")
        ha.take(sender, inside, "10.9.0.1/24", mtu=MTU)
        switch.wait_links("up")
        ha.wait_ping("10.9.0.2")
        busy = switch.ask("workers")["workers"][0]["busy_cycles"]
        rate = ha.iperf(inside, "10.9.0.2", 3) / 1e9
        busy = switch.ask("workers")["workers"][0]["busy_cycles"] - busy
        return rate, busy / (switch.port_counters()["b"]["tx_bytes"] / 1024)


@live
def our_tap_carries_more_than_net_tap():
    ours, theirs = [], []
    for _ in range(ROUNDS):
        a, b = unique("ta"), unique("tb")
        ours.append(throughput({"a": tap(a), "b": tap(b)}, a, b))
        theirs.append(throughput({"a": tap(a), "b": ["type = ethdev", f"device = net_tap0,iface={b}"]}, a, b))
    for i, (what, unit) in enumerate((("TCP to the host", "Gbit/s"), ("what it costs the switch", "cycles a KiB"))):
        medians = [statistics.median(run[i] for run in runs) for runs in (ours, theirs)]
        ratios = sorted(max(pair) / min(pair) for pair in ((mine[i], other[i]) for mine, other in zip(ours, theirs)))
        measured(f"{what}, by our TAP and by net_tap",
                 f"{medians[0]:.3g} and {medians[1]:.3g} {unit}, {ratios[ROUNDS // 2]:.1f}x ({ratios[0]:.1f}-{ratios[-1]:.1f})")
    expect(min(rate for rate, _ in ours + theirs) > 0, "nothing came through")


if __name__ == "__main__":
    main()
