"""qemu.py: a stock Debian guest in QEMU, wired to a port with what `ringway show qemu` says, driven by its serial console."""
import os
import re
import select
import shlex
import shutil
import subprocess
import time

from rig import RINGWAY, expect, stop_process

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGE = os.environ.get("GUEST_IMAGE", os.path.join(HERE, "../../build/guest"))
MARK = "exit-code:"
# no_timer_check: on a busy host an emulated timer comes too late for the kernel's test of it, which panics.
KERNEL_ARGUMENTS = "console=ttyS0 quiet panic=-1 no_timer_check"


def image():
    """Makes the guests' kernel and initramfs unless they are there."""
    subprocess.run([os.path.join(HERE, "../../config/guest-image.sh"), IMAGE], check=True, timeout=200)


def with_program(path, folder):
    """An initramfs in folder that has a program of this machine, too, with the libraries it wants."""
    libraries = re.findall(r"(/\S+)", subprocess.run(["ldd", path], check=True, capture_output=True, text=True).stdout)
    for file in (path, *libraries):
        copy = os.path.join(folder, "root", file.lstrip("/"))
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copy(file, copy)
    added = subprocess.run("find . | cpio --quiet -o -H newc | gzip -1", shell=True, check=True, capture_output=True,
                           cwd=os.path.join(folder, "root")).stdout
    image()
    with open(f"{IMAGE}/initramfs", "rb") as first, open(os.path.join(folder, "initramfs"), "wb") as both:
        # The kernel unpacks one archive after the other.
        both.write(first.read() + added)
    return both.name


def arguments_of(switch, port, device=""):
    """What a user is told to paste; device is appended to the line of the network card."""
    said = subprocess.run([RINGWAY, "show", "qemu", port, "-s", os.path.join(switch.run_dir, "control.sock")],
                          check=True, capture_output=True, text=True, timeout=20).stdout
    # shlex does not know that a shell joins lines.
    words = shlex.split(said.replace("\\\n", " "))
    words[words.index("-device") + 1] += device
    return words


class Guest:
    """A guest whose console is a shell. Ends with the `with` block, by kill() before."""

    def __init__(self, network, address, initramfs=f"{IMAGE}/initramfs"):
        image()
        self.address = address
        self.heard = ""
        self.command = ["qemu-system-x86_64", "-cpu", "max", "-nodefaults", "-display", "none", "-no-reboot",
                        "-serial", "stdio", "-kernel", f"{IMAGE}/vmlinuz", "-initrd", initramfs,
                        "-append", KERNEL_ARGUMENTS + f" guest_ip={address}/24", *network]

    def start(self):
        """Starts it; wait_up() waits for it, so that several can boot at once."""
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return self

    def wait_up(self):
        self.read_until("guest is up", 240)
        self.run("true")
        return self

    def __enter__(self):
        return self.start().wait_up()

    def hear(self, timeout):
        """Reads what the console says, if anything in that time."""
        if select.select([self.process.stdout], [], [], timeout)[0]:
            data = os.read(self.process.stdout.fileno(), 65536)
            expect(data, f"guest {self.address} died, code {self.process.poll()}:\n{self.heard}")
            self.heard += data.decode(errors="replace").replace("\r", "")

    def read_until(self, text, timeout):
        """Reads the console up to text and returns all before it."""
        end = time.monotonic() + timeout
        while text not in self.heard:
            expect(time.monotonic() < end, f"guest {self.address} does not say \"{text}\" in {timeout} s:\n{self.heard}")
            self.hear(0.2)
        before, self.heard = self.heard.split(text, 1)
        return before

    def send(self, line):
        try:
            os.write(self.process.stdin.fileno(), (line + "\n").encode())
        except BrokenPipeError:
            # It has died: reading says what it said last.
            pass

    def run(self, line, timeout=60):
        """Runs a line in the guest's shell; returns what it prints. It has to succeed."""
        # The mark is put together there, so that an echo of the line is not taken for it.
        self.send(f"{line}; echo \"exit-\"code:$?:")
        output = self.read_until(MARK, timeout)
        code = self.read_until(":", timeout)
        expect(code == "0", f"guest {self.address}: {line}: exit code {code}:\n{output}")
        return output

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __exit__(self, *_):
        stop_process(self.process)
        self.process.stdin.close()
        self.process.stdout.close()


def start_all(*guests):
    """Boots guests at the same time."""
    for guest in guests:
        guest.start()
    for guest in guests:
        guest.wait_up()
