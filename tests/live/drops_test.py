"""drops_test.py: every reason for which the switch drops a frame, provoked, counted, and seen in a capture by tshark."""
import struct

from capture_files import expect_readable, fields
from front_end import BUFFER, HEADER, RX, TX, FrontEnd
from rig import Switch, expect, live, main, wait_until

BROADCAST = b"\xff" * 6
TCP_HEADERS = b"\x08\x00\x45\x00\x07\xd0" + bytes(5) + b"\x06" + bytes(10) + bytes(12) + b"\x50" + bytes(7)


def mac(number):
    return b"\x52\x54\x00\x00\x00" + bytes([number])


def frame(to, source, rest=b"\x88\xb5" + bytes(50)):
    return to + source + rest


class Guests:
    """The guests of a switch: each connects when it is first asked for."""

    def __init__(self, switch):
        self.switch = switch
        self.guests = {}

    def __call__(self, port, n_buffers=8, **options):
        if port not in self.guests:
            self.guests[port] = FrontEnd(self.switch.socket(port), **options)
            self.switch.wait_links("up", [port])
            self.guests[port].post(n_buffers, BUFFER)
        return self.guests[port]

    def close(self):
        for guest in self.guests.values():
            guest.close()


# Each has the name of a reason and provokes it. The ports are those of PORTS; a guest receives at most eight frames.

def runt(guest):
    guest("a").send(BROADCAST + mac(1))


def oversize(guest):
    sender = guest("a")
    start = sender.buffer(TX, 0)
    sender.memory[start:start + 64] = HEADER + frame(BROADCAST, mac(1))[:52]
    # Twenty descriptors more, that all show the same bytes.
    sender.put(TX, [(start, 64, 0)] + [(start, 4000, 0)] * 20, head=100)
    sender.wait_sent()


def bad_vnet_hdr(guest):
    guest("a").send(frame(BROADCAST, mac(1)), struct.pack("<BBHHHHH", 0, 1, 54, 1448, 0, 0, 0))


def bad_source(guest):
    guest("a").send(frame(BROADCAST, b"\x01\x00\x5e\x00\x00\x01"))


def l2cp(guest):
    guest("a").send(frame(bytes.fromhex("0180c200000e"), mac(1)))


def same_port(guest):
    guest("a").send(frame(BROADCAST, mac(1)))
    guest("a").send(frame(mac(1), mac(2)))


def no_port(guest):
    guest("lonely").send(frame(BROADCAST, mac(3)))


def vlan(guest):
    guest("access").send(frame(BROADCAST, mac(4), b"\x81\x00\x00\x0b\x88\xb5" + bytes(46)))


def spoofed_mac(guest):
    guest("bound").send(frame(BROADCAST, mac(6)))


def max_macs(guest):
    for number in (7, 8):
        guest("few").send(frame(BROADCAST, mac(number)))


def storm(guest):
    # One a second is allowed: of ten that take less than four seconds some are too many.
    for _ in range(10):
        guest("calm").send(frame(BROADCAST, mac(9)))


def isolated(guest):
    guest("apart2").send(frame(BROADCAST, mac(11)))
    guest("apart1").send(frame(mac(11), mac(10)))


def link_down(guest):
    # The guest has its link, and has switched off its receive queue.
    guest("b").enable(RX, False)

    # The library answers before it acts, so the first frames may still arrive.
    def is_dropped():
        guest("a").send(frame(BROADCAST, mac(1)))
        return counted(guest.switch, "link_down")

    wait_until(is_dropped, "a frame to a queue that is switched off to be dropped")
    guest("b").enable(RX, True)


def tx_full(guest):
    guest("b")
    for _ in range(10):
        guest("a").send(frame(BROADCAST, mac(1)))


def too_big(guest):
    guest("small")
    guest("big").send(frame(BROADCAST, mac(12), b"\x88\xb5" + bytes(400)))


def no_offload(guest):
    guest("plain", features=0)
    # To be segmented, and no TCP.
    header = struct.pack("<BBHHHHH", 1, 1, 54, 500, 34, 16, 0)
    guest("rich").send(frame(BROADCAST, mac(13), TCP_HEADERS.replace(b"\x06", b"\x11", 1) + bytes(1400)), header)


def queue_broken(guest):
    receiver = guest("breaks", n_buffers=0)
    receiver.publish(RX, 5000)
    for _ in range(2):
        guest("other").send(frame(BROADCAST, mac(14)))


REASONS = {function.__name__: function for function in (
    runt, oversize, bad_vnet_hdr, bad_source, l2cp, same_port, no_port, vlan, spoofed_mac, max_macs, storm, isolated, link_down,
    tx_full, too_big, no_offload, queue_broken)}
# port: its bridge, and what else it is. Ports of one bridge hear each other.
PORTS = {"a": ["bridge = plain"], "b": ["bridge = plain"], "lonely": ["bridge = empty"],
         "access": ["bridge = ruled", "vlan = 10"], "bound": ["bridge = ruled", "mac = 52:54:00:00:00:05"],
         "few": ["bridge = ruled", "max-macs = 1"], "calm": ["bridge = ruled", "storm = 1"],
         "apart1": ["bridge = ruled", "isolated = yes"], "apart2": ["bridge = ruled", "isolated = yes"],
         "big": ["bridge = sizes"], "small": ["bridge = sizes", "mtu = 100"],
         "rich": ["bridge = offloads"], "plain": ["bridge = offloads"],
         "breaks": ["bridge = broken"], "other": ["bridge = broken"]}


def switch_lines():
    lines = ["[capture all]", "file = all.pcapng", "drops = yes"]
    for bridge in sorted({port[0].split()[-1] for port in PORTS.values()}):
        lines.append(f"[bridge {bridge}]")
    for name, port in PORTS.items():
        lines += [f"[port {name}]", *port]
    return lines


def counted(switch, why):
    return sum(port["drops"][why] for port in switch.port_counters().values())


@live
def every_drop_reason_shows_in_a_capture():
    """CAP-12"""
    with Switch(ports=(), switch_lines=switch_lines(), checked=False) as switch:
        guests = Guests(switch)
        known = set(switch.port_counters()["a"]["drops"])
        expect(known == set(REASONS), f"reasons without a test, or tests without a reason: {known ^ set(REASONS)}")
        for why, provoke in REASONS.items():
            provoke(guests)
            wait_until(lambda: counted(switch, why), f"a frame to be dropped under {why}: {switch.port_counters()}")
        guests.close()
        all_seen = lambda: (lambda capture: capture["captured"] == capture["seen"])(switch.ask("captures")["captures"][0])
        wait_until(all_seen, "the capture to be written")
        ports = switch.port_counters()
        path = f"{switch.dir}/all.pcapng"
        comments = [row[0] for row in fields(path, "frame.comment", where="frame.comment")]
        for why in REASONS:
            n_dropped, n_shown = counted(switch, why), comments.count(f"dropped: {why}")
            expect(n_shown == n_dropped, f"{why}: {n_dropped} dropped, {n_shown} shown")
        expect_readable(path)
        switch.stop()
        with open(path, "rb") as file:
            end = file.read()
        for port, counters in ports.items():
            for why, n in counters["drops"].items():
                expect(n == 0 or f"{why}={n}".encode() in end, f"the statistics at the end do not count {n} {why} of {port}")
        switch.force = True
        switch.start()


if __name__ == "__main__":
    main()
