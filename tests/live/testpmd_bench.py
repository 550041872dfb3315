"""testpmd_bench.py: what a 64-byte frame costs the switch when dpdk-testpmd is the guest: Ringway, and dpdk-testpmd with net_vhost
ports as the switch, which forwards without a look at the frame. Both are up at once, each with a guest of its own, and take turns
of a fraction of a second, the other pair being stopped meanwhile. Prints both, and their ratio turn by turn.

TURNS=N in the environment takes so many turns. Wants a machine that does nothing else: a preempted poll counts as work."""
import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

from rig import Switch, expect, live, main, measured, wait_until
from testpmd import Testpmd

TURNS = int(os.environ.get("TURNS", "20"))
SECONDS = 0.3
CORE = 0  # of the switches; the guests poll on the other one


class Ringway(Switch):
    def __init__(self, guests, device):
        super().__init__(ports=guests, switch_lines=[f"workers = cores {CORE}", "idle = poll"], checked=False)
        if device:
            with open(self.file, "a", encoding="utf-8") as file:
                file.write(f"[bridge default]\nmode = wire\n[port device]\ntype = ethdev\ndevice = {device}\n")

    def clear(self):
        self.before = self.ask("workers")["workers"][0]

    def cycles_a_frame(self):
        now = self.ask("workers")["workers"][0]
        return (now["busy_cycles"] - self.before["busy_cycles"]) / (now["frames"] - self.before["frames"])


class ForwardingTestpmd:
    """dpdk-testpmd as the switch: every frame of its first port goes to its second, and back."""

    def __init__(self, guests, device):
        self.ports = guests
        self.device = device

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="ringway-testpmd-switch-")
        vdevs = [f"--vdev=net_vhost{i},iface={self.socket(port)}" for i, port in enumerate(self.ports)]
        vdevs += [f"--vdev={self.device}"] * bool(self.device)
        command = ["stdbuf", "-oL", "dpdk-testpmd", "-l", f"{CORE},{1 - CORE}", "--main-lcore", str(1 - CORE), "--no-pci", "--no-huge",
                   "-m", "1024", f"--file-prefix={os.path.basename(self.dir)}", "--no-telemetry", *vdevs, "--", "-i",
                   "--forward-mode=io", "--nb-cores=1", "--record-core-cycles", "--no-lsc-interrupt", "--rxd=1024", "--txd=1024"]
        with open(self.log_path(), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True)
        wait_until(lambda: "testpmd>" in self.log(), "the switch of testpmd")
        self.say("start")
        return self

    def __exit__(self, *_):
        self.say("quit")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir)

    def log_path(self):
        return os.path.join(self.dir, "log")

    def log(self):
        with open(self.log_path(), encoding="utf-8", errors="replace") as log:
            return log.read()

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def socket(self, port):
        return os.path.join(self.dir, port + ".sock")

    def wait_links(self, *_):
        wait_until(lambda: self.log().count("virtio is now ready") >= len(self.ports), "its guest")

    def clear(self):
        self.say("clear fwd stats all")

    def cycles_a_frame(self):
        asked = self.log().count("CPU cycles/packet")
        self.say("show fwd stats all")
        wait_until(lambda: self.log().count("CPU cycles/packet") > asked, "the statistics of testpmd")
        return float(re.findall(r"CPU cycles/packet=([\d.]+)", self.log())[-1])


def let_run(pair, running):
    for side in pair:
        os.kill(side.process.pid, signal.SIGCONT if running else signal.SIGSTOP)


def turn(pair):
    """Cycles a frame in one slice of a pair that is stopped before and after."""
    let_run(pair, True)
    time.sleep(0.05)
    pair[0].clear()
    time.sleep(SECONDS)
    cost = pair[0].cycles_a_frame()
    let_run(pair, False)
    return cost


def compare(what, guests, orders, device=None):
    pairs = []
    with contextlib.ExitStack() as stack:
        for kind in (Ringway, ForwardingTestpmd):
            switch = stack.enter_context(kind(guests, device))
            guest = stack.enter_context(Testpmd(switch, device=",mrg_rxbuf=0"))
            for order in orders:
                guest.command_line(order)
            pairs.append((switch, guest))
            let_run(pairs[-1], False)
            stack.callback(let_run, pairs[-1], True)
        costs = [[turn(pair) for pair in pairs] for _ in range(TURNS)]
    ratios = sorted(theirs / ours for ours, theirs in costs)
    show = lambda values: f"{statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"
    measured(f"64 B {what}, busy cycles a frame, Ringway and testpmd io forwarding",
             f"{show([ours for ours, _ in costs])} and {show([theirs for _, theirs in costs])}, "
             f"{statistics.median(ratios):.2f}x ({ratios[0]:.2f}-{ratios[-1]:.2f}) in {TURNS} turns")
    expect(ratios[0] > 0, "nothing came through")


@live
def guest_to_guest():
    # 512 frames travel in each direction: half of the ring.
    compare("between two testpmd guests", ("left", "right"), ["set fwd mac", "start tx_first 16"])


@live
def guest_to_device():
    compare("from a testpmd guest to net_null", ("guest",), ["set fwd txonly", "start"], "net_null0,no-rx=1")


@live
def device_to_guest():
    compare("from net_null to a testpmd guest", ("guest",), ["set fwd rxonly", "start"], "net_null0")


if __name__ == "__main__":
    main()
