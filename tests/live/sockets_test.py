"""sockets_test.py: what happens to the sockets of a switch: stale ones, foreign ones, a second front-end, starts and ends."""
import os
import shutil
import socket
import struct

from rig import RINGWAY, Switch, expect, live, main, measured, stop_process, wait_until

GET_FEATURES = 1
VERSION = 1
RUN_TIME = 2  # exit code of `ringway`


def connect(path):
    front_end = socket.socket(socket.AF_UNIX)
    front_end.settimeout(20)
    front_end.connect(path)
    return front_end


def ask_features(front_end):
    """One vhost-user message and its answer: the back-end on the other side is alive."""
    front_end.sendall(struct.pack("=III", GET_FEATURES, VERSION, 0))
    answer = front_end.recv(20)
    expect(len(answer) == 20 and struct.unpack("=I", answer[:4])[0] == GET_FEATURES, f"answer to GET_FEATURES: {answer!r}")
    return struct.unpack("=Q", answer[12:])[0]


def expect_refusal(switch, *texts):
    """`ringway run` ends by itself, with the exit code of a run-time error, and says why."""
    process = switch.launch()
    try:
        code = process.wait(20)
    finally:
        stop_process(process)
    expect(code == RUN_TIME, f"exit code {code}:\n{switch.log()}")
    for text in texts:
        expect(text in switch.log(), f"not said: \"{text}\":\n{switch.log()}")


class Unstarted:
    """A switch's folder and file, for those that are not meant to start."""

    def __init__(self, **arguments):
        self.switch = Switch(**arguments)

    def __enter__(self):
        os.makedirs(self.switch.run_dir)
        return self.switch

    def __exit__(self, *_):
        shutil.rmtree(self.switch.dir, ignore_errors=True)


@live
def ready_and_the_end_come_soon():
    with Switch() as switch:
        switch.stop()
        took = sorted((switch.start(), switch.stop()) for _ in range(5))
        measured("ringway run to ready, median and worst of 5", f"{took[2][0] * 1000:.0f} ms, {took[4][0] * 1000:.0f} ms")
        measured("SIGTERM to the end, worst of 5", f"{max(end for _, end in took) * 1000:.0f} ms")
        switch.start()
        switch.before = switch.holdings()


@live
def a_second_front_end_is_refused_and_the_first_stays():
    """VUP-23"""
    with Switch() as switch:
        with connect(switch.socket("left")) as first:
            features = ask_features(first)
            with connect(switch.socket("left")) as second:
                switch.wait_log("port left: refused a second front-end")
                expect(second.recv(1) == b"", "the second front-end's connection is still open")
            expect(ask_features(first) == features, "the first front-end hears something else")
        switch.wait_log("port left: front-end disconnected", count=2)
        with connect(switch.socket("left")) as third:
            expect(ask_features(third) == features, "a front-end after the first hears something else")


@live
def sockets_have_the_mode_that_the_file_asks_for():
    with Switch(ports=("left",), port_lines=["socket-mode = 0606"]) as switch:
        mode = os.stat(switch.socket("left")).st_mode & 0o777
        expect(mode == 0o606, f"mode {mode:o}")


@live
def stale_sockets_of_a_crash_are_replaced():
    """RCN-05"""
    with Switch() as switch:
        switch.kill()
        for path in (switch.socket("left"), os.path.join(switch.run_dir, "control.sock")):
            expect(os.path.exists(path), f"{path} did not outlive the crash: this test shows nothing")
        switch.start()
        with connect(switch.socket("left")) as front_end:
            ask_features(front_end)
        switch.wait_log("port left: front-end disconnected", count=2)
        switch.before = switch.holdings()


@live
def a_file_that_is_no_socket_is_left_alone():
    """RCN-07"""
    with Unstarted() as switch:
        with open(switch.socket("right"), "w", encoding="utf-8") as file:
            file.write("precious")
        expect_refusal(switch, "port right", switch.socket("right"), "no socket", "move it away")
        with open(switch.socket("right"), encoding="utf-8") as file:
            expect(file.read() == "precious", "the file was written to")
        expect(os.listdir(switch.run_dir) == ["right.sock"], f"left behind: {os.listdir(switch.run_dir)}")


@live
def a_socket_that_somebody_listens_on_is_left_alone():
    """RCN-06"""
    with Unstarted() as switch, socket.socket(socket.AF_UNIX) as other:
        other.bind(switch.socket("left"))
        other.listen()
        expect_refusal(switch, "port left", "another process listens")
        with connect(switch.socket("left")):
            pass


@live
def a_second_switch_in_one_run_dir_is_refused():
    """RCN-16"""
    with Switch() as switch:
        expect_refusal(switch, "another switch is running there")
        with connect(switch.socket("left")) as front_end:
            ask_features(front_end)
        switch.wait_log("port left: front-end disconnected", count=2)
        switch.port_counters()


@live
def a_run_dir_that_cannot_be_made_is_named():
    with Unstarted() as switch:
        os.rmdir(switch.run_dir)
        with open(switch.run_dir, "w", encoding="utf-8"):
            pass
        expect_refusal(switch, f"run-dir {switch.run_dir}")


@live
def an_unprivileged_user_without_hugepages_runs_it():
    user = "nobody" if os.getuid() == 0 else None
    switch = Switch(as_user=user, switch_lines=["hugepages = no"])
    # The build folder may lie where that user must not look.
    switch.program = shutil.copy(RINGWAY, switch.dir)
    os.chmod(switch.dir, 0o755)
    if user:
        shutil.chown(switch.dir, user)
    with switch:
        with open(f"/proc/{switch.process.pid}/status", encoding="utf-8") as status:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in status)
        expect(fields["Uid"].split()[1] != "0", f"runs as root: {fields['Uid']}")
        expect(int(fields["CapEff"], 16) == 0, f"has capabilities: {fields['CapEff']}")
        measured("resident memory of a switch with two ports", fields["VmRSS"].strip())
        with connect(switch.socket("left")) as front_end:
            ask_features(front_end)
        switch.wait_log("port left: front-end disconnected", count=2)


@live
def a_front_end_that_stops_in_the_middle_of_a_message_hurts_nobody():
    with Switch() as switch:
        with connect(switch.socket("left")) as half:
            half.sendall(struct.pack("=II", GET_FEATURES, VERSION))
            with connect(switch.socket("right")) as other:
                ask_features(other)
        switch.wait_log("port left: front-end disconnected", count=2)
        switch.wait_log("port right: front-end disconnected", count=2)
        wait_until(lambda: switch.process.poll() is None, "the switch to live")


@live
def hugepages_that_are_not_there_are_named():
    """RES-02"""
    with open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", encoding="utf-8") as file:
        n_free = int(file.read())
    with Unstarted(switch_lines=["hugepages = yes"]) as switch:
        if n_free == 0:
            expect_refusal(switch, "hugepages = yes, but 0 of 2 MiB are free", "sysctl vm.nr_hugepages=")


@live
def uplinks_that_are_none_are_named():
    """As root, who may do all of it: it is not for want of rights."""
    for lines, why in ((["type = tap", "ifname = lo"], "it is no TAP, or one with multi_queue"),
                       (["type = ethdev", "device = net_af_packet0,nonsense=1"], "DPDK's lines above")):
        with Unstarted(switch_lines=["[port uplink]", *lines]) as switch:
            expect_refusal(switch, "port uplink: ", why)


if __name__ == "__main__":
    main()
