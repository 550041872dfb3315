#!/usr/bin/env python3
"""The command line of ringway, with switches that are played here: what it refuses, what it says, how it ends.

Usage: command_test.py PATH-OF-RINGWAY."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

RINGWAY = os.path.realpath(sys.argv[1])
OK, CONFIGURATION, RUN_TIME = 0, 1, 2
VM = {"name": "a", "state": "running", "console": None, "end": None}
CAPTURED = {"captured": 1, "missed": 2, "seen": 3, "error": None}

# Words, exit code, what standard error says.
REFUSED = [
    ("bogus", CONFIGURATION, 'ringway: there is no command "bogus"; see `ringway --help`'),
    ("run", CONFIGURATION, "ringway run: the FILE is missing; see `ringway run --help`"),
    ("run a.ini b.ini", CONFIGURATION, 'ringway run: "b.ini" is one word too many'),
    ("run --bogus", CONFIGURATION, "ringway run: unrecognized option '--bogus'\nsee `ringway run --help`"),
    ("check", CONFIGURATION, "ringway check: the FILE is missing"),
    ("check -x lab.ini", CONFIGURATION, "ringway check: invalid option -- 'x'"),
    ("check missing.ini", CONFIGURATION, "missing.ini: cannot be opened: No such file or directory"),
    ("console", CONFIGURATION, "ringway console: the VM is missing"),
    ("show", CONFIGURATION, "ringway show: say what: ports,"),
    ("show qemu", CONFIGURATION, "ringway show: qemu needs the name of a PORT"),
    ("show ports left", CONFIGURATION, 'ringway show: "left" is one word too many'),
    ("show ports -s", CONFIGURATION, "ringway show: option requires an argument -- 's'\nsee `ringway show --help`"),
    ("show ports -s no.where", RUN_TIME, "no running switch named no.where found: start one with `ringway run FILE`"),
    ("capture --switch no.where -w x.pcap", RUN_TIME, "--switch RUN-DIR/control.sock"),
    ("capture -c none", CONFIGURATION, 'ringway capture: --count "none": write a number above 0'),
    ("capture -c 0", CONFIGURATION, 'ringway capture: --count "0": write a number above 0'),
    ("capture -s -1", CONFIGURATION, 'ringway capture: --snaplen "-1": write a number above 0'),
]


def ringway(words, folder, **options):
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "XDG_RUNTIME_DIR": folder}
    return subprocess.run([RINGWAY, *(words.split() if isinstance(words, str) else words)], cwd=folder, env=environment, text=True,
                          stdout=options.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, timeout=30, check=False, **options)


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


class Switch:
    """Gives each client that asks all the answers; without any it is silent."""

    def __init__(self, folder, name, *answers):
        self.path = f"{folder}/ringway/{name}/control.sock"
        os.makedirs(os.path.dirname(self.path))
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.answers = answers
        self.n_asked = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            heard = client.recv(8192).decode()
            if not heard:
                continue
            self.n_asked += 1
            self.heard = heard
            if not self.answers:
                self.idle = client
                continue
            for answer in self.answers:
                client.sendall((answer if isinstance(answer, str) else json.dumps(answer)).encode() + b"\n")
            client.close()


def what_is_wrong_is_named_and_where_to_read_on(folder):
    for words, code, said in REFUSED:
        done = ringway(words, folder)
        expect(done.returncode == code and said in done.stderr, f"{words}: {done.returncode}, {done.stderr}")
        expect(not done.stdout and done.stderr.count("\n") <= 2, f"{words}: {done.stdout}{done.stderr}")
    expect(os.listdir(folder) == [], f"left behind: {os.listdir(folder)}")


def help_is_an_answer(folder):
    for command in ("", "run", "check", "show", "capture", "console"):
        for option in ("--help", "-h"):
            done = ringway(f"{command} {option}", folder)
            expect(done.returncode == OK and "usage: ringway" in done.stdout and not done.stderr, f"{command} {option}: {done}")


def every_reason_of_a_drop_is_explained(folder):
    with open(os.path.join(os.path.dirname(__file__), "../../ports/drop.c"), encoding="utf-8") as source:
        names = re.findall(r'= "(\w+)"', source.read())
    said = ringway("show --help", folder).stdout
    expect(len(names) > 10 and all(re.search(rf"\b{name}\b", said) for name in names), f"{names}: {said}")


def output_that_does_not_arrive_is_a_failure(folder):
    Switch(folder, "lab", {"ports": []})
    with open(f"{folder}/lab.ini", "w") as file:
        file.write("[port a]\n")
    for words in ("--help", "--version", "check lab.ini", "check --help", "show ports", "show ports --json"):
        with open("/dev/full", "w") as full:
            done = ringway(words, folder, stdout=full)
        expect(done.returncode == RUN_TIME and "standard output cannot be written" in done.stderr, f"{words}: {done}")
        done = ringway(words, folder, preexec_fn=lambda: os.close(1))
        expect(done.returncode == RUN_TIME and "standard output cannot be written" in done.stderr, f"{words} >&-: {done}")


def switches_that_were_killed_are_not_counted(folder):
    first, second = Switch(folder, "first", {"fdb": []}), Switch(folder, "second", {"fdb": []})
    os.makedirs(f"{folder}/ringway/dead")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(f"{folder}/ringway/dead/control.sock")
    done = ringway("show fdb", folder)
    expect(done.returncode == RUN_TIME and "dead" not in done.stderr, f"{done}")
    expect(all(f"  --switch {switch.path}\n" in done.stderr for switch in (first, second)), f"{done}")
    done = ringway("show fdb -s dead", folder)
    expect(done.returncode == RUN_TIME and "no running switch named dead" in done.stderr, f"{done}")


def what_is_no_control_socket_is_not_believed(folder):
    other = Switch(folder, "other", "no JSON")
    for words in ("show ports", "console vm", "capture -w x.pcap"):
        done = ringway(f"{words} --switch {other.path}", folder)
        expect(done.returncode == RUN_TIME and "control" in done.stderr, f"{words}: {done}")
        done = ringway(f"{words} --switch {folder}", folder)
        expect(done.returncode == RUN_TIME and "is the switch running?" in done.stderr, f"{words}: {done}")
        done = ringway([*words.split(), "--switch", folder + "/" + 200 * "x"], folder)
        expect(done.returncode == RUN_TIME and "File name too long" in done.stderr, f"{words}: {done}")
    expect(os.listdir(folder) == ["ringway"], f"left behind: {os.listdir(folder)}")


def a_capture_that_is_not_answered_can_be_ended(folder):
    silent = Switch(folder, "silent")
    process = subprocess.Popen([RINGWAY, "capture", "--switch", silent.path, "-w", f"{folder}/x.pcap"], stderr=subprocess.PIPE)
    while not os.path.exists(f"{folder}/x.pcap") or not hasattr(silent, "idle"):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    expect(process.wait(20) == RUN_TIME, f"exit code {process.returncode}")
    expect(not os.path.exists(f"{folder}/x.pcap"), "left behind")


def a_capture_that_lost_frames_to_its_file_has_failed(folder):
    for error, code in ((None, OK), ("Broken pipe", OK), ("No space left on device", RUN_TIME)):
        Switch(folder, f"end{code}{bool(error)}", {"started": True}, {**CAPTURED, "error": error})
        done = ringway(f"capture -w /dev/null -s 64 --switch end{code}{bool(error)}", folder)
        expect(done.returncode == code and "1 frames captured, 2 missed, 3 seen" in done.stderr, f"{error}: {done}")


def what_a_capture_is_to_be_arrives(folder):
    switch = Switch(folder, "lab", {"started": True}, CAPTURED)
    done = ringway(f"capture -p a,b -p c -d tx --drops -s 64 -c 5 -w x.pcap --switch {switch.path} icmp or arp", folder)
    expect(done.returncode == OK, f"{done}")
    expect(json.loads(switch.heard.removeprefix("capture ")) == {"ports": "a,b,c", "direction": "tx", "drops": True, "snaplen": 64,
           "count": 5, "file": "x.pcap", "pcap": True, "filter": "icmp or arp"}, switch.heard)
    done = ringway(["capture", "--switch", switch.path, "-w", "y", 300 * "arp or "], folder)
    expect(done.returncode == CONFIGURATION and "the filter has more than 1023 bytes" in done.stderr, f"{done}")
    expect(not os.path.exists(f"{folder}/y"), "left behind")


def a_console_is_waited_for_while_its_vm_starts(folder):
    path = f"{folder}/a.console"
    switch = Switch(folder, "starts", {"vms": [{**VM, "console": path, "state": "starting"}]})
    process = subprocess.Popen([RINGWAY, "console", "a", "-s", switch.path], stdout=subprocess.PIPE, text=True)
    while switch.n_asked < 3 and process.poll() is None:
        time.sleep(0.01)
    with open(path + ".new", "w") as file:
        file.write("hello\n")
    os.rename(path + ".new", path)
    expect(process.stdout.readline() == "hello\n", "the console")
    process.terminate()
    expect(process.wait(20) == OK, f"exit code {process.returncode}")


def a_console_of_a_vm_that_failed_says_how(folder):
    Switch(folder, "lab", {"vms": [{**VM, "console": f"{folder}/a.console", "state": "ended", "end": "no luck"}]})
    done = ringway("console a", folder)
    expect(done.returncode == RUN_TIME and "vm a has no console any more: no luck" in done.stderr, f"{done}")
    done = ringway("console b", folder)
    expect(done.returncode == CONFIGURATION and 'there is no vm "b"' in done.stderr, f"{done}")


def main():
    tests = [what_is_wrong_is_named_and_where_to_read_on, help_is_an_answer, every_reason_of_a_drop_is_explained,
             output_that_does_not_arrive_is_a_failure,
             switches_that_were_killed_are_not_counted, what_is_no_control_socket_is_not_believed,
             a_capture_that_is_not_answered_can_be_ended, a_capture_that_lost_frames_to_its_file_has_failed,
             what_a_capture_is_to_be_arrives, a_console_is_waited_for_while_its_vm_starts, a_console_of_a_vm_that_failed_says_how]
    failed = 0
    for test in tests:
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(folder)
                print(f"ok      {test.__name__}")
            except (AssertionError, subprocess.TimeoutExpired) as failure:
                failed += 1
                print(f"FAILED  {test.__name__}: {failure}")
    return 1 if failed else 0


sys.exit(main())
