"""Open vSwitch as an oracle: private processes, dummy ports, virtual time.

Needs no root, no kernel module and no service of the system: ovsdb-server and ovs-vswitchd
--enable-dummy run in a directory of their own and end with it. Flows are not cached (flow-limit=0),
so every frame takes the learning path, and frames that were sent can be read back from a capture of
each port.
"""

import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
PROGRAMS = ("ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl")
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
START_TIMEOUT_S = 20
N_CONTROLS = 6
COMMANDS_A_TURN = 10  # that ovs-vswitchd serves on one connection


def missing():
    """What is not installed, or an empty list."""
    lost = [name for name in PROGRAMS if not shutil.which(name, path=PATH)]
    return lost + [SCHEMA] * (not os.path.exists(SCHEMA))


def is_listening(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(path) == 0


class Unixctl:
    """One connection to the control socket of a daemon: JSON-RPC, as ovs-appctl speaks it."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(START_TIMEOUT_S)
        self.socket.connect(path)
        self.received = ""
        self.decoder = json.JSONDecoder()

    def call(self, *command):
        self.send([command])
        return self.receive([command])[0]

    def send(self, commands):
        requests = [json.dumps({"method": name, "params": args, "id": i})
                    for i, (name, *args) in enumerate(commands)]
        self.socket.sendall("".join(requests).encode())

    def receive(self, commands):
        """The replies to what was sent."""
        replies = [self._reply() for _ in commands]
        for command, reply in zip(commands, replies):
            if reply.get("error"):
                raise RuntimeError("ovs-vswitchd refused %s: %s" % (command, reply["error"]))
        return [reply["result"] for reply in replies]

    def _reply(self):
        while True:
            text = self.received.lstrip()
            try:
                reply, end = self.decoder.raw_decode(text)
                self.received = text[end:]
                return reply
            except ValueError:
                data = self.socket.recv(1 << 16)
                if not data:
                    raise RuntimeError("ovs-vswitchd closed its control socket") from None
                self.received += data.decode()

    def close(self):
        self.socket.close()


class Capture:
    """The frames that a port has sent since they were read last."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.file.read(24)

    def frames(self):
        while True:
            start = self.file.tell()
            header = self.file.read(16)
            length = struct.unpack("<8xI4x", header)[0] if len(header) == 16 else 0
            frame = self.file.read(length)
            if not length or len(frame) < length:
                self.file.seek(start)
                return
            yield frame

    def close(self):
        self.file.close()


class Ovs:
    """A virtual switch with any number of bridges, called 0, 1, ..., with ports 0, 1, ... each."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="ovs-oracle-")
        self.processes = []
        self.captures = {}
        self.is_stopped = False

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for capture in self.captures.values():
            capture.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _environment(self):
        return dict(os.environ, PATH=PATH, OVS_RUNDIR=self.directory, OVS_LOGDIR=self.directory,
                    OVS_DBDIR=self.directory, OVS_SYSCONFDIR=self.directory)

    def _spawn(self, *command):
        with open(self._path("log"), "ab") as log:
            self.processes.append(subprocess.Popen(command, env=self._environment(), stdout=log,
                                                   stderr=log, stdin=subprocess.DEVNULL))

    def _await(self, name):
        deadline = time.monotonic() + START_TIMEOUT_S
        while not is_listening(self._path(name)):
            if self.processes[-1].poll() is not None or time.monotonic() > deadline:
                with open(self._path("log"), encoding="utf-8", errors="replace") as log:
                    raise RuntimeError("Open vSwitch did not start:\n" + log.read())
            time.sleep(0.01)
        return self._path(name)

    def _start(self):
        subprocess.run(["ovsdb-tool", "create", self._path("conf.db"), SCHEMA],
                       env=self._environment(), check=True)
        self._spawn("ovsdb-server", "--remote=punix:" + self._path("db.sock"),
                    "--unixctl=" + self._path("db.ctl"), "--no-chdir", self._path("conf.db"))
        self._await("db.sock")
        self._vsctl(["--no-wait", "init"])
        self._vsctl(["--no-wait", "set", "Open_vSwitch", ".", "other_config:flow-limit=0"])
        self._spawn("ovs-vswitchd", "--enable-dummy=override", "--disable-system",
                    "--disable-system-route", "--unixctl=" + self._path("vswitchd.ctl"),
                    "--no-chdir", "-vconsole:err", "-vfile:off", "-vsyslog:off",
                    "unix:" + self._path("db.sock"))
        path = self._await("vswitchd.ctl")
        # In each turn of its loop the daemon first takes in frames, then serves its connections, in
        # the order in which they came and ten commands each. So a reply on the first connection to
        # what was asked after replies on others comes a turn later, when all that those commands
        # caused is done.
        self.barrier, *self.controls = [Unixctl(path) for _ in range(N_CONTROLS + 1)]
        for connection in [self.barrier, *self.controls]:
            connection.call("version")

    def _vsctl(self, arguments):
        subprocess.run(["ovs-vsctl", "--db=unix:" + self._path("db.sock"), "--timeout=60",
                        "-vconsole:err", *arguments], env=self._environment(), check=True)

    def _add_port(self, bridge, port):
        name = "b%dp%d" % (bridge, port)
        return ["add-port", "b%d" % bridge, name, "--",
                "set", "port", name, "other_config:priority-tags=always", "--",
                "set", "interface", name, "type=dummy", "ofport_request=%d" % (port + 1),
                "options:tx_pcap=" + self._path(name + ".pcap"), "--"]

    def set_bridges(self, bridges):
        """Replaces all bridges. Each is a dictionary of n_ports, max_macs, ageing_s, forward_l2cp."""
        for capture in self.captures.values():
            capture.close()
        for (bridge, port) in self.captures:
            os.unlink(self._path("b%dp%d.pcap" % (bridge, port)))
        self.captures = {}
        self._vsctl(["clear", "Open_vSwitch", ".", "bridges"])
        command = []
        for bridge, conf in enumerate(bridges):
            name = "b%d" % bridge
            command += ["add-br", name, "--", "set", "bridge", name, "datapath-type=dummy",
                        "fail-mode=standalone", "other-config:hwaddr=0e:00:00:00:00:%02x" % bridge,
                        "other-config:mac-table-size=%d" % conf["max_macs"],
                        "other-config:mac-aging-time=%d" % conf["ageing_s"],
                        "other-config:forward-bpdu=%s" % str(conf["forward_l2cp"]).lower(), "--"]
            for port in range(conf["n_ports"]):
                command += self._add_port(bridge, port)
        self._vsctl(command[:-1])
        for bridge, conf in enumerate(bridges):
            for port in range(conf["n_ports"]):
                self.captures[bridge, port] = Capture(self._path("b%dp%d.pcap" % (bridge, port)))
        if not self.is_stopped:
            self._call_all([("time/stop",)])
            self.is_stopped = True

    def set_links(self, changes):
        """changes: (bridge, port, is_up). A port whose link is down is not there."""
        command = []
        for bridge, port, is_up in changes:
            command += (self._add_port(bridge, port) if is_up else
                        ["del-port", "b%d" % bridge, "b%dp%d" % (bridge, port), "--"])
        if command:
            self._vsctl(command[:-1])

    def _call_all(self, commands):
        """Sends all at once, in no order; returns the replies when all are done."""
        replies = []
        for start in range(0, len(commands), N_CONTROLS * COMMANDS_A_TURN):
            parts = [(control, commands[at:at + COMMANDS_A_TURN]) for control, at in
                     zip(self.controls, range(start, len(commands), COMMANDS_A_TURN))]
            for control, part in parts:
                control.send(part)
            for control, part in parts:
                replies += control.receive(part)
        self.barrier.call("version")
        return replies

    def receive(self, bursts):
        """bursts: (bridge, port, [frame, ...]), one of a bridge and up to 32 frames each."""
        self._call_all([("netdev-dummy/receive", "b%dp%d" % (bridge, port),
                         *(frame.hex() for frame in frames))
                        for bridge, port, frames in bursts if frames])
        # A port takes in one frame in each turn.
        for _ in range(max((len(frames) for _, _, frames in bursts), default=0) - 1):
            self._call_all([("version",)])

    def delivered(self):
        """What all ports have sent since this was asked last: {(bridge, port): [frame, ...]}."""
        return {key: list(capture.frames()) for key, capture in self.captures.items()}

    def tick(self, seconds):
        self._call_all([("time/warp", str(seconds * 1000))])

    def flush(self, bridges):
        self._call_all([("fdb/flush", "b%d" % bridge) for bridge in bridges])

    def fdbs(self, n_bridges):
        """Of each bridge the set of its (port, vlan, mac, age)."""
        tables = self._call_all([("fdb/show", "b%d" % i) for i in range(n_bridges)])
        return [{(int(port) - 1, int(vlan), mac, int(age)) for port, vlan, mac, age in
                 (line.split() for line in table.splitlines()[1:])} for table in tables]
