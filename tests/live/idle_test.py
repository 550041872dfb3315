"""idle_test.py: a switch whose guests are silent sleeps, and is woken up at once."""
import json
import os
import statistics
import subprocess
import time

from rig import RINGWAY, Switch, expect, live, main, measured
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


def vgen(*arguments):
    done = subprocess.run([os.path.join(os.path.dirname(RINGWAY), "vgen"), *arguments], check=True, capture_output=True,
                          text=True, timeout=60)
    return json.loads(done.stdout)


@live
def a_frame_wakes_up_all_who_sleep():
    with Switch(switch_lines=["workers = cores 1"]) as switch:
        bare, through = [], []
        for _ in range(5):
            bare.append(vgen("--mode", "wake-up", "--core", "0", "--core-peer", "1")["eventfd_round_trip_cycles"])
            load = vgen("--mode", "ping-pong", "--wait", "--rate", "1000", "--seconds", "0.5", "--core", "0",
                        *map(switch.socket, switch.ports))
            trips = load["round_trips"]
            expect(trips["count"] > 0 and trips["lost"] == 0, f"round trips: {trips}")
            through.append(trips["p50_ns"] / 2 * load["tsc_hz"] / 1e9)
        ratios = [b / a for a, b in zip(bare, through)]
        measured("from a guest's kick to the other guest, all asleep, against two bare wake-ups by eventfd",
                 f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")
        # Each frame of a round trip finds the switch asleep.
        expect(switch.ask("workers")["workers"][0]["sleeps"] >= trips["count"], "the switch did not sleep")


if __name__ == "__main__":
    main()
