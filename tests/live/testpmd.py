"""testpmd.py: dpdk-testpmd with virtio_user ports: a front-end that is no VM, driven by its prompt."""
import os
import pty
import re
import select
import signal
import subprocess
import tempfile
import time

from rig import expect

PROMPT = "testpmd> "


def mac_of(index):
    return f"52:54:00:00:01:{index + 1:02x}"


class Testpmd:
    """One dpdk-testpmd, one virtio_user port for each port of the switch, in their order.

    Ends by `quit` at the end of a `with` block, by kill() in between.
    """

    def __init__(self, switch, ports=None, device="", arguments=(), server=False):
        self.switch = switch
        self.ports = ports or switch.ports
        self.output = ""
        self.sockets = [switch.socket(port) for port in self.ports] if server else []
        self.dir = tempfile.mkdtemp(prefix="ringway-testpmd-")
        prefix = os.path.basename(self.dir)
        self.command = ["dpdk-testpmd", "-l", "0,1", "--no-huge", "-m", "256", "--single-file-segments", "--iova-mode=va",
                        "--no-pci", f"--file-prefix={prefix}", "--no-telemetry", "--log-level=lib.eal:error"]
        for i, port in enumerate(self.ports):
            mode = ",server=1" if server else ""
            self.command.append(f"--vdev=net_virtio_user{i},path={switch.socket(port)},queue_size=1024,mac={mac_of(i)}{mode}{device}")
        self.command += ["--", "-i", "--total-num-mbufs=30000", "--txd=1024", "--rxd=1024", "--nb-cores=1",
                         "--no-flush-rx", *arguments]
        for i in range(len(self.ports)):
            # Ports are paired 0-1, 2-3, ...
            self.command.append(f"--eth-peer={i},{mac_of(i ^ 1)}")

    def __enter__(self):
        self.tty, slave = pty.openpty()
        environment = dict(os.environ, XDG_RUNTIME_DIR=self.dir, TERM="dumb")
        self.process = subprocess.Popen(self.command, stdin=slave, stdout=slave, stderr=slave, env=environment)
        os.close(slave)
        self.read_prompt(60)
        self.switch.wait_links("up", self.ports)
        return self

    def hear(self, timeout):
        """Reads what it says, if anything in that time, and whether it said something."""
        heard = bool(select.select([self.tty], [], [], timeout)[0])
        if heard:
            self.output += os.read(self.tty, 65536).decode(errors="replace")
        return heard

    def hear_all(self):
        """Empties the terminal: a full one would stop the thread that says something."""
        while self.hear(0):
            pass

    def read_prompt(self, timeout):
        """What it says until it asks for the next command."""
        begin = len(self.output)
        end = time.monotonic() + timeout
        while not self.output.endswith(PROMPT, begin):
            expect(time.monotonic() < end, f"testpmd hangs:\n{self.output}")
            try:
                self.hear(0.2)
            except OSError as error:
                raise AssertionError(f"testpmd died:\n{self.output}") from error
        return self.output[begin:]

    def command_line(self, line, timeout=60):
        os.write(self.tty, (line + "\n").encode())
        # The terminal's echo brings the prompt of the line itself back only once: it was read before.
        return self.read_prompt(timeout)

    def counters(self):
        """(received, sent, refused when sent) of every port, in frames."""
        text = self.command_line("show port stats all")
        pick = lambda name: [int(n) for n in re.findall(name + r":\s*(\d+)", text)]
        return list(zip(pick("RX-packets"), pick("TX-packets"), pick("TX-errors")))

    def drain(self):
        """Receives what lies in the rings, so that every frame that was sent is counted."""
        self.command_line("set fwd rxonly")
        self.command_line("start")
        before = None
        while before != (before := self.counters()):
            time.sleep(0.1)
        self.command_line("stop")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.remove_sockets()

    def remove_sockets(self):
        """It does not replace those that an earlier one left, and does not always take its own along."""
        for path in filter(os.path.exists, self.sockets):
            os.unlink(path)

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None and kind is None:
            os.write(self.tty, b"quit\n")
            self.wait_end()
        if self.process.poll() is None:
            self.kill()
        os.close(self.tty)
        self.remove_sockets()
        # Root's DPDK leaves its files elsewhere.
        subprocess.run(["rm", "-rf", self.dir, f"/run/dpdk/{os.path.basename(self.dir)}"], check=False)

    def wait_end(self):
        """Reads on while it ends."""
        end = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < end:
            try:
                self.hear(0.1)
            except OSError:
                break
        self.process.wait(5)


class PcapPmd(Testpmd):
    """Sends the frames of one pcap file into the first port and writes what comes out of the second into another."""

    def __init__(self, switch, sent, got):
        super().__init__(switch)
        first = next(i for i, word in enumerate(self.command) if word.startswith("--vdev"))
        self.command.insert(first, f"--vdev=net_pcap0,rx_pcap={sent}")
        self.command.insert(first + 3, f"--vdev=net_pcap1,tx_pcap={got}")
