"""idle_test.py: a switch with eight connected guests that are silent sleeps."""
import os
import time

from rig import Switch, expect, live, main, measured
from testpmd import Testpmd

SECONDS = 5


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def switches_of_worker(pid):
    """How often worker-0 has gone to sleep of its own will, and how often it was taken off its core."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="utf-8") as status:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in status)
        if fields["Name"] == "worker-0":
            return int(fields["voluntary_ctxt_switches"]), fields["State"]
    raise AssertionError("there is no worker-0")


@live
def a_switch_with_eight_silent_guests_sleeps():
    names = [f"guest{i}" for i in range(8)]
    with Switch(ports=names) as switch, Testpmd(switch) as pmd:
        before = switch.ask("workers")["workers"][0]
        voluntary_before, _ = switches_of_worker(switch.process.pid)
        cpu_before = cpu_seconds(switch.process.pid)
        time.sleep(SECONDS)
        used = cpu_seconds(switch.process.pid) - cpu_before
        voluntary, state = switches_of_worker(switch.process.pid)
        after = switch.ask("workers")["workers"][0]
        measured("idle CPU with 8 guests attached", f"{100 * used / SECONDS:.2f} % of a core")
        measured("worker's wake-ups a second", f"{(voluntary - voluntary_before) / SECONDS:.1f}")
        expect(state.startswith("S"), f"worker-0 is not asleep: {state}")
        # Polling takes a cycle of the clock for each that passes; a worker that sleeps takes next to none.
        polled = after["idle_cycles"] - before["idle_cycles"] + after["busy_cycles"] - before["busy_cycles"]
        expect(polled < SECONDS * 1_000_000_000 / 4, f"it polls: {polled} cycles in {SECONDS} s")

        # And it wakes up when somebody talks.
        sleeps = after["sleeps"]
        frames = after["frames"]
        pmd.command_line("set fwd mac")
        pmd.command_line("start tx_first 1")
        switch.wait_rx_frames(1000)
        pmd.command_line("stop")
        pmd.drain()
        later = switch.ask("workers")["workers"][0]
        expect(later["frames"] > frames and later["sleeps"] > sleeps, f"before {after}, after {later}")


if __name__ == "__main__":
    main()
