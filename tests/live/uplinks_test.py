"""uplinks_test.py: the switch with hosts on TAPs, devices and tunnels, each in a network namespace of its own."""
import contextlib
import json
import os
import pwd
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from capture_files import expect_readable
from front_end import RX, FrontEnd
from lab import Lab, lab, tap
from netns import Namespace, run, unique, veth
from rig import Switch, expect, live, main, measured, stop_process, wait_until
from testpmd import Testpmd

NOBODY = 65534


@live
def two_hosts_talk_over_taps_with_offloads_untouched():
    a, b = unique("ta"), unique("tb")
    with lab({"a": tap(a, "queues = 2"), "b": tap(b)}, "ha", "hb") as (switch, inside, (ha, hb)):
        ha.take(a, inside, "10.9.0.1/24")
        hb.take(b, inside, "10.9.0.2/24")
        switch.wait_links("up")
        ha.wait_ping("10.9.0.2")
        expect(ha.pings("10.9.0.2", size=1400), "pings are lost")
        for here, there, address in ((ha, hb, "10.9.0.2"), (hb, ha, "10.9.0.1")):
            measured("TCP between two TAPs", f"{here.iperf(there, address) / 1e9:.2f} Gbit/s")
        ports = switch.port_counters()
        expect(ports["a"]["queues"] == 2, f"not all queues are used: {ports['a']}")
        expect(ports["a"]["completed_in_software"] == ports["b"]["completed_in_software"] == 0, f"offloads got lost: {ports}")
        expect(ports["a"]["rx_bytes"] / ports["a"]["rx_frames"] > 3000, f"no large segments: {ports}")


@live
def a_tap_that_goes_down_or_away_comes_back():
    a, b = unique("ta"), unique("tb")
    """CAP-15: beside it, the port is captured."""
    with lab({"a": tap(a), "b": tap(b)}, "ha", "hb", sections=["[capture c]", "file = c.pcapng"]) as (switch, inside, (ha, hb)):
        ha.take(a, inside, "10.9.0.1/24")
        hb.take(b, inside, "10.9.0.2/24")
        ha.wait_ping("10.9.0.2")
        hb.run("ip", "link", "set", b, "down")
        ha.pings("10.9.0.2", count=1)
        switch.wait_links("down", ["b"])
        hb.run("ip", "link", "set", b, "up")
        switch.wait_links("up", ["b"])
        ha.wait_ping("10.9.0.2")
        hb.run("ip", "link", "delete", b)
        switch.wait_links("down", ["b"])
        before = switch.ask("workers")["workers"][0]
        time.sleep(1)
        after = switch.ask("workers")["workers"][0]
        expect(after["sleeps"] - before["sleeps"] < 1000, f"a deleted TAP keeps the worker busy: {before} {after}")
        inside.run("ip", "tuntap", "add", "dev", b, "mode", "tap")
        switch.wait_links("up", ["b"])
        ha.run("ip", "neigh", "flush", "dev", a)
        hb.take(b, inside, "10.9.0.2/24")
        ha.wait_ping("10.9.0.2")
        expect(expect_readable(os.path.join(switch.dir, "c.pcapng")) >= 12, "three pings, each four times")


@live
def a_tap_has_the_same_address_after_a_restart():
    a = unique("ta")
    seen = set()
    for _ in range(2):
        with lab({"a": tap(a)}) as (_switch, inside, _):
            seen.add(inside.run("cat", f"/sys/class/net/{a}/address"))
    expect(len(seen) == 1, f"it had several: {seen}")


@live
def a_plain_user_opens_a_tap_made_for_it():
    a = unique("ta")
    ports = {"a": tap(a, "address = 10.9.0.1/24", "mtu = 1400")}
    with Namespace("sw") as inside:
        # The first try leaves nothing that would be in the way of the second.
        switch = Lab(inside, ports, as_user=NOBODY, sections=["[capture c]", "file = c.pcapng"])
        switch.launch().wait(20)
        expect(f"ip tuntap add dev {a} mode tap user {NOBODY} && ip address add 10.9.0.1/24 dev {a} && "
               f"ip link set dev {a} mtu 1400 up" in switch.log(), f"no help: {switch.log()}")
        inside.run("ip", "tuntap", "add", "dev", a, "mode", "tap", "user", str(NOBODY))
        inside.run("ip", "address", "add", "10.9.0.1/24", "dev", a)
        inside.run("ip", "link", "set", "dev", a, "mtu", "1400", "up")
        with switch:
            switch.wait_links("up")


@live
def a_persistent_tap_stays_and_belongs_to_its_owner():
    a = unique("ta")
    lines = ("persist = yes", f"owner = {NOBODY}", "address = fd00:9::1/64", "queues = 2")
    with Namespace("sw") as inside:
        inside.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=0")
        with Lab(inside, {"a": tap(a, *lines)}):
            expect("inet6 fd00:9::1/64" in inside.run("ip", "address", "show", "dev", a), "no IPv6 address")
        expect(f"user {pwd.getpwuid(NOBODY).pw_name}" in inside.run("ip", "-details", "link", "show", a), "it has another owner")
        with Lab(inside, {"a": tap(a, *lines)}, as_user=NOBODY) as switch:
            switch.wait_links("up")
        inside.run("ip", "link", "delete", a)


@live
def a_guest_answers_the_host_over_a_tap():
    a = unique("ta")
    with lab({"guest": ["type = vhost-user"], "up": tap(a, "address = 10.9.0.1/24")}) as (switch, inside, _), \
            Testpmd(switch, ports=("guest",)) as pmd:
        pmd.command_line("set fwd icmpecho")
        pmd.command_line("start")
        inside.run("ip", "neigh", "add", "10.9.0.2", "lladdr", "52:54:00:00:01:01", "dev", a)
        inside.wait_ping("10.9.0.2")
        expect(inside.pings("10.9.0.2", size=1400), "pings are lost")
        pmd.command_line("stop")


@live
def jumbo_frames_reach_who_can_take_them():
    a, b, c = unique("ta"), unique("tb"), unique("tc")
    with lab({"a": tap(a, "mtu = 9000"), "b": tap(b, "mtu = 9000"), "c": tap(c)}, "ha", "hb", "hc") as \
            (switch, inside, (ha, hb, hc)):
        for host, name, number in ((ha, a, 1), (hb, b, 2), (hc, c, 3)):
            host.take(name, inside, f"10.9.0.{number}/24")
        switch.wait_links("up")
        ha.wait_ping("10.9.0.2")
        ha.wait_ping("10.9.0.3")
        expect(ha.pings("10.9.0.2", size=8000), "jumbo frames are lost")
        measured("TCP between two TAPs, mtu 9000", f"{ha.iperf(hb, '10.9.0.2') / 1e9:.2f} Gbit/s")
        expect("too_big" not in switch.drops("c"), f"dropped too early: {switch.drops('c')}")
        expect(not ha.pings("10.9.0.3", size=8000, count=1), "a jumbo frame reached a port with a small mtu")
        expect(switch.drops("c").get("too_big") == 1, f"not counted: {switch.drops('c')}")


def checksums_and_sizes(path):
    """(frames, bad checksums, the longest frame) of a capture."""
    text = run("tshark", "-r", path, "-c", "8000", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o",
               "ip.check_checksum:TRUE", "-T", "fields", "-e", "frame.len", "-e", "tcp.checksum.status", "-e", "ip.checksum.status")
    rows = [line.split("\t") for line in text.splitlines()]
    return len(rows), sum("0" in row[1:] for row in rows), max(int(row[0]) for row in rows)


@live
def a_device_gets_whole_checksums_and_short_segments():
    a, left, right = unique("ta"), unique("vl"), unique("vr")
    with Namespace("sw") as inside, Namespace("ha") as ha, Namespace("hw") as wire:
        veth(inside, left, wire, right)
        wire.run("ip", "address", "add", "10.9.0.2/24", "dev", right)
        # What comes from there is a packet socket's, which cannot complete checksums, nor take merged frames.
        wire.run("ethtool", "-K", right, "tx", "off")
        with Lab(inside, {"a": tap(a), "nic": ["type = ethdev", f"device = net_af_packet0,iface={left}"]}) as switch:
            ha.take(a, inside, "10.9.0.1/24")
            switch.wait_links("up")
            ha.wait_ping("10.9.0.2")
            capture = os.path.join(switch.dir, "wire.pcap")
            sniffer = wire.spawn("tshark", "-q", "-i", right, "-w", capture, "-s", "0", stderr=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL)
            wait_until(lambda: os.path.exists(capture), "tshark to begin")
            measured("TCP from a TAP to net_af_packet", f"{ha.iperf(wire, '10.9.0.2') / 1e9:.2f} Gbit/s")
            measured("TCP from net_af_packet to a TAP", f"{wire.iperf(ha, '10.9.0.1') / 1e9:.2f} Gbit/s")
            sniffer.terminate()
            sniffer.wait(20)
            frames, bad, longest = checksums_and_sizes(capture)
            expect(frames > 1000 and bad == 0, f"{bad} bad checksums in {frames} frames")
            expect(longest <= 1514, f"a frame of {longest} bytes on the wire")
            expect(switch.port_counters()["nic"]["completed_in_software"] > 0, "nothing was segmented")
            inside.run("ip", "link", "set", left, "down")
            switch.wait_links("down", ["nic"])
            inside.run("ip", "link", "set", left, "up")
            switch.wait_links("up", ["nic"])
            ha.wait_ping("10.9.0.2")


@live
def af_xdp_carries_tcp_both_ways():
    a, left, right = unique("ta"), unique("vl"), unique("vr")
    with Namespace("sw") as inside, Namespace("ha") as ha, Namespace("hw") as wire:
        veth(inside, left, wire, right)
        wire.run("ip", "address", "add", "10.9.0.2/24", "dev", right)
        for namespace, name in ((inside, left), (wire, right)):
            namespace.run("ethtool", "-K", name, "tx", "off")
        with Lab(inside, {"a": tap(a), "nic": ["type = ethdev", f"device = net_af_xdp0,iface={left}"]}) as switch:
            ha.take(a, inside, "10.9.0.1/24")
            switch.wait_links("up")
            ha.wait_ping("10.9.0.2")
            measured("TCP from a TAP to net_af_xdp", f"{ha.iperf(wire, '10.9.0.2', 1) / 1e9:.2f} Gbit/s")
            measured("TCP from net_af_xdp to a TAP", f"{wire.iperf(ha, '10.9.0.1', 1) / 1e9:.2f} Gbit/s")
            sent = json.loads(inside.run("ip", "-j", "-s", "link", "show", left))[0]["stats64"]["tx"]["packets"]
            expect(sent >= switch.port_counters()["nic"]["tx_frames"], f"{sent} left the interface: {switch.port_counters()['nic']}")


def write_pcap(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i, frame in enumerate(frames):
            file.write(struct.pack("<IIII", i, 0, len(frame), len(frame)) + frame)


@live
def a_capture_is_replayed_into_a_guest():
    with Namespace("sw") as inside:
        switch = Lab(inside, {"guest": ["type = vhost-user"]})
        source = os.path.join(switch.dir, "in.pcap")
        frames = [bytes.fromhex("ffffffffffff02000000000108004500") + i.to_bytes(4, "big") * (15 + i % 300) for i in range(1000)]
        write_pcap(source, frames)
        with open(switch.file, "a", encoding="utf-8") as file:
            # Again and again: the guest comes later than the first frames.
            file.write(f"[port replay]\ntype = ethdev\ndevice = net_pcap0,rx_pcap={source},infinite_rx=1\n")
        with switch, Testpmd(switch, ports=("guest",)) as pmd:
            pmd.command_line("set fwd rxonly")
            pmd.command_line("start")
            wait_until(lambda: pmd.counters()[0][0] > 10 * len(frames), "the guest to receive what is replayed")
            pmd.command_line("stop")
            # The replay never ends, so that nothing is at rest before the switch is.
            switch.check_end = lambda: None


@live
def every_frame_among_all_kinds_of_ports_is_accounted_for():
    """A guest that floods and reads little, a TAP with large segments and a device that cannot take them: the law of
    switch/counters.h, which holds at the end of every test, to the frame."""
    a, left, right = unique("ta"), unique("vl"), unique("vr")
    with Namespace("sw") as inside, Namespace("ha") as ha, Namespace("hw") as wire:
        veth(inside, left, wire, right)
        wire.run("ip", "address", "add", "10.9.0.2/24", "dev", right)
        wire.run("ethtool", "-K", right, "tx", "off")
        ports = {"guest": ["type = vhost-user"], "a": tap(a, "queues = 2"),
                 "nic": ["type = ethdev", f"device = net_af_packet0,iface={left}"]}
        with Lab(inside, ports) as switch, FrontEnd(switch.socket("guest")) as guest:
            ha.take(a, inside, "10.9.0.1/24", mtu=9000)
            switch.wait_links("up")
            guest.post(100)
            ha.wait_ping("10.9.0.2")
            guest.fill(b"\xff" * 6 + bytes.fromhex("5254000000aa88b5") + bytes(1000))
            for _ in range(20):
                guest.send_again(100, 1026)
            measured("TCP from a TAP to net_af_packet, four at a time", f"{ha.iperf(wire, '10.9.0.2', 1, '-P', '4') / 1e9:.2f} Gbit/s")
            measured("TCP from net_af_packet to a TAP", f"{wire.iperf(ha, '10.9.0.1', 1) / 1e9:.2f} Gbit/s")
            ha.pings("10.9.0.2", size=8000, count=1)
            for _ in range(20):
                guest.send_again(100, 1026)
            counters = switch.port_counters()
            expect(counters["guest"]["rx_frames"] == 4000, f"the guest sent 4000 frames: {counters['guest']}")
            expect(len(guest.receive()) == counters["guest"]["tx_frames"] <= 100, f"the guest received: {counters['guest']}")
            expect(counters["nic"]["completed_in_software"] > 0 and counters["nic"]["drops"]["too_big"] > 0, f"{counters['nic']}")


def run_example(switch, name):
    """Makes an example of ours the file of a switch in a folder of its own."""
    with open(os.path.join(os.path.dirname(__file__), "../../config/examples", name), encoding="utf-8") as file:
        text = file.read()
    with open(switch.file, "w", encoding="utf-8") as file:
        file.write(f"[switch]\nrun-dir = {switch.run_dir}\n{text}")


@live
def the_lab_of_the_example_reaches_its_host():
    with Namespace("sw") as inside:
        switch = Lab(inside, {})
        run_example(switch, "lab-with-uplink.ini")
        switch.ports = ("guest0", "guest1", "uplink")
        with switch:
            switch.wait_links("up")
            for address in ("192.168.50.2", "192.168.50.3"):
                inside.wait_ping(address)
                expect(inside.pings(address, size=1400), f"pings to {address} are lost")
            for guest in ("guest0", "guest1"):
                path = os.path.join(switch.run_dir, f"{guest}.console")
                wait_until(lambda: " received, 0 lost" in open(path, encoding="utf-8").read(), f"{guest}'s own pings")


@live
def vlans_are_kept_apart_and_joined_by_a_trunk():
    # Two bridges of ours, joined by trunks on TAPs that a bridge of the kernel joins: the tags are real in between.
    a, b, c, t, u = (unique(stem) for stem in ("ta", "tb", "tc", "tt", "tu"))
    ports = {"a": tap(a, "bridge = one", "vlan = 10"), "b": tap(b, "bridge = one", "vlan = 20"),
             "t": tap(t, "bridge = one", "trunk = 10,20"),
             "u": tap(u, "bridge = two", "trunk = 10"), "c": tap(c, "bridge = two", "vlan = 10")}
    with lab(ports, "ha", "hb", "hc", "br") as (switch, inside, (ha, hb, hc, middle)):
        for host, name, number in ((ha, a, 1), (hb, b, 2), (hc, c, 3)):
            host.take(name, inside, f"10.9.0.{number}/24")
        middle.run("ip", "link", "add", "middle", "type", "bridge")
        middle.run("ip", "link", "set", "middle", "up")
        for name in (t, u):
            middle.take(name, inside)
            middle.run("ip", "link", "set", name, "master", "middle")
        switch.wait_links("up")
        ha.wait_ping("10.9.0.3")
        expect(not ha.pings("10.9.0.2", count=1), "VLAN 10 reaches VLAN 20")
        expect(not hb.pings("10.9.0.3", count=1), "VLAN 20 reaches VLAN 10")
        expect(switch.drops("u").get("vlan", 0) > 0, f"VLAN 20 is not one of this trunk's: {switch.drops('u')}")
        # Large segments, whose offsets move with the tag that is pushed and popped.
        measured("TCP from an access port by trunks to another", f"{ha.iperf(hc, '10.9.0.3') / 1e9:.2f} Gbit/s")
        ports = switch.port_counters()
        expect(ports["u"]["rx_bytes"] / ports["u"]["rx_frames"] > 2500, f"no large segments: {ports['u']}")
        expect(ports["t"]["completed_in_software"] == 0, f"the trunk needed software: {ports['t']}")


@live
def vlans_that_change_under_load_let_nothing_slip():
    """VLN-14: a switch that is killed in full flight comes back with other VLANs in its file."""
    frame = b"\xff" * 6 + bytes.fromhex("5254000000aa88b5") + bytes(50)
    switch = Switch(ports=(), checked=False)
    try:
        for vlans in ({"a": 10, "b": 10, "c": 20}, {"a": 10, "b": 20, "c": 10}, {"a": 20, "b": 20, "c": 10}):
            with open(switch.file, "w", encoding="utf-8") as file:
                file.write(f"[switch]\nrun-dir = {switch.run_dir}\n")
                file.write("".join(f"[port {name}]\nvlan = {vlan}\n" for name, vlan in vlans.items()))
            switch.start()
            guests = {name: FrontEnd(switch.socket(name)) for name in vlans}
            switch.wait_links("up", vlans)
            for guest in guests.values():
                guest.post(200)
            guests["a"].fill(frame)
            guests["a"].send_again(150, 76)
            wanted = {name: 150 if name != "a" and vlan == vlans["a"] else 0 for name, vlan in vlans.items()}
            got = lambda: {name: guest.n_used(RX) for name, guest in guests.items()}
            wait_until(lambda: got()[max(wanted, key=wanted.get)] >= 150, f"the frames to arrive: {vlans}")
            expect(got() == wanted, f"{vlans}: {got()}")
            guests["a"].send_again(100, 76, wait=False)
            switch.kill()
            expect(not any(got()[name] for name in vlans if not wanted[name]), f"{vlans}: {got()} at the end")
            for guest in guests.values():
                guest.close()
    finally:
        stop_process(switch.process)
        shutil.rmtree(switch.dir)


@live
def isolated_and_bound_ports_keep_to_their_rules():
    a, b, c = unique("ta"), unique("tb"), unique("tc")
    mac = "52:54:00:aa:00:02"
    ports = {"a": tap(a, "isolated = yes"), "b": tap(b, "isolated = yes", f"mac = {mac}"), "c": tap(c)}
    with lab(ports, "ha", "hb", "hc") as (switch, inside, (ha, hb, hc)):
        inside.run("ip", "link", "set", b, "address", mac)
        for host, name, number in ((ha, a, 1), (hb, b, 2), (hc, c, 3)):
            host.take(name, inside, f"10.9.0.{number}/24")
        switch.wait_links("up")
        ha.wait_ping("10.9.0.3")
        hb.wait_ping("10.9.0.3")
        expect(not ha.pings("10.9.0.2", count=1), "isolated ports reach each other")
        hb.run("ip", "link", "set", b, "address", "52:54:00:aa:00:66")
        expect(not hb.pings("10.9.0.3", count=1), "a spoofed address passes")
        expect(switch.drops("b").get("spoofed_mac", 0) > 0, f"not counted: {switch.drops('b')}")


@live
def two_switches_are_joined_by_memif():
    """RES-03: when one stands still, the other's device takes no more; that is its own loss, and it goes on where it stood."""
    a, b, c = unique("ta"), unique("tb"), unique("tc")
    flood = "import socket\ns = socket.socket(type=socket.SOCK_DGRAM)\nfor _ in range(20000): s.sendto(bytes(1000), ('10.9.0.2', 9))"
    with contextlib.ExitStack() as stack:
        first, second, ha, hb, hc = (stack.enter_context(Namespace(name)) for name in ("s1", "s2", "ha", "hb", "hc"))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ringway-memif-"))
        memif = lambda role: ["type = ethdev", f"device = net_memif0,role={role},socket-abstract=no,socket={folder}/socket"]
        one = stack.enter_context(Lab(first, {"a": tap(a), "c": tap(c), "m": memif("server")}))
        two = stack.enter_context(Lab(second, {"b": tap(b), "m": memif("client")}))
        ha.take(a, first, "10.9.0.1/24")
        hb.take(b, second, "10.9.0.2/24")
        hc.take(c, first, "10.9.0.3/24")
        for switch in (one, two):
            switch.wait_links("up")
        ha.wait_ping("10.9.0.2")
        ha.wait_ping("10.9.0.3")
        expect(ha.pings("10.9.0.2", size=1400), "pings are lost")
        measured("TCP between two switches by memif", f"{ha.iperf(hb, '10.9.0.2', 1) / 1e9:.2f} Gbit/s")
        two.process.send_signal(signal.SIGSTOP)
        try:
            ha.run("python3", "-c", flood)
            wait_until(lambda: one.drops("m").get("tx_full", 0) > 0, f"the device to be full: {one.port_counters()['m']}")
            expect(ha.pings("10.9.0.3"), f"pings beside it are lost: {one.port_counters()}")
        finally:
            two.process.send_signal(signal.SIGCONT)
        ha.wait_ping("10.9.0.2")
        expect(ha.pings("10.9.0.2"), "pings are lost when it goes on")


@live
def two_hosts_are_joined_by_vxlan():
    with contextlib.ExitStack() as stack:
        hosts = [stack.enter_context(Namespace(f"h{i}")) for i in range(2)]
        guests = [stack.enter_context(Namespace(f"g{i}")) for i in range(2)]
        cable = [unique("c") for _ in hosts]
        veth(hosts[0], cable[0], hosts[1], cable[1])
        taps = [unique("t") for _ in hosts]
        switches = []
        for i, host in enumerate(hosts):
            host.run("ip", "address", "add", f"192.0.2.{i + 1}/24", "dev", cable[i])
            host.run("ip", "link", "add", "vxlan42", "type", "vxlan", "id", "42", "dstport", "4789", "local", f"192.0.2.{i + 1}",
                     "remote", f"192.0.2.{2 - i}", "dev", cable[i])
            host.run("ip", "link", "set", "vxlan42", "up")
            host.run("ethtool", "-K", "vxlan42", "gro", "off")
            ports = {"guest": tap(taps[i]), "overlay": ["type = ethdev", "device = net_af_packet0,iface=vxlan42"]}
            switches.append(stack.enter_context(Lab(host, ports)))
            guests[i].take(taps[i], host, f"10.9.0.{i + 1}/24", mtu=1450)
        for switch in switches:
            switch.wait_links("up")
        guests[0].wait_ping("10.9.0.2")
        expect(guests[0].pings("10.9.0.2", size=1400), "pings are lost")
        measured("TCP between two hosts by VXLAN", f"{guests[0].iperf(guests[1], '10.9.0.2') / 1e9:.2f} Gbit/s")


if __name__ == "__main__":
    main()
