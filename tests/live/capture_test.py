"""capture_test.py: captures of a running switch, read by tshark, capinfos and tcpdump; frames by dpdk-testpmd."""
import array
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time

from capture_files import N_KNOWN, expect_readable, fields, pcap_frames, pcapng_frames, write_known_frames
from front_end import FrontEnd
from rig import RINGWAY, Switch, expect, live, main, measured, wait_until
from testpmd import PcapPmd, Testpmd

class CaptureSwitch(Switch):
    """A switch that has captured once: what the first capture allocates stays."""

    def control(self):
        return os.path.join(self.run_dir, "control.sock")

    def warm_up(self):
        super().warm_up()
        self.live_capture("-w", "/dev/null").finish()
        self.wait_captures(0)
        time.sleep(0.2)  # until the connections are closed as well

    def path(self, name):
        return os.path.join(self.dir, name)

    def live_capture(self, *arguments, **options):
        return LiveCapture(self, arguments, **options)

    def captures(self):
        return {capture["name"]: capture for capture in self.ask("captures")["captures"]}

    def wait_captures(self, n):
        """Until n captures of clients are running."""
        wait_until(lambda: sum(capture["live"] for capture in self.captures().values()) == n, f"{n} captures: {self.log()}")


class LiveCapture:
    """`ringway capture`, running."""

    def __init__(self, switch, arguments, **options):
        self.process = subprocess.Popen([RINGWAY, "capture", "--switch", switch.control(), *arguments], text=True,
                                        stderr=subprocess.PIPE, **options)
        self.first = self.process.stderr.readline()

    def finish(self, stop=True, code=0):
        """(captured, missed, seen) as it says itself at its end."""
        expect(self.first == "capturing; Ctrl-C ends\n", f"not capturing: {self.first}")
        if stop:
            self.process.send_signal(signal.SIGINT)
        _, heard = self.process.communicate(timeout=30)
        expect(self.process.returncode == code, f"exit code {self.process.returncode}: {heard}")
        captured, missed, seen = (int(word.split()[0]) for word in heard.splitlines()[0].split(", "))
        expect(captured + missed == seen, f"captured + missed = seen: {heard}")
        return captured, missed, seen


@live
def every_known_frame_is_captured_once_a_direction_byte_for_byte():
    """CAP-01, CAP-03, CAP-12: libpcap on both sides of the switch is the independent witness."""
    with CaptureSwitch(switch_lines=["[capture all]", "file = all.pcapng", "[capture old]", "file = old.pcap", "ports = left",
                                     "direction = rx"]) as switch:
        sent = write_known_frames(switch.path("sent.pcap"))
        with PcapPmd(switch, switch.path("sent.pcap"), switch.path("got.pcap")) as pmd:
            pmd.command_line("set fwd io retry")
            pmd.command_line("start")
            switch.wait_rx_frames(N_KNOWN, ["left"])
            wait_until(lambda: switch.port_counters()["right"]["tx_frames"] >= N_KNOWN, "all frames delivered")
            time.sleep(0.5)
            pmd.command_line("stop")
        wait_until(lambda: switch.captures()["all"]["captured"] >= 2 * N_KNOWN, "all frames captured")
        expect(switch.captures()["old"]["missed"] == 0 and switch.captures()["all"]["missed"] == 0, "nothing missed")
        expect([frame for _, frame in pcapng_frames(switch.path("all.pcapng"), 1)] == sent, "rx: all, in order, byte for byte")
        expect([frame for _, frame in pcapng_frames(switch.path("all.pcapng"), 2)] == sent, "tx: all, in order, byte for byte")
        expect(pcap_frames(switch.path("got.pcap"))[:N_KNOWN] == sent, "what testpmd's libpcap saw")
        expect(pcap_frames(switch.path("old.pcap")) == sent, "rx, in the old format")
        expect(expect_readable(switch.path("all.pcapng")) == 2 * N_KNOWN, "capinfos counts both directions")
        expect(expect_readable(switch.path("old.pcap")) == N_KNOWN, "capinfos counts one direction")
        rows = fields(switch.path("all.pcapng"), "frame.interface_name", "frame.packet_flags_direction")
        expect(rows.count(["left", "0x00000001"]) == N_KNOWN and rows.count(["right", "0x00000002"]) == N_KNOWN,
               "tshark shows ports and directions")


@live
def snaplen_count_filter_and_time_are_as_asked_for():
    """CAP-02, CAP-04"""
    with CaptureSwitch() as switch, Testpmd(switch) as pmd:
        pmd.command_line("set txpkts 500")
        pmd.command_line("set fwd mac")
        cut = switch.live_capture("-w", switch.path("cut.pcapng"), "-s", "64", "-c", "1000", "-p", "right", "-d", "tx")
        none = switch.live_capture("-w", switch.path("none.pcapng"), "tcp", "port", "80")
        begin = time.time()
        pmd.command_line("start tx_first 8")
        expect(cut.finish(stop=False) == (1000, 0, 1000), "ends by itself after 1000 frames")
        end = time.time()
        expect(none.finish() == (0, 0, 0), "nothing passed the filter")
        pmd.command_line("stop")
        pmd.drain()
        expect(expect_readable(switch.path("cut.pcapng")) == 1000, "exactly 1000 frames")
        expect(expect_readable(switch.path("none.pcapng")) == 0, "an empty file is a file")
        rows = fields(switch.path("cut.pcapng"), "frame.cap_len", "frame.len", "frame.time_epoch")
        expect(all(row[:2] == ["64", "500"] for row in rows), f"lengths: {rows[0]}")
        times = [float(row[2]) for row in rows]
        expect(times == sorted(times), "times of a port never go back")
        expect(begin - 0.001 <= times[0] and times[-1] <= end + 0.001, f"times between {begin} and {end}: {times[0]}, {times[-1]}")


@live
def saturation_is_captured_without_losing_a_frame():
    """CAP-14: frames go round as fast as they can; copies may be missed, frames may not."""
    with CaptureSwitch() as switch, Testpmd(switch) as pmd:
        capture = switch.live_capture("-w", switch.path("all.pcapng"), "-s", "128")
        pmd.command_line("set fwd mac")
        pmd.command_line("start tx_first 8")
        switch.wait_rx_frames(60_000)
        pmd.command_line("stop")
        pmd.drain()
        captured, missed, seen = capture.finish()
        ports = switch.port_counters()
        expect(seen == sum(port["rx_frames"] + port["tx_frames"] for port in ports.values()), f"seen {seen}: {ports}")
        expect(not any(sum(port["drops"].values()) for port in ports.values()), f"drops: {ports}")
        expect(all(switch_side == (received, sent) for (received, sent, _), switch_side in
                   zip(pmd.counters(), [(ports[name]["tx_frames"], ports[name]["rx_frames"]) for name in switch.ports])),
               f"testpmd {pmd.counters()}, switch {ports}")
        expect(expect_readable(switch.path("all.pcapng")) == captured, f"the file has {captured} frames")
        measured("at saturation: captured, missed", f"{captured}, {missed}")


def ask_for_capture(switch, fd, **request):
    """The protocol of `ringway capture`, spoken from here; the connection and the first answer."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(switch.control())
    client.sendmsg([f"capture {json.dumps(request)}\n".encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    answers = client.makefile()
    return client, answers, json.loads(answers.readline())


@live
def a_thousand_captures_come_and_go_under_traffic():
    """CAP-08"""
    with CaptureSwitch() as switch, Testpmd(switch) as pmd:
        pmd.command_line("set fwd mac")
        pmd.command_line("start tx_first 8")
        n_captured = 0
        for i in range(1000):
            path = switch.path(f"{i}.pcapng")
            fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
            client, answers, first = ask_for_capture(switch, fd, snaplen=64, count=200 if i % 2 else 0,
                                                     filter=["", "udp", "not udp", "udp port 9"][i % 4])
            os.close(fd)
            expect(first == {"started": True}, f"not started: {first}")
            # Odd ones end by their count, or when the client goes; every tenth client just vanishes.
            if i % 10 == 9:
                answers.close()
                client.close()
                continue
            client.shutdown(socket.SHUT_WR)
            last = json.loads(answers.readline())
            expect(last["captured"] + last["missed"] == last["seen"], f"captured + missed = seen: {last}")
            n_captured += last["captured"]
            answers.close()
            client.close()
            if i % 50:
                os.unlink(path)
        switch.wait_captures(0)
        pmd.command_line("stop")
        pmd.drain()
        expect(not any(sum(port["drops"].values()) for port in switch.port_counters().values()), "no frame was lost")
        left = [switch.path(name) for name in sorted(os.listdir(switch.dir)) if name.endswith(".pcapng")]
        for path in left:
            pcapng_frames(path, 1)
        for path in left[::40]:
            expect_readable(path)
        measured("frames in a thousand captures", n_captured)


@live
def a_stopped_reader_loses_copies_and_delays_nobody():
    """CAP-07"""
    with CaptureSwitch() as switch, Testpmd(switch) as pmd:
        reader, writer = os.pipe()
        capture = switch.live_capture("-w", "-", stdout=writer)
        os.close(writer)
        pmd.command_line("set fwd mac")
        pmd.command_line("start tx_first 8")
        switch.wait_rx_frames(100_000)
        pmd.command_line("stop")
        pmd.drain()
        _, missed, _ = capture.finish()
        expect(missed > 0, "a reader that does not read misses something")
        expect(not any(sum(port["drops"].values()) for port in switch.port_counters().values()), "no frame was lost")
        os.close(reader)


@live
def a_reader_that_goes_away_ends_the_capture():
    with CaptureSwitch() as switch, Testpmd(switch) as pmd:
        # Without any traffic too.
        quiet = subprocess.Popen(f"{RINGWAY} capture --switch {switch.control()} -w - 2>{switch.path('err')} | sleep 1", shell=True)
        switch.wait_captures(1)
        quiet.wait(20)
        switch.wait_captures(0)
        pmd.command_line("set fwd mac")
        pmd.command_line("start tx_first 8")
        shown = subprocess.run(f"{RINGWAY} capture --switch {switch.control()} -p left -w - 2>{switch.path('err')} | "
                               "tshark -r - -c 3 2>/dev/null", shell=True, capture_output=True, text=True, timeout=60, check=False)
        expect(len(shown.stdout.splitlines()) == 3, f"tshark shows three frames: {shown.stdout}")
        switch.wait_captures(0)
        pmd.command_line("stop")
        pmd.drain()


@live
def a_full_disk_leaves_a_file_that_says_what_is_missing():
    """CAP-05, RES-05"""
    expect(os.getuid() == 0, "mounts a small file system: run as root")
    with CaptureSwitch() as switch, Testpmd(switch) as pmd:
        disk = switch.path("disk")
        os.mkdir(disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
        try:
            capture = switch.live_capture("-w", f"{disk}/full.pcapng")
            device = switch.live_capture("-w", "/dev/full")
            pmd.command_line("set fwd mac")
            pmd.command_line("start tx_first 8")
            switch.wait_rx_frames(100_000)
            shown = switch.captures()
            pmd.command_line("stop")
            pmd.drain()
            captured, missed, _ = capture.finish(code=2)
            expect(captured > 1000 and missed > 0, f"1 MiB: {captured} captured, {missed} missed")
            expect(device.finish(code=2)[0] == 0, "/dev/full takes nothing")
            expect(all(entry["error"] == "No space left on device" for entry in shown.values()), f"show captures says why: {shown}")
            expect(expect_readable(f"{disk}/full.pcapng") == captured, f"{captured} frames are in the file")
            shown = subprocess.run(["capinfos", f"{disk}/full.pcapng"], capture_output=True, text=True, check=True).stdout
            expect(shown.count("Number of stat entries = 1") == 2, f"the statistics found room: {shown}")
            expect(not any(sum(port["drops"].values()) for port in switch.port_counters().values()), "no frame was lost")
        finally:
            subprocess.run(["umount", disk], check=True)


@live
def a_file_size_limit_ends_the_file_and_not_the_switch():
    """CAP-06"""
    with CaptureSwitch() as switch, Testpmd(switch) as pmd:
        subprocess.run(["prlimit", f"--pid={switch.process.pid}", "--fsize=300000"], check=True)
        capture = switch.live_capture("-w", switch.path("small.pcapng"))
        pmd.command_line("set fwd mac")
        pmd.command_line("start tx_first 8")
        switch.wait_rx_frames(100_000)
        pmd.command_line("stop")
        pmd.drain()
        captured, missed, _ = capture.finish(code=2)
        expect(missed > 0 and os.path.getsize(switch.path("small.pcapng")) <= 300_000, f"{missed} missed")
        expect(expect_readable(switch.path("small.pcapng")) == captured, f"{captured} frames are in the file")


@live
def rotation_keeps_every_frame():
    """CAP-11"""
    with CaptureSwitch(switch_lines=["[capture all]", "file = all.pcapng", "rotate-size = 256K", "snaplen = 64", "direction = rx"]) as switch:
        with Testpmd(switch) as pmd:
            pmd.command_line("set fwd mac")
            pmd.command_line("start tx_first 1")
            switch.wait_rx_frames(20_000)
            pmd.command_line("stop")
            pmd.drain()
        all_seen = lambda: (lambda all: all["captured"] + all["missed"] == all["seen"])(switch.captures()["all"])
        wait_until(all_seen, "rings to be empty")
        captured = switch.captures()["all"]["captured"]
        files = [switch.path(name) for name in os.listdir(switch.dir) if name.startswith("all-")]
        expect(len(files) > 5 and all(os.path.getsize(path) <= 256 * 1024 for path in files), f"{files}")
        expect(sum(len(pcapng_frames(path, 1)) for path in files) == captured, f"{captured} frames in {len(files)} files")
        for path in sorted(files)[:3]:
            expect_readable(path)


@live
def what_is_wrong_is_refused_before_anything_starts():
    """CAP-09, CAP-10"""
    with CaptureSwitch() as switch:
        there = switch.path("there.pcapng")
        with open(there, "w", encoding="utf-8") as file:
            file.write("mine")
        os.symlink(there, switch.path("link"))
        refusals = [((["-w", switch.path("a")], ["icmp and"]), "syntax error"),
                    ((["-w", switch.path("a"), "-p", "nobody"], []), "there is no port"),
                    ((["-w", switch.path("a"), "-d", "up"], []), "rx, tx or both"),
                    ((["-w", switch.path("a"), "-s", "3"], []), "snaplen"),
                    ((["-w", there], []), "--force"), ((["-w", switch.path("link")], []), "--force"),
                    ((["-w", "/nowhere/at/all"], []), "No such file")]
        for (options, words), why in refusals:
            done = subprocess.run([RINGWAY, "capture", "--switch", switch.control(), *options, *words], text=True,
                                  capture_output=True, timeout=20, check=False)
            expect(done.returncode == 1 and why in done.stderr, f"{options} {words}: {done.returncode}, {done.stderr}")
        expect(not os.path.exists(switch.path("a")), "a refused capture leaves a file")
        expect(os.path.getsize(there) == 4, "the file that was there is as it was")
        expect(switch.captures() == {}, "nothing captures")
        capture = switch.live_capture("-w", there, "--force")
        capture.finish()
        expect(expect_readable(there) == 0 and os.stat(there).st_mode & 0o777 == 0o600, "--force makes a new file, mode 0600")


@live
def a_killed_switch_leaves_files_that_open():
    with CaptureSwitch(switch_lines=["[capture all]", "file = all.pcapng", "[capture old]", "file = old.pcap"], checked=False) as switch:
        with Testpmd(switch) as pmd:
            pmd.command_line("set fwd mac")
            pmd.command_line("start tx_first 8")
            switch.wait_rx_frames(20_000)
            switch.kill()
            pmd.kill()
        for name in ("all.pcapng", "old.pcap"):
            # The kill may have cut the last packet short: all before it are read (RCN-19).
            done = subprocess.run(["tshark", "-n", "-r", switch.path(name)], capture_output=True, text=True, check=False)
            complaints = [line for line in done.stderr.splitlines() if "Running as user" not in line and "cut short" not in line]
            expect(done.stdout.count("\n") > 0 and not [line for line in complaints if line.strip()], f"{name}: {done.stderr}")
        switch.force = True
        switch.start()


@live
def a_guest_that_vanishes_ends_neither_the_capture_nor_the_switch():
    """CAP-15"""
    with CaptureSwitch() as switch:
        capture = switch.live_capture("-w", switch.path("all.pcapng"))
        for _ in range(2):
            with Testpmd(switch) as pmd:
                pmd.command_line("set fwd mac")
                pmd.command_line("start tx_first 8")
                before = switch.port_counters()["left"]["rx_frames"]
                switch.wait_rx_frames(before + 20_000, ["left"])
                pmd.kill()
            switch.wait_links("down")
        captured, _, seen = capture.finish()
        ports = switch.port_counters().values()
        expect(seen == sum(port["rx_frames"] + port["tx_frames"] for port in ports), f"{seen} seen")
        expect(expect_readable(switch.path("all.pcapng")) == captured, "the file is whole")


@live
def a_guest_that_rewrites_its_frames_spoils_no_capture():
    """CAP-12: what is captured begins with the bytes that were judged and delivered, whatever the guest makes of them."""
    with CaptureSwitch(checked=False) as switch, FrontEnd(switch.socket("left")) as left, FrontEnd(switch.socket("right")) as right:
        switch.wait_links("up")
        capture = switch.live_capture("-w", switch.path("all.pcapng"), "--drops")
        received = []
        with left.rewriting():
            for _ in range(60):
                right.post(128 + len(received) - right.avail[0])
                left.send_again(64, 1500)
                received += right.receive()
            wait_until(lambda: received.extend(right.receive()) or len(received) == switch.port_counters()["right"]["tx_frames"],
                       "the other guest to have it all")
        captured, missed, _ = capture.finish()
        expect(missed == 0 and captured > 60 * 64, f"{captured} captured, {missed} missed")
        expect(expect_readable(switch.path("all.pcapng")) == captured, "every captured frame is in the file")
        frames = [frame for port, frame in pcapng_frames(switch.path("all.pcapng"), 2) if port == "right"]
        expect(len(received) > 60 and len(frames) == len(received), f"{len(received)} received, {len(frames)} captured")
        expect([frame[:64] for frame in frames] == [frame[:64] for frame in received], "captured and received heads differ")
        expect(switch.port_counters()["left"]["drops"]["bad_vnet_hdr"] > 0, "no header was spoilt")


@live
def ports_appear_in_wireshark():
    """As a user without privileges: as root Wireshark ignores the folder of our script."""
    user = "nobody" if os.getuid() == 0 else None
    switch = CaptureSwitch(as_user=user, switch_lines=["hugepages = no"], checked=False)
    program = shutil.copy(RINGWAY, switch.dir)
    switch.program = program
    os.chmod(switch.dir, 0o755)
    folder = switch.path("extcap")
    os.mkdir(folder)
    shutil.copy(os.path.join(os.path.dirname(__file__), "../../config/ringway-extcap"), folder)
    if user:
        shutil.chown(switch.dir, user)
    with switch, Testpmd(switch) as pmd:
        environment = dict(os.environ, WIRESHARK_EXTCAP_DIR=folder, RINGWAY=program, RINGWAY_CONTROL=switch.control(), HOME=switch.dir)
        as_user = ["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups"] if user else []
        run = lambda *words: subprocess.run([*as_user, *words], env=environment, capture_output=True, text=True, timeout=60, check=False)
        listed = run("tshark", "-D").stdout
        for port in switch.ports:
            expect(f"ringway:{port}@{switch.control()} (Ringway run, port {port})" in listed, f"{port} is no interface: {listed}")
        pmd.command_line("set fwd mac")
        pmd.command_line("start tx_first 1")
        shown = run("tshark", "-i", f"ringway:left@{switch.control()}", "-f", "udp", "-c", "5")
        expect(len(shown.stdout.splitlines()) == 5, f"five frames: {shown.stdout}{shown.stderr}")
        switch.wait_captures(0)
        pmd.command_line("stop")
        pmd.drain()


if __name__ == "__main__":
    main()
