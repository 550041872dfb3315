#!/usr/bin/env python3
"""Asks Open vSwitch what becomes of a broadcast frame with each tag on each kind of VLAN port.

The answers are tests/switch/vlan_table.txt, which our bridge is held against by a unit test; here
they are held against Open vSwitch itself: ovs-vswitchd --enable-dummy, real frames in, the frames of
every port back from its capture. --write prints the table anew.
"""

import argparse
import configparser
import os
import sys

import ovs

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "..", "switch", "vlan_table")
SKIPPED = 77
TAGS = ["-"] + ["%d.%d" % (vlan, pcp) for vlan in (0, 10, 11, 12) for pcp in (0, 1)]
PAYLOAD = bytes.fromhex("abcd") + b"\x55" * 60


def read_ports():
    ini = configparser.ConfigParser()
    with open(TABLE + ".ini", encoding="ascii") as file:
        ini.read_file(file)
    return {name.split()[1]: dict(ini[name]) for name in ini.sections() if name != "switch"}


def ranges(text):
    """10,20-22 -> [10, 20, 21, 22]"""
    vlans = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        vlans += range(int(first), int(last or first) + 1)
    return vlans


def port_columns(conf):
    """Our keys in the words of Open vSwitch's database."""
    columns = []
    trunk = ranges(conf["trunk"]) if "trunk" in conf else []
    every = len(trunk) == 4094
    if "tunnel" in conf:
        columns += ["vlan_mode=dot1q-tunnel", "tag=" + conf["tunnel"],
                    "other_config:qinq-ethtype=802.1q"]
        columns += ["cvlans=" + ",".join(map(str, trunk))] if trunk else []
    elif trunk:
        columns += [] if every else ["trunks=" + ",".join(map(str, trunk))]
        if "native" in conf:
            tagged = conf.get("native-tagged") == "yes"
            columns += ["vlan_mode=native-%s" % ("tagged" if tagged else "untagged"),
                        "tag=" + conf["native"]]
    elif "vlan" in conf:
        columns += ["tag=" + conf["vlan"]]
    if "priority-tags" in conf:
        columns += ["other_config:priority-tags=" + conf["priority-tags"]]
    return columns


class Switch(ovs.Ovs):
    """One bridge, v, with the ports of the table."""

    def add_ports(self, ports):
        command = ["add-br", "v", "--", "set", "bridge", "v", "datapath-type=dummy",
                   "fail-mode=standalone", "--"]
        for name, conf in ports.items():
            columns = port_columns(conf)
            command += ["add-port", "v", name, "--"]
            command += ["set", "port", name, *columns, "--"] if columns else []
            command += ["set", "interface", name, "type=dummy",
                        "options:tx_pcap=" + self._path(name + ".pcap"), "--"]
        self._vsctl(command[:-1])
        self.captures = {name: ovs.Capture(self._path(name + ".pcap")) for name in ports}

    def send(self, port, frame):
        """Where it goes, and how it looks there: {port: frame}."""
        self._call_all([("netdev-dummy/receive", port, frame.hex())])
        self._call_all([("version",)])
        delivered = {}
        for name, capture in self.captures.items():
            frames = list(capture.frames())
            if len(frames) > 1:
                raise RuntimeError("%s got %d copies" % (name, len(frames)))
            if frames:
                delivered[name] = frames[0]
        return delivered


def make_frame(tag, number):
    header = b"\xff" * 6 + bytes((0x50, 0x54, 0, 0, 0, number))
    if tag != "-":
        vlan, pcp = map(int, tag.split("."))
        header += b"\x81\0" + (pcp << 13 | vlan).to_bytes(2, "big")
    return header + PAYLOAD


def tags_of(frame):
    """-, 10.1, or 12.0+10.1 for two of them."""
    tags, at = [], 12
    while frame[at:at + 2] == b"\x81\0":
        tag = int.from_bytes(frame[at + 2:at + 4], "big")
        tags.append("%d.%d" % (tag & 0xfff, tag >> 13))
        at += 4
    if frame[at:] != PAYLOAD:
        raise RuntimeError("what follows the tags has changed: " + frame.hex())
    return "+".join(tags) or "-"


def ask(switch, ports):
    for number, port in enumerate(ports, 1):
        for tag in TAGS:
            delivered = switch.send(port, make_frame(tag, number))
            row = ["%s:%s" % (name, tags_of(delivered[name])) for name in ports if name in delivered]
            yield " ".join([port, tag, "->"] + row)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="print the table instead of checking it")
    arguments = parser.parse_args()
    lost = ovs.missing()
    if lost:
        print("skipped: not installed: %s; apt-get install openvswitch-switch" % ", ".join(lost))
        return SKIPPED
    ports = read_ports()
    with Switch() as switch:
        switch.add_ports(ports)
        rows = list(ask(switch, ports))
    if arguments.write:
        print("\n".join(rows))
        return 0
    with open(TABLE + ".txt", encoding="ascii") as file:
        written = [line for line in file.read().splitlines() if line[:1] not in "#="]
    for ours, theirs in zip(written, rows):
        if ours != theirs:
            print("the table says:     %s\nOpen vSwitch says: %s" % (ours, theirs))
    print("%d rows, %d in the table" % (len(rows), len(written)))
    return 0 if rows == written else 1


if __name__ == "__main__":
    sys.exit(main())
