#!/usr/bin/env python3
"""The console of ringway-vmm on a terminal: what is typed, how it ends, and that the terminal is given back.

Usage: console_test.py BUILD-FOLDER. Needs /dev/kvm, which may be one that only emulates."""
import os, pty, select, signal, subprocess, sys, tempfile, termios, time

VMM = os.path.realpath(sys.argv[1]) + '/ringway-vmm'
WAIT_S = 30


class Terminal:
    """A VM whose standard input and output are a new terminal."""

    def __init__(self, *arguments):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.text = b''
        self.process = subprocess.Popen([VMM, *arguments], stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        start_new_session=True, preexec_fn=self.take)

    def take(self):
        import fcntl
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def expect(self, word):
        end = time.monotonic() + WAIT_S
        while word not in self.text:
            assert time.monotonic() < end, f'no {word!r} in {self.text!r}'
            if select.select([self.master], [], [], 0.1)[0]:
                self.text += os.read(self.master, 4096)

    def type(self, keys):
        os.write(self.master, keys)

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def end(self):
        code = self.process.wait(WAIT_S)
        assert termios.tcgetattr(self.slave) == self.before, 'the terminal is not as it was'
        os.close(self.master)
        os.close(self.slave)
        return code


def escape_quits():
    vm = Terminal('--append', 'action=hang')
    vm.expect(b'hanging')
    assert vm.is_raw()
    vm.type(b'more than the serial port of a guest holds that reads nothing\n')
    vm.type(b'\x01h')
    vm.expect(b'power button')
    vm.type(b'\x01s')
    vm.expect(b'exit to launcher')
    vm.type(b'\x01x')
    assert vm.end() == 0


def guest_that_ends_gives_the_terminal_back():
    vm = Terminal('--append', 'action=exit code=5')
    assert vm.end() == 5


def signal_gives_the_terminal_back():
    vm = Terminal('--append', 'action=hang', '--stop-timeout', '0')
    vm.expect(b'hanging')
    vm.process.send_signal(signal.SIGTERM)
    assert vm.end() == 124


def fault_gives_the_terminal_back():
    vm = Terminal('--append', 'action=hang')
    vm.expect(b'hanging')
    vm.process.send_signal(signal.SIGABRT)
    assert vm.end() == -signal.SIGABRT


def stopped_process_gives_the_terminal_back_and_takes_it_again():
    vm = Terminal('--append', 'action=hang')
    vm.expect(b'hanging')
    vm.process.send_signal(signal.SIGTSTP)
    os.waitpid(vm.process.pid, os.WUNTRACED)
    assert not vm.is_raw()
    vm.process.send_signal(signal.SIGCONT)
    end = time.monotonic() + WAIT_S
    while not vm.is_raw():
        assert time.monotonic() < end, 'the terminal is not taken again'
        time.sleep(0.05)
    vm.type(b'\x01x')
    assert vm.end() == 0


def refusal_leaves_the_terminal_alone():
    vm = Terminal('--kernel', '/dev/null')
    vm.expect(b'is not a file')
    assert vm.end() == 125


def stopped_reader_never_stops_the_guest():
    read_end, write_end = os.pipe()
    with subprocess.Popen([VMM, '--append', 'action=flood count=2000'], stdin=subprocess.DEVNULL, stdout=write_end,
                          stderr=subprocess.PIPE, text=True) as process:
        os.close(write_end)
        _, errors = process.communicate(timeout=120)  # nobody reads the pipe
        assert process.returncode == 0, errors
    os.close(read_end)


def pseudo_terminal_is_linked_and_unlinked():
    with tempfile.TemporaryDirectory() as folder:
        link = folder + '/console'
        with subprocess.Popen([VMM, '--append', 'action=hang', '--console', 'pty:' + link, '--stop-timeout', '0'],
                              stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            end = time.monotonic() + WAIT_S
            while not os.path.islink(link):
                assert time.monotonic() < end, 'no link'
                time.sleep(0.02)
            fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
            text = b''
            while b'hanging' not in text:
                assert select.select([fd], [], [], WAIT_S)[0], text
                text += os.read(fd, 100)
            os.close(fd)
            process.terminate()
            assert process.wait(WAIT_S) == 124
        assert not os.path.lexists(link)


TESTS = [escape_quits, guest_that_ends_gives_the_terminal_back, signal_gives_the_terminal_back,
         fault_gives_the_terminal_back, stopped_process_gives_the_terminal_back_and_takes_it_again,
         refusal_leaves_the_terminal_alone, stopped_reader_never_stops_the_guest, pseudo_terminal_is_linked_and_unlinked]

if not os.path.exists('/dev/kvm'):
    print('skipped: this machine has no /dev/kvm')
    sys.exit(77)
for test in TESTS:
    test()
    print('ok:', test.__name__)
