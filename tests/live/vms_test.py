"""vms_test.py: VMs that `ringway run` itself starts, watches and stops; tiny guests on this machine's /dev/kvm, stock ones in QEMU."""
import contextlib
import os
import pty
import random
import re
import select
import shutil
import signal
import subprocess
import termios
import time

from crashes import Outages, n_crashes
from qemu import IMAGE, image
from rig import RINGWAY, Switch, expect, live, main, measured, stop_process, wait_until

RUN_TIME = 2  # exit code of `ringway`
N_ECHOES = 10000
N_CRASHES = n_crashes(10)
KEY_LEAVE = b"\x1d"


class Lab(Switch):
    """A switch with VMs: {name: lines of its section}, each with a port of its name."""

    def __init__(self, vms):
        super().__init__(ports=tuple(vms), checked=False)
        with open(self.file, "a", encoding="utf-8") as file:
            for name, lines in vms.items():
                file.write("\n".join([f"[vm {name}]", f"ports = {name}", *lines]) + "\n")

    def vms(self):
        return {vm["name"]: vm for vm in self.ask("vms")["vms"]}

    def wait_state(self, name, state):
        wait_until(lambda: self.vms()[name]["state"] == state, f"vm {name} to be {state}:\n{self.log()}", timeout=240)

    def said(self, name):
        """What the guest said on its console."""
        path = os.path.join(self.run_dir, name + ".console")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_said(self, name, text, count=1):
        wait_until(lambda: self.said(name).count(text) >= count, f"vm {name} to say \"{text}\":\n{self.said(name)}\n{self.log()}",
                   timeout=120)

    def console(self, name, **arguments):
        command = [RINGWAY, "console", name, "-s", os.path.join(self.run_dir, "control.sock")]
        return subprocess.Popen(command, **arguments)

    def stop(self, timeout=60):
        """Every VM is told to power off before."""
        return super().stop(timeout)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, error, trace):
        pids = []
        with contextlib.suppress(Exception):
            pids = [vm["pid"] for vm in self.vms().values() if vm["pid"]]
        try:
            if kind is None and self.process.poll() is None:
                self.stop()
            elif kind is not None:
                print(f"--- log of the switch\n{self.log()}---")
        finally:
            stop_process(self.process, timeout=30)
            # A test that failed may have left VMs alone.
            for pid in pids:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            shutil.rmtree(self.dir, ignore_errors=True)


def pinger(*more):
    return ["append = ip=10.0.0.1 ping=10.0.0.2 " + " ".join(more), "stats = yes"]


ANSWERER = ["append = ip=10.0.0.2", "stats = yes"]


def stat(log, vm, what):
    found = re.search(rf"vm {vm}: stats: {re.escape(what)} (\d+)", log)
    expect(found, f"no statistics of {vm} about \"{what}\":\n{log}")
    return int(found[1])


def echoes(said):
    """How many a tiny guest sent, got back, and got back later than it cared to wait, as on a busy host."""
    found = re.search(r"(\d+) sent, (\d+) received, \d+ lost(?:, (\d+) late)?", said)
    expect(found, f"no summary of the pings:\n{said}")
    return int(found[1]), int(found[2]), int(found[3] or 0)


@live
def two_tiny_guests_lose_no_echo_and_no_kick_leaves_kvm():
    with Lab({"left": pinger(f"count={N_ECHOES}", "interval_us=0", "timeout_ms=4000", "quiet=1"), "right": ANSWERER}) as lab:
        lab.wait_state("left", "ended")
        sent, received, late = echoes(lab.said("left"))
        expect(sent == N_ECHOES and received + late == sent, lab.said("left"))
        vms = lab.vms()
        expect(vms["left"]["state"] == "ended" and vms["left"]["pid"] is None, f"left: {vms}")
        expect(vms["left"]["end"] == "powered off" or late, f"left: {vms}")
        expect(vms["right"]["state"] == "running" and vms["right"]["pid"] > 0, f"right: {vms}")
        expect(vms["right"]["ports"] == ["right"] and vms["right"]["hypervisor"] == "kvm", f"right: {vms}")
        lab.check_conservation()
        took = lab.stop()
        log = lab.log()
        expect("vm right: powered off, after" in log, log)
        expect("with QEMU" not in log, f"advice for QEMU, which is not there:\n{log}")
        frames = 2 * N_ECHOES
        for name in ("left", "right"):
            expect(re.search(rf"vm {name}: stats: net0: kicks through launcher 0,", log), f"kicks of {name} left KVM:\n{log}")
            mmio = stat(log, name, "vcpu0 exit to launcher: mmio")
            expect(mmio < 200, f"{mmio} exits of {name} for device memory: frames cost some")
            measured(f"exits to the launcher for device memory, {name}, {frames} frames", mmio)
            resident = stat(log, name, "resident beyond guest RAM:")
            expect(resident <= 8192, f"the launcher of {name} has {resident} KiB")
            measured(f"resident memory of the launcher beyond guest RAM, {name}", f"{resident} KiB")
            measured(f"start to the first instruction, {name}", re.search(rf"vm {name}: stats: start to .*: (.* ms)", log)[1])
        measured("exits from guest mode a frame, left", f"{stat(log, 'left', 'vcpu0 kvm: exits') / frames:.2f}")
        measured("SIGTERM to the end with one VM up", f"{took * 1000:.0f} ms")


@live
def a_crash_of_the_switch_hurts_no_vm():
    with Lab({"left": pinger("count=0", "interval_us=5000", "timeout_ms=200"), "right": ANSWERER}) as lab:
        lab.wait_said("left", "bytes from", 20)
        pids = {name: vm["pid"] for name, vm in lab.vms().items()}
        outages = Outages()
        for _ in range(N_CRASHES):
            time.sleep(random.uniform(0, 0.1))
            lab.kill()
            begin = time.monotonic()
            lab.start()
            count = lab.said("left").count("bytes from")
            lab.wait_said("left", "bytes from", count + 3)
            outages.add({"until three echoes between tiny guests": time.monotonic() - begin})
            vms = lab.vms()
            expect({name: vm["pid"] for name, vm in vms.items()} == pids, f"other processes than {pids}: {vms}")
            expect(all(vm["restarts"] == 0 for vm in vms.values()), f"restarted: {vms}")
        expect(lab.log().count("vm left: taken over") == N_CRASHES, lab.log())
        expect(lab.log().count("vm left: started") == 1, lab.log())
        outages.report()
        lab.stop()
        # 1 is what a tiny guest gives that has lost echoes.
        expect("vm left: exit code 1, which the guest gave, after" in lab.log(), lab.log())
        expect("vm right: powered off, after" in lab.log(), lab.log())


@live
def a_vm_that_ended_while_no_switch_ran_is_told_and_started():
    with Lab({"left": ["append = action=exit code=7"], "right": ANSWERER}) as lab:
        lab.wait_log("vm left: exit code 7, which the guest gave, after")
        pid = lab.vms()["right"]["pid"]
        lab.kill()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{pid}") or open(f"/proc/{pid}/stat", encoding="utf-8").read().split(")")[1][1] == "Z",
                   "the VM to be gone")
        lab.start()
        lab.wait_log("vm right: while no switch ran: killed: ringway-vmm left no exit code")
        lab.wait_log("vm right: started", 2)


@live
def a_deaf_vm_has_its_grace_and_no_more():
    with Lab({"deaf": ["append = action=hang", "stop-timeout = 1"]}) as lab:
        lab.wait_said("deaf", "hanging")
        lab.stop()
        expect("pressed the power button of 1 VM; they have 1 s" in lab.log(), lab.log())
        expect("vm deaf: did not power off and was ended (exit code 124)" in lab.log(), lab.log())


@live
def a_second_signal_ends_a_deaf_vm_at_once():
    with Lab({"deaf": ["append = action=hang", "stop-timeout = 600"]}) as lab:
        lab.wait_said("deaf", "hanging")
        lab.process.send_signal(signal.SIGTERM)
        lab.wait_log("vm deaf: power button pressed")
        lab.stop()
        expect("vm deaf: " in lab.log().split("power button pressed")[1], lab.log())


@live
def a_failing_vm_starts_again():
    with Lab({"bad": ["append = action=exit code=7", "restart = on-failure"], "good": ["append = action=poweroff", "restart = on-failure"]}) as lab:
        lab.wait_log("vm bad: exit code 7, which the guest gave, after", 2)
        lab.wait_log("vm good: powered off, after")
        vms = lab.vms()
        expect(vms["bad"]["restarts"] >= 1 and vms["good"]["restarts"] == 0 and vms["good"]["state"] == "ended", str(vms))


@live
def a_console_file_is_followed_to_the_end_of_the_vm():
    with Lab({"left": pinger("count=20", "interval_us=100000"), "right": ANSWERER}) as lab:
        lab.wait_state("left", "running")
        console = lab.console("left", stdout=subprocess.PIPE, text=True)
        said = console.communicate(timeout=60)[0]
        expect(console.returncode == 0 and "20 sent, 20 received" in said, f"exit code {console.returncode}:\n{said}")
        absent = lab.console("lefft", stderr=subprocess.PIPE, text=True)
        expect("there is no vm \"lefft\"" in absent.communicate(timeout=60)[1] and absent.returncode == 1, "an unknown VM")


def read_terminal(fd, text, timeout=120):
    """Reads the terminal until it has shown the text."""
    shown = ""
    end = time.monotonic() + timeout
    while text not in shown:
        expect(time.monotonic() < end, f"the terminal does not show \"{text}\":\n{shown}")
        if select.select([fd], [], [], 0.2)[0]:
            shown += os.read(fd, 4096).decode(errors="replace")
    return shown


@live
def a_console_gives_the_terminal_back_whatever_ends_it():
    lines = ["append = ip=10.0.0.1 ping=10.0.0.2 count=0 interval_us=100000", "console = pty"]
    with Lab({"left": lines, "right": ANSWERER}) as lab:
        lab.wait_log("vm left: console: ")
        for leave in ("key", "signal", "end of the VM"):
            master, slave = pty.openpty()
            before = termios.tcgetattr(slave)
            console = lab.console("left", stdin=slave, stdout=slave, stderr=slave)
            try:
                read_terminal(master, "bytes from")
                expect(termios.tcgetattr(slave) != before, "the terminal is not raw")
                if leave == "key":
                    os.write(master, KEY_LEAVE)
                elif leave == "signal":
                    console.send_signal(signal.SIGTERM)
                else:
                    os.kill(lab.vms()["left"]["pid"], signal.SIGKILL)
                expect(console.wait(20) == 0, f"{leave}: exit code {console.returncode}")
                expect(termios.tcgetattr(slave) == before, f"{leave}: the terminal has other settings than before")
            finally:
                stop_process(console)
                os.close(master)
                os.close(slave)
        lab.wait_log("vm left: killed by signal 9 (Killed)")


@live
def without_the_launcher_the_switch_says_where_it_looked():
    lab = Lab({"left": ANSWERER})
    alone = os.path.join(lab.dir, "ringway")
    shutil.copy(RINGWAY, alone)
    lab.program = alone
    process = lab.launch()
    try:
        expect(process.wait(20) == RUN_TIME, f"exit code {process.returncode}:\n{lab.log()}")
        expect("ringway-vmm lies neither beside ringway nor in PATH" in lab.log(), lab.log())
        expect("ready" not in lab.log() and not os.path.exists(lab.run_dir), "something was started")
    finally:
        stop_process(process)
        shutil.rmtree(lab.dir, ignore_errors=True)


def run_line(terminal, line, mark):
    """Runs a line in the shell of a stock guest until it shows the mark, which the line puts together."""
    os.write(terminal, (line + "\n").encode())
    return read_terminal(terminal, mark)


def wait_shell(terminal):
    """What a guest said before its console was connected is lost: so it is asked until it answers."""
    for _ in range(30):
        with contextlib.suppress(AssertionError):
            os.write(terminal, b"echo it-\"is\"-up\n")
            read_terminal(terminal, "it-is-up", timeout=5)
            return
    raise AssertionError("the guest has no shell")


@live
def stock_guests_run_in_qemu_and_power_off_by_the_button():
    image()
    if os.path.exists("/sys/module/kvm_pvm"):
        warned = subprocess.run([os.path.join(os.path.dirname(RINGWAY), "ringway-vmm"), "--dry-run", "--kernel", f"{IMAGE}/vmlinuz"],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
        expect("emulates every instruction" in warned.stderr, f"no warning: {warned}")
    stock = [f"kernel = {IMAGE}/vmlinuz", f"initrd = {IMAGE}/initramfs", "memory = 192M", "hypervisor = qemu", "console = pty",
             "stop-timeout = 60"]
    vms = {name: [*stock, f"append = quiet no_timer_check guest_ip=10.0.0.{i + 1}/24"] for i, name in enumerate(("left", "right"))}
    with Lab(vms) as lab, contextlib.ExitStack() as stack:
        terminals = {}
        for name in vms:
            wait_until(lambda: os.path.exists(lab.vms()[name]["console"]), f"the console of {name}:\n{lab.log()}", timeout=60)
            master, slave = pty.openpty()
            stack.callback(os.close, master)
            stack.callback(os.close, slave)
            console = lab.console(name, stdin=slave, stdout=slave, stderr=slave)
            stack.callback(stop_process, console)
            terminals[name] = master
        for name in vms:
            wait_shell(terminals[name])
        shown = run_line(terminals["left"], "ping -c 3 -W 20 10.0.0.2; echo do\"ne\":", "done:")
        expect("3 packets received" in shown, shown)
        lab.check_conservation()
        pids = {name: vm["pid"] for name, vm in lab.vms().items()}
        lab.kill()
        lab.start()
        expect({name: vm["pid"] for name, vm in lab.vms().items()} == pids, "QEMU was not taken over")
        lab.wait_links("up")
        shown = run_line(terminals["left"], "ping -c 3 -W 20 10.0.0.2; echo a\"gain\":", "again:")
        expect("3 packets received" in shown, shown)
        lab.stop()
        expect("is killed" not in lab.log(), lab.log())


if __name__ == "__main__":
    main()
