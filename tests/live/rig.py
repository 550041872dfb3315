"""rig.py: a running switch, what must hold of it after every live test, and the registry of live tests.

A file of live tests decorates its functions with @live and calls main(). `FILE --list` prints their names, `FILE NAME...`
runs them, `FILE` runs all. RINGWAY names the program under test.
"""
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

RINGWAY = os.environ.get("RINGWAY", os.path.join(os.path.dirname(__file__), "../../build/ringway"))

# The first group of ports/drop.h: charged to the source. The others are charged to the destination.
INGRESS_DROPS = ("runt", "oversize", "bad_vnet_hdr", "bad_source", "l2cp", "same_port", "no_port", "vlan",
                 "spoofed_mac", "max_macs", "storm", "isolated")

tests = {}


def live(function):
    """Registers a live test under its name."""
    tests[function.__name__] = function
    return function


def main():
    """Runs the tests that the arguments name. Exits non-zero if one fails, or if there was none to run."""
    if sys.argv[1:] == ["--list"]:
        print("\n".join(tests))
        return
    # Who ends this program ends what it has started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    names = sys.argv[1:] or list(tests)
    failed = 0
    for name in names:
        try:
            tests[name]()
            print(f"ok: {name}", flush=True)
        except Exception:
            failed += 1
            traceback.print_exc()
            print(f"FAILED: {name}", flush=True)
    sys.exit(1 if failed or not names else 0)


def measured(what, value):
    """Prints a measured figure, which tests/run.sh repeats in its summary. Figures are shown, never asserted."""
    print(f"measured: {what}: {value}", flush=True)


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def wait_until(condition, what, timeout=30.0):
    """Polls until condition() is true and returns its value. The timeout only guards against a hang."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout:.0f} s in vain: {what}")
        time.sleep(0.02)


def stop_process(process, timeout=10.0):
    """Ends a process that this harness has started: politely, then not."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Switch:
    """`ringway run` on a topology of its own in a folder of its own.

    At the end of a `with` block that did not fail: the conservation law holds, all front-ends being gone the switch holds
    as many descriptors, threads and mappings as before, SIGTERM ends it with exit code 0, and its run-dir is gone.
    """

    def __init__(self, ports=("left", "right"), port_lines=(), switch_lines=(), as_user=None, checked=True):
        self.dir = tempfile.mkdtemp(prefix="ringway-live-")
        self.run_dir = os.path.join(self.dir, "run")
        self.ports = ports
        self.checked = checked
        self.force = False
        self.process = None
        self.as_user = as_user
        self.program = RINGWAY
        self.environment = {}
        self.file = os.path.join(self.dir, "live.ini")
        self.log_path = os.path.join(self.dir, "log")
        lines = ["[switch]", "name = live", f"run-dir = {self.run_dir}", *switch_lines]
        for port in ports:
            lines += [f"[port {port}]", "type = vhost-user", *port_lines]
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def socket(self, port):
        return os.path.join(self.run_dir, port + ".sock")

    def launch(self):
        """Starts the program and waits for nothing."""
        command = [self.program, "run", *(["--force"] if self.force else []), self.file]
        if self.as_user:
            group = pwd.getpwnam(self.as_user).pw_gid
            command = ["setpriv", f"--reuid={self.as_user}", f"--regid={group}", "--clear-groups", *command]
        with open(self.log_path, "a", encoding="utf-8") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir,
                                    env=dict(os.environ, **self.environment))

    def start(self):
        """Starts the program, waits for `ready`; returns how long that took in seconds."""
        already = self.log().count("ready\n")
        begin = time.monotonic()
        self.process = self.launch()
        while self.log().count("ready\n") == already:
            expect(self.process.poll() is None, f"ringway run ended by itself:\n{self.log()}")
            expect(time.monotonic() - begin < 30, f"no `ready` in 30 s:\n{self.log()}")
            time.sleep(0.001)
        return time.monotonic() - begin

    def log(self):
        if not os.path.exists(self.log_path):
            return ""
        with open(self.log_path, encoding="utf-8") as log:
            return log.read()

    def wait_log(self, text, count=1):
        wait_until(lambda: self.log().count(text) >= count, f"the switch's log to say \"{text}\":\n{self.log()}")

    def ask(self, *words):
        """`ringway show WORDS --json` as Python's own."""
        command = [RINGWAY, "show", *words, "--json", "-s", os.path.join(self.run_dir, "control.sock")]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout)

    def port_counters(self):
        return {port["name"]: port for port in self.ask("ports")["ports"]}

    def wait_links(self, state, ports=None):
        """Waits until the named ports (all) have their link up or down."""
        for port in ports or self.ports:
            wait_until(lambda: self.port_counters()[port]["link"] == state, f"link of {port} to be {state}:\n{self.log()}")

    def wait_rx_frames(self, n, ports=None):
        for port in ports or self.ports:
            wait_until(lambda: self.port_counters()[port]["rx_frames"] >= n, f"{n} frames from {port}", timeout=120)

    def holdings(self):
        """What a leak would make grow: descriptors, threads, mappings (RES-09)."""
        proc = f"/proc/{self.process.pid}"
        with open(f"{proc}/maps", encoding="utf-8") as maps:
            # A sanitizer maps memory as it likes.
            n_maps = 0 if "INSTRUMENTED" in os.environ else len(maps.readlines())
        return {"descriptors": len(os.listdir(f"{proc}/fd")), "threads": len(os.listdir(f"{proc}/task")), "mappings": n_maps}

    def check_conservation(self):
        """The law of switch/counters.h, exact at any quiet moment."""
        ports = self.port_counters()
        copies = received = 0
        for port in ports.values():
            refused = sum(port["drops"][why] for why in INGRESS_DROPS)
            forwarded = port["rx_frames"] - refused
            expect(port["copies"] >= forwarded, f"{port['name']}: frames vanished on their way in: {port}")
            if len(ports) == 2 and not any(other["completed_in_software"] for other in ports.values()):
                expect(port["copies"] == forwarded, f"{port['name']}: more copies than frames between two ports: {port}")
            copies += port["copies"]
            received += port["tx_frames"] + sum(n for why, n in port["drops"].items() if why not in INGRESS_DROPS)
        expect(copies == received, f"conservation: {copies} copies, {received} delivered or dropped: {ports}")

    def kill(self):
        """As a crash would end it."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=20):
        """SIGTERM: exit code 0, and only what guests said stays in the run-dir. Returns how long it took in seconds."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        took = time.monotonic() - begin
        expect(code == 0, f"exit code {code} after SIGTERM:\n{self.log()}")
        left = os.listdir(self.run_dir) if os.path.exists(self.run_dir) else ["a.console"]
        expect(left and all(name.endswith(".console") for name in left), f"left behind: {self.run_dir} with {left}")
        return took

    def __enter__(self):
        self.start()
        self.warm_up()
        # The connection of a front-end is closed a moment after the log says that it is gone.
        wait_until(self.are_holdings_settled, "descriptors, threads and mappings to stay the same")
        return self

    def are_holdings_settled(self):
        self.before = self.holdings()
        time.sleep(0.03)
        return self.holdings() == self.before

    def warm_up(self):
        """Lets the libraries allocate what they keep for good: one front-end a port that comes and goes."""
        for port in self.ports:
            if os.path.exists(self.socket(port)):
                with socket.socket(socket.AF_UNIX) as front_end:
                    front_end.connect(self.socket(port))
                self.wait_log(f"port {port}: front-end disconnected")

    def check_end(self):
        self.wait_links("down")
        self.check_conservation()
        same = lambda: self.holdings() == self.before
        if self.checked:
            end = time.monotonic() + 5
            while not same() and time.monotonic() < end:
                time.sleep(0.05)
            expect(same(), f"held before {self.before}, after {self.holdings()}")

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self.check_end()
                self.stop()
            else:
                print(f"--- log of the switch\n{self.log()}---", file=sys.stderr)
        finally:
            stop_process(self.process)
            shutil.rmtree(self.dir, ignore_errors=True)
