"""witness_test.py: what we capture is what others capture of the same traffic, frame by frame: tcpdump on a TAP, DPDK's dumpcap
on the guest's side of a vhost-user port."""
import collections
import contextlib
import os
import signal
import subprocess

from capture_files import N_KNOWN, pcap_frames, pcapng_frames, write_known_frames
from lab import lab, tap
from netns import run, unique
from rig import Switch, expect, live, main, stop_process, wait_until
from testpmd import PcapPmd

# testpmd and dpdk-dumpcap number the kinds of memory pools in the order in which their libraries are initialised, hand each
# other the numbers, and disagree, unless these two come first in both.
RING_POOLS = "librte_mempool_ring.so.23:librte_mempool_dpaa.so.23"
NR_HUGEPAGES = "/proc/sys/vm/nr_hugepages"


# Run in the namespace of a host: frames with a tag, each another.
SEND_TAGGED = """
import socket, sys
interface = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
interface.bind((sys.argv[1], 0))
for i in range(20):
    interface.send(bytes.fromhex("ffffffffffff5254000000018100a00588b5") + sys.argv[1].encode() + bytes([i]) * (40 + i))
"""


def multiset(path):
    return collections.Counter(frame for direction in (1, 2) for _, frame in pcapng_frames(path, direction))


def ours(switch):
    """The multiset of frames in our file, once the writer has caught up."""
    all_seen = lambda: (lambda capture: capture["captured"] == capture["seen"])(switch.ask("captures")["captures"][0])
    wait_until(all_seen, "the capture to be written")
    return multiset(os.path.join(switch.dir, "ours.pcapng"))


@live
def tcpdump_on_the_tap_sees_the_same_frames():
    a, b = unique("ta"), unique("tb")
    with lab({"a": tap(a), "b": tap(b)}, "ha", "hb", sections=["[capture c]", "ports = a", "file = ours.pcapng"]) as \
            (switch, inside, (ha, hb)):
        for host, name, number in ((ha, a, 1), (hb, b, 2)):
            host.take(name, inside, f"10.9.0.{number}/24")
        switch.wait_links("up")
        theirs = os.path.join(switch.dir, "theirs.pcap")
        witness = ha.spawn("tcpdump", "-Z", "root", "-i", a, "-s", "0", "-B", "65536", "--immediate-mode", "-U", "-w", theirs,
                           stderr=subprocess.PIPE, text=True)
        wait_until(lambda: os.path.exists(theirs) and os.path.getsize(theirs) > 0, "tcpdump to listen")
        ha.wait_ping("10.9.0.2")
        expect(hb.pings("10.9.0.1", size=1400) and hb.pings("10.9.0.1", size=7), "pings are lost")
        for host, name in ((ha, a), (hb, b)):
            host.run("python3", "-c", SEND_TAGGED, name)
        # Large segments and checksums that nobody completes, both ways.
        ha.iperf(hb, "10.9.0.2", 30, "-n", "8M")
        hb.iperf(ha, "10.9.0.1", 30, "-n", "2M")
        n_frames = lambda: sum(switch.port_counters()["a"][key] for key in ("rx_frames", "tx_frames"))
        wait_until(lambda: len(pcap_frames(theirs)) == n_frames(), "tcpdump to write everything")
        witness.send_signal(signal.SIGINT)
        said = witness.communicate(timeout=20)[1]
        expect("0 packets dropped by kernel" in said, f"tcpdump lost frames: {said}")
        mine, seen = ours(switch), collections.Counter(pcap_frames(theirs))
        expect(mine == seen, f"only we: {list(mine - seen)[:3]}, only tcpdump: {list(seen - mine)[:3]}")
        expect(max(map(len, seen)) > 10_000 and any(frame[12:14] == b"\x81\x00" for frame in seen), "no large or tagged frames")


class HugePages:
    """Hugepages for a DPDK program that others of DPDK's are to look into: it shares no other memory with them."""

    def __init__(self, path, n=192):
        self.path = path
        self.n = n

    def __enter__(self):
        expect(os.getuid() == 0, "reserves hugepages: run as root")
        self.before = self.count()
        self.set(self.before + self.n)
        expect(self.count() == self.before + self.n, f"the kernel has no {self.n} hugepages to give")
        os.mkdir(self.path)
        run("mount", "-t", "hugetlbfs", "none", self.path)
        return self.path

    def __exit__(self, *_):
        run("umount", self.path)
        self.set(self.before)

    @staticmethod
    def count():
        with open(NR_HUGEPAGES, encoding="ascii") as file:
            return int(file.read())

    @staticmethod
    def set(n):
        with open(NR_HUGEPAGES, "w", encoding="ascii") as file:
            file.write(f"{n}\n")


class WatchedPmd(PcapPmd):
    """With hugepages, so that dpdk-dumpcap may look into it."""

    def __init__(self, switch, sent, got, pages):
        super().__init__(switch, sent, got)
        for word in ("--no-huge", "--no-telemetry"):
            self.command.remove(word)
        self.command.insert(1, f"--huge-dir={pages}")
        self.command[:0] = ["env", f"LD_PRELOAD={RING_POOLS}"]
        self.command[self.command.index("--total-num-mbufs=30000")] = "--total-num-mbufs=10000"

    @contextlib.contextmanager
    def dumpcap(self, interface, path):
        prefix = next(word for word in self.command if word.startswith("--file-prefix="))
        process = subprocess.Popen(["dpdk-dumpcap", prefix, "-i", interface, "-s", "2000", "-w", path], text=True,
                                   stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=dict(os.environ, XDG_RUNTIME_DIR=self.dir, LD_PRELOAD=RING_POOLS))
        try:
            wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 0, "dpdk-dumpcap to listen")
            yield process
        finally:
            stop_process(process)


@live
def dumpcap_on_the_guests_side_sees_the_same_frames():
    lines = ["[capture c]", "ports = left", "file = ours.pcapng"]
    with Switch(switch_lines=lines, checked=False) as switch, HugePages(f"{switch.dir}/huge") as pages:
        paths = [os.path.join(switch.dir, name) for name in ("sent.pcap", "got.pcap", "theirs.pcap")]
        sent = write_known_frames(paths[0])
        with WatchedPmd(switch, *paths[:2], pages) as pmd:
            with pmd.dumpcap("net_virtio_user0", paths[2]) as witness:
                pmd.command_line("set fwd io retry")
                pmd.command_line("start")
                switch.wait_rx_frames(N_KNOWN, ["left"])
                wait_until(lambda: os.path.getsize(paths[2]) > sum(map(len, sent)), "dpdk-dumpcap to write everything")
                pmd.command_line("stop")
                witness.send_signal(signal.SIGINT)
                said = witness.communicate(timeout=20)[1]
        mine, seen = ours(switch), multiset(paths[2])
        expect(seen == collections.Counter(sent), f"dpdk-dumpcap missed some: {said}")
        expect(mine == seen, f"only we: {list(mine - seen)[:3]}, only dpdk-dumpcap: {list(seen - mine)[:3]}")


if __name__ == "__main__":
    main()
