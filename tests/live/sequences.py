"""Random lives of bridges: frames, time that goes by, links that go down and up.

A sequence is reproducible from its seed. Sequences of one group run side by side and share the
seconds that go by, because the oracle has one clock.
"""

import random
from dataclasses import dataclass, field

BROADCAST = bytes.fromhex("ffffffffffff")
RESERVED = [bytes.fromhex("0180c20000%02x" % i) for i in range(16)]
# Groups that Open vSwitch also keeps to itself, though no standard does.
OVS_RESERVED = [bytes.fromhex(mac) for mac in ("01000c000000", "01000ccccccc", "01000ccccccd",
                                               "01000ccdcdcd", "01000cccccc0", "01000cccccc7")]
GROUPS = [bytes.fromhex(mac) for mac in ("01005e000001", "3333ff000001", "0180c2000010",
                                         "0180c2000021", "01000ccccccf", "030000000000")]
ZERO = bytes(6)
C_TAG, S_TAG = 0x8100, 0x88A8
BURST_MAX = 32


def is_group(mac):
    return bool(mac[0] & 1)


class Frame:
    def __init__(self, wire):
        self.wire = wire
        self.dst = wire[0:6]
        self.src = wire[6:12]
        self.ethertype = int.from_bytes(wire[12:14], "big")
        self.has_tag = self.ethertype == C_TAG and len(wire) >= 16
        self.tci = int.from_bytes(wire[14:16], "big") if self.has_tag else 0
        self.vlan = self.tci & 0xFFF


@dataclass
class Config:
    n_ports: int
    max_macs: int
    ageing_s: int
    forward_l2cp: bool


@dataclass
class Model:
    """What a bridge is to do, as simply as it can be said."""

    config: Config
    now_s: int = 0
    turn: int = 0
    entries: dict = field(default_factory=dict)  # (vlan, mac): (port, second, turn)
    up: set = field(default_factory=set)

    def __post_init__(self):
        self.up = set(range(self.config.n_ports))

    def payers(self):
        """The ports that hold most entries."""
        counts = [0] * self.config.n_ports
        for entry in self.entries.values():
            counts[entry[0]] += 1
        return [port for port, n in enumerate(counts) if n == max(counts)]

    def is_learnable(self, frame):
        return not is_group(frame.src) and frame.src != ZERO

    def would_tie(self, frame):
        """Whether learning from the frame takes an entry from one of several ports."""
        return (len(self.entries) == self.config.max_macs and self.is_learnable(frame) and
                (frame.vlan, frame.src) not in self.entries and len(self.payers()) > 1)

    def learn(self, port, frame):
        key = (frame.vlan, frame.src)
        if self.entries.get(key, ())[:2] == (port, self.now_s):
            return
        if key not in self.entries and len(self.entries) == self.config.max_macs:
            payer = self.payers()[0]
            del self.entries[min((key for key in self.entries if self.entries[key][0] == payer),
                                 key=lambda key: self.entries[key][2])]
        self.turn += 1
        self.entries[key] = (port, self.now_s, self.turn)

    def forward(self, port, frame):
        """The set of ports that get the frame."""
        others = self.up - {port}
        if not self.is_learnable(frame):
            return set()
        self.learn(port, frame)
        if frame.dst in RESERVED and not self.config.forward_l2cp:
            return set()
        if is_group(frame.dst) or (frame.vlan, frame.dst) not in self.entries:
            return others
        return others & {self.entries[frame.vlan, frame.dst][0]}

    def tick(self, seconds):
        self.now_s += seconds
        self.entries = {key: entry for key, entry in self.entries.items()
                        if self.now_s - entry[1] < self.config.ageing_s}

    def set_link(self, port, is_up):
        if is_up:
            self.up.add(port)
        else:
            self.up.remove(port)
            self.entries = {key: entry for key, entry in self.entries.items() if entry[0] != port}

    def fdb(self):
        return {(port, vlan, ":".join("%02x" % byte for byte in mac), self.now_s - second)
                for (vlan, mac), (port, second, _) in self.entries.items()}


@dataclass
class Burst:
    port: int
    frames: list
    expected: list  # of each frame the ports that get it
    is_after_flush: bool


@dataclass
class Link:
    changes: list  # (port, is_up)


@dataclass
class Tick:
    seconds: int


class Author:
    """Writes one sequence."""

    def __init__(self, seed, place, config):
        self.random = random.Random(seed)
        # Open vSwitch forgets the addresses of a port that goes in all bridges: no two of a group may
        # have one in common. place tells them apart.
        self.place = place
        self.model = Model(config)
        self.written = set()
        self.n_flushes = 0
        # A bridge of few addresses per port, some that roam, and sometimes one that floods.
        self.homes = [[self._mac(port, i) for i in range(4)] for port in range(config.n_ports)]
        self.roaming = [self._mac(0xEE, i) for i in range(4)]
        self.crowd = [self._mac(0xCC, i) for i in range(3 * min(config.max_macs, 60))]
        self.flooder = self.random.choice([None, 0, 1])
        self.vlans = self.random.choice([[None], [None, 0, 10], [None, 0, 10, 12, 4094, 4095]])

    def _mac(self, port, i):
        return bytes((0x02, self.place, 0, port, i >> 8, i & 0xFF))

    def _source(self, port):
        draw = self.random.random()
        if draw < 0.02:
            return ZERO
        if draw < 0.04:
            return self.random.choice(GROUPS + [BROADCAST])
        if draw < 0.15:
            return self.random.choice(self.roaming)
        if port == self.flooder and draw < 0.8:
            return self.random.choice(self.crowd)
        return self.random.choice(self.homes[port])

    def _destination(self):
        draw = self.random.random()
        if draw < 0.06:
            return self.random.choice(RESERVED)
        if draw < 0.08:
            return self.random.choice(OVS_RESERVED)
        if draw < 0.20:
            return self.random.choice(GROUPS + [BROADCAST, BROADCAST])
        if draw < 0.22:
            return ZERO
        if draw < 0.40:
            return self.random.choice(self.roaming)
        if draw < 0.50:
            return self.random.choice(self.crowd)
        return self.random.choice(self.random.choice(self.homes))

    def _tags(self):
        tags = b""
        vlan = self.random.choice(self.vlans)
        if vlan is not None:
            tci = vlan | self.random.choice([0, 0, 0x1000, 0x2000, 0xF000])
            tags = C_TAG.to_bytes(2, "big") + tci.to_bytes(2, "big")
            if self.random.random() < 0.1:
                tags += bytes.fromhex("8100000c")
        elif self.random.random() < 0.03:
            tags = S_TAG.to_bytes(2, "big") + b"\x00\x0a"
        return tags

    def _frame(self, port):
        wire = self._destination() + self._source(port) + self._tags()
        if self.random.random() < 0.1:
            wire += self.random.randrange(0, 0x600).to_bytes(2, "big")  # IEEE 802.3 length, that lies
        else:
            wire += self.random.randrange(0xA000, 0xB000).to_bytes(2, "big")
        longest = 1518 if wire[12:14] == C_TAG.to_bytes(2, "big") else 1514
        shape = self.random.random()
        if shape < 0.3:
            length = len(wire) + self.random.randrange(7)
        elif shape < 0.6:
            length = self.random.randrange(59, 70)
        elif shape < 0.65:
            length = longest - self.random.randrange(3)
        else:
            length = self.random.randrange(len(wire), 300)
        wire += self.random.randbytes(max(0, length - len(wire)))
        if self.random.random() < 0.01:
            wire = wire[:12] + C_TAG.to_bytes(2, "big") + wire[14:self.random.randrange(14, 18)]
        return Frame(wire)

    def _fresh_frame(self, port):
        """One that is unlike all before, so that a delivery tells which it is of, and that leaves no
        choice of whom to evict if that can be had."""
        frame = None
        for _ in range(20):
            draft = self._frame(port)
            if draft.wire in self.written:
                continue
            frame = draft
            if not self.model.would_tie(draft):
                break
        if frame:
            self.written.add(frame.wire)
        return frame

    def burst(self, most):
        """Up to `most` frames into one port; None when none has a link."""
        if not self.model.up:
            return None
        port = self.random.choice(sorted(self.model.up))
        if self.flooder in self.model.up and self.random.random() < 0.5:
            port = self.flooder
        burst = Burst(port, [], [], False)
        for _ in range(self.random.randrange(most) + 1):
            frame = self._fresh_frame(port)
            if not frame:
                break
            if self.model.would_tie(frame):
                if burst.frames:
                    break
                self.model.entries = {}
                self.n_flushes += 1
                burst.is_after_flush = True
            burst.frames.append(frame)
            burst.expected.append(self.model.forward(port, frame))
        return burst

    def link(self):
        port = self.random.randrange(self.model.config.n_ports)
        is_up = port not in self.model.up
        self.model.set_link(port, is_up)
        return Link([(port, is_up)])

    def tick(self, seconds):
        self.model.tick(seconds)
        return Tick(seconds)


def random_config(seed):
    rng = random.Random("config %s" % seed)
    return Config(n_ports=rng.randrange(3, 9), max_macs=rng.choice([10, 10, 11, 16, 40, 8192]),
                  ageing_s=rng.choice([15, 15, 16, 30, 60, 150, 300]),
                  forward_l2cp=rng.random() < 0.2)


def plan(seed, n_ops):
    """What comes when, for all sequences of a group: ("tick", seconds), ("link",), or ("burst", the
    most frames)."""
    rng = random.Random("plan %s" % seed)
    steps = []
    for _ in range(n_ops):
        draw = rng.random()
        if draw < 0.13:
            seconds = rng.choice([1, 1, 1, 2, 5, 14, 15, 16, 29, 59, 149, 299, 300])
            steps.append(("tick", seconds))
        elif draw < 0.16:
            steps.append(("link",))
        else:
            most = rng.choices([1, 3, 8, BURST_MAX], [83, 10, 5, 2])[0]
            steps.append(("burst", most))
    return steps
