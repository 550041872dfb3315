"""testpmd_bench.py: what a 64-byte frame costs the switch when dpdk-testpmd is the guest: Ringway, and dpdk-testpmd with net_vhost
ports as the switch. Both are up at once, each with a guest of its own, and take turns of a fraction of a second, the other pair
being stopped meanwhile. Prints both, and their ratio turn by turn."""
import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

from rig import Switch, live, main, measured, wait_until
from testpmd import Testpmd

TURNS = int(os.environ.get("TURNS", "20"))
SECONDS = 0.3
CORE = 0  # of the switches; the guests poll on the other one
FRAMES = 512  # that travel in each direction: half of the ring


class Ringway(Switch):
    def __init__(self):
        super().__init__(switch_lines=[f"workers = cores {CORE}", "idle = poll"], checked=False)

    def pids(self):
        return [self.process.pid]

    def clear(self):
        self.before = self.ask("workers")["workers"][0]

    def cycles_a_frame(self):
        now = self.ask("workers")["workers"][0]
        return (now["busy_cycles"] - self.before["busy_cycles"]) / (now["frames"] - self.before["frames"])


class ForwardingTestpmd:
    """dpdk-testpmd as the switch: two net_vhost ports, every frame of one goes to the other."""
    ports = ("left", "right")

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="ringway-testpmd-switch-")
        vdevs = [f"--vdev=net_vhost{i},iface={self.socket(port)}" for i, port in enumerate(self.ports)]
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
        wait_until(lambda: self.log().count("VHOST_USER_SET_VRING_ENABLE") >= 8 or self.log().count("is now ready") >= 2, "its guest")

    def pids(self):
        return [self.process.pid]

    def clear(self):
        self.say("clear fwd stats all")

    def cycles_a_frame(self):
        asked = self.log().count("CPU cycles/packet")
        self.say("show fwd stats all")
        wait_until(lambda: self.log().count("CPU cycles/packet") > asked, "the statistics of testpmd")
        return float(re.findall(r"CPU cycles/packet=([\d.]+)", self.log())[-1])


def stop(pair, stopped):
    switch, guest = pair
    for pid in [guest.process.pid, *switch.pids()]:
        os.kill(pid, signal.SIGSTOP if stopped else signal.SIGCONT)


def turn(pair):
    """Cycles a frame in one slice of a pair that is stopped before and after."""
    stop(pair, False)
    time.sleep(0.05)
    pair[0].clear()
    time.sleep(SECONDS)
    cost = pair[0].cycles_a_frame()
    stop(pair, True)
    return cost


@live
def a_frame_between_testpmd_guests_costs_less_than_testpmd_forwarding():
    pairs, costs = [], []
    with contextlib.ExitStack() as stack:
        for kind in (Ringway, ForwardingTestpmd):
            switch = stack.enter_context(kind())
            guest = stack.enter_context(Testpmd(switch, device=",mrg_rxbuf=0"))
            guest.command_line("set fwd mac")
            guest.command_line(f"start tx_first {FRAMES // 32}")
            pairs.append((switch, guest))
            stop(pairs[-1], True)
            stack.callback(stop, pairs[-1], False)
        for _ in range(TURNS):
            costs.append([turn(pair) for pair in pairs])
        for pair in pairs:
            stop(pair, False)
        for _, guest in pairs:
            guest.command_line("stop")
    ratios = sorted(theirs / ours for ours, theirs in costs)
    show = lambda values: f"{statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"
    measured("64 B between testpmd guests, busy cycles a frame, Ringway and testpmd io forwarding",
             f"{show([c[0] for c in costs])} and {show([c[1] for c in costs])}, "
             f"{statistics.median(ratios):.2f}x ({ratios[0]:.2f}-{ratios[-1]:.2f}) in {TURNS} turns")


if __name__ == "__main__":
    main()
