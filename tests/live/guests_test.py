"""guests_test.py: stock Debian guests in QEMU talk to each other through the switch."""
import contextlib
import os
import random
import subprocess
import time

from capture_files import fields
from crashes import Outages, n_crashes
from lab import lab, tap
from netns import unique
from qemu import Guest, arguments_of, start_all, with_program
from rig import Switch, expect, live, main, measured, wait_until

WIRE_MAX = 1514  # of a frame that no offload has a part in
N_MEGABYTES = 20
VIRTIO_F_RING_PACKED = 34
TAP = "10.0.0.3"
ETHTOOL = "/usr/sbin/ethtool"


@contextlib.contextmanager
def two_guests(left_device="", right_device="", tool=None, **topology):
    """A switch with two guests that are up."""
    with Switch(**topology) as switch:
        more = (with_program(tool, switch.dir),) if tool else ()
        left = Guest(arguments_of(switch, "left", left_device), "10.0.0.1", *more)
        right = Guest(arguments_of(switch, "right", right_device), "10.0.0.2", *more)
        with contextlib.ExitStack() as stack:
            for guest in (left, right):
                guest.start()
                stack.callback(guest.__exit__)
            left.wait_up()
            right.wait_up()
            switch.wait_links("up")
            yield switch, left, right


def expect_ping(source, destination, count=5):
    output = source.run(f"ping -c {count} -i 0.2 -W 20 {destination.address}")
    expect(f"{count} packets received" in output and "DUP" not in output, output)


def mac_of(guest):
    return guest.run("cat /sys/class/net/eth0/address").strip()


def expect_no_bad_checksum(*snmp):
    """Of what /proc/net/snmp says: TCP itself would send again what came spoilt, and nobody would notice."""
    for text in snmp:
        names, numbers = [line.split() for line in text.splitlines() if line.startswith("Tcp: ")]
        expect(numbers[names.index("InCsumErrors")] == "0", f"bad checksums arrived: {text}")


def exchange(sender, receiver):
    """Sends N_MEGABYTES by TCP; both sides must come to the same checksum."""
    # In a shell of its own: this one would tell us about its jobs. nc must not read the console, and ends the
    # connection when there is nothing to read.
    receiver.run("rm -f /tmp/sum; ( (tail -f /dev/null | nc -l -p 5000 | sha256sum >/tmp/sum) & )")
    sender.run(f"dd if=/dev/urandom of=/tmp/data bs=1M count={N_MEGABYTES} 2>/dev/null", timeout=120)
    sent = sender.run("sha256sum </tmp/data", timeout=120).split()[0]
    receiver.run("while ! netstat -ltn | grep -q :5000; do sleep 0.1; done")
    sender.run(f"nc {receiver.address} 5000 </tmp/data", timeout=200)
    receiver.run("while ! [ -s /tmp/sum ]; do sleep 0.1; done", timeout=120)
    received = receiver.run("cat /tmp/sum").split()[0]
    expect(sent == received, f"{N_MEGABYTES} MB arrived as something else: sent {sent}, received {received}")
    expect_no_bad_checksum(*(guest.run("cat /proc/net/snmp") for guest in (sender, receiver)))


def grown(switch, before, port, counter):
    return switch.port_counters()[port][counter] - before[port][counter]


def mean_len(switch, before, port, direction):
    return grown(switch, before, port, f"{direction}_bytes") / grown(switch, before, port, f"{direction}_frames")


@live
def two_stock_guests_find_each_other_and_exchange_20_MB():
    with two_guests() as (switch, left, right):
        expect(right.address not in left.run("cat /proc/net/arp"), "it knows the other before they have talked")
        expect_ping(left, right)
        expect(mac_of(right) in left.run("cat /proc/net/arp"), "ARP did not bring the other's address")
        ports = {entry["mac"]: entry["port"] for entry in switch.ask("fdb")["fdb"]}
        expect(ports.get(mac_of(left)) == "left" and ports.get(mac_of(right)) == "right", f"learned: {ports}")

        before = switch.port_counters()
        exchange(left, right)
        sent, arrived = mean_len(switch, before, "left", "rx"), mean_len(switch, before, "right", "tx")
        measured("mean frame of a TCP stream with offloads, bytes", f"{sent:.0f}")
        expect(sent > WIRE_MAX, f"the guest does not use TSO: mean frame {sent:.0f} bytes")
        expect(arrived == sent, f"frames of {sent:.0f} bytes arrived with {arrived:.0f}")
        expect(grown(switch, before, "right", "completed_in_software") == 0, "the switch completed what both can do")
        expect(switch.port_counters()["right"]["drops"] == before["right"]["drops"], f"drops: {switch.port_counters()}")
        switch.check_conservation()


# Takes what comes by one connection, says its checksum, and sends it back by the next.
RETURN = """
import hashlib, socket
server = socket.create_server(("", 5000))
data = server.accept()[0].makefile("rb").read()
print(hashlib.sha256(data).hexdigest(), flush=True)
server.accept()[0].sendall(data)
"""


@live
def a_guest_and_its_host_exchange_5_MB_over_a_tap():
    name = unique("tg")
    large = ["[capture large]", "file = large.pcapng", f"filter = greater {WIRE_MAX + 1}", "snaplen = 64"]
    with lab({"guest": ["type = vhost-user"], "up": tap(name, f"address = {TAP}/24")}, sections=large) as (switch, inside, _), \
            Guest(arguments_of(switch, "guest"), "10.0.0.1") as guest:
        switch.wait_links("up")
        expect("3 packets received" in guest.run(f"ping -c 3 -i 0.2 -W 20 {TAP}"), "pings to the host are lost")
        expect(inside.pings(guest.address, size=1400), "the host's pings are lost")
        host = inside.spawn("python3", "-c", RETURN, stdout=subprocess.PIPE, text=True)
        wait_until(lambda: ":5000" in inside.run("ss", "-ltn"), "the host to listen")
        sums = guest.run("dd if=/dev/urandom of=/tmp/data bs=1M count=5 2>/dev/null; sha256sum </tmp/data; "
                         f"nc {TAP} 5000 </tmp/data; nc {TAP} 5000 </dev/null | sha256sum", timeout=200).split()[::2]
        sums.append(host.communicate(timeout=20)[0].strip())
        expect(len(sums) == 3 and len(set(sums)) == 1, f"sent by the guest, received by it, received by the host: {sums}")
        expect_no_bad_checksum(guest.run("cat /proc/net/snmp"), inside.run("cat", "/proc/net/snmp"))
        ports = switch.port_counters()
        expect(not any(port["completed_in_software"] for port in ports.values()), f"the switch completed what both can do: {ports}")
        # A capture is whole when the switch has ended.
        switch.stop()
        switch.force = True
        rows = fields(os.path.join(switch.dir, "large.pcapng"), "frame.interface_name", "frame.packet_flags_direction")
        for port, direction in (("guest", 1), ("up", 2), ("up", 1), ("guest", 2)):
            n = rows.count([port, f"0x{direction:08x}"])
            measured(f"large segments of 5 MB by TCP, {'rx' if direction == 1 else 'tx'} of {port}", n)
            expect(n > 0, f"no large segments: {port}, {direction}")
        switch.start()


@live
def frames_are_completed_for_a_guest_without_offloads():
    off = ",guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off"
    with two_guests(right_device=off) as (switch, left, right):
        expect_ping(left, right)
        before = switch.port_counters()
        exchange(left, right)
        sent, arrived = mean_len(switch, before, "left", "rx"), mean_len(switch, before, "right", "tx")
        expect(sent > WIRE_MAX, f"the sending guest does not use TSO: mean frame {sent:.0f} bytes")
        expect(arrived <= WIRE_MAX, f"mean frame of a guest without TSO: {arrived:.0f} bytes")
        expect(grown(switch, before, "right", "completed_in_software") > 0, "nothing was completed in software")
        exchange(right, left)
        switch.check_conservation()


@live
def guests_change_queues_and_offloads_under_traffic():
    with two_guests(left_device=",packed=on", tool=ETHTOOL, port_lines=("queues = 4",),
                    switch_lines=("workers = 2",)) as (switch, left, right):
        expect_ping(left, right)
        features = left.run("cat /sys/class/net/eth0/device/features").strip()
        expect(features[VIRTIO_F_RING_PACKED] == "1", f"the left guest's rings are not packed: {features}")
        for guest in (left, right):
            # In a shell of its own: this one would tell us about its jobs.
            guest.run(f"( (while sleep 0.2; do for n in 1 4 2 3; do {ETHTOOL} -L eth0 combined $n; "
                      f"{ETHTOOL} -K eth0 tso off; {ETHTOOL} -K eth0 tso on; echo changed >>/tmp/changes; done; done) "
                      ">/dev/null 2>/tmp/refused & echo $! >/tmp/pid)")
        exchange(left, right)
        exchange(right, left)
        for guest in (left, right):
            guest.run("kill $(cat /tmp/pid); sleep 1")
            refused = guest.run("cat /tmp/refused")
            expect(not refused.strip(), f"a change was refused: {refused}")
            n_changes = int(guest.run("wc -l </tmp/changes"))
            expect(n_changes > 0, "nothing was changed")
            measured("changes of a guest's queues and offloads under traffic", n_changes)
            guest.run(f"{ETHTOOL} -L eth0 combined 1 >/dev/null; {ETHTOOL} -L eth0 combined 4")
        expect_ping(left, right)
        expect(all(port["queues"] == 4 for port in switch.port_counters().values()), f"{switch.port_counters()}")
        switch.check_conservation()


@live
def a_guest_that_is_killed_and_started_again_is_found():
    with two_guests() as (switch, left, right):
        expect_ping(left, right)
        right.kill()
        switch.wait_links("down", ["right"])
        expect(all(entry["port"] != "right" for entry in switch.ask("fdb")["fdb"]), "its addresses are still known")
        right.start().wait_up()
        switch.wait_links("up", ["right"])
        expect_ping(left, right)
        expect_ping(right, left)
        switch.check_conservation()


def crash(switch, guests):
    """Kills the switch; seconds until each of the guests, by name, was connected, had an echo of the TAP, whose address it
    knows, and of the other guest, for which it has to ask first: once a second, beginning when its link goes."""
    n_connects = {name: switch.log().count(f"port {name}: front-end connected") for name in guests}
    switch.kill()
    begin = time.monotonic()
    switch.start()
    for guest in guests.values():
        # What it had said before the switch was there.
        guest.hear(0)
        guest.heard = ""
    took = {}
    while len(took) < 3 * len(guests):
        seconds = time.monotonic() - begin
        expect(seconds < 60, f"after a minute: {took}\n{switch.log()}")
        log = switch.log()
        for name, guest in guests.items():
            guest.hear(0.001)
            if log.count(f"port {name}: front-end connected") > n_connects[name]:
                took.setdefault(f"until the {name} guest is connected", seconds)
            if f"from {TAP}" in guest.heard:
                took.setdefault(f"until an echo of a TAP at the {name} guest", seconds)
            if "from 10.0.0.1" in guest.heard or "from 10.0.0.2" in guest.heard:
                took.setdefault(f"until an echo of the other one at the {name} guest", seconds)
    return took


@live
def guests_survive_a_crash_of_the_switch():
    """Under traffic; one guest connects, which QEMU tries once a second, and the other one listens."""
    name = unique("tc")
    ports = {"connecting": ["type = vhost-user"], "listening": ["type = vhost-user", "role = client"],
             "up": tap(name, f"address = {TAP}/24")}
    with lab(ports) as (switch, inside, _), contextlib.ExitStack() as stack:
        guests = {port: Guest(arguments_of(switch, port), f"10.0.0.{i + 1}") for i, port in enumerate(("connecting", "listening"))}
        for guest in guests.values():
            guest.start()
            stack.callback(guest.__exit__)
        for guest in guests.values():
            guest.wait_up()
        switch.wait_links("up")
        read = lambda what: inside.run("cat", f"/sys/class/net/{name}/{what}").strip()
        for guest, other in (guests.values(), reversed(guests.values())):
            # In shells of their own: this one would tell us about its jobs.
            guest.run(f"( (ping -q -A -i 0.01 -s 1400 {other.address} >/dev/null; echo gone >/tmp/gone) & )")
            guest.run(f"arp -s {TAP} {read('address')}; ( (ping -i 0.02 {other.address}; echo gone >/tmp/gone) & )")
            guest.send(f"ping -i 0.02 {TAP}")
            guest.read_until(f"from {TAP}", 60)
        taps, outages = {read("ifindex")}, Outages()
        for i in range(n_crashes(3)):
            switch.wait_rx_frames(500, guests)
            # QEMU's timer and the guests' tick by the second: at any moment of it.
            time.sleep(random.uniform(0, 1))
            outages.add(crash(switch, guests))
            taps.add(read("ifindex"))
            expect(len(taps) == i + 2, "the TAP is the one that the killed switch had")
        outages.report()
        for guest in guests.values():
            guest.send("\x03")
            guest.run("! cat /tmp/gone")


@live
def a_front_end_that_will_suffer_is_told_what_to_type():
    with Switch() as switch:
        path = switch.socket("left")
        unshared = Guest(["-m", "192M", "-chardev", f"socket,id=c,path={path}", "-netdev", "vhost-user,id=n,chardev=c",
                          "-device", "virtio-net-pci,netdev=n,vectors=0"], "10.0.0.1")
        small = Guest(arguments_of(switch, "right"), "10.0.0.2")
        small.command = [word.replace(",rx_queue_size=1024,tx_queue_size=1024", "") for word in small.command]
        try:
            start_all(unshared, small)
            switch.wait_log("port left: the front-end shares no memory")
            switch.wait_log("share=on")
            switch.wait_log("port right: rings of 256 entries")
            switch.wait_log("rx_queue_size=1024")
            said = [line for line in switch.log().splitlines() if "shares no memory" in line or "rings of" in line]
            expect(len(said) == 2, f"one line each, but: {said}")
        finally:
            unshared.__exit__()
            small.__exit__()


if __name__ == "__main__":
    main()
