"""crash_test.py: a switch that is killed, told to end, or starved at any moment."""
import contextlib
import os
import random
import resource
import signal
import socket
import struct
import time

from crashes import Outages, n_crashes
from front_end import FrontEnd
from netns import run, unique
from rig import RINGWAY, Switch, expect, live, main, measured, wait_until
from testpmd import Testpmd

LEFT, RIGHT = b"\x02\0\0\0\0\1", b"\x02\0\0\0\0\2"
FRAME = RIGHT + LEFT + b"\x88\xb5" + bytes(60)


def tap_path(name):
    return f"/sys/class/net/{name}"


def add_tap(switch, name):
    """A TAP that goes when the switch goes, however that ends."""
    with open(switch.file, "a", encoding="utf-8") as file:
        file.write(f"[port {name}]\ntype = tap\nifname = {name}\n")


def crash(switch, pmd, name):
    """Kills the switch at a random moment; returns how long it took until frames came in again, in seconds."""
    switch.wait_rx_frames(1000, ["left", "right"])
    time.sleep(random.uniform(0, 0.3))
    expect(os.path.exists(tap_path(name)), f"there is no TAP {name}: this shows nothing")
    switch.kill()
    begin = time.monotonic()
    wait_until(lambda: not os.path.exists(tap_path(name)), f"TAP {name} to be gone")
    switch.start()
    switch.wait_rx_frames(1, ["left", "right"])
    took = time.monotonic() - begin
    pmd.hear_all()
    expect(pmd.process.poll() is None, "the front-end died, too")
    return took


@live
def traffic_comes_back_after_every_crash():
    """RCN-01, RCN-05, RCN-09, RCN-12, RCN-17, VUP-36: at random moments under load, with front-ends that outlive it; RCN-03:
    and that are killed with it."""
    name = unique("cr")
    switch = Switch(port_lines=["role = client"], checked=False)
    add_tap(switch, name)
    outages = Outages()
    with switch:
        for _ in range(2):
            with Testpmd(switch, server=True) as pmd:
                pmd.command_line("set fwd flowgen")
                pmd.command_line("start")
                for _ in range(n_crashes(10) // 2):
                    outages.add({"until frames of testpmd": crash(switch, pmd, name)})
                pmd.kill()
                switch.kill()
            switch.start()
    expect(not os.path.exists(tap_path(name)), f"left behind: TAP {name}")
    outages.report()


@live
def sigterm_ends_every_stage_of_the_start():
    """SIG-01, SIG-03. Before it can see to signals, the signal itself ends it."""
    name = unique("cr")
    switch = Switch(checked=False)
    add_tap(switch, name)
    codes = {}
    for delay in range(0, 200, 8):
        process = switch.launch()
        try:
            time.sleep(delay / 1000)
            process.send_signal(signal.SIGTERM)
            code = process.wait(20)
        finally:
            if process.poll() is None:
                process.kill()
        codes[code] = codes.get(code, 0) + 1
        expect(code in (0, -signal.SIGTERM), f"{delay} ms after the start: exit code {code}:\n{switch.log()}")
        expect(not os.path.exists(tap_path(name)), f"{delay} ms after the start: TAP {name} is left behind")
        left = os.listdir(switch.run_dir) if os.path.exists(switch.run_dir) else []
        expect(not left, f"{delay} ms after the start: left behind: {left}")
    measured("exit codes of SIGTERM at 25 moments of the start", codes)
    with switch:
        pass


def end(switch):
    """As Switch.stop(), but for the sockets on which front-ends go on listening."""
    switch.process.send_signal(signal.SIGTERM)
    code = switch.process.wait(20)
    expect(code == 0, f"exit code {code} after SIGTERM:\n{switch.log()}")
    left = sorted(os.listdir(switch.run_dir))
    expect(left == ["left.sock", "right.sock"], f"left behind: {left}")


@live
def an_end_under_load_is_a_clean_one():
    """SIG-08, SIG-01: where sanitizers watch, too."""
    with Switch(port_lines=["role = client"], checked=False) as switch, Testpmd(switch, server=True) as pmd:
        pmd.command_line("set fwd flowgen")
        pmd.command_line("start")
        for _ in range(n_crashes(5)):
            switch.wait_rx_frames(1000)
            time.sleep(random.uniform(0, 0.1))
            end(switch)
            switch.start()
            pmd.hear_all()
        pmd.command_line("stop")


@live
def a_port_that_leaves_the_file_and_returns_finds_its_guest():
    """RCN-22: by a restart each time."""
    switch = Switch(port_lines=["role = client"], checked=False)
    with open(switch.file, encoding="utf-8") as file:
        whole = file.read()
    with switch, Testpmd(switch, server=True) as pmd:
        pmd.command_line("set fwd flowgen")
        pmd.command_line("start")
        for text, ports in ((whole.split("[port right]")[0], ["left"]), (whole, ["left", "right"])):
            switch.wait_rx_frames(1000, ["left"])
            end(switch)
            with open(switch.file, "w", encoding="utf-8") as file:
                file.write(text)
            switch.start()
            switch.wait_rx_frames(1000, ports)
            expect(list(switch.port_counters()) == ports, f"{switch.port_counters()}")
            pmd.hear_all()
        pmd.command_line("stop")


@live
def a_fault_ends_the_switch_at_once_and_leaves_nothing_in_the_way():
    """SIG-06: no handler that would wait for a lock; the kernel takes the TAP and the locks back."""
    name = unique("cr")
    switch = Switch(checked=False)
    add_tap(switch, name)
    with switch:
        for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE):
            resource.prlimit(switch.process.pid, resource.RLIMIT_CORE, (0, 0))
            with FrontEnd(switch.socket("left")) as left:
                left.send(FRAME)
                switch.process.send_signal(number)
                code = switch.process.wait(20)
            expect(code == -number, f"{signal.Signals(number).name}: exit code {code}:\n{switch.log()}")
            expect(not os.path.exists(tap_path(name)), f"left behind: TAP {name}")
            switch.start()


@live
def a_killed_switch_learns_anew_and_lets_nothing_out_of_a_vlan():
    """RCN-20: one frame a host is flooded, then each goes to one port; before the crash as after it."""
    switch = Switch(ports=("left", "right", "third", "apart"), checked=False)
    with open(switch.file, "a", encoding="utf-8") as file:
        # The section of the last port goes on.
        file.write("vlan = 20\n")
    with switch:
        for _ in range(2):
            with contextlib.ExitStack() as stack:
                guests = [stack.enter_context(FrontEnd(switch.socket(port))) for port in switch.ports]
                switch.wait_links("up")
                for guest in guests:
                    guest.post(10)
                left, right = guests[:2]
                answer = LEFT + RIGHT + FRAME[12:]
                for sender, frame, wanted in ((left, FRAME, [0, 1, 1, 0]), (right, answer, [1, 1, 1, 0]), (left, FRAME, [1, 2, 1, 0])):
                    sender.send(frame)
                    got = lambda: [guest.n_used(0) for guest in guests]
                    wait_until(lambda: sum(got()) >= sum(wanted), f"frames to arrive: {got()} of {wanted}")
                    expect(got() == wanted, f"arrived: {got()}, wanted: {wanted}")
            switch.kill()
            switch.start()


@contextlib.contextmanager
def two_guests(**arguments):
    """A switch with two front-ends that know each other, and a free port."""
    with Switch(ports=("left", "right", "free"), **arguments) as switch:
        with FrontEnd(switch.socket("left")) as left, FrontEnd(switch.socket("right")) as right:
            switch.wait_links("up", ["left", "right"])
            right.post(200)
            right.send(LEFT + RIGHT + FRAME[12:])
            yield switch, left, right


def expect_exchange(left, right, n=20):
    """Frames still go from one to the other, each of them."""
    before = right.n_used(0)
    for _ in range(n):
        left.send(FRAME)
    wait_until(lambda: (right.n_used(0) - before) & 0xffff >= n, f"{n} frames to arrive")


def set_limit(switch, what, soft):
    """The soft limit of a running switch; returns what it was."""
    before, hard = resource.prlimit(switch.process.pid, what)
    resource.prlimit(switch.process.pid, what, (soft, hard))
    return before


def is_served(switch, port):
    """Whether a new front-end gets its rings started."""
    try:
        with FrontEnd(switch.socket(port)):
            return True
    except (OSError, struct.error, AssertionError):
        return False


@live
def without_descriptors_the_others_run_on():
    """RES-01: and new ones are served again when there are some."""
    with two_guests() as (switch, left, right):
        n_open = len(os.listdir(f"/proc/{switch.process.pid}/fd"))
        before = set_limit(switch, resource.RLIMIT_NOFILE, n_open)
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.connect(switch.socket("free"))
            expect_exchange(left, right)
        for spare in (1, 3):
            set_limit(switch, resource.RLIMIT_NOFILE, n_open + spare)
            expect(not is_served(switch, "free"), f"served with {spare} descriptors")
            expect_exchange(left, right)
            set_limit(switch, resource.RLIMIT_NOFILE, before)
            wait_until(lambda: is_served(switch, "free"), "a front-end to be served again")
            expect_exchange(left, right)


@live
def without_memory_the_others_run_on():
    """RES-04, MEM-12: not a page more, neither for a new guest nor for ourselves."""
    with two_guests() as (switch, left, right):
        with open(f"/proc/{switch.process.pid}/statm", encoding="utf-8") as statm:
            now = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        before = set_limit(switch, resource.RLIMIT_AS, now)
        for _ in range(5):
            expect(not is_served(switch, "free"), "memory that is not there was shared")
            expect_exchange(left, right)
        set_limit(switch, resource.RLIMIT_AS, before)
        wait_until(lambda: is_served(switch, "free"), "a front-end to be served again")
        expect_exchange(left, right)


@live
def without_any_allocation_the_others_run_on():
    """RES-04: where it is we who ask for memory. A link that comes and one that goes are taken over when there is some."""
    library = os.environ.get("NO_MEMORY_LIBRARY", os.path.join(os.path.dirname(RINGWAY), "tests/live/no_memory.so"))
    name = unique("cr")
    switch = Switch(ports=("left", "right", "free"), checked=False)
    flag = os.path.join(switch.dir, "no-memory")
    switch.environment = {"LD_PRELOAD": library, "NO_MEMORY": flag}
    add_tap(switch, name)
    with switch, FrontEnd(switch.socket("left")) as left, FrontEnd(switch.socket("right")) as right:
        free = FrontEnd(switch.socket("free"))
        switch.wait_links("up")
        right.post(200)
        right.send(LEFT + RIGHT + FRAME[12:])
        run("ip", "link", "set", name, "down")
        switch.wait_links("down", [name])
        with open(flag, "w", encoding="utf-8"):
            expect_exchange(left, right)
            free.close()
            switch.wait_log("port free: link down not taken over yet: Cannot allocate memory")
            run("ip", "link", "set", name, "up")
            switch.wait_log(f"port {name}: link up not taken over yet: Cannot allocate memory")
            expect(not is_served(switch, "free"), "served without memory")
            expect_exchange(left, right)
        os.unlink(flag)
        before = switch.port_counters()[name]["tx_frames"]

        def reaches_the_tap():
            left.send(b"\xff" * 6 + LEFT + FRAME[12:])
            return switch.port_counters()[name]["tx_frames"] > before

        wait_until(reaches_the_tap, f"a frame to reach the TAP:\n{switch.log()}")
        wait_until(lambda: is_served(switch, "free"), "a front-end to be served again")
        switch.wait_links("down", ["free"])
        expect_exchange(left, right)


@live
def signals_that_mean_nothing_do_nothing():
    """SIG-04, SIG-05."""
    with two_guests() as (switch, left, right):
        nothing = [signal.SIGPIPE, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGCHLD, signal.SIGWINCH, signal.SIGURG,
                   signal.SIGCONT]
        for number in nothing:
            switch.process.send_signal(number)
            expect_exchange(left, right, n=1)
        switch.process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        switch.process.send_signal(signal.SIGCONT)
        expect_exchange(left, right)


@live
def guests_keep_their_connections_when_the_socket_file_goes():
    """RCN-08: what is connected stays; a restart makes the file anew."""
    with two_guests() as (switch, left, right):
        os.unlink(switch.socket("left"))
        expect_exchange(left, right)
        switch.checked = False


@live
def a_front_end_that_stalls_does_not_keep_the_switch_from_ending():
    """SIG-02, VUP-21."""
    with Switch(checked=False) as switch, socket.socket(socket.AF_UNIX) as half:
        half.connect(switch.socket("left"))
        half.sendall(struct.pack("=III", 8, 1, 8))
        measured("SIGTERM to the end, half a message pending", f"{switch.stop() * 1000:.0f} ms")
        switch.start()


@live
def a_front_end_that_stands_still_holds_up_nobody():
    """RCN-04, EVL-13: it takes no more frames, and they are its own loss."""
    with two_guests() as (switch, left, right):
        with FrontEnd(switch.socket("free")) as still:
            still.post(4)
            switch.wait_links("up")
            for _ in range(50):
                left.send(b"\xff" * 6 + LEFT + FRAME[12:])
            right.receive()
            right.post(50)
            expect_exchange(left, right)
            ports = switch.port_counters()
            expect(ports["free"]["drops"]["tx_full"] == 46, f"free: {ports['free']}")
            expect(not any(ports["right"]["drops"].values()), f"right: {ports['right']}")


if __name__ == "__main__":
    main()
